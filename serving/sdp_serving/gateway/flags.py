"""The values of the command line's flags."""

from typing import NamedTuple

import click
from yarl import URL

from sdp_serving.contract.components import Component


class Address(NamedTuple):
    """Where the gateway listens."""

    host: str
    port: int

    def __str__(self) -> str:
        """As a URL has it."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class ComponentServer(NamedTuple):
    """A component, and where its REST API is."""

    component: Component
    url: URL


class AddressType(click.ParamType[Address]):
    """HOST:PORT."""

    name = "HOST:PORT"

    def convert(self, value: str | Address, param: click.Parameter | None, ctx: click.Context | None) -> Address:
        """Read one."""
        if isinstance(value, Address):
            return value
        host, _, port = value.rpartition(":")
        if not host or not port.isdecimal() or not 0 < int(port) < 65536:
            self.fail(f"{value!r} is no address: write one such as 0.0.0.0:8080 or [::]:8080", param, ctx)
        return Address(host.removeprefix("[").removesuffix("]"), int(port))


class ComponentServerType(click.ParamType[ComponentServer]):
    """COMPONENT=URL."""

    name = "COMPONENT=URL"

    def convert(
        self, value: str | ComponentServer, param: click.Parameter | None, ctx: click.Context | None
    ) -> ComponentServer:
        """Read one."""
        if isinstance(value, ComponentServer):
            return value
        name, _, address = value.partition("=")
        if name not in set(Component):
            self.fail(f"{value!r} names no component: begin with one of {', '.join(Component)} and '='", param, ctx)
        return ComponentServer(Component(name), self._url(address, value, param, ctx))

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
