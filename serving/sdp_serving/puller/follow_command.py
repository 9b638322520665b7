"""The command that runs beside a model server: `python3 -m sdp_serving.puller follow`."""

import os
import signal
from pathlib import Path
from types import FrameType
from typing import Final, NoReturn

import click

from sdp_serving.contract.components import REST_PORT
from sdp_serving.contract.swap import REPORT_PORT, ReplicaReport
from sdp_serving.puller.cache import Cache
from sdp_serving.puller.follow import Follower
from sdp_serving.puller.judgement import Wanted
from sdp_serving.puller.model_server import ModelServer
from sdp_serving.puller.models_folder import ModelsFolder
from sdp_serving.puller.options import (
    takes_cache,
    takes_desired,
    takes_models,
    takes_rollout,
    takes_wanted,
)
from sdp_serving.puller.report_server import Board, start
from sdp_serving.puller.steps import Steps
from sdp_serving.puller.storage import open_storage

_PATIENCE_SECONDS: Final = 20.0
"""For a storage, before the operator is told that it does not answer; it is asked again and again after that."""


@click.command()
@takes_wanted
@takes_rollout
@takes_desired
@takes_models
@takes_cache
@click.option(
    "--server-url",
    # Not localhost: where its second address cannot be used at all, a server that is down would look like a busy one.
    default=f"http://127.0.0.1:{REST_PORT}",
    show_default=True,
    help="Where the model server offers REST.",
)
@click.option(
    "--report-port",
    type=click.IntRange(1, 65535),
    default=REPORT_PORT,
    show_default=True,
    help="The port that the operator and the kubelet ask.",
)
def follow(
    wanted: Wanted,
    rollout: str,
    desired: Path,
    models: Path,
    cache: Cache | None,
    server_url: str,
    report_port: int,
) -> NoReturn:
    """Bring in the models that follow, prove them, and let them take over; for ever."""
    # As a container's first process it would otherwise ignore the signal until the grace period ends.
    signal.signal(signal.SIGTERM, _end)
    board = Board(ReplicaReport(component=wanted.component, rollout=rollout))
    start(report_port, board)
    steps = Steps(
        wanted=wanted,
        storage=lambda uri: open_storage(uri, patience=_PATIENCE_SECONDS),
        cache=cache,
        folder=ModelsFolder(models / wanted.component),
        server=ModelServer(server_url, wanted.component),
        say=_say,
    )
    Follower(rollout, desired, steps, board).run()


def _say(line: str) -> None:
    click.echo(line, err=True)


def _end(number: int, _frame: FrameType | None) -> None:
    # Not sys.exit: it would wait for the downloads.
    os._exit(128 + number)
