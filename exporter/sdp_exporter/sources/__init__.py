"""What can be exported, described without loading TensorFlow."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from sdp_serving.contract.artifact import Precision
from sdp_serving.contract.components import Component
from sdp_serving.contract.image_sizes import ImageSizes

if TYPE_CHECKING:
    import tensorflow as tf

    from sdp_serving.contract.signatures import SignatureName


class Saveable(Protocol):
    """A tf.Module that names the functions to save."""

    def signatures(self) -> "dict[SignatureName, tf.types.experimental.ConcreteFunction]":
        """The functions by their signature's name."""
        ...


@dataclass(frozen=True)
class Source:
    """One component with one set of weights."""

    component: Component
    sd_version: str
    """The version of Stable Diffusion whose anatomy it has, such as `1.5`; `tiny` for sd-tiny."""
    width: int
    """Size of a token's context vector."""
    image_size: int
    """Pixels along one side of an image."""
    name: str
    """What it is in a person's words, such as `sd-tiny/striped`."""
    weights: tuple[Path, ...]
    """The files that the weights come from; none for random ones."""
    build: Callable[[], Saveable]
    """Load TensorFlow, build the model and load the weights."""
    image_sizes: ImageSizes | None = None
    """What requests may ask for, of all but the text encoder; None for `image_size` only."""
    precision: Precision = "float32"
    """What the model computes with."""
    jit_compile: bool = False
    """Whether XLA compiles a part of it."""
    settings: str = ""
    """Whatever else the model depends on, such as the scale that a LoRA is merged at: another text, another model."""
    digests: Mapping[Path, str] = field(default_factory=dict)
    """The SHA-256 of those weights that are known by it, and may not be there before the model is built."""
    words: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    """Of a text encoder: words beyond CLIP's vocabulary, with their tokens."""
