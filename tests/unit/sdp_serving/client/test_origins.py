from collections.abc import Mapping
from pathlib import Path

from tests.support.artifacts import manifest, saved_model

from sdp_serving.client.errors import KubectlError
from sdp_serving.client.origins import Origin, Origins, origin_of_folder
from sdp_serving.contract.artifact import MANIFEST
from sdp_serving.contract.components import Component

MODEL = Component.DIFFUSION_MODEL
BASE = Origin("gs://b/base", f"sha256:{'a' * 64}")
STRIPED = Origin("gs://b/striped", f"sha256:{'b' * 64}")


class Status:
    """What the pipeline's status says of its diffusion model."""

    def __init__(self) -> None:
        self.says: Origin | None = BASE
        self.read = 0

    def __call__(self) -> Mapping[Component, Origin]:
        self.read += 1
        if self.says is None:
            raise KubectlError("the cluster did not answer")
        return {MODEL: self.says}


def test_a_model_that_answers_on_is_not_asked_after() -> None:
    status = Status()
    origins = Origins({MODEL: BASE}, status)
    assert [origins.receipt(MODEL, 5).uri for _ in range(3)] == ["gs://b/base"] * 3
    assert origins.receipt(MODEL, 5).digest == BASE.digest
    assert status.read == 0


def test_its_successor_is_asked_after_once() -> None:
    status = Status()
    origins = Origins({MODEL: BASE}, status)
    origins.receipt(MODEL, 5)
    status.says = STRIPED
    assert [origins.receipt(MODEL, 4).uri for _ in range(3)] == ["gs://b/striped"] * 3
    assert status.read == 1


def test_a_status_that_is_behind_or_cannot_be_read_tells_nothing_of_a_successor() -> None:
    status = Status()
    origins = Origins({MODEL: BASE}, status)
    origins.receipt(MODEL, 5)

    assert (origins.receipt(MODEL, 4).uri, origins.receipt(MODEL, 4).version) == (None, 4)
    status.says = None
    assert origins.receipt(MODEL, 4).digest is None
    assert origins.receipt(MODEL, 5).uri == "gs://b/base"
    status.says = STRIPED
    assert origins.receipt(MODEL, 4).uri == "gs://b/striped"


def test_a_component_that_nothing_is_known_of_has_its_version() -> None:
    assert Origins({}, dict).receipt(MODEL, 5).model_dump(exclude_none=True) == {"version": 5}


def test_a_folder_tells_by_its_manifest(tmp_path: Path) -> None:
    folder = saved_model(tmp_path / "7")
    assert origin_of_folder(folder) == Origin(folder.as_uri(), None)
    (folder / MANIFEST).write_text(manifest(folder, 7).model_dump_json())
    assert origin_of_folder(folder).digest == f"sha256:{'0' * 64}"
