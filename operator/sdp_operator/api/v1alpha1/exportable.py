"""What must be true of the `weights` of a pipeline's components, for the operator to have them exported.

What is in a file, only the exporter can tell; it refuses with a sentence too, once its Job runs.
"""

from typing import Final

from sdp_serving.contract.components import Component

_OF_TINY: Final = {
    Component.TEXT_ENCODER: "base or sks",
    Component.DIFFUSION_MODEL: "base or striped",
    Component.DECODER: "base",
    Component.IMAGE_ENCODER: "base",
}
_WEIGHTS: Final = {component: f"self.?{component.field}.?weights" for component in Component}
_ALL: Final = ", ".join(_WEIGHTS.values())
_FOR_A_SIZE: Final = ", ".join(
    weights for component, weights in _WEIGHTS.items() if component is not Component.TEXT_ENCODER
)
"""What is exported for one size of images, of which a text encoder knows nothing."""


def _each(component: Component) -> tuple[tuple[str, str], ...]:
    # Of texts in a list, the API server would not know how long they are, and so how long a pattern takes.
    none = f"!has(self.{component.field}) || !has(self.{component.field}.weights)"
    return (
        (
            f"{none} || has(self.export) && has(self.stableDiffusion)",
            f"{component.field}.weights are exported first: set export.to, the folder for exported models, and"
            " stableDiffusion.version",
        ),
        (
            f"{none} || !has(self.stableDiffusion) || (self.stableDiffusion.version != 'tiny')"
            f" == self.{component.field}.weights.matches(r'^(pretrained|random|(gs|https)://[^/]+/.+)$')",
            f"{component.field}.weights must be of stableDiffusion.version: write for tiny {_OF_TINY[component]}, and"
            " for others pretrained, random or a URI such as gs://bucket/unet.safetensors",
        ),
    )


WEIGHTS_CAN_BE_EXPORTED: Final = (
    *(rule for component in Component for rule in _each(component)),
    (
        "!has(self.stableDiffusion) || self.stableDiffusion.version in ['1.4', '2.1']"
        f" || [{_ALL}].all(weights, weights.orValue('') != 'pretrained')",
        "weights can be pretrained for 1.4 and 2.1 only, which go with 1.5 and 2.0: set stableDiffusion.version to one"
        " of them, or write the URI of weights",
    ),
    (
        f"!has(self.stableDiffusion) || ![{_FOR_A_SIZE}].exists(weights, weights.hasValue())"
        " || !has(self.stableDiffusion.height) || !has(self.stableDiffusion.width)"
        " || self.stableDiffusion.height == self.stableDiffusion.width"
        " && (self.stableDiffusion.version == 'tiny' ? self.stableDiffusion.height == 64"
        " : self.stableDiffusion.height % 64 == 0)",
        "weights are exported for square images of a multiple of 64 pixels, for tiny of 64: set stableDiffusion.height"
        " and width to such a size, or remove both",
    ),
)
"""Rules of a pipeline's spec, each with the sentence that it is refused with."""
