import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sdp_serving.standin.errors import Code, ServingError
from sdp_serving.standin.manager import ModelManager, Timing
from sdp_serving.standin.model_config import ModelConfig
from sdp_serving.standin.version_policy import All, State

TIMING = Timing(poll_seconds=0.01, retries=2, retry_seconds=0.001)


class Loaded:
    """What the manager holds in these tests."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.closed = threading.Event()

    def close(self) -> None:
        self.closed.set()


class Loader:
    """Loads what it is told to, when it is told to."""

    def __init__(self) -> None:
        self.go = threading.Event()
        self.go.set()
        self.broken: set[str] = set()
        self.tries: list[str] = []

    def __call__(self, folder: Path) -> Loaded:
        self.tries.append(folder.name)
        assert self.go.wait(10)
        if folder.name in self.broken:
            raise ServingError(Code.DATA_LOSS, "torn")
        return Loaded(folder)


@pytest.fixture
def loader() -> Loader:
    return Loader()


@pytest.fixture
def manager(loader: Loader) -> Iterator[ModelManager[Loaded]]:
    made = ModelManager(loader, TIMING)
    yield made
    loader.go.set()
    made.stop()


@pytest.fixture
def base(tmp_path: Path) -> Path:
    (tmp_path / "1").mkdir()
    return tmp_path


def wait_until(condition: Callable[[], bool]) -> None:
    pause = threading.Event()
    for _ in range(1000):
        if condition():
            return
        pause.wait(0.01)
    raise AssertionError("it never came")


def states(manager: ModelManager[Loaded]) -> dict[int, State]:
    return {version: status.state for version, status in manager.statuses("m").items()}


def test_a_version_is_loading_while_it_loads(manager: ModelManager[Loaded], loader: Loader, base: Path) -> None:
    manager.configure([ModelConfig("m", str(base))])
    loader.go.clear()

    (base / "2").mkdir()

    wait_until(lambda: states(manager) == {2: State.LOADING, 1: State.AVAILABLE})
    with pytest.raises(ServingError, match=r"Servable not found for request: Specific\(m, 2\)"), manager.lease("m", 2):
        pass
    loader.go.set()
    wait_until(lambda: states(manager) == {2: State.AVAILABLE, 1: State.END})


def test_a_lent_version_is_closed_only_when_it_is_given_back(manager: ModelManager[Loaded], base: Path) -> None:
    manager.configure([ModelConfig("m", str(base))])
    with manager.lease("m") as lease:
        (base / "2").mkdir()
        wait_until(lambda: states(manager) == {2: State.AVAILABLE, 1: State.UNLOADING})
        assert not lease.servable.closed.is_set()

    assert lease.servable.closed.wait(10)
    wait_until(lambda: states(manager)[1] is State.END)


def test_a_failed_load_is_tried_again_as_often_as_told(
    manager: ModelManager[Loaded], loader: Loader, base: Path
) -> None:
    loader.broken.add("1")

    with pytest.raises(ServingError, match="due to error: DATA_LOSS: torn") as raised:
        manager.configure([ModelConfig("m", str(base))])

    assert raised.value.code is Code.UNKNOWN
    assert loader.tries == ["1"] * 3
    assert manager.statuses("m")[1].code is Code.DATA_LOSS


def test_a_version_that_failed_is_loaded_when_it_was_taken_away_and_laid_down_again(
    manager: ModelManager[Loaded], loader: Loader, base: Path
) -> None:
    loader.broken.add("2")
    manager.configure([ModelConfig("m", str(base))])
    (base / "2").mkdir()
    wait_until(lambda: states(manager) == {2: State.END, 1: State.AVAILABLE})
    (base / "2").rmdir()
    loader.broken.clear()
    (base / "3").mkdir()
    wait_until(lambda: states(manager).get(3) is State.AVAILABLE)
    (base / "3").rmdir()

    (base / "2").mkdir()

    wait_until(lambda: states(manager)[2] is State.AVAILABLE)


def test_a_base_path_that_goes_away_leaves_the_model_serving(
    manager: ModelManager[Loaded], loader: Loader, base: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    manager.configure([ModelConfig("m", str(base))])

    base.rename(tmp_path_factory.mktemp("moved") / "models")
    other = tmp_path_factory.mktemp("other")
    (other / "1").mkdir()
    manager.configure([ModelConfig("m", str(base)), ModelConfig("other", str(other))])

    assert states(manager) == {1: State.AVAILABLE}


def test_with_no_polling_a_later_version_is_not_seen(loader: Loader, base: Path) -> None:
    manager = ModelManager(loader, Timing(poll_seconds=0))
    manager.configure([ModelConfig("m", str(base))])
    poller = next((thread for thread in threading.enumerate() if thread.name == "poll"), None)

    if poller is not None:
        poller.join(10)
    assert states(manager) == {1: State.AVAILABLE}
    assert not any(thread.name == "poll" for thread in threading.enumerate())
    manager.stop()


def test_a_label_must_stand_for_an_available_version(manager: ModelManager[Loaded], base: Path) -> None:
    with pytest.raises(ServingError, match="Request to assign label to version 9 of model m") as raised:
        manager.configure([ModelConfig("m", str(base), All(), {"next": 9})])

    assert raised.value.code is Code.FAILED_PRECONDITION


def test_a_new_label_may_wait_for_its_version_when_that_is_allowed(loader: Loader, base: Path) -> None:
    manager = ModelManager(loader, TIMING, labels_before_load=True)
    manager.configure([ModelConfig("m", str(base), All(), {"next": 2})])
    (base / "2").mkdir()

    wait_until(lambda: states(manager).get(2) is State.AVAILABLE)
    with manager.lease("m", label="next") as lease:
        assert lease.version == 2
    manager.stop()


def test_folders_whose_names_are_no_numbers_are_no_versions(manager: ModelManager[Loaded], base: Path) -> None:
    (base / "incoming-2").mkdir()
    (base / "3").write_text("a file")

    manager.configure([ModelConfig("m", str(base), All())])

    assert states(manager) == {1: State.AVAILABLE}
