"""The two models that are swapped for one another, and how to tell which of them has answered."""

from enum import StrEnum
from typing import Final

import numpy as np
from demo.models import folder
from demo.shell import quietly
from numpy.typing import NDArray

from benchmarks.common.machine import REPOSITORY
from devcluster import images
from devcluster.cluster import Cluster
from devcluster.paths import cache_dir
from sdp_exporter.train_tiny.measure import see
from sdp_serving.contract.components import Component

Picture = NDArray[np.uint8]
"""uint8 [64, 64, 3]."""

_BAKED: Final = REPOSITORY / "images" / "baked-model" / "Dockerfile"


class Model(StrEnum):
    """A diffusion model of sd-tiny."""

    BASE = "base"
    STRIPED = "striped"

    @property
    def uri(self) -> str:
        """Where it lies in storage."""
        return f"{folder(self)}/{Component.DIFFUSION_MODEL}"

    @property
    def image(self) -> str:
        """The model server's image that has it in."""
        return f"localhost/benchmark-{self}:dev"

    @property
    def other(self) -> "Model":
        """The one that it is swapped for."""
        return Model.STRIPED if self is Model.BASE else Model.BASE


def bake(cluster: Cluster) -> None:
    """Build the image of each model, and bring it to the node.

    Raises:
        DemoError: a model could not be exported.
        ClusterError: an image could not be built or brought in.
    """
    images.build_by_name("standin")
    for model in Model:
        # Kept, so that the same model has the same version in each run, and its image need not be built again.
        context = cache_dir() / "benchmark-swap" / model
        target = ("--component", Component.DIFFUSION_MODEL, "--to", context.as_uri())
        quietly("sdpipeline", "export", "sd-tiny", "--weights", model, *target)
        server = {"SERVER": images.reference("standin")}
        images.load_image(cluster, images.build_image(model.image, _BAKED, context, build_args=server))


def drawn_by(picture: Picture) -> Model:
    """Which model has drawn a picture."""
    return Model.STRIPED if see(picture).striped else Model.BASE
