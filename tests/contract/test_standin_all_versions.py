"""The stand-in under `model_version_policy { all {} }`, which a swap in place rests on: as TensorFlow Serving does.

A newer model has a lower number here, as in the pods: it is loaded and tried beside the one that answers.
"""

import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests
from tests.support.small_models import save_add, save_slow
from tests.support.standin import StandIn, standin

OLD, NEW, OTHER = 30, 20, 10


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Models to copy from: `old` answers 2, `new` 12, `corrupt` is no model, `slow` takes its time."""
    folder = tmp_path_factory.mktemp("library")
    save_add(folder / "old", 1)
    save_add(folder / "new", 1, offset=10)
    save_slow(folder / "slow", 1)
    shutil.copytree(folder / "old", folder / "corrupt")
    (folder / "corrupt" / "1" / "saved_model.pb").write_bytes(b"this is no SavedModel")
    return folder


@dataclass(frozen=True)
class Served:
    """A server of all versions in a folder, and that folder."""

    server: StandIn
    base: Path
    library: Path

    def put(self, model: str, number: int) -> None:
        put(self.library, self.base, model, number)

    def remove(self, number: int) -> None:
        shutil.rmtree(self.base / str(number))

    def answer(self, number: int | None = None) -> Any:
        response = self.ask(number)
        assert response.status_code == 200, response.text
        return response.json()["outputs"]

    def ask(self, number: int | None = None) -> requests.Response:
        model = "m" if number is None else f"m/versions/{number}"
        return self.server.predict(model, {"inputs": {"a": 1, "b": 1}})

    def states(self) -> dict[str, str]:
        return self.server.states("m")


def put(library: Path, base: Path, model: str, number: int) -> None:
    """Lay `model` down as a version, whole at once."""
    incoming = base / f".{number}.partial"
    shutil.copytree(library / model / "1", incoming)
    incoming.rename(base / str(number))


@contextmanager
def serving(folder: Path, library: Path, **models: int) -> Iterator[Served]:
    """A server that starts with `models`, by name, of these numbers."""
    base = folder / "models"
    base.mkdir()
    for model, number in models.items():
        put(library, base, model, number)
    config = folder / "models.config"
    config.write_text(
        f'model_config_list {{ config {{ name: "m" base_path: "{base}" model_platform: "tensorflow"'
        " model_version_policy { all {} } } }"
    )
    flags = ("--num_load_threads=1", "--max_num_load_retries=1", "--load_retry_interval_micros=1000")
    with standin(folder, f"--model_config_file={config}", *flags) as server:
        server.wait_until_serving()
        yield Served(server, base, library)


def test_a_request_without_a_version_goes_to_the_highest_and_each_can_be_named(tmp_path: Path, library: Path) -> None:
    with serving(tmp_path, library, old=OLD) as served:
        served.put("new", NEW)

        served.server.wait_until(lambda: served.states() == {str(OLD): "AVAILABLE", str(NEW): "AVAILABLE"})
        assert (served.answer(), served.answer(OLD), served.answer(NEW)) == (2.0, 2.0, 12.0)
        assert served.ask(OTHER).status_code == 404
        assert served.server.get(f"/v1/models/m/versions/{NEW}/metadata").json()["model_spec"]["version"] == str(NEW)


def test_a_version_that_is_still_loading_is_not_to_be_had(tmp_path: Path, library: Path) -> None:
    with serving(tmp_path, library, old=OLD) as served:
        refused = served.ask(NEW)
        assert refused.status_code == 404
        assert "Servable not found for request: Specific(m, 20)" in refused.json()["error"]
        served.put("new", NEW)

        codes: set[int] = set()

        def is_there() -> bool:
            codes.add(code := served.ask(NEW).status_code)
            return code == 200

        served.server.wait_until(is_there)
        assert codes <= {404, 200}


def test_no_request_fails_while_the_highest_version_goes_and_the_next_takes_over(tmp_path: Path, library: Path) -> None:
    with serving(tmp_path, library, old=OLD) as served:
        served.put("new", NEW)
        served.server.wait_until(lambda: served.states().get(str(NEW)) == "AVAILABLE")
        answers: list[Any] = []
        done = threading.Event()

        def ask() -> None:
            while not done.is_set():
                answers.append(served.answer())

        askers = [threading.Thread(target=ask) for _ in range(3)]
        for asker in askers:
            asker.start()
        try:
            served.server.wait_until(lambda: len(answers) > 20)
            served.remove(OLD)
            served.server.wait_until(lambda: served.states() == {str(OLD): "END", str(NEW): "AVAILABLE"})
            after = len(answers)
            served.server.wait_until(lambda: len(answers) > after + 20)
        finally:
            done.set()
            for asker in askers:
                asker.join()

        assert set(answers) == {2.0, 12.0}
        assert set(answers[after + len(askers) :]) == {12.0}


def test_a_version_that_fails_to_load_ends_with_the_error_and_the_others_go_on(tmp_path: Path, library: Path) -> None:
    with serving(tmp_path, library, old=OLD) as served:
        served.put("corrupt", NEW)

        served.server.wait_until(lambda: served.states().get(str(NEW)) == "END")
        running, failed = served.server.get("/v1/models/m").json()["model_version_status"]
        assert (running["version"], running["state"], running["status"]["error_code"]) == (str(OLD), "AVAILABLE", "OK")
        assert failed["status"]["error_code"] != "OK"
        assert "saved_model.pb" in failed["status"]["error_message"]
        assert served.answer() == 2.0
        assert served.ask(NEW).status_code == 404

        served.remove(NEW)
        served.put("new", OTHER)
        served.server.wait_until(lambda: served.states().get(str(OTHER)) == "AVAILABLE")
        assert (served.states()[str(OLD)], served.answer(OTHER)) == ("AVAILABLE", 12.0)


def test_a_candidate_that_goes_leaves_the_one_that_answers_alone(tmp_path: Path, library: Path) -> None:
    with serving(tmp_path, library, old=OLD) as served:
        served.put("new", NEW)
        served.server.wait_until(lambda: served.states().get(str(NEW)) == "AVAILABLE")

        served.remove(NEW)

        served.server.wait_until(lambda: served.states() == {str(OLD): "AVAILABLE", str(NEW): "END"})
        ended = served.server.get(f"/v1/models/m/versions/{NEW}").json()["model_version_status"][0]
        assert ended["status"] == {"error_code": "OK", "error_message": ""}
        assert served.answer() == 2.0


def test_a_request_under_way_ends_on_the_version_that_goes(tmp_path: Path, library: Path) -> None:
    with serving(tmp_path, library, slow=OLD) as served:
        served.put("new", NEW)
        served.server.wait_until(lambda: served.states().get(str(NEW)) == "AVAILABLE")
        answers: list[requests.Response] = []
        steps = _steps_of_seconds(served, 4)
        asker = threading.Thread(
            target=lambda: answers.append(served.server.predict("m", {"inputs": {"steps": steps}}))
        )
        asker.start()

        served.remove(OLD)

        served.server.wait_until(lambda: served.states() == {str(OLD): "UNLOADING", str(NEW): "AVAILABLE"})
        assert served.answer() == 12.0
        assert not answers
        asker.join()
        assert answers[0].json() == {"outputs": steps}
        served.server.wait_until(lambda: served.states()[str(OLD)] == "END")


def _steps_of_seconds(served: Served, seconds: float) -> int:
    """How many steps the slow model makes in so long."""
    tried = 20_000
    response = served.server.predict("m", {"inputs": {"steps": tried}})
    return int(tried * seconds / max(response.elapsed.total_seconds(), 0.01))


def test_a_server_that_starts_among_several_loads_the_highest_first(tmp_path: Path, library: Path) -> None:
    with serving(tmp_path, library, new=NEW, old=OLD) as served:
        assert served.answer() == 2.0
        served.server.wait_until(lambda: served.states() == {str(OLD): "AVAILABLE", str(NEW): "AVAILABLE"})
        log = served.server.log.read_text()
        assert log.index(f"version {OLD}: AVAILABLE") < log.index(f"version {NEW}: LOADING")
