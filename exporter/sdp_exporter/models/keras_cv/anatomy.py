"""What distinguishes the versions of Stable Diffusion: numbers of channels, heads and layers."""

from dataclasses import dataclass
from typing import Final, Literal

from sdp_serving.contract.versions import StableDiffusionVersion

BLOCKS_A_LEVEL: Final = 2
"""Residual blocks at each level of the UNet's way down and of the image encoder; the ways up have one more."""


@dataclass(frozen=True)
class TextAnatomy:
    """CLIP's text tower."""

    width: int
    layers: int
    heads: int
    activation: Literal["quick_gelu", "gelu"]
    vocabulary: int = 49408


@dataclass(frozen=True)
class UNetAnatomy:
    """The diffusion model."""

    width: int
    """Size of a token's context vector."""
    channels: tuple[int, ...]
    """By level, from the whole latent's; every level but the last has transformers. Multiples of 32."""
    heads: tuple[int, ...]
    """Of the transformers at each level."""
    linear_projections: bool
    """Whether a transformer's projections are stored as dense layers, not as convolutions of one pixel."""

    @property
    def time_width(self) -> int:
        """Size of the embedded timestep."""
        return 4 * self.channels[0]


@dataclass(frozen=True)
class AutoencoderAnatomy:
    """The decoder and the image encoder."""

    channels: tuple[int, ...]
    """By level, from the image's. Multiples of 32."""


@dataclass(frozen=True)
class Anatomy:
    """All components of one version."""

    text: TextAnatomy
    unet: UNetAnatomy
    autoencoder: AutoencoderAnatomy


_AUTOENCODER: Final = AutoencoderAnatomy((128, 256, 512, 512))
V1: Final = Anatomy(
    TextAnatomy(768, 12, 12, "quick_gelu"),
    UNetAnatomy(768, (320, 640, 1280, 1280), (8, 8, 8, 8), linear_projections=False),
    _AUTOENCODER,
)
"""Stable Diffusion 1.4 and 1.5."""
V2: Final = Anatomy(
    # The tower has 24 layers; the last is not used, and KerasCV and diffusers leave it out.
    TextAnatomy(1024, 23, 16, "gelu"),
    UNetAnatomy(1024, (320, 640, 1280, 1280), (5, 10, 20, 20), linear_projections=True),
    _AUTOENCODER,
)
"""Stable Diffusion 2.0 and 2.1, of 512 pixels (which predict the noise) and of 768 (which predict v)."""


def anatomy(version: StableDiffusionVersion) -> Anatomy:
    """The anatomy of `version`, which is not sd-tiny's."""
    match version:
        case StableDiffusionVersion.V1_4 | StableDiffusionVersion.V1_5:
            return V1
        case StableDiffusionVersion.V2_0 | StableDiffusionVersion.V2_1:
            return V2
        case StableDiffusionVersion.TINY:
            raise AssertionError("sd-tiny has an anatomy of its own")
