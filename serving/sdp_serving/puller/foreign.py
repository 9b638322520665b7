"""Whether a SavedModel without a manifest is the model that was asked for, by its signatures alone. Pure.

Such are the ones that KerasCV's notebooks write. They need less than what this project exports: no `sample`, and no
sizes where they leave them open.
"""

import hashlib
import re
from collections.abc import Mapping
from typing import Final

from sdp_serving.contract.artifact import SAVED_MODEL, ModelUri
from sdp_serving.contract.components import Component
from sdp_serving.contract.report import PullFailure
from sdp_serving.contract.signatures import LATENT_FACTOR, SignatureName, TensorSpec, signatures
from sdp_serving.contract.versions import StableDiffusionVersion
from sdp_serving.puller.errors import PullError
from sdp_serving.puller.found import Facts
from sdp_serving.puller.judgement import Wanted, require_inside, require_suitable
from sdp_serving.puller.manifest import corrupt
from sdp_serving.puller.saved_model import Function, SavedModel, Tensor, read_saved_model
from sdp_serving.puller.storage import Stored

LARGEST_GRAPH: Final = 128 << 20
"""Bytes of a saved_model.pb: one whose weights are in variables/ has some millions, and it is read into the memory of a
small container, where its parts are read out of it once more."""

_UNKNOWN: Final = "unknown"
_OPEN: Final = 1 << 30
"""Stands for a size that the model leaves open, and is compared with nothing."""
_INDEX: Final = "variables/variables.index"
_SHARD: Final = re.compile(r"variables/variables\.data-(\d{5})-of-(\d{5})", re.ASCII)


def judge_foreign(raw: bytes, files: Mapping[str, Stored], *, uri: ModelUri, wanted: Wanted) -> Facts:
    """Read a saved_model.pb and hold it against the contract.

    Args:
        raw: its content.
        files: all files of the version.
        uri: of the version, pinned.
        wanted: what was asked for.

    Raises:
        PullError: with the reason.
    """
    require_inside(files, uri)
    _require_variables(files, uri)
    model = read_saved_model(raw)
    if model is None:
        raise corrupt(uri, f"its {SAVED_MODEL} holds no model for serving")
    component = wanted.component
    function = _require_component(model, component, uri)
    width = _width(function, component)
    facts = Facts(
        component=component,
        source_digest=_digest(files),
        weights="/".join(uri.location.strip("/").split("/")[-2:]),
        width=width,
        image_size=_image_size(function, component),
        image_sizes=None,
        sd_version=_sd_version(width, wanted.sd_version),
        tensorflow=model.tensorflow or None,
    )
    scalars = sorted(name for name, tensor in function.inputs.items() if tensor.shape == ())
    require_suitable(facts, scalars=scalars, uri=uri, wanted=wanted)
    return facts


def too_large_graph(uri: ModelUri) -> PullError:
    """The error that a saved_model.pb is larger than any can be that has its weights where they belong."""
    return PullError(
        PullFailure.CORRUPT,
        f"{uri} cannot be read, its {SAVED_MODEL} is larger than {LARGEST_GRAPH >> 20} MiB: save the model with its"
        " weights in variables/, as tf.saved_model.save does",
    )


def _require_variables(files: Mapping[str, Stored], uri: ModelUri) -> None:
    """Refuse a copy that is still under way, or was broken off: nothing else says what belongs to it."""
    shards = [match for path in files if (match := _SHARD.fullmatch(path))]
    if _INDEX not in files or not shards or len(shards) != int(shards[0][2]):
        raise PullError(
            PullFailure.MODEL_INCOMPLETE,
            f"{uri} lacks some of its variables/: upload the folder that tf.saved_model.save wrote as a whole",
        )


def _require_component(model: SavedModel, component: Component, uri: ModelUri) -> Function:
    """The function that makes the model this component."""
    function = model.functions.get(SignatureName.DEFAULT)
    if function is None:
        raise _wrong(f"{uri} has no signature {SignatureName.DEFAULT}", component)
    faults = _faults(function, component)
    if not faults:
        return function
    for other in Component:
        if other is not component and not _faults(function, other):
            raise _wrong(f"{uri} is a {other} by its signature, asked for as {component}", component)
    raise _wrong(f"{uri} cannot serve as {component} ({'; '.join(faults)})", component)


def _wrong(fault: str, component: Component) -> PullError:
    return PullError(PullFailure.WRONG_COMPONENT, f"{fault}: give the URI of a {component}")


def _faults(function: Function, component: Component) -> list[str]:
    """In what a function falls short of a component's, whatever the sizes for which it was made."""
    width, size = _width(function, component), _image_size(function, component)
    wanted = signatures(component, width=width or _OPEN, image_size=size or _OPEN)[SignatureName.DEFAULT]
    faults = []
    for direction, want, have in (
        ("inputs", wanted.inputs, function.inputs),
        ("outputs", wanted.outputs, function.outputs),
    ):
        faults += [f"its {direction} lack {name}" for name in want.keys() - have.keys()]
        faults += [
            f"its {name} is {have[name]}, not {Tensor(spec.dtype, spec.shape)}"
            for name, spec in want.items()
            if name in have and not _suits(have[name], spec)
        ]
    return sorted(faults)


def _suits(have: Tensor, want: TensorSpec) -> bool:
    if have.dtype != want.dtype:
        return False
    if have.shape is None or want.shape is None:
        return True
    return len(have.shape) == len(want.shape) and all(
        None in (one, other) or one == other for one, other in zip(have.shape, want.shape, strict=True)
    )


def _width(function: Function, component: Component) -> int | None:
    """The size of a token's context vector, where the model has contexts and says."""
    match component:
        case Component.TEXT_ENCODER:
            return _size(function.outputs.get("context"), -1)
        case Component.DIFFUSION_MODEL:
            return _size(function.inputs.get("context"), -1)
        case Component.DECODER | Component.IMAGE_ENCODER:
            return None


def _image_size(function: Function, component: Component) -> int | None:
    """Pixels along one side of an image, where the model has images or latents and says."""
    match component:
        case Component.TEXT_ENCODER:
            return None
        case Component.DIFFUSION_MODEL:
            side = _size(function.outputs.get("latent"), 1)
            return None if side is None else side * LATENT_FACTOR
        case Component.DECODER:
            return _size(function.outputs.get("images"), 1)
        case Component.IMAGE_ENCODER:
            return _size(function.inputs.get("images"), 1)


def _size(tensor: Tensor | None, axis: int) -> int | None:
    if tensor is None or tensor.shape is None or len(tensor.shape) < 2:
        return None
    return tensor.shape[axis]


def _sd_version(width: int | None, wanted: StableDiffusionVersion | None) -> str:
    """The version of Stable Diffusion, which only the width tells: versions of one width go together."""
    if wanted is not None and width in (None, wanted.width):
        return wanted
    return " or ".join(version for version in StableDiffusionVersion if version.width == width) or _UNKNOWN


def _digest(files: Mapping[str, Stored]) -> str:
    """Of the files as the storage lists them: those that tell the same are taken for the same."""
    lines = (f"{path}\0{file.size}\0{file.crc32c or file.edition}\n" for path, file in sorted(files.items()))
    return f"sha256:{hashlib.sha256(''.join(lines).encode()).hexdigest()}"
