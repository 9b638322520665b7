"""The models that Stable Diffusion consists of, and the ports that each is served on."""

from enum import StrEnum
from typing import Final

GRPC_PORT: Final = 8500
REST_PORT: Final = 8501


class Component(StrEnum):
    """One of the models. Its value is its name in TensorFlow Serving and the suffix of its children's names."""

    TEXT_ENCODER = "text-encoder"
    DIFFUSION_MODEL = "diffusion-model"
    DECODER = "decoder"
    IMAGE_ENCODER = "image-encoder"
    """Optional: for pictures that start from a picture."""

    @property
    def field(self) -> str:
        """The component's key in the custom resource's spec and status, such as `textEncoder`."""
        head, *tail = self.value.split("-")
        return head + "".join(word.capitalize() for word in tail)


DRAWING: Final = (Component.TEXT_ENCODER, Component.DIFFUSION_MODEL, Component.DECODER)
"""The components that every picture takes, in the order of their turns."""
