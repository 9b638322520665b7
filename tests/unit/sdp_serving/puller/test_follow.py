import json
import threading
from collections.abc import Callable, Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from tests.support.eventually import eventually
from tests.support.pulling import artifact, write

from sdp_serving.contract.artifact import ModelUri, Version
from sdp_serving.contract.components import Component
from sdp_serving.contract.report import PullFailure
from sdp_serving.contract.swap import Candidate, DesiredModels, ModelNumber, NumberedModel, PodModels, ReplicaReport
from sdp_serving.puller.folder import Folder
from sdp_serving.puller.follow import Follower
from sdp_serving.puller.judgement import Wanted
from sdp_serving.puller.lay import lay
from sdp_serving.puller.model_server import ModelServer
from sdp_serving.puller.models_folder import ModelsFolder
from sdp_serving.puller.report_server import Board
from sdp_serving.puller.steps import Steps
from sdp_serving.puller.storage import Part, Storage, Stored, open_storage

SERVING = NumberedModel(number=ModelNumber(20), uri="file:///nowhere")
BAD = Candidate(number=ModelNumber(10), uri="ftp://nowhere", step="Verify")
IMPATIENT = partial(open_storage, patience=0)


class Sidecar:
    """One beside a server that is down, unless it is given another."""

    def __init__(
        self,
        folder: Path,
        server: str = "http://127.0.0.1:9",
        storage: Callable[[ModelUri], Storage] = IMPATIENT,
    ) -> None:
        self.desired = folder / "desired.json"
        self.board = Board(ReplicaReport(component=Component.DECODER, rollout="1"))
        self.said: list[str] = []
        steps = Steps(
            wanted=Wanted(Component.DECODER),
            storage=storage,
            cache=None,
            folder=ModelsFolder(folder / "models"),
            server=ModelServer(server, Component.DECODER),
            say=self.said.append,
        )
        self.follower = Follower("1", self.desired, steps, self.board)

    def want(self, **rollouts: PodModels) -> None:
        self.desired.write_text(DesiredModels(rollouts=rollouts).model_dump_json())

    def report(self) -> ReplicaReport:
        self.follower.look()
        return self.board.read()[0]


@pytest.fixture
def sidecar(tmp_path: Path) -> Sidecar:
    return Sidecar(tmp_path)


def test_a_file_that_names_no_model_for_the_pod_is_told_once(sidecar: Sidecar) -> None:
    for _ in range(3):
        report = sidecar.report()
    assert report.trouble is not None
    assert report.trouble.reason is PullFailure.MODEL_NOT_FOUND
    assert "cannot be read" in report.trouble.message
    assert len(sidecar.said) == 1

    sidecar.want(other=PodModels(serving=SERVING))

    report = sidecar.report()
    assert report.trouble is not None
    assert "has no rollout '1'" in report.trouble.message


def test_what_was_wanted_last_goes_on_when_the_file_is_spoilt(sidecar: Sidecar) -> None:
    sidecar.want(**{"1": PodModels(serving=SERVING, candidate=BAD)})
    sidecar.report()

    sidecar.desired.write_text("half of")

    report = sidecar.report()
    assert report.candidate is not None
    assert report.candidate.number == BAD.number


class Busy(BaseHTTPRequestHandler):
    """A server that has loaded what serves, and has no time for a golden request."""

    def do_GET(self) -> None:
        fine = {"error_code": "OK", "error_message": ""}
        status = {"version": str(SERVING.number), "state": "AVAILABLE", "status": fine}
        self._answer(200, {"model_version_status": [status], "metadata": {"signature_def": {"signature_def": {}}}})

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self._answer(503, {"error": "busy"})

    def _answer(self, status: int, content: object) -> None:
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def busy_server() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Busy) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


class Slow(Folder):
    """Storage that brings no byte before it may."""

    def __init__(self, root: Path, may: threading.Event) -> None:
        super().__init__(root)
        self._may = may

    def stream(self, version: Version, path: str, file: Stored, part: Part) -> None:
        assert self._may.wait(60)
        super().stream(version, path, file, part)


def test_a_fetch_goes_on_while_the_model_that_serves_is_asked_again_and_again(tmp_path: Path, busy_server: str) -> None:
    may = threading.Event()
    sidecar = Sidecar(tmp_path, busy_server, lambda uri: Slow(Path(uri.location), may))
    serving, coming = (
        SERVING.model_copy(update={"uri": write(tmp_path / "old", artifact(component=Component.DECODER))}),
        Candidate(
            number=ModelNumber(10), uri=write(tmp_path / "new", artifact(component=Component.DECODER)), step="BringIn"
        ),
    )
    home = tmp_path / "models"
    lay(serving, Wanted(Component.DECODER), home, storage=IMPATIENT, cache=None, say=print)
    sidecar.want(**{"1": PodModels(serving=serving, candidate=coming)})

    def has_asked_twice() -> bool:
        sidecar.report()
        return sum("again in" in line for line in sidecar.said) >= 2

    eventually(has_asked_twice, "two golden requests")
    may.set()
    eventually(lambda: sidecar.report() and (home / "10").exists(), "the candidate")

    assert sidecar.said.count(f"10: bringing in {coming.uri}") == 1
