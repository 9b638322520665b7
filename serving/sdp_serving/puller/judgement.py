"""Whether what lies in storage is the model that was asked for. Pure."""

import re
from collections.abc import Iterable, Mapping, Sequence
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
    expected = signatures(
        component, width=manifest.width, image_size=manifest.image_size, image_sizes=manifest.image_sizes
    )
    if missing := differences(expected, manifest.signatures):
        raise PullError(
            PullFailure.WRONG_COMPONENT,
            f"{uri} cannot serve as {component} ({'; '.join(missing)}): export it again with this release",
        )
    facts = _facts(manifest)
    require_suitable(facts, scalars=_scalars(manifest), uri=uri, wanted=wanted)
    require_inside(manifest.files, uri)
    for path, entry in manifest.files.items():
        if path not in files:
            raise corrupt(uri, f"{path} is missing")
        if files[path].size != entry.size:
            raise corrupt(uri, f"{path} has {files[path].size} bytes instead of {entry.size}")
        if files[path].crc32c not in (None, entry.crc32c):
            raise corrupt(uri, f"{path} differs from its checksum")
    return facts, {path: replace(files[path], crc32c=entry.crc32c) for path, entry in manifest.files.items()}


def require_suitable(facts: Facts, *, scalars: Sequence[str], uri: ModelUri, wanted: Wanted) -> None:
    """Refuse a model of the right component that does not go with its pipeline or its server.

    Args:
        facts: what it is.
        scalars: its inputs that are single numbers; none if a signature takes no such.
        uri: where it lies.
        wanted: what was asked for.

    Raises:
        PullError: WRONG_STABLE_DIFFUSION, NEWER_TENSORFLOW or NOT_BATCHABLE.
    """
    _require_stable_diffusion(facts, uri, wanted.sd_version)
    _require_image_size(facts, uri, wanted.image_size)
    made = None if facts.tensorflow is None else TensorFlowVersion.parse(facts.tensorflow)
    if made is not None and wanted.server_tensorflow is not None and made > wanted.server_tensorflow:
        raise PullError(
            PullFailure.NEWER_TENSORFLOW,
            f"{uri} was exported by TensorFlow {facts.tensorflow}, and the model server's is"
            f" {wanted.server_tensorflow}, which loads none that are newer: export it by that one or set"
            f" {wanted.component.field}.server.image to a newer TensorFlow Serving",
        )
    if wanted.batching and scalars:
        raise PullError(
            PullFailure.NOT_BATCHABLE,
            f"{uri} takes single numbers ({', '.join(scalars)}), which TensorFlow Serving puts into no batch: remove"
            f" {wanted.component.field}.batching, or export the model again with this release",
        )


def require_inside(paths: Iterable[str], uri: ModelUri) -> None:
    """Refuse a model with a file that would not be in its folder.

    Raises:
        PullError: CORRUPT.
    """
    for path in paths:
        if not _is_inside(path):
            raise corrupt(uri, f"it lists {path!r}, which is no file of a model")


def _facts(manifest: Manifest) -> Facts:
    return Facts(
        component=manifest.component,
        source_digest=manifest.source_digest,
        weights=manifest.weights,
        width=manifest.width,
        image_size=manifest.image_size,
        image_sizes=manifest.image_sizes,
        sd_version=manifest.sd_version,
        tensorflow=manifest.tensorflow,
    )


def _scalars(manifest: Manifest) -> Sequence[str]:
    """The single numbers that stand in the way of batches, which TensorFlow Serving makes for each signature alone."""
    taken = [
        {name for name, tensor in function.inputs.items() if tensor.shape == ()}
        for function in manifest.signatures.values()
    ]
    return sorted(set().union(*taken)) if all(taken) else []


def _require_stable_diffusion(facts: Facts, uri: ModelUri, version: StableDiffusionVersion | None) -> None:
    if version is not None and facts.width not in (None, version.width):
        raise PullError(
            PullFailure.WRONG_STABLE_DIFFUSION,
            f"{uri} is of Stable Diffusion {facts.sd_version} (a context {facts.width} wide), in a pipeline of"
            f" version {version} ({version.width} wide): give the URI of a model of that version, or correct"
            " stableDiffusion.version",
        )


def _require_image_size(facts: Facts, uri: ModelUri, size: ImageSize | None) -> None:
    # A text encoder knows nothing of images: the same one serves pipelines of every size.
    if size is None or facts.image_size is None or facts.component is Component.TEXT_ENCODER:
        return
    made = ImageSize(facts.image_size, facts.image_size)
    if size == made:
        return
    # The diffusion model's own size is what it draws in unless a request says another.
    several = None if facts.component is Component.DIFFUSION_MODEL else facts.image_sizes
    if several is None or not all(pixels in several for pixels in size):
        told = made if several is None else several
        raise PullError(
            PullFailure.WRONG_STABLE_DIFFUSION,
            f"{uri} is for images of {told} pixels (height x width), in a pipeline for {size}: give the URI of a"
            " model for that size, or correct stableDiffusion.height and width",
        )


def _is_inside(path: str) -> bool:
    parts = PurePosixPath(path).parts
    return bool(parts) and path != MANIFEST and not path.startswith("/") and ".." not in parts and "\0" not in path
