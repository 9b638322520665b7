"""The two models that are swapped for one another, and how to tell which of them has answered."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

import numpy as np
from demo.models import folder
from demo.shell import quietly
from demo.storage import BUCKET
from numpy.typing import NDArray

from benchmarks.common.machine import REPOSITORY
from devcluster import images
from devcluster.cluster import Cluster
from devcluster.paths import cache_dir
from sdp_exporter.train_tiny.measure import see
from sdp_serving.contract.components import Component

Picture = NDArray[np.uint8]
"""uint8 [64, 64, 3]."""

SWAPPED: Final = Component.DIFFUSION_MODEL
_BAKED: Final = REPOSITORY / "images" / "baked-model" / "Dockerfile"


class Model(StrEnum):
    """A diffusion model of sd-tiny."""

    BASE = "base"
    STRIPED = "striped"

    @property
    def uri(self) -> str:
        """Where it lies in storage."""
        return f"{folder(self)}/{SWAPPED}"

    @property
    def image(self) -> str:
        """The model server's image that has it in."""
        return f"localhost/benchmark-{self}:dev"

    @property
    def folder(self) -> Path:
        """Where `export` puts it: kept, so that the same model has the same version in each run."""
        return cache_dir() / "benchmark-swap" / self

    @property
    def copy(self) -> str:
        """The name in the bucket of a copy of that folder."""
        return f"benchmark-swap/{self}"


@dataclass(frozen=True)
class Wish:
    """What a user asks for: a model, at one of the places where it lies.

    Attributes:
        model: the model.
        uri: the place.
    """

    model: Model
    uri: str


WISHES: Final[Sequence[Wish]] = (
    *(Wish(model, model.uri) for model in Model),
    *(Wish(model, f"gs://{BUCKET}/{model.copy}/{SWAPPED}") for model in Model),
)
"""They come in turn. With only two of them each swap would be a going back, to a model that the operator and the pods
still know: nothing would be verified, and in place nothing fetched."""


def export() -> None:
    """Export the models to their folders.

    Raises:
        DemoError: the exporter failed.
    """
    for model in Model:
        target = ("--component", SWAPPED, "--to", model.folder.as_uri())
        quietly("sdpipeline", "export", "sd-tiny", "--weights", model, *target)


def bake(cluster: Cluster) -> None:
    """Build the image of each exported model, and bring it to the node.

    Raises:
        ClusterError: an image could not be built or brought in.
    """
    images.build_by_name("standin")
    for model in Model:
        server = {"SERVER": images.reference("standin")}
        images.load_image(cluster, images.build_image(model.image, _BAKED, model.folder, build_args=server))


def drawn_by(picture: Picture) -> Model:
    """Which model has drawn a picture."""
    return Model.STRIPED if see(picture).striped else Model.BASE
