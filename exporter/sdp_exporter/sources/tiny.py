"""sd-tiny, whose weights come with this package."""

from collections.abc import Sequence
from functools import partial
from typing import Final

from sdp_exporter.models import tiny
from sdp_exporter.sources import Saveable, Source
from sdp_serving.contract.components import Component

VARIANTS: Final = tuple(dict.fromkeys(variant for variants in tiny.VARIANTS.values() for variant in variants))
"""Names of sets of weights; not every component has each."""
_GUIDANCE_SCALE: Final = 3.0
"""At which its pictures match their prompts best; 7.5, as for Stable Diffusion, saturates them."""


class NoSuchWeightsError(ValueError):
    """sd-tiny has no such weights; the message says which it has."""


def sources(variant: str, components: Sequence[Component] = ()) -> list[Source]:
    """The components of sd-tiny with the weights `variant`.

    Args:
        variant: one of VARIANTS.
        components: those wanted; none for all that have such weights.

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
            build=partial(_build, component, variant),
        )
        for component in dict.fromkeys(components or available)
    ]


def _build(component: Component, variant: str) -> Saveable:
    # Each loads TensorFlow.
    match component:
        case Component.TEXT_ENCODER:
            from sdp_exporter.signatures.text_encoder import TextEncoder

            return TextEncoder(tiny.text_encoder(variant))
        case Component.DIFFUSION_MODEL:
            from sdp_exporter.sampling.schedule import alphas_cumprod
            from sdp_exporter.signatures.diffusion_model import DiffusionModel

            return DiffusionModel(
                tiny.diffusion_model(variant),
                alphas=alphas_cumprod(),
                width=tiny.WIDTH,
                image_size=tiny.IMAGE_SIZE,
                guidance_scale=_GUIDANCE_SCALE,
            )
        case Component.DECODER:
            from sdp_exporter.signatures.decoder import Decoder

            return Decoder(tiny.decoder(variant), image_size=tiny.IMAGE_SIZE)
        case Component.IMAGE_ENCODER:
            from sdp_exporter.signatures.image_encoder import ImageEncoder

            return ImageEncoder(tiny.image_encoder(variant), image_size=tiny.IMAGE_SIZE)
