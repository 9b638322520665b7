"""The signatures of each component's SavedModel: what a client sends and what a server answers."""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from types import MappingProxyType
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from sdp_serving.contract.components import Component
from sdp_serving.contract.image_sizes import ImageSizes

TOKENS: Final = 77
"""Tokens in a prompt: CLIP's context length."""
LATENT_CHANNELS: Final = 4
LATENT_FACTOR: Final = 8
"""Pixels of the image along one side of a latent's cell."""

DType = Literal["int32", "int64", "float32", "uint8", "string"]


class TensorSpec(BaseModel):
    """One named tensor: its dtype, and its shape where None is a size known only at run time."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    dtype: DType
    shape: tuple[Annotated[int, Field(gt=0)] | None, ...] | None
    """None: the rank too is free, as of the text encoder's tokens."""


class Signature(BaseModel):
    """The inputs and outputs of one function of a SavedModel."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    inputs: Mapping[str, TensorSpec]
    outputs: Mapping[str, TensorSpec]


class SignatureName(StrEnum):
    """The functions that a component's SavedModel offers."""

    DEFAULT = "serving_default"
    ENCODE_PROMPTS = "encode_prompts"
    """The text encoder's, from text: prompts and negative prompts, a row an image."""
    SAMPLE = "sample"
    """The diffusion model's only: `serving_default` and a seed and the guidance scale, to make an image again."""
    TEXT_TO_IMAGE = "text_to_image"
    """`sample` with a seed for each image, the image's size, the sampler and its schedule."""
    IMAGE_TO_IMAGE = "image_to_image"
    """From an image's latent instead of from noise alone."""
    INPAINT = "inpaint"
    """`image_to_image` that redraws only what a mask covers."""
    PREPARE_LATENT = "prepare_latent"
    """What the other signatures start from: for `denoise_range`."""
    DENOISE_RANGE = "denoise_range"
    """Some of the steps of any of the above, with the image so far."""
    SAMPLE_BATCH = "sample_batch"
    """Every input has a row an image: TensorFlow Serving can put requests of several clients into one batch."""
    DECODE_FLOATS = "decode_floats"
    """The decoder's to floats in [-1, 1], as the image encoder takes them."""
    DECODE_PNG = "decode_png"
    """The decoder's to PNG files."""
    DECODE_JPEG = "decode_jpeg"
    """The decoder's to JPEG files."""


def signatures(
    component: Component, *, width: int, image_size: int, image_sizes: ImageSizes | None = None
) -> Mapping[str, Signature]:
    """What `component` must offer, whoever made it; `exported.exported_signatures` has all that our exporter writes.

    Args:
        component: the model.
        width: the size of a token's context vector: 768 for Stable Diffusion 1.x.
        image_size: pixels along one side of the image, where a request doesn't say it.
        image_sizes: what a request may say; None for `image_size` only. With several, the decoder and the image encoder
            take any height and width, since the graph says more clearly than a server which there are; what the
            diffusion model must offer draws in `image_size` all the same.
    """
    latent = latents(image_size)
    contexts = {
        name: TensorSpec(dtype="float32", shape=(None, TOKENS, width)) for name in ("context", "unconditional_context")
    }
    match component:
        case Component.TEXT_ENCODER:
            inputs = {"tokens": TensorSpec(dtype="int32", shape=None), "batch_size": scalar("int32")}
            return _offer({SignatureName.DEFAULT: Signature(inputs=inputs, outputs=contexts)})
        case Component.DIFFUSION_MODEL:
            inputs = {**contexts, "num_steps": scalar("int32"), "batch_size": scalar("int32")}
            outputs = {"latent": latent}
            sample = {**inputs, "seed": scalar("int64"), "guidance_scale": scalar("float32")}
            return _offer(
                {
                    SignatureName.DEFAULT: Signature(inputs=inputs, outputs=outputs),
                    SignatureName.SAMPLE: Signature(inputs=sample, outputs=outputs),
                }
            )
        case Component.DECODER:
            side = fixed_size(image_size, image_sizes)
            decoded = Signature(inputs={"latent": latents(side)}, outputs={"images": images("uint8", side)})
            return _offer({SignatureName.DEFAULT: decoded})
        case Component.IMAGE_ENCODER:
            side = fixed_size(image_size, image_sizes)
            # Not the decoder's bytes: whoever starts from a picture has resized, and may have masked, it as floats.
            encoded = Signature(inputs={"images": images("float32", side)}, outputs={"latent": latents(side)})
            return _offer({SignatureName.DEFAULT: encoded})


def fixed_size(image_size: int, image_sizes: ImageSizes | None) -> int | None:
    """Pixels along one side of an image; None where a request says it."""
    return None if image_sizes is not None and image_sizes.are_several else image_size


def latents(pixels: int | None) -> TensorSpec:
    """A latent for each of several images of `pixels` along one side; None where a request says it."""
    side = None if pixels is None else pixels // LATENT_FACTOR
    return TensorSpec(dtype="float32", shape=(None, side, side, LATENT_CHANNELS))


def images(dtype: DType, pixels: int | None) -> TensorSpec:
    """Several images of `pixels` along one side; None where a request says it."""
    return TensorSpec(dtype=dtype, shape=(None, pixels, pixels, 3))


def differences(expected: Mapping[str, Signature], actual: Mapping[str, Signature]) -> Sequence[str]:
    """Say in what `actual` falls short of `expected`; empty when a client of `expected` can use it."""
    found: list[str] = []
    for name, wanted in expected.items():
        offered = actual.get(name)
        if offered is None:
            found.append(f"the signature {name} is missing")
            continue
        for direction in ("inputs", "outputs"):
            want, have = getattr(wanted, direction), getattr(offered, direction)
            found += [f"{name}: {direction} lack {tensor}" for tensor in want.keys() - have.keys()]
            found += [
                f"{name}: {tensor} is {_describe(have[tensor])}, not {_describe(want[tensor])}"
                for tensor in want.keys() & have.keys()
                if have[tensor] != want[tensor]
            ]
    return sorted(found)


def _offer(signatures_: dict[str, Signature]) -> Mapping[str, Signature]:
    return MappingProxyType(signatures_)


def scalar(dtype: DType) -> TensorSpec:
    """A single value."""
    return TensorSpec(dtype=dtype, shape=())


def _describe(tensor: TensorSpec) -> str:
    if tensor.shape is None:
        return f"{tensor.dtype} [...]"
    return f"{tensor.dtype} [{', '.join('?' if size is None else str(size) for size in tensor.shape)}]"
