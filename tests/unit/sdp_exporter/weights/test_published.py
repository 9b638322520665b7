import hashlib
import importlib.util
from dataclasses import replace
from pathlib import Path

import pytest

from sdp_exporter.errors import UnusableWeightsError
from sdp_exporter.weights import copies, published
from sdp_serving.contract.components import Component
from sdp_serving.contract.versions import StableDiffusionVersion

HAS = (StableDiffusionVersion.V1_4, StableDiffusionVersion.V2_1)


@pytest.fixture
def file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> published.Published:
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    (known,) = published.pretrained(StableDiffusionVersion.V1_4, [Component.DIFFUSION_MODEL]).values()
    return replace(known, sha256=hashlib.sha256(b"weights").hexdigest())


def test_weights_that_kerascv_has_downloaded_are_taken_where_they_are(
    file: published.Published, tmp_path: Path
) -> None:
    file.path.parent.mkdir()
    file.path.write_bytes(b"weights")

    assert file.bring() == tmp_path / "datasets" / "kcv_diffusion_model.h5"


def test_another_file_in_kerascvs_place_is_refused_and_left(file: published.Published) -> None:
    file.path.parent.mkdir()
    file.path.write_bytes(b"tampered with")

    with pytest.raises(UnusableWeightsError, match=r"h5 is not what KerasCV published .* delete it"):
        file.bring()
    assert file.path.exists()


def test_weights_that_are_not_there_are_downloaded_and_held_to_their_digest(
    file: published.Published, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, Path]] = []

    def copy(url: str, target: Path) -> Path:
        asked.append((url, target))
        return target

    monkeypatch.setattr(copies, "copy_web", copy)
    file.bring()
    assert asked == [(f"{file.url}#sha256={file.sha256}", file.path)]


def test_every_digest_is_the_one_that_kerascv_holds_its_download_to() -> None:
    spec = importlib.util.find_spec("keras_cv")
    assert spec is not None
    assert spec.origin is not None
    modules = (Path(spec.origin).parent / "src/models/stable_diffusion").glob("*.py")
    calls = "".join("".join(module.read_text().split()) for module in modules)
    for version in HAS:
        for one in published.pretrained(version, tuple(Component)).values():
            assert f'origin="{one.url}",#noqa:E501file_hash="{one.sha256}"' in calls


def test_versions_that_kerascv_has_no_weights_of_are_refused() -> None:
    with pytest.raises(
        UnusableWeightsError, match=r"no pretrained weights of Stable Diffusion 1\.5, only of 1\.4 and 2\.1"
    ):
        published.pretrained(StableDiffusionVersion.V1_5, [Component.DECODER])
