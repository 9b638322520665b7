"""Reading a manifest, and saying of one what is wrong with it."""

import json
from typing import Final

from pydantic import ValidationError

from sdp_serving.contract.artifact import MANIFEST, Manifest, ModelUri
from sdp_serving.contract.report import PullFailure
from sdp_serving.puller.errors import PullError

LARGEST: Final = 8 << 20
"""Bytes of a manifest: a model's has thousands, and it is read into the memory of a small container."""


def read_manifest(raw: bytes, uri: ModelUri) -> Manifest:
    """Read the manifest of the model at `uri`.

    Raises:
        PullError: CORRUPT.
    """
    try:
        content = json.loads(raw)
        match content:
            case {"format": int(found)} if found != 1:
                raise corrupt(uri, f"its manifest has format {found} and this release reads 1: upgrade sdpipeline")
        return Manifest.model_validate_json(raw)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"])) or "as a whole"
        raise corrupt(uri, f"its {MANIFEST} is invalid at {where} ({first['msg']})") from error
    except ValueError as error:
        raise corrupt(uri, f"its {MANIFEST} is no JSON") from error


def too_large(uri: ModelUri) -> PullError:
    """The error that a manifest is larger than any can be."""
    return corrupt(uri, f"its {MANIFEST} is larger than {LARGEST >> 20} MiB")


def corrupt(uri: ModelUri, fault: str) -> PullError:
    """The error that a model is damaged."""
    return PullError(PullFailure.CORRUPT, f"{uri} is damaged, {fault}: export the model again")
