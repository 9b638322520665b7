"""The puller's command line: `python3 -m sdp_serving.puller`."""

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType

import click

from sdp_serving.contract.artifact import ModelUri, UnusableUriError
from sdp_serving.contract.report import NotPulled, Pulled, PullFailure
from sdp_serving.puller.cache import Cache
from sdp_serving.puller.desired import read_desired
from sdp_serving.puller.errors import PullError
from sdp_serving.puller.follow_command import follow
from sdp_serving.puller.judgement import Wanted
from sdp_serving.puller.lay import lay
from sdp_serving.puller.options import (
    takes_cache,
    takes_desired,
    takes_models,
    takes_patience,
    takes_report,
    takes_rollout,
    takes_wanted,
)
from sdp_serving.puller.reading import verify_in_place
from sdp_serving.puller.report import termination_message
from sdp_serving.puller.storage import open_storage


@click.group()
def main() -> None:
    """Bring models beside a model server, verified."""


@main.command()
@takes_wanted
@takes_rollout
@takes_desired
@takes_models
@takes_report
@takes_patience
@takes_cache
def fetch(
    wanted: Wanted,
    rollout: str,
    desired: Path,
    models: Path,
    report: Path,
    patience: float,
    cache: Cache | None,
) -> None:
    """Lay the model that is to answer requests where the model server looks for it, then end."""

    def pull() -> Pulled:
        model = read_desired(desired, rollout).serving
        home = models / wanted.component
        return lay(model, wanted, home, storage=lambda uri: open_storage(uri, patience=patience), cache=cache, say=_say)

    _report(pull, report)


@main.command()
@takes_wanted
@takes_rollout
@takes_desired
@click.option(
    "--claim",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("/mnt/claim"),
    show_default=True,
    help="Where the claim of the model's pvc:// URI is mounted.",
)
@takes_report
def verify(wanted: Wanted, rollout: str, desired: Path, claim: Path, report: Path) -> None:
    """Verify the model that is to answer requests where its server reads it, down to its bytes, then end."""

    def judged() -> Pulled:
        uri = ModelUri.parse(read_desired(desired, rollout).serving.uri)
        if uri.scheme != "pvc":
            raise UnusableUriError(f"{uri} lies on no claim: give a pvc:// URI")
        # As the server reads it: a second slash must not lead out of the claim.
        return verify_in_place(claim / uri.location.partition("/")[2].strip("/"), uri, wanted, say=_say)

    _report(judged, report)


main.add_command(follow)


def _report(pull: Callable[[], Pulled], report: Path) -> None:
    # As a container's first process it would otherwise ignore the signal until the grace period ends.
    signal.signal(signal.SIGTERM, _end)
    outcome = _outcome(pull)
    try:
        report.write_bytes(termination_message(outcome))
    except OSError as error:
        # Outside Kubernetes there is none, and the exit code tells as much.
        _say(f"The report was not written to {report}: {error.strerror}")
    if isinstance(outcome, NotPulled):
        _say(f"Error: {outcome.message}.")
        sys.exit(1)


def _outcome(pull: Callable[[], Pulled]) -> Pulled | NotPulled:
    try:
        return pull()
    except UnusableUriError as error:
        return NotPulled(reason=PullFailure.UNUSABLE_URI, message=str(error))
    except PullError as error:
        return NotPulled(reason=error.reason, message=str(error))


def _say(line: str) -> None:
    click.echo(line, err=True)


def _end(number: int, _frame: FrameType | None) -> None:
    # Not sys.exit: it would wait for the downloads.
    os._exit(128 + number)


if __name__ == "__main__":
    main(prog_name="python3 -m sdp_serving.puller")
