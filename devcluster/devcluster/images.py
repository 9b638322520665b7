"""Container images: built from the Dockerfiles that users build, and brought into the node."""

import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
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

_ROOM = 10 << 30
"""Bytes that a build can take with what follows: until they are short, older layers make it faster."""

REPOSITORY = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class ImageRef:
    """A built image: the name that a pod uses, and the digest of what it was made of."""

    name: str
    inputs: str


def prepare() -> None:
    """Install what builds images, and make the base image.

    Raises:
        ClusterError: something can't be had here.
    """
    debian.provide(debian.IMAGE_PROGRAMS)
    with _store() as buildah:
        base_image.provide(buildah)


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
    with _store() as buildah:
        arguments = {"PYTHON_IMAGE": base_image.provide(buildah), **(build_args or {})}
        inputs = image_inputs.digest(dockerfile, context, arguments | {"base": base_image.DIGEST})
        made = _made(name, inputs)
        if not buildah.has(made):
            if shutil.disk_usage(cache_dir()).free < _ROOM:
                step("Removing outdated images")
                buildah.make_room()
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
        with _store() as buildah:
            buildah.save(_made(image.name, image.inputs), archive, under=image.name)
        with archive.open("rb") as opened:
            store.load(opened, image.name, inputs=image.inputs)


def reference(image: str) -> str:
    """Give the full name under which one of the repository's images is built."""
    return f"localhost/sdpipeline-{image}:dev"


def dockerfile(image: str) -> Path:
    """Give where the Dockerfile of one of the repository's images lies."""
    return REPOSITORY / "Dockerfile" if image == "operator" else REPOSITORY / "images" / image / "Dockerfile"


def build_by_name(image: str) -> ImageRef:
    """Build one of the repository's images: `operator` for the Dockerfile at the root, NAME for images/NAME/Dockerfile.

    Raises:
        ClusterError: there is no such image, or the build failed.
    """
    return build_image(reference(image), dockerfile(image))


def load_by_name(cluster: Cluster, image: str) -> str:
    """Bring one of the repository's images, or an OCI archive, into the cluster's node, and tell what came.

    Args:
        cluster: where to.
        image: a name as for `build_by_name`, or an archive's path.

    Raises:
        ClusterError: there is neither such an image nor such an archive.
    """
    if dockerfile(image).is_file():
        built = build_by_name(image)
        load_image(cluster, built)
        return f"the image {built.name}"
    if not Path(image).is_file():
        known = ", ".join(["operator", *sorted(path.parent.name for path in REPOSITORY.glob("images/*/Dockerfile"))])
        raise ClusterError(f"{image!r} is neither an image of this repository ({known}) nor the path of an archive.")
    with Path(image).open("rb") as archive:
        Images(lifecycle.node_of(cluster)).load(archive)
    return f"the images of {image}"


def _made(name: str, inputs: str) -> str:
    """Give the second name of an image, by which the store knows what it was made of."""
    return f"{name.rpartition(':')[0]}:{inputs}"


@contextmanager
def _store() -> Iterator[Buildah]:
    # Two sessions that start at once must not both build.
    with locked(cache_dir() / "images" / "lock"):
        yield Buildah()
