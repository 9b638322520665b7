"""sd-tiny, whose weights come with this package."""

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Final

from sdp_exporter.models import tiny
from sdp_exporter.sources import Saveable, Source
from sdp_serving.contract.artifact import Precision
from sdp_serving.contract.components import Component
from sdp_serving.contract.image_sizes import ImageSizes

if TYPE_CHECKING:
    import keras

VARIANTS: Final = tuple(dict.fromkeys(variant for variants in tiny.VARIANTS.values() for variant in variants))
"""Names of sets of weights; not every component has each."""
_GUIDANCE_SCALE: Final = 3.0
"""At which its pictures match their prompts best; 7.5, as for Stable Diffusion, saturates them."""


class NoSuchWeightsError(ValueError):
    """sd-tiny has no such weights; the message says which it has."""


def sources(
    variant: str,
    components: Sequence[Component] = (),
    *,
    image_sizes: ImageSizes | None = None,
    precision: Precision = "float32",
    jit_compile: bool = False,
) -> list[Source]:
    """The components of sd-tiny with the weights `variant`.

    Args:
        variant: one of VARIANTS.
        components: those wanted; none for all that have such weights.
        image_sizes: what requests may ask for; None for its own size only, which is the one that it was trained for.
        precision: what they compute with.
        jit_compile: whether XLA compiles the diffusion model.

    Raises:
        NoSuchWeightsError: if there are none, for one of `components`.
    """
    available = [component for component, variants in tiny.VARIANTS.items() if variant in variants]
    if not available:
        raise NoSuchWeightsError(f"sd-tiny has no weights {variant!r}: choose among {', '.join(VARIANTS)}")
    for component in components:
        if component not in available:
            raise NoSuchWeightsError(f"sd-tiny has the weights {variant!r} for {', '.join(available)}, not {component}")
    return [
        Source(
            component=component,
            sd_version="tiny",
            width=tiny.WIDTH,
            image_size=tiny.IMAGE_SIZE,
            name=f"sd-tiny/{variant}",
            weights=(tiny.weights_path(component, variant),),
            build=partial(_build, component, variant, precision, image_sizes=image_sizes, jit_compile=jit_compile),
            image_sizes=None if component is Component.TEXT_ENCODER else image_sizes,
            precision=precision,
            jit_compile=jit_compile and component is Component.DIFFUSION_MODEL,
        )
        for component in dict.fromkeys(components or available)
    ]


def _build(
    component: Component, variant: str, precision: Precision, *, image_sizes: ImageSizes | None, jit_compile: bool
) -> Saveable:
    # Each loads TensorFlow.
    model = _model(component, variant, precision)
    match component:
        case Component.TEXT_ENCODER:
            from sdp_exporter.signatures.text_encoder import TextEncoder

            return TextEncoder(model)
        case Component.DIFFUSION_MODEL:
            from sdp_exporter.sampling.schedule import alphas_cumprod
            from sdp_exporter.signatures.diffusion_model import DiffusionModel

            return DiffusionModel(
                model,
                alphas=alphas_cumprod(),
                width=tiny.WIDTH,
                image_size=tiny.IMAGE_SIZE,
                image_sizes=image_sizes,
                guidance_scale=_GUIDANCE_SCALE,
                jit_compile=jit_compile,
            )
        case Component.DECODER:
            from sdp_exporter.signatures.decoder import Decoder

            return Decoder(model, image_size=tiny.IMAGE_SIZE, image_sizes=image_sizes)
        case Component.IMAGE_ENCODER:
            from sdp_exporter.signatures.image_encoder import ImageEncoder

            return ImageEncoder(model, image_size=tiny.IMAGE_SIZE, image_sizes=image_sizes)


def _model(component: Component, variant: str, precision: Precision) -> "keras.Model":
    from sdp_exporter.models.precision import building_in

    make = {
        Component.TEXT_ENCODER: tiny.text_encoder,
        Component.DIFFUSION_MODEL: tiny.diffusion_model,
        Component.DECODER: tiny.decoder,
        Component.IMAGE_ENCODER: tiny.image_encoder,
    }[component]
    with building_in(precision):
        return make(variant)
