"""A pod of which the models are swapped: the stand-in, the sidecar that follows, and a steady load of requests."""

import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import requests
from rich.console import Console
from tests.support.ports import free_ports
from tests.support.standin_fork import StandIns
from tests.support.toy_models import IMAGE_SIZE, toy_source

import sdp_serving
from devcluster.processes import tied
from sdp_exporter.export import Request, export
from sdp_exporter.progress import TerminalObserver
from sdp_serving.contract.artifact import SAVED_MODEL, ModelUri
from sdp_serving.contract.components import Component
from sdp_serving.contract.swap import (
    Candidate,
    DesiredModels,
    ModelNumber,
    NumberedModel,
    PodModels,
    ReplicaReport,
)
from sdp_serving.puller.judgement import Wanted
from sdp_serving.puller.lay import lay
from sdp_serving.puller.storage import open_storage
from sdp_serving.puller.verify import crc32c

if TYPE_CHECKING:
    from tests.support.forks import Fork

COMPONENT: Final = Component.IMAGE_ENCODER
"""Its toy answers a pixel times the model's only weight."""
ROLLOUT: Final = "r1"
_SERVING: Final = Path(sdp_serving.__file__).parents[1]
_SECONDS: Final = 90
_PIXEL: Final = 0.5
_REQUEST: Final = json.dumps({"inputs": [[[[_PIXEL] * 3] * IMAGE_SIZE] * IMAGE_SIZE]})


def export_toy(storage: Path, name: str, scale: float) -> str:
    """Export a toy that multiplies by `scale`; answer its URI."""
    storage.mkdir(parents=True, exist_ok=True)
    weights = storage / f"{name}.txt"
    weights.write_text(str(scale))
    uri = ModelUri.parse(f"file://{storage}/{name}")
    with TerminalObserver(Console(quiet=True)) as observer:
        export([Request(toy_source(COMPONENT, weights), uri)], clock=lambda: datetime.now(UTC), observer=observer)
    return str(uri)


def spoil(uri: str) -> None:
    """Make that a model's graph cannot be loaded, with a manifest that agrees."""
    (version,) = Path(uri.removeprefix("file://")).iterdir()
    graph = version / SAVED_MODEL
    graph.write_bytes(b"this is no SavedModel")
    manifest = version / "sdpipeline.json"
    content = json.loads(manifest.read_text())
    content["files"][SAVED_MODEL] = {"size": graph.stat().st_size, "crc32c": crc32c(graph)}
    manifest.write_text(json.dumps(content))


class Pod:
    """The pod and its operator."""

    def __init__(self, folder: Path, servers: StandIns) -> None:
        folder.mkdir(exist_ok=True)
        self.folder = folder
        self.server: Fork | None = None
        self._servers = servers
        self._lock = threading.Lock()
        self.home = folder / "models" / COMPONENT
        self.desired_file = folder / "desired.json"
        self.desired: PodModels
        self._ports = free_ports(3)
        self._following: subprocess.Popen[bytes] | None = None
        self._log = folder / "follow.log"

    @property
    def model_url(self) -> str:
        return f"http://127.0.0.1:{self._ports[1]}/v1/models/{COMPONENT}"

    def want(
        self, serving: NumberedModel, candidate: Candidate | None = None, previous: NumberedModel | None = None
    ) -> None:
        """Write what the operator would."""
        self.desired = PodModels(serving=serving, candidate=candidate, previous=previous)
        new = self.desired_file.with_suffix(".new")
        new.write_text(DesiredModels(rollouts={ROLLOUT: self.desired}).model_dump_json())
        new.rename(self.desired_file)

    def fetch(self) -> None:
        """What the init container does."""
        storage = lambda uri: open_storage(uri, patience=1)  # noqa: E731
        lay(self.desired.serving, Wanted(COMPONENT), self.home, storage=storage, cache=None, say=print)

    def start_server(self) -> None:
        config = self.folder / "models.config"
        config.write_text(
            f'model_config_list {{ config {{ name: "{COMPONENT}" base_path: "{self.home}"'
            ' model_platform: "tensorflow" model_version_policy { all {} } } }'
        )
        flags = (
            f"--model_config_file={config}",
            "--num_load_threads=1",
            "--max_num_load_retries=1",
            "--load_retry_interval_micros=1000",
        )
        grpc_port, rest_port, _ = self._ports
        ports = (f"--port={grpc_port}", f"--rest_api_port={rest_port}")
        self.server = self._servers.start((*ports, *flags), self.folder / "standin.log")

    def kill_server(self) -> None:
        server, self.server = self.server, None
        if server is not None:
            server.kill()

    def start_following(self) -> None:
        command = [
            *(sys.executable, "-m", "sdp_serving.puller", "follow"),
            *(f"--component={COMPONENT}", f"--rollout={ROLLOUT}", f"--desired={self.desired_file}"),
            *(f"--models={self.folder / 'models'}", f"--server-url=http://127.0.0.1:{self._ports[1]}"),
            f"--report-port={self._ports[2]}",
        ]
        environment = {**os.environ, "PYTHONPATH": str(_SERVING)}
        with self._log.open("ab") as log:
            self._following = subprocess.Popen(tied(command), stderr=log, env=environment)

    def kill_following(self) -> None:
        if self._following is not None:
            self._following.kill()
            self._following.wait()
            self._following = None

    def restart_following(self) -> None:
        self.kill_following()
        self.start_following()

    def restart_server(self) -> None:
        self.kill_server()
        self.start_server()

    @property
    def follower(self) -> int:
        """The sidecar's process."""
        assert self._following is not None
        return self._following.pid

    def log(self) -> str:
        return self._log.read_text()

    def report(self) -> ReplicaReport | None:
        """What the sidecar says; None while it is not there."""
        try:
            answer = requests.get(f"http://127.0.0.1:{self._ports[2]}/report", timeout=5)
        except requests.RequestException:
            return None
        assert answer.status_code == 200
        return ReplicaReport.model_validate_json(answer.content)

    def is_ready(self) -> bool:
        try:
            return requests.get(f"http://127.0.0.1:{self._ports[2]}/readyz", timeout=5).status_code == 200
        except requests.RequestException:
            return False

    def candidate_state(self) -> str | None:
        """How far the candidate is that was wanted last; None while the sidecar speaks of another, or is not there."""
        report, wanted = self.report(), self.desired.candidate
        if report is None or report.candidate is None or wanted is None or report.candidate.number != wanted.number:
            return None
        return report.candidate.state

    def folders(self) -> set[str]:
        """Names in the models' folder, without an empty one of previous models."""
        previous = self.home / ".previous"
        names = {entry.name for entry in self.home.iterdir()} - {".previous"}
        return names | ({f".previous/{each.name}" for each in previous.iterdir()} if previous.is_dir() else set())

    def until(self, condition: Callable[[], object], what: str, *, pause: float = 0.1) -> None:
        """Wait for something, and show the sidecar's log when it never comes."""
        deadline = time.monotonic() + _SECONDS
        while not condition():
            self._revive_server()
            assert time.monotonic() < deadline, f"never: {what}\n{self.log()}\n{self.report()}"
            time.sleep(pause)

    def swap(self, number: int, uri: str) -> None:
        """Bring a model in, prove it and let it take over, as the operator does."""
        old = self.desired.serving
        new = NumberedModel(number=ModelNumber(number), uri=uri)
        self.want(old, Candidate(number=new.number, uri=uri, step="Verify"))
        self.until(lambda: self.candidate_state() == "Verified", "verified")
        self.want(old, Candidate(number=new.number, uri=uri, step="BringIn"))
        self.until(lambda: self.candidate_state() == "Proven", "proven")
        self.want(new, None, old)
        self.until(lambda: self.serves(number), "switched")

    def swap_and(self, number: int, uri: str, marker: str, do: Callable[[], None]) -> None:
        """Swap, and do something as soon as the sidecar's log says `marker`."""
        # What is done starts processes, which end with the thread that started them: so the swap has the other thread.
        with ThreadPoolExecutor(1) as pool:
            swapped = pool.submit(self.swap, number, uri)
            self.until(lambda: marker in self.log() or swapped.done(), marker, pause=0.01)
            do()
            swapped.result()

    def _revive_server(self) -> None:
        """Start a server that has ended by itself, as the kubelet does."""
        with self._lock:
            if self.server is not None and not self.server.runs:
                self.start_server()

    def serves(self, number: int) -> bool:
        report = self.report()
        return report is not None and report.serving == number

    def loaded(self) -> set[int]:
        """What the server has loaded; nothing while it is down."""
        try:
            states = requests.get(self.model_url, timeout=5).json()["model_version_status"]
        except requests.RequestException:
            return set()
        return {int(each["version"]) for each in states if each["state"] == "AVAILABLE"}


@contextmanager
def pod(
    folder: Path, servers: StandIns, serving: NumberedModel, previous: NumberedModel | None = None
) -> Iterator[Pod]:
    """A pod that has come up with a model."""
    made = Pod(folder, servers)
    made.want(serving, previous=previous)
    made.fetch()
    try:
        made.start_server()
        made.start_following()
        made.until(made.is_ready, "ready")
        yield made
    finally:
        made.kill_following()
        made.kill_server()
        shutil.rmtree(made.home)


class Load:
    """Requests one after the other, without a version, `pause` seconds apart."""

    def __init__(self, url: str, pause: float = 0.02) -> None:
        self.answers: list[float] = []
        self.failures: list[str] = []
        self._url = url
        self._pause = pause
        self._done = threading.Event()
        self._threads = [threading.Thread(target=self._ask, daemon=True) for _ in range(2)]

    def __enter__(self) -> "Load":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        for thread in self._threads:
            thread.join()

    def seen(self) -> Sequence[float]:
        """The different answers, in the order of their first."""
        return list(dict.fromkeys(self.answers))

    def _ask(self) -> None:
        while not self._done.is_set():
            try:
                answer = requests.post(f"{self._url}:predict", _REQUEST, timeout=30)
            except requests.RequestException as error:
                self.failures.append(repr(error))
            else:
                if answer.status_code == 200:
                    self.answers.append(_weight(answer.json()))
                else:
                    self.failures.append(answer.text)
            self._done.wait(self._pause)


def _weight(answer: Any) -> float:
    return round(float(answer["outputs"][0][0][0][0]) / _PIXEL, 3)
