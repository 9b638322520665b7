"""The command line: python -m benchmarks.dataplane.load URL."""

import asyncio
import ipaddress
import os
import socket
from collections.abc import Iterable
from typing import Final

import click
from yarl import URL

from benchmarks.dataplane.loop import Load, asking, load, open_session

_KEY: Final = "SDPIPELINE_API_KEY"
_PROMPT: Final = "a large red circle on a blue background"
_PORTS: Final = {"http": 80, "https": 443}


class GatewayUrlType(click.ParamType[str]):
    """A gateway's URL, with a host on this machine or in a private network."""

    name = "url"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Check it."""
        try:
            url = URL(value)
            port = url.port
        except ValueError:
            self.fail(f"{value!r} is no URL: give one such as http://127.0.0.1:8080", param, ctx)
        if url.scheme not in _PORTS or url.host is None:
            self.fail(f"{value!r} is no URL: give one such as http://127.0.0.1:8080", param, ctx)
        try:
            found = socket.getaddrinfo(url.host, port, type=socket.SOCK_STREAM)
        except OSError as error:
            self.fail(f"{url.host} is not known here ({error.strerror}): check its name", param, ctx)
        if not is_ours(str(address[0]) for *_, address in found):
            self.fail(
                f"{url.host} is on a public network: a load is for a gateway of your own, at its Service's address or a"
                " forwarded port",
                param,
                ctx,
            )
        return str(url.origin())


def is_ours(addresses: Iterable[str]) -> bool:
    """Whether all of these IP addresses are loopback's or a private network's."""
    # An IPv6 address may come with the name of its interface.
    return all(ipaddress.ip_address(address.partition("%")[0]).is_private for address in addresses)


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("url", type=GatewayUrlType())
@click.option("--clients", type=click.IntRange(1, 256), default=8, show_default=True, help="How many ask at a time.")
@click.option("--seconds", type=click.IntRange(1, 3600), default=30, show_default=True, help="For how long.")
@click.option("--steps", type=click.IntRange(1, 1000), help="Of each picture; as many as the gateway takes, otherwise.")
def main(url: str, clients: int, seconds: int, steps: int | None) -> None:
    """Ask the gateway at URL for pictures, with several clients at a time, and say how it did.

    Each client asks for one picture, and for the next one when it is there. An API key is taken from the environment
    variable SDPIPELINE_API_KEY. The exit code is 1 when no picture came.
    """
    body: dict[str, object] = {"prompt": _PROMPT} if steps is None else {"prompt": _PROMPT, "steps": steps}

    async def run() -> Load:
        async with open_session(os.environ.get(_KEY)) as session:
            return await load(asking(session, url, body), clients=clients, seconds=seconds)

    found = asyncio.run(run())
    click.echo(told(found))
    if found.answered is None:
        raise SystemExit(1)


def told(found: Load) -> str:
    """What is said of a load, in lines."""
    lines = [f"{found.clients} clients, {found.seconds:g} s: {found.answered_a_second:.2f} pictures/s"]
    if found.answered is not None:
        lines.append(f"p50 {found.answered.p50:.3f} s, p99 {found.answered.p99:.3f} s")
    lines += [f"{kind}: {count}" for kind, count in found.kinds.items()]
    if not found.kinds:
        lines.append("No request came to an end: give it more --seconds, or fewer --steps")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
