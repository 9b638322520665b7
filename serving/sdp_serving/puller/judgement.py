"""Whether what lies in storage is the model that was asked for. Pure."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import NamedTuple

from pydantic import ValidationError

from sdp_serving.contract.artifact import MANIFEST, SAVED_MODEL, Manifest, ModelUri, Version, whole_versions
from sdp_serving.contract.components import Component
from sdp_serving.contract.report import PullFailure
from sdp_serving.contract.signatures import differences, signatures
from sdp_serving.contract.versions import StableDiffusionVersion
from sdp_serving.puller.errors import PullError


class ImageSize(NamedTuple):
    """The size of an image in pixels."""

    height: int
    width: int

    def __str__(self) -> str:
        """Such as `512x768`."""
        return f"{self.height}x{self.width}"


@dataclass(frozen=True)
class Wanted:
    """What the model must be: the component, and what its pipeline says of all models; None where it says nothing."""

    component: Component
    sd_version: StableDiffusionVersion | None = None
    image_size: ImageSize | None = None


def candidates(folders: Sequence[str]) -> list[Version]:
    """The versions that folders of these names can be, newest first; whole or not."""
    return list(reversed(whole_versions(f"{folder}/{SAVED_MODEL}" for folder in folders)))


def judge(raw: bytes, files: Mapping[str, int], *, uri: ModelUri, wanted: Wanted) -> Manifest:
    """Read a manifest and hold it against the contract and against what lies there.

    Args:
        raw: the manifest.
        files: size in bytes of each file of the version.
        uri: of the version, pinned.
        wanted: what was asked for.

    Raises:
        PullError: WRONG_COMPONENT, WRONG_STABLE_DIFFUSION or CORRUPT.
    """
    manifest = _read(raw, uri)
    component = wanted.component
    if manifest.component != component:
        raise PullError(
            PullFailure.WRONG_COMPONENT,
            f"{uri} is a {manifest.component}, asked for as {component}: give the URI of a {component}",
        )
    if manifest.version != uri.version:
        raise _corrupt(uri, f"its manifest is of version {manifest.version}: move no artifacts")
    expected = signatures(component, width=manifest.width, image_size=manifest.image_size)
    if missing := differences(expected, {str(name): offer for name, offer in manifest.signatures.items()}):
        raise PullError(
            PullFailure.WRONG_COMPONENT,
            f"{uri} cannot serve as {component} ({'; '.join(missing)}): export it again with this release",
        )
    _require_pipeline(manifest, uri, wanted)
    for path, entry in manifest.files.items():
        if not _is_inside(path) or path == MANIFEST:
            raise _corrupt(uri, f"its manifest lists {path!r}, which is no file of an artifact")
        if path not in files:
            raise _corrupt(uri, f"{path} is missing")
        if files[path] != entry.size:
            raise _corrupt(uri, f"{path} has {files[path]} bytes instead of {entry.size}")
    return manifest


def _require_pipeline(manifest: Manifest, uri: ModelUri, wanted: Wanted) -> None:
    version, size = wanted.sd_version, wanted.image_size
    if version is not None and manifest.width != version.width:
        raise PullError(
            PullFailure.WRONG_STABLE_DIFFUSION,
            f"{uri} is of Stable Diffusion {manifest.sd_version} (a context {manifest.width} wide), in a pipeline of"
            f" version {version} ({version.width} wide): give the URI of a model of that version, or correct"
            " stableDiffusion.version",
        )
    made = ImageSize(manifest.image_size, manifest.image_size)
    # A text encoder knows nothing of images: the same one serves pipelines of every size.
    if size is not None and size != made and manifest.component is not Component.TEXT_ENCODER:
        raise PullError(
            PullFailure.WRONG_STABLE_DIFFUSION,
            f"{uri} is for images of {made} pixels (height x width), in a pipeline for {size}: give the URI of a"
            " model for that size, or correct stableDiffusion.height and width",
        )


def _read(raw: bytes, uri: ModelUri) -> Manifest:
    try:
        content = json.loads(raw)
        match content:
            case {"format": int(found)} if found != 1:
                raise _corrupt(uri, f"its manifest has format {found} and this release reads 1: upgrade sdpipeline")
        return Manifest.model_validate_json(raw)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"])) or "as a whole"
        raise _corrupt(uri, f"its {MANIFEST} is invalid at {where} ({first['msg']})") from error
    except ValueError as error:
        raise _corrupt(uri, f"its {MANIFEST} is no JSON") from error


def _corrupt(uri: ModelUri, fault: str) -> PullError:
    return PullError(PullFailure.CORRUPT, f"{uri} is damaged, {fault}: export the model again")


def _is_inside(path: str) -> bool:
    parts = PurePosixPath(path).parts
    return bool(parts) and not path.startswith("/") and ".." not in parts and "\0" not in path
