"""The values of the command line's flags."""

from typing import Any, NamedTuple

import click
from yarl import URL

from sdp_serving.contract.components import Component
from sdp_serving.servers.transport import Address


class ComponentServer(NamedTuple):
    """A component, and where its REST API is."""

    component: Component
    url: URL


class ComponentAddress(NamedTuple):
    """A component, and where its gRPC API is."""

    component: Component
    address: Address


class AddressType(click.ParamType[Address]):
    """HOST:PORT."""

    name = "HOST:PORT"

    def convert(self, value: str | Address, param: click.Parameter | None, ctx: click.Context | None) -> Address:
        """Read one."""
        if isinstance(value, Address):
            return value
        address = Address.parse(value)
        if address is None:
            self.fail(f"{value!r} is no address: write one such as 0.0.0.0:8080 or [::]:8080", param, ctx)
        return address


class ComponentServerType(click.ParamType[ComponentServer]):
    """COMPONENT=URL."""

    name = "COMPONENT=URL"

    def convert(
        self, value: str | ComponentServer, param: click.Parameter | None, ctx: click.Context | None
    ) -> ComponentServer:
        """Read one."""
        if isinstance(value, ComponentServer):
            return value
        component, address = _component(self, value, param, ctx)
        return ComponentServer(component, self._url(address, value, param, ctx))

    def _url(self, address: str, value: str, param: click.Parameter | None, ctx: click.Context | None) -> URL:
        try:
            url = URL(address)
        except ValueError:
            url = URL()
        if url.scheme not in {"http", "https"} or not url.host or url != url.origin():
            self.fail(
                f"{value!r} does not say where the model server is: after '=', write a URL without a path, such as"
                " http://sd-decoder.default.svc:8501",
                param,
                ctx,
            )
        return url.origin()


class ComponentAddressType(click.ParamType[ComponentAddress]):
    """COMPONENT=HOST:PORT."""

    name = "COMPONENT=HOST:PORT"

    def convert(
        self, value: str | ComponentAddress, param: click.Parameter | None, ctx: click.Context | None
    ) -> ComponentAddress:
        """Read one."""
        if isinstance(value, ComponentAddress):
            return value
        component, written = _component(self, value, param, ctx)
        address = Address.parse(written)
        if address is None:
            self.fail(
                f"{value!r} does not say where the model server is: after '=', write an address such as"
                " sd-decoder.default.svc:8500",
                param,
                ctx,
            )
        return ComponentAddress(component, address)


def _component(
    kind: "click.ParamType[Any]", value: str, param: click.Parameter | None, ctx: click.Context | None
) -> tuple[Component, str]:
    name, _, rest = value.partition("=")
    if name not in set(Component):
        kind.fail(f"{value!r} names no component: begin with one of {', '.join(Component)} and '='", param, ctx)
    return Component(name), rest
