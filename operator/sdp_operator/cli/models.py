"""What lies at a model's URI, looked at by the user's own rights as the puller will look by the pods'."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import click
from pydantic import ValidationError

from sdp_operator.plan.sight import Known, Looked, Unfit, Unknown
from sdp_operator.settings import Settings
from sdp_serving.contract.artifact import Manifest, ModelUri
from sdp_serving.contract.components import Component
from sdp_serving.contract.report import PullFailure
from sdp_serving.puller.errors import PullError
from sdp_serving.puller.found import Found
from sdp_serving.puller.inspection import inspect
from sdp_serving.puller.judgement import Wanted
from sdp_serving.puller.options import takes_wanted
from sdp_serving.puller.storage import open_storage

_PATIENCE: Final = 10.0
_NOT_FROM_HERE: Final = frozenset({PullFailure.ACCESS_DENIED, PullFailure.STORAGE_UNAVAILABLE})
"""What concerns the user's way to the storage, and need not concern the pods'."""


def look_at(uri: ModelUri, component: Component, settings: Settings, *, demands: Sequence[str] = ()) -> Looked:
    """What the puller would make of the model.

    Args:
        uri: where it lies.
        component: what it must be.
        settings: the operator's.
        demands: the puller's arguments, which say what else it must be; nothing when left out.
    """
    if (hindrance := _hindrance(uri, settings)) is not None:
        return Unknown(hindrance, str(uri))
    try:
        return _known(inspect(open_storage(uri, patience=_PATIENCE), uri, _wanted(demands, component)))
    except PullError as error:
        if error.reason in _NOT_FROM_HERE:
            return Unknown(f"unknown from here: {error}", str(uri))
        return Unfit(str(uri), error.reason, str(error))


def _hindrance(uri: ModelUri, settings: Settings) -> str | None:
    """Why the user can't look there, whatever the user's rights."""
    match uri.scheme:
        case "pvc":
            return "unknown from here: it lies on a claim, which only pods can read"
        case "file" if not Path(uri.location).is_dir():
            return "unknown from here: it lies on the nodes"
        case "gs" if settings.storage_emulator_host is not None and "STORAGE_EMULATOR_HOST" not in os.environ:
            return "unknown from here: it lies in the cluster's emulator; set STORAGE_EMULATOR_HOST to reach it"
        case _:
            return None


def _known(found: Found) -> Known:
    try:
        manifest = None if found.manifest is None else Manifest.model_validate_json(found.manifest)
    except ValidationError:
        manifest = None
    signatures = None if manifest is None else manifest.signatures
    return Known(found.pulled(), signatures)


def _wanted(args: Sequence[str], component: Component) -> Wanted:
    """What a model must be, from the arguments that the puller is given."""
    found = [Wanted(component)]

    @click.command(
        context_settings={"ignore_unknown_options": True, "allow_extra_args": True, "allow_interspersed_args": True}
    )
    @takes_wanted
    def read(wanted: Wanted) -> None:
        found.append(wanted)

    if args:
        read.main(list(args), standalone_mode=False)
    return found[-1]
