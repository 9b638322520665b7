"""A known request to a model, and whether its answer is one that a model in order gives. Pure.

It tells a model that is broken from one that works, not a good one from a poor one: nobody knows what a fine-tuned
model ought to draw.
"""

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sdp_serving.contract.components import Component
from sdp_serving.contract.report import Pulled
from sdp_serving.contract.sampling import Sampler, Schedule
from sdp_serving.contract.signatures import LATENT_CHANNELS, LATENT_FACTOR, TOKENS, SignatureName, signatures
from sdp_serving.contract.versions import StableDiffusionVersion

_START, _END = 49406, 49407
_PROMPT: Final = "a photo of a cat"
_TOKENS: Final = (320, 1125, 539, 320, 2368)
"""Of the prompt."""
_STEPS: Final = 2
_SEED: Final = 42
_GUIDANCE_SCALE: Final = 7.5
_LARGEST: Final = 1e3
"""What no context and no latent of a model in order comes near to."""
_BRIGHTEST: Final = 255
_IMAGE_SIZE: Final = 512
"""Of Stable Diffusion 1.x, for a model that takes any."""
_OF_ROWS: Final = {
    Component.TEXT_ENCODER: SignatureName.ENCODE_PROMPTS,
    Component.DIFFUSION_MODEL: SignatureName.SAMPLE_BATCH,
}
"""What a server that batches is asked, of components whose other signatures take single numbers."""

Shape = Sequence[int | None]


@dataclass(frozen=True)
class GoldenRequest:
    """A request of one image.

    Attributes:
        signature: the function to call.
        inputs: its inputs, as REST takes them.
        outputs: what must come back: the shape of each output by name, with None for a size that nobody knows.
    """

    signature: SignatureName
    inputs: Mapping[str, Any]
    outputs: Mapping[str, Shape]


def golden_request(model: Pulled, offered: Collection[str], *, batching: bool = False) -> GoldenRequest:
    """The request that a model is tried with.

    Args:
        model: what it is.
        offered: names of the signatures that the server says it has.
        batching: whether the server batches requests, and so refuses those with single numbers.
    """
    sizes = _Sizes(model.width or _width(model.sd_version), model.image_size or _IMAGE_SIZE)
    values = _values(model.component, sizes)
    of_rows = _OF_ROWS.get(model.component)
    if batching and of_rows is not None and of_rows in offered:
        return GoldenRequest(of_rows, _rows(model.component, values), _outputs(model, sizes))
    declared = signatures(model.component, width=sizes.width, image_size=sizes.image)
    name = SignatureName.DEFAULT
    if SignatureName.SAMPLE in declared and SignatureName.SAMPLE in offered:
        name = SignatureName.SAMPLE
    return GoldenRequest(name, {each: values[each] for each in declared[name].inputs}, _outputs(model, sizes))


def fault(request: GoldenRequest, answered: object) -> str | None:
    """What is wrong with the outputs that `request` was answered with, in a few words; None when nothing is."""
    # A single output comes without its name.
    named = answered if isinstance(answered, Mapping) else dict.fromkeys(request.outputs, answered)
    if len(request.outputs) > 1 and named is not answered:
        return f"it answers without the outputs {', '.join(sorted(request.outputs))}"
    for name, shape in request.outputs.items():
        if name not in named:
            return f"it answers without the output {name}"
        if found := _fault(named[name], shape, of_an_image=name == "images"):
            return f"its output {name} {found}"
    return None


@dataclass(frozen=True)
class _Sizes:
    width: int
    image: int

    @property
    def latent(self) -> int:
        return self.image // LATENT_FACTOR


def _width(sd_version: str) -> int:
    try:
        return StableDiffusionVersion(sd_version).width
    except ValueError:
        return StableDiffusionVersion.V1_5.width


def _outputs(model: Pulled, sizes: _Sizes) -> Mapping[str, Shape]:
    match model.component:
        case Component.TEXT_ENCODER:
            return dict.fromkeys(("context", "unconditional_context"), (1, TOKENS, model.width))
        case Component.DIFFUSION_MODEL:
            # Nothing in the request says for which images it is.
            side = None if model.image_size is None else sizes.latent
            return {"latent": (1, side, side, LATENT_CHANNELS)}
        case Component.DECODER:
            return {"images": (1, sizes.image, sizes.image, 3)}
        case Component.IMAGE_ENCODER:
            return {"latent": (1, sizes.latent, sizes.latent, LATENT_CHANNELS)}


def _values(component: Component, sizes: _Sizes) -> Mapping[str, Any]:
    """A value for each input of the component's signatures."""
    match component:
        case Component.TEXT_ENCODER:
            prompt = [_START, *_TOKENS, *[_END] * (TOKENS - 1 - len(_TOKENS))]
            return {"tokens": prompt, "batch_size": 1}
        case Component.DIFFUSION_MODEL:
            return {
                "context": _waves([1, TOKENS, sizes.width], 0.37),
                "unconditional_context": _waves([1, TOKENS, sizes.width], 0.23),
                "num_steps": _STEPS,
                "batch_size": 1,
                "seed": _SEED,
                "guidance_scale": _GUIDANCE_SCALE,
            }
        case Component.DECODER:
            return {"latent": _waves([1, sizes.latent, sizes.latent, LATENT_CHANNELS], 0.37)}
        case Component.IMAGE_ENCODER:
            return {"images": _waves([1, sizes.image, sizes.image, 3], 0.0137)}


def _rows(component: Component, values: Mapping[str, Any]) -> Mapping[str, Any]:
    """The inputs of the component's signature in `_OF_ROWS`: its values, each as a row."""
    if component is Component.TEXT_ENCODER:
        return {"prompts": [_PROMPT], "negative_prompts": [""]}
    return {
        **{name: values[name] for name in ("context", "unconditional_context")},
        **{name: [values[name]] for name in ("seed", "num_steps", "guidance_scale")},
        "sampler": [Sampler.DDIM],
        "schedule": [Schedule.LINSPACE],
    }


def _waves(shape: Sequence[int], step: float) -> Any:
    """A tensor of values from -1 to 1, like noise where `step` is large and like a picture where it is small."""
    count = math.prod(shape)
    values: list[Any] = [round(math.sin(step * index), 3) for index in range(count)]
    for size in reversed(shape[1:]):
        values = [values[start : start + size] for start in range(0, len(values), size)]
    return values


def _fault(tensor: object, shape: Shape, *, of_an_image: bool) -> str | None:
    try:
        values = list(_flat(tensor, shape))
    except ValueError:
        return f"is not of the shape [{', '.join('?' if size is None else str(size) for size in shape)}]"
    if not all(math.isfinite(value) for value in values):
        return "holds values that are no numbers (NaN or infinite)"
    low, high = min(values), max(values)
    least, most = (0.0, _BRIGHTEST) if of_an_image else (-_LARGEST, _LARGEST)
    if low < least or high > most:
        return f"holds values from {low:g} to {high:g}, which should lie between {least:g} and {most:g}"
    if low == high:
        return f"is {low:g} everywhere"
    return None


def _flat(tensor: object, shape: Shape) -> Iterator[float]:
    """All values of a tensor.

    Raises:
        ValueError: it is not of that shape.
    """
    if not shape:
        if isinstance(tensor, bool) or not isinstance(tensor, int | float):
            raise ValueError(tensor)
        yield tensor
        return
    if not isinstance(tensor, list) or len(tensor) != (shape[0] or max(len(tensor), 1)):
        raise ValueError(tensor)
    for each in tensor:
        yield from _flat(each, shape[1:])
