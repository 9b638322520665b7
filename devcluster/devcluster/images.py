"""Container images: built from the Dockerfiles that users build, and brought into the node."""

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from devcluster import base_image, debian, image_inputs, lifecycle
from devcluster.buildah import Buildah
from devcluster.cluster import Cluster
from devcluster.console import step
from devcluster.containerd import Images
from devcluster.errors import ClusterError
from devcluster.lock import locked
from devcluster.paths import cache_dir

REPOSITORY = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class ImageRef:
    """A built image: the name that a pod uses, and the digest of what it was made of."""

    name: str
    inputs: str


def build_image(
    name: str, dockerfile: Path, context: Path = REPOSITORY, *, build_args: Mapping[str, str] | None = None
) -> ImageRef:
    """Build an image, unless it is there and nothing that goes into it has changed.

    Args:
        name: the image's full name, as localhost/sdpipeline-operator:dev.
        dockerfile: what to build; its argument PYTHON_IMAGE is set to a local base image.
        context: the folder that it copies from.
        build_args: further arguments.

    Raises:
        ClusterError: there is no such Dockerfile, or the build failed.
    """
    if not dockerfile.exists():
        raise ClusterError(f"There is no {dockerfile}, so {name} can't be built.")
    debian.provide(debian.IMAGE_PROGRAMS)
    buildah = Buildah()
    with locked(cache_dir() / "images" / "lock"):
        arguments = {"PYTHON_IMAGE": base_image.provide(buildah), **(build_args or {})}
        inputs = image_inputs.digest(dockerfile, context, arguments | {"base": base_image.DIGEST})
        made = f"{name.rpartition(':')[0]}:{inputs}"
        if not buildah.has(made):
            step(f"Building the image {name}")
            buildah.build([name, made], dockerfile, context, arguments)
    return ImageRef(name, inputs)


def load_image(cluster: Cluster, image: ImageRef) -> None:
    """Bring a built image into the cluster's node, unless it is there.

    Raises:
        ClusterError: the cluster has no node, or the import failed.
    """
    store = Images(lifecycle.node_of(cluster))
    if store.has(image.name, inputs=image.inputs):
        return
    step(f"Importing the image {image.name}")
    with tempfile.TemporaryDirectory() as work:
        archive = Path(work) / "image.tar"
        Buildah().save(f"{image.name.rpartition(':')[0]}:{image.inputs}", archive, under=image.name)
        with archive.open("rb") as opened:
            store.load(opened, image.name, inputs=image.inputs)


def load_by_name(cluster: Cluster, image: str) -> str:
    """Bring one of the repository's images, or an OCI archive, into the cluster's node, and tell what came.

    Args:
        cluster: where to.
        image: `operator` for the Dockerfile at the root, NAME for images/NAME/Dockerfile, or an archive's path.

    Raises:
        ClusterError: there is neither such an image nor such an archive.
    """
    folders = sorted(path.parent.name for path in (REPOSITORY / "images").glob("*/Dockerfile"))
    if image == "operator" or image in folders:
        dockerfile = REPOSITORY / "Dockerfile" if image == "operator" else REPOSITORY / "images" / image / "Dockerfile"
        built = build_image(f"localhost/sdpipeline-{image}:dev", dockerfile)
        load_image(cluster, built)
        return f"the image {built.name}"
    if not Path(image).is_file():
        known = ", ".join(["operator", *folders])
        raise ClusterError(f"{image!r} is neither an image of this repository ({known}) nor the path of an archive.")
    with Path(image).open("rb") as archive:
        Images(lifecycle.node_of(cluster)).load(archive)
    return f"the images of {image}"
