"""Whether what lies in storage is the model that was asked for. Pure."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import NamedTuple, Self

from sdp_serving.contract.artifact import MANIFEST, SAVED_MODEL, Manifest, ModelUri, Version, whole_versions
from sdp_serving.contract.components import Component
from sdp_serving.contract.report import PullFailure
from sdp_serving.contract.signatures import differences, signatures
from sdp_serving.contract.versions import StableDiffusionVersion
from sdp_serving.puller.errors import PullError
from sdp_serving.puller.found import Facts
from sdp_serving.puller.manifest import corrupt, read_manifest
from sdp_serving.puller.storage import Stored


class ImageSize(NamedTuple):
    """The size of an image in pixels."""

    height: int
    width: int

    def __str__(self) -> str:
        """Such as `512x768`."""
        return f"{self.height}x{self.width}"


class TensorFlowVersion(NamedTuple):
    """A release of TensorFlow, of which a patch changes nothing about SavedModels."""

    major: int
    minor: int

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """Read a version such as `2.19` or `2.19.1`; None for anything else."""
        match = re.match(r"(\d{1,4})\.(\d{1,4})(?![\d])", text, re.ASCII)
        return None if match is None else cls(int(match[1]), int(match[2]))

    def __str__(self) -> str:
        """Such as `2.19`."""
        return f"{self.major}.{self.minor}"


@dataclass(frozen=True)
class Wanted:
    """What the model must be.

    Attributes:
        component: the component.
        sd_version: the version of Stable Diffusion that it must go with; None for any.
        image_size: the images that it must be for; None for any.
        server_tensorflow: the TensorFlow of the server that is to load it; None for any.
        batching: whether that server batches requests.
    """

    component: Component
    sd_version: StableDiffusionVersion | None = None
    image_size: ImageSize | None = None
    server_tensorflow: TensorFlowVersion | None = None
    batching: bool = False


def candidates(folders: Sequence[str]) -> list[Version]:
    """The versions that folders of these names can be, newest first; whole or not."""
    return list(reversed(whole_versions(f"{folder}/{SAVED_MODEL}" for folder in folders)))


def judge(
    raw: bytes, files: Mapping[str, Stored], *, uri: ModelUri, wanted: Wanted
) -> tuple[Facts, Mapping[str, Stored]]:
    """Read a manifest and hold it against the contract and against what lies there.

    Args:
        raw: the manifest.
        files: all files of the version.
        uri: of the version, pinned.
        wanted: what was asked for.

    Returns:
        What the model is, and the files that it consists of.

    Raises:
        PullError: with the reason.
    """
    manifest = read_manifest(raw, uri)
    component = wanted.component
    if manifest.component != component:
        raise PullError(
            PullFailure.WRONG_COMPONENT,
            f"{uri} is a {manifest.component}, asked for as {component}: give the URI of a {component}",
        )
    if manifest.version != uri.version:
        raise corrupt(uri, f"its manifest is of version {manifest.version}: move no artifacts")
    expected = signatures(component, width=manifest.width, image_size=manifest.image_size)
    if missing := differences(expected, {str(name): offer for name, offer in manifest.signatures.items()}):
        raise PullError(
            PullFailure.WRONG_COMPONENT,
            f"{uri} cannot serve as {component} ({'; '.join(missing)}): export it again with this release",
        )
    _require_pipeline(manifest, uri, wanted)
    for path, entry in manifest.files.items():
        if not _is_inside(path) or path == MANIFEST:
            raise corrupt(uri, f"its manifest lists {path!r}, which is no file of an artifact")
        if path not in files:
            raise corrupt(uri, f"{path} is missing")
        if files[path].size != entry.size:
            raise corrupt(uri, f"{path} has {files[path].size} bytes instead of {entry.size}")
        if files[path].crc32c not in (None, entry.crc32c):
            raise corrupt(uri, f"{path} differs from its checksum")
    facts = Facts(
        component=manifest.component,
        source_digest=manifest.source_digest,
        weights=manifest.weights,
        width=manifest.width,
        image_size=manifest.image_size,
        sd_version=manifest.sd_version,
        tensorflow=manifest.tensorflow,
    )
    return facts, {path: replace(files[path], crc32c=entry.crc32c) for path, entry in manifest.files.items()}


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


def _is_inside(path: str) -> bool:
    parts = PurePosixPath(path).parts
    return bool(parts) and not path.startswith("/") and ".." not in parts and "\0" not in path
