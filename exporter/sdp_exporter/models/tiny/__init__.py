"""sd-tiny: Stable Diffusion's models and tensors at a size that a CPU can train.

It draws one coloured shape on a plain background, 64x64 pixels; `sdp_exporter.train_tiny` made its weights.

To save a model, keep its variables and trace a function that calls it: Keras cannot save one of several inputs whole.
"""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from sdp_serving.contract.components import Component

if TYPE_CHECKING:
    from sdp_exporter.models.tiny.autoencoder import Decoder, Encoder
    from sdp_exporter.models.tiny.text_tower import TextEncoder
    from sdp_exporter.models.tiny.unet import DiffusionModel

WIDTH: Final = 96
"""Size of a token's context vector."""
IMAGE_SIZE: Final = 64
NULL_PROMPT: Final = ""
"""What guidance moves away from."""

VARIANTS: Final[Mapping[Component, tuple[str, ...]]] = MappingProxyType(
    {
        Component.TEXT_ENCODER: ("base", "sks"),
        Component.DIFFUSION_MODEL: ("base", "striped"),
        Component.DECODER: ("base",),
        Component.IMAGE_ENCODER: ("base",),
    }
)
"""The weights there are. "striped" is a diffusion model fine-tuned to draw white stripes across the shape, "sks" a text
encoder that has learnt the word "sks" for a yellow star."""

WEIGHTS: Final = Path(__file__).parent / "weights"
"""The folder of the weights that come with this package."""


def weights_path(component: Component, variant: str = "base", folder: Path = WEIGHTS) -> Path:
    """Returns the file of a variant's weights; only those of `VARIANTS` exist."""
    stem = component.replace("-", "_")
    return folder / (f"{stem}.npz" if variant == "base" else f"{stem}_{variant}.npz")


def text_encoder(weights: str = "base", folder: Path = WEIGHTS) -> "TextEncoder":
    """Returns a model: int32 [batch, 77] tokens -> float32 [batch, 77, WIDTH] context.

    Raises:
        FileNotFoundError: There are no such weights.
    """
    # Here and below: naming the weights must not load TensorFlow, making a model must.
    from sdp_exporter.models.tiny import arrays, fresh, token_table

    saved = token_table.expand(arrays.read(weights_path(Component.TEXT_ENCODER, weights, folder)))
    return arrays.assign(saved, fresh.text_encoder())


def diffusion_model(weights: str = "base", folder: Path = WEIGHTS) -> "DiffusionModel":
    """Returns a model of the noise in a latent.

    It is called with latent float32 [batch, 8, 8, 4], timestep int32 [batch] from 0 to 999 and context float32
    [batch, 77, WIDTH], and returns float32 [batch, 8, 8, 4].

    Raises:
        FileNotFoundError: There are no such weights.
    """
    from sdp_exporter.models.tiny import arrays, fresh

    saved = arrays.read(weights_path(Component.DIFFUSION_MODEL, weights, folder))
    return arrays.assign(saved, fresh.diffusion_model())


def decoder(weights: str = "base", folder: Path = WEIGHTS) -> "Decoder":
    """Returns a model: float32 [batch, 8, 8, 4] latent -> float32 [batch, 64, 64, 3] images in [-1, 1].

    The latent is what the sampler leaves, unscaled. Images may overshoot the range a little.

    Raises:
        FileNotFoundError: There are no such weights.
    """
    from sdp_exporter.models.tiny import arrays, fresh

    return arrays.assign(arrays.read(weights_path(Component.DECODER, weights, folder)), fresh.decoder())


def image_encoder(weights: str = "base", folder: Path = WEIGHTS) -> "Encoder":
    """Returns a model: float32 [batch, 64, 64, 3] images in [-1, 1] -> float32 [batch, 8, 8, 4] latent.

    Raises:
        FileNotFoundError: There are no such weights.
    """
    from sdp_exporter.models.tiny import arrays, fresh

    return arrays.assign(arrays.read(weights_path(Component.IMAGE_ENCODER, weights, folder)), fresh.image_encoder())
