"""The demo, told once for all end-to-end tests on a cluster of their own."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from demo import story
from demo.story import Told
from demo.target import PROGRAMS, Access

from devcluster import Cluster, images


@dataclass(frozen=True)
class RunningCluster:
    """A Target that is up already and that somebody else takes down."""

    cluster: Cluster
    folder: Path

    def start(self) -> Access:
        return Access(self.cluster.kubeconfig, (PROGRAMS, Path(self.cluster.kubectl_program).parent))

    def load_image(self, name: str) -> None:
        images.load_by_name(self.cluster, name)

    def storage_folder(self) -> Path:
        return self.folder

    def stop(self) -> None:
        pass


@pytest.fixture(scope="session")
def demo_cluster(node_cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """The cluster with the operator, a storage emulator and models in it; programs of the tests are led to it."""
    storage = tmp_path_factory.mktemp("storage")
    storage.chmod(0o777)  # The emulator is not root.
    before, folder = dict(os.environ), Path.cwd()
    try:
        story.set_up(RunningCluster(node_cluster, storage))
        yield node_cluster
    finally:
        os.chdir(folder)
        os.environ.clear()
        os.environ.update(before)


@pytest.fixture(scope="session")
def told(demo_cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Told:
    """What came of the whole demo; its pipeline serves on."""
    return story.tell(tmp_path_factory.mktemp("out"))


@pytest.fixture(scope="session")
def with_exporter(demo_cluster: Cluster) -> Cluster:
    """The cluster whose node has the exporter's image too."""
    images.load_by_name(demo_cluster, "exporter")
    return demo_cluster
