"""The versions of Stable Diffusion, and which of them go together."""

from enum import StrEnum
from types import MappingProxyType
from typing import Final


class StableDiffusionVersion(StrEnum):
    """A version that a pipeline can be of."""

    V1_4 = "1.4"
    V1_5 = "1.5"
    V2_0 = "2.0"
    V2_1 = "2.1"
    TINY = "tiny"
    """sd-tiny, which comes with this project."""

    @property
    def width(self) -> int:
        """Size of a token's context vector. Models of versions with the same one go together."""
        return _WIDTHS[self]


_WIDTHS: Final = MappingProxyType(
    {
        StableDiffusionVersion.V1_4: 768,
        StableDiffusionVersion.V1_5: 768,
        StableDiffusionVersion.V2_0: 1024,
        StableDiffusionVersion.V2_1: 1024,
        StableDiffusionVersion.TINY: 96,
    }
)
