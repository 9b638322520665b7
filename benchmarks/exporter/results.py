"""What was measured, as it is kept in results.json."""

from collections.abc import Mapping, Sequence

from pydantic import AwareDatetime

from benchmarks.common.machine import Machine
from benchmarks.common.results import Seconds, Value


class Drawn(Value):
    """One way at one size.

    Attributes:
        way: its title.
        size: of the picture, in pixels.
        step: a picture of one step.
        pictures: seconds of whole pictures, by their sampler and steps.
        memory: the most that the process held meanwhile, in MB (of 1,000,000 bytes); it built the model as well.
    """

    way: str
    size: int
    step: Seconds
    pictures: Mapping[str, float]
    memory: float


class Products(Value):
    """Floating point operations a second of a plain product of matrices, by their type."""

    float32: float
    bfloat16: float


class Results(Value):
    """One run of the benchmark."""

    when: AwareDatetime
    commit: str
    """The commit that was measured."""
    machine: Machine
    libraries: Mapping[str, str]
    """Their versions."""
    products: Products
    operations: Mapping[int, float]
    """Of one call of the diffusion model for one picture, by its size."""
    drawn: Sequence[Drawn] = ()

    def of(self, way: str, size: int) -> Drawn | None:
        """What was measured of this way at this size."""
        return next((one for one in self.drawn if (one.way, one.size) == (way, size)), None)
