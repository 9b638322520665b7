"""All signatures that our exporter writes: what every server must offer, and what it offers in addition."""

from collections.abc import Mapping
from types import MappingProxyType

from sdp_serving.contract.components import Component
from sdp_serving.contract.image_sizes import ImageSizes
from sdp_serving.contract.signatures import (
    TOKENS,
    DType,
    Signature,
    SignatureName,
    TensorSpec,
    fixed_size,
    images,
    latents,
    scalar,
    signatures,
)


def exported_signatures(
    component: Component, *, width: int, image_size: int, image_sizes: ImageSizes | None = None
) -> Mapping[str, Signature]:
    """The signatures of an exported `component`.

    Args:
        component: the model.
        width: the size of a token's context vector.
        image_size: pixels along one side of the image, where a request doesn't say it.
        image_sizes: what a request may say; None for `image_size` only.
    """
    required = signatures(component, width=width, image_size=image_size, image_sizes=image_sizes)
    match component:
        case Component.TEXT_ENCODER:
            return MappingProxyType({**required, **_text_encoder(required[SignatureName.DEFAULT].outputs)})
        case Component.DIFFUSION_MODEL:
            return MappingProxyType({**required, **_diffusion_model(width, image_size, image_sizes)})
        case Component.DECODER:
            latent = required[SignatureName.DEFAULT].inputs
            return MappingProxyType({**required, **_decoder(latent, fixed_size(image_size, image_sizes))})
        case Component.IMAGE_ENCODER:
            return required


def _text_encoder(contexts: Mapping[str, TensorSpec]) -> Mapping[str, Signature]:
    prompts = {name: _rows("string") for name in ("prompts", "negative_prompts")}
    cut_off = {name: _rows("int32") for name in ("tokens_cut_off", "negative_tokens_cut_off")}
    return {SignatureName.ENCODE_PROMPTS: Signature(inputs=prompts, outputs={**contexts, **cut_off})}


def _decoder(latent: Mapping[str, TensorSpec], pixels: int | None) -> Mapping[str, Signature]:
    floats = {"images": images("float32", pixels)}
    # TensorFlow Serving sends what is named so as base64.
    files = {"image_bytes": _rows("string")}
    return {
        SignatureName.DECODE_FLOATS: Signature(inputs=latent, outputs=floats),
        SignatureName.DECODE_PNG: Signature(inputs=latent, outputs=files),
        SignatureName.DECODE_JPEG: Signature(inputs=latent, outputs=files),
    }


def _diffusion_model(width: int, image_size: int, image_sizes: ImageSizes | None) -> Mapping[str, Signature]:
    # Inputs are open whatever the sizes: the graph says more clearly than a server which there are.
    latent = latents(None)
    contexts = {
        name: TensorSpec(dtype="float32", shape=(None, TOKENS, width)) for name in ("context", "unconditional_context")
    }
    schedule = {"num_steps": scalar("int32"), "schedule": scalar("string")}
    seeds = {"seeds": _rows("int64")}
    request = {**contexts, **seeds, **schedule, "sampler": scalar("string"), "guidance_scale": scalar("float32")}
    size = {"height": scalar("int32"), "width": scalar("int32")}
    start = {"init_latent": latent, "strength": scalar("float32")}
    mask = {"mask": TensorSpec(dtype="float32", shape=(None, None, None, 1))}
    state = {"latent": latent, "denoised": latent}
    steps = {"from_step": scalar("int32"), "to_step": scalar("int32")}
    row = {
        **contexts,
        "seed": _rows("int64"),
        "num_steps": _rows("int32"),
        "guidance_scale": _rows("float32"),
        "sampler": _rows("string"),
        "schedule": _rows("string"),
    }
    sampled = latents(fixed_size(image_size, image_sizes))
    return {
        SignatureName.TEXT_TO_IMAGE: Signature(inputs={**request, **size}, outputs={"latent": sampled}),
        SignatureName.IMAGE_TO_IMAGE: Signature(inputs={**request, **start}, outputs={"latent": sampled}),
        SignatureName.INPAINT: Signature(inputs={**request, **start, **mask}, outputs={"latent": sampled}),
        SignatureName.PREPARE_LATENT: Signature(inputs={**seeds, **schedule, **start}, outputs={"latent": sampled}),
        SignatureName.DENOISE_RANGE: Signature(
            inputs={**request, **start, **mask, **state, **steps},
            outputs={"latent": sampled, "denoised": sampled},
        ),
        SignatureName.SAMPLE_BATCH: Signature(inputs=row, outputs={"latent": latents(image_size)}),
    }


def _rows(dtype: DType) -> TensorSpec:
    return TensorSpec(dtype=dtype, shape=(None,))
