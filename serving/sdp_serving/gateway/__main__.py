"""The gateway's command line: `python3 -m sdp_serving.gateway`."""

import asyncio
from pathlib import Path
from typing import TypeVar

import click

from sdp_serving.contract.components import Component
from sdp_serving.gateway.config import Config
from sdp_serving.gateway.flags import (
    AddressType,
    ComponentAddress,
    ComponentAddressType,
    ComponentServer,
    ComponentServerType,
)
from sdp_serving.gateway.json_log import log_as_json
from sdp_serving.gateway.server import run
from sdp_serving.servers.transport import Address

Where = TypeVar("Where")


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
    "--grpc",
    "grpc_servers",
    type=ComponentAddressType(),
    multiple=True,
    help="A component, and the address of its model server's gRPC API, if that is not on port 8500 of the same host.",
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
    help="A file in which the operator tells of the pipeline; it is read again when it changes.",
)
@click.option(
    "--api-keys",
    type=click.Path(path_type=Path),
    help="A file with an API key a line, or a folder of such files; read again when it changes. Left out, no key is"
    " asked for.",
)
@click.option(
    "--requests-per-minute",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    help="How many requests for pictures a client may send; 0: any number.",
)
@click.option(
    "--queue-length",
    type=click.IntRange(min=1),
    default=64,
    show_default=True,
    help="How many requests for pictures may wait.",
)
@click.option(
    "--batch-size",
    type=click.IntRange(min=1),
    default=4,
    show_default=True,
    help="How many pictures are drawn together at the most.",
)
@click.option(
    "--request-seconds",
    type=click.FloatRange(min=0, min_open=True),
    default=600.0,
    show_default=True,
    help="How long a request for pictures may take in all.",
)
def main(
    components: tuple[ComponentServer, ...],
    grpc_servers: tuple[ComponentAddress, ...],
    address: Address,
    hold_seconds: float,
    routes: Path | None,
    api_keys: Path | None,
    requests_per_minute: int,
    queue_length: int,
    batch_size: int,
    request_seconds: float,
) -> None:
    """Draw pictures by the model servers of a pipeline, and pass requests on to them, from one address."""
    log_as_json()
    config = Config(
        servers=_once("--component", components),
        grpc=_once("--grpc", grpc_servers),
        hold_seconds=hold_seconds,
        routes=routes,
        api_keys=api_keys,
        requests_per_minute=requests_per_minute,
        queue_length=queue_length,
        batch_pictures=batch_size,
        request_seconds=request_seconds,
    )
    if unknown := config.grpc.keys() - config.servers.keys():
        raise click.UsageError(f"--grpc names {', '.join(sorted(unknown))}, which no --component does: give both")
    try:
        asyncio.run(run(config, address))
    except OSError as error:
        raise click.ClickException(
            f"The gateway cannot listen on {address} ({error.strerror}): choose another --address"
        ) from error


def _once(flag: str, given: tuple[tuple[Component, Where], ...]) -> dict[Component, Where]:
    found = dict(given)
    if len(found) < len(given):
        raise click.UsageError(f"a component is given twice: give each {flag} once")
    return found


if __name__ == "__main__":
    main(prog_name="python3 -m sdp_serving.gateway")
