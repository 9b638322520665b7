"""The heights and widths of images that a model is for."""

from typing import Annotated, Final, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

SIZE_STEP: Final = 64
"""Heights and widths in pixels are multiples of it: eight latent cells, which a UNet halves three times."""


class ImageSizes(BaseModel):
    """Heights and widths in pixels that a model takes or gives: one, or the multiples of 64 between two."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    smallest: Annotated[int, Field(gt=0, multiple_of=8)]
    largest: Annotated[int, Field(gt=0, multiple_of=8)]

    @model_validator(mode="after")
    def _is_a_range(self) -> Self:
        if self.smallest > self.largest:
            raise ValueError(f"smallest ({self.smallest}) must not be above largest ({self.largest})")
        return self

    @classmethod
    def only(cls, pixels: int) -> Self:
        """The one size of `pixels`."""
        return cls(smallest=pixels, largest=pixels)

    @property
    def are_several(self) -> bool:
        """Whether there is more than one."""
        return self.smallest < self.largest

    def __contains__(self, pixels: int) -> bool:
        """Whether `pixels` is one of them."""
        if not self.are_several:
            return pixels == self.smallest
        return self.smallest <= pixels <= self.largest and pixels % SIZE_STEP == 0

    def meet(self, other: Self) -> bool:
        """Whether there is a size that is among both."""
        if not self.are_several:
            return self.smallest in other
        if not other.are_several:
            return other.smallest in self
        return max(self.smallest, other.smallest) <= min(self.largest, other.largest)

    def __str__(self) -> str:
        """Such as `512` or `256 to 768`."""
        return f"{self.smallest} to {self.largest}" if self.are_several else str(self.smallest)
