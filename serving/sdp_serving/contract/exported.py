"""All signatures that our exporter writes: what every server must offer, and what it offers in addition."""

from collections.abc import Mapping
from types import MappingProxyType

from sdp_serving.contract.components import Component
from sdp_serving.contract.signatures import (
    LATENT_CHANNELS,
    LATENT_FACTOR,
    TOKENS,
    DType,
    Signature,
    SignatureName,
    TensorSpec,
    scalar,
    signatures,
)


def exported_signatures(component: Component, *, width: int, image_size: int) -> Mapping[str, Signature]:
    """The signatures of an exported `component`.

    Args:
        component: the model.
        width: the size of a token's context vector.
        image_size: pixels along one side of the image, where a request doesn't say it.
    """
    more: Mapping[str, Signature] = {}
    if component is Component.DIFFUSION_MODEL:
        more = _diffusion_model(width, image_size)
    return MappingProxyType({**signatures(component, width=width, image_size=image_size), **more})


def _diffusion_model(width: int, image_size: int) -> Mapping[str, Signature]:
    side = image_size // LATENT_FACTOR
    latent = TensorSpec(dtype="float32", shape=(None, None, None, LATENT_CHANNELS))
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
    sampled = {"latent": latent}
    return {
        SignatureName.TEXT_TO_IMAGE: Signature(inputs={**request, **size}, outputs=sampled),
        SignatureName.IMAGE_TO_IMAGE: Signature(inputs={**request, **start}, outputs=sampled),
        SignatureName.INPAINT: Signature(inputs={**request, **start, **mask}, outputs=sampled),
        SignatureName.PREPARE_LATENT: Signature(inputs={**seeds, **schedule, **start}, outputs=sampled),
        SignatureName.DENOISE_RANGE: Signature(
            inputs={**request, **start, **mask, **state, **steps},
            outputs=state,
        ),
        SignatureName.SAMPLE_BATCH: Signature(
            inputs=row,
            outputs={"latent": TensorSpec(dtype="float32", shape=(None, side, side, LATENT_CHANNELS))},
        ),
    }


def _rows(dtype: DType) -> TensorSpec:
    return TensorSpec(dtype=dtype, shape=(None,))
