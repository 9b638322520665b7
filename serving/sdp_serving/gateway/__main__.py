"""The gateway's command line: `python3 -m sdp_serving.gateway`."""

import asyncio
from pathlib import Path

import click

from sdp_serving.gateway.app import Config
from sdp_serving.gateway.flags import Address, AddressType, ComponentServer, ComponentServerType
from sdp_serving.gateway.json_log import log_as_json
from sdp_serving.gateway.server import run


@click.command()
@click.option(
    "--component",
    "components",
    type=ComponentServerType(),
    multiple=True,
    required=True,
    help="A component, and the URL of its model server's REST API. Once for each component.",
)
@click.option(
    "--address",
    type=AddressType(),
    default="0.0.0.0:8080",
    show_default=True,
    help="Where to listen.",
)
@click.option(
    "--hold-seconds",
    type=click.FloatRange(min=0),
    default=0.0,
    show_default=True,
    help="How long a request waits for a component that is away; 0: not at all.",
)
@click.option(
    "--routes",
    type=click.Path(dir_okay=False, path_type=Path),
    help="A file that tells of canaries; it is read again when it changes.",
)
def main(components: tuple[ComponentServer, ...], address: Address, hold_seconds: float, routes: Path | None) -> None:
    """Pass requests on to the model servers of a pipeline, from one address."""
    log_as_json()
    servers = dict(components)
    if len(servers) < len(components):
        raise click.UsageError("a component is given twice: give each --component once")
    try:
        asyncio.run(run(Config(servers, hold_seconds, routes), address))
    except OSError as error:
        raise click.ClickException(
            f"The gateway cannot listen on {address} ({error.strerror}): choose another --address"
        ) from error


if __name__ == "__main__":
    main(prog_name="python3 -m sdp_serving.gateway")
