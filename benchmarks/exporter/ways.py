"""The ways to draw that are compared, each measured in a process of its own."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from sdp_serving.contract.artifact import Precision

if TYPE_CHECKING:
    # Loads TensorFlow.
    from sdp_exporter.sampling.guidance import Guidance


@dataclass(frozen=True)
class Exported:
    """The exporter's diffusion model.

    Attributes:
        precision: as `--precision`.
        guidance: as `--guidance`.
        jit_compile: as `--jit-compile`.
        caches: whether keys and values of the cross-attention are computed once a picture; the exporter always does.
    """

    precision: Precision = "float32"
    guidance: "Guidance" = "separate"
    jit_compile: bool = False
    caches: bool = True


@dataclass(frozen=True)
class Way:
    """One way to draw.

    Attributes:
        title: its name.
        what: the program that draws: the exporter's model with its options, or another.
        frozen: whether TensorFlow may take weights for constant (TF_ONEDNN_ASSUME_FROZEN_WEIGHTS=1).
    """

    title: str
    what: Exported | Literal["seed", "keras-cv", "diffusers", "diffusers-bfloat16"]
    frozen: bool = False


SEED: Final = Way("The seed", "seed")
"""What others are compared with."""
EQUAL_MATHS: Final = Way("float32, frozen weights", Exported(), frozen=True)
FASTEST: Final = Way("bfloat16, frozen weights", Exported(precision="bfloat16"), frozen=True)

WAYS: Final[Sequence[Way]] = (
    SEED,
    Way("float32", Exported()),
    Way("… keys and values in every step", Exported(caches=False)),
    Way("… guidance in one call", Exported(guidance="batched")),
    Way("… XLA", Exported(jit_compile=True)),
    EQUAL_MATHS,
    Way("mixed_bfloat16", Exported(precision="mixed_bfloat16")),
    Way("bfloat16", Exported(precision="bfloat16")),
    FASTEST,
    Way("KerasCV's generate_image", "keras-cv"),
    Way("diffusers, float32", "diffusers"),
    Way("diffusers, bfloat16", "diffusers-bfloat16"),
)
