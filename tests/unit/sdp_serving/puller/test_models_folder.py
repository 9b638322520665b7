from pathlib import Path

import pytest

from sdp_serving.contract.components import Component
from sdp_serving.contract.report import Pulled
from sdp_serving.contract.swap import ModelNumber
from sdp_serving.puller.laid import Laid
from sdp_serving.puller.models_folder import ModelsFolder, OnDisk

OLD, NEW = ModelNumber(20), ModelNumber(10)
LAID = Laid(
    asked="gs://bucket/model",
    model=Pulled(
        component=Component.DECODER,
        uri="gs://bucket/model/1",
        version=1,
        source_digest="sha256:0",
        weights="test",
        width=None,
        sd_version="tiny",
        size_bytes=1,
        seconds=0,
    ),
    files={},
)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "decoder"


@pytest.fixture
def folder(home: Path) -> ModelsFolder:
    """With the model OLD."""
    made = ModelsFolder(home)
    bring(made, OLD)
    made.lay(OLD)
    return made


def bring(folder: ModelsFolder, number: ModelNumber) -> None:
    partial = folder.partial(number)
    (partial / "variables").mkdir(parents=True)
    (partial / "variables" / "weights").write_text(f"weights of {number}")
    LAID.write(partial)


def test_a_folder_that_is_not_there_is_empty(home: Path) -> None:
    assert ModelsFolder(home).look() == OnDisk()


def test_it_tells_what_is_whole_from_what_is_not(folder: ModelsFolder, home: Path) -> None:
    bring(folder, NEW)
    folder.partial(ModelNumber(5)).mkdir()
    for name in (".previous/7", "8", "variables", ".20.gone", ".6.copy"):
        (home / name).mkdir(parents=True)

    assert folder.look() == OnDisk(
        models={OLD: LAID},
        partial={NEW: LAID, ModelNumber(5): None},
        clutter=frozenset({".previous/7", "8", "variables", ".20.gone", ".6.copy"}),
    )


def test_a_model_is_proven_until_it_is_withdrawn(folder: ModelsFolder) -> None:
    folder.prove(OLD)
    assert folder.look().proven == {OLD}

    folder.withdraw(OLD)

    assert folder.look() == OnDisk(partial={OLD: LAID})
    folder.lay(OLD)
    assert folder.look() == OnDisk(models={OLD: LAID})


def test_a_previous_model_comes_back_under_another_number_unproven_and_shares_its_bytes(
    folder: ModelsFolder, home: Path
) -> None:
    folder.prove(OLD)
    folder.keep(OLD)
    assert folder.look() == OnDisk(previous={OLD: LAID})

    (home / ".10.copy" / "left by one that was killed").mkdir(parents=True)
    folder.copy(f".previous/{OLD}", NEW)
    folder.lay(NEW)

    assert folder.look() == OnDisk(models={NEW: LAID}, previous={OLD: LAID})
    weights = home / str(NEW) / "variables" / "weights"
    assert weights.samefile(home / ".previous" / str(OLD) / "variables" / "weights")
    folder.remove(f".previous/{OLD}")
    assert weights.read_text() == f"weights of {OLD}"


def test_a_model_loses_its_number_before_its_files(
    folder: ModelsFolder, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    removed: list[list[str]] = []
    monkeypatch.setattr("shutil.rmtree", lambda path: removed.append(sorted(each.name for each in home.iterdir())))

    folder.remove(str(OLD))

    assert removed == [[".20.gone"]]
    assert folder.look().clutter == {".20.gone"}
