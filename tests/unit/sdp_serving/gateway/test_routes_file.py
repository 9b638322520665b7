import json
from pathlib import Path

import pytest

from sdp_serving.contract.components import Component
from sdp_serving.gateway.routes_file import RoutesFile

UNET = Component.DIFFUSION_MODEL


@pytest.fixture
def mount(tmp_path: Path) -> "Mount":
    """A ConfigMap's folder, as the kubelet writes it."""
    return Mount(tmp_path)


class Mount:
    """Each state of the ConfigMap is a folder; a link leads to the current one."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "routes.json"
        self.file.symlink_to("..data/routes.json")
        self._folder = folder
        self._states = 0

    def write(self, content: str) -> None:
        """Write another state."""
        self._states += 1
        state = self._folder / f"..state-{self._states}"
        state.mkdir()
        (state / "routes.json").write_text(content)
        link = self._folder / "..data_tmp"
        link.symlink_to(state.name)
        link.rename(self._folder / "..data")

    def canary(self, percent: int) -> None:
        """Write a state with this canary."""
        canary = {"version": 3, "percent": percent, "model": "gs://b/unet", "of a later version": 1}
        self.write(json.dumps({"canaries": {UNET: canary}}))


def test_it_is_read_again_whenever_it_changes(mount: Mount) -> None:
    routes = RoutesFile(mount.file)
    assert routes.canary(UNET) is None, "there is none yet"
    for percent in (10, 50, 11):  # of the same length too
        mount.canary(percent)
        found = routes.canary(UNET)
        assert found is not None
        assert (found.version, found.percent, found.model) == (3, percent, "gs://b/unet")
        assert routes.canary(Component.DECODER) is None

    mount.write('{"canaries": {}}')
    assert routes.canary(UNET) is None


def test_what_cannot_be_read_is_told_once_and_changes_nothing(mount: Mount, caplog: pytest.LogCaptureFixture) -> None:
    routes = RoutesFile(mount.file)
    mount.canary(10)
    assert routes.canary(UNET) is not None

    mount.write('{"canaries": {"diffusion-model": {"version": 0}}}')
    for _ in range(3):
        assert routes.canary(UNET) is not None
    assert len(caplog.records) == 1
    assert "so that all stays as it was" in caplog.text


def test_without_a_file_there_is_no_canary(mount: Mount) -> None:
    assert RoutesFile(None).canary(UNET) is None
    routes = RoutesFile(mount.file)
    mount.canary(10)
    assert routes.canary(UNET) is not None
    mount.file.unlink()
    assert routes.canary(UNET) is None
