"""How the stand-in model server starts, brings models in, lets them go and stops: as TensorFlow Serving does."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import pytest
from tests.support.small_models import save_add, save_slow
from tests.support.standin import StandIn, standin

QUICK_TO_GIVE_UP = ("--max_num_load_retries=1", "--load_retry_interval_micros=1000")


@dataclass(frozen=True)
class Models:
    """Where the models of the server under test lie, and a library to copy from."""

    base: Path
    library: Path

    def put(self, base: str, version: int, model: str) -> Path:
        """Lay `model` down as a version of `base`, whole at once; answer the base path."""
        target = self.base / base / str(version)
        shutil.copytree(self.library / model / "1", target.with_name(f"incoming-{version}"))
        target.with_name(f"incoming-{version}").rename(target)
        return self.base / base

    def remove(self, base: str, version: int) -> None:
        """Take the version away."""
        shutil.rmtree(self.base / base / str(version))


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Models to copy from: `zero` and `ten` add that much, `slow` takes its time, `corrupt` is no model."""
    folder = tmp_path_factory.mktemp("library")
    save_add(folder / "zero", 1)
    save_add(folder / "ten", 1, offset=10)
    save_slow(folder / "slow", 1)
    shutil.copytree(folder / "zero", folder / "corrupt")
    (folder / "corrupt" / "1" / "saved_model.pb").write_bytes(b"this is no SavedModel")
    return folder


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory, library: Path) -> Iterator[tuple[StandIn, Models]]:
    folder = tmp_path_factory.mktemp("lifecycle")
    models = Models(folder, library)
    base = models.put("first", 1, "zero")
    with standin(folder, "--model_name=first", f"--model_base_path={base}", *QUICK_TO_GIVE_UP) as server:
        server.wait_until_serving()
        yield server, models


@pytest.fixture
def server(running: tuple[StandIn, Models]) -> StandIn:
    return running[0]


@pytest.fixture
def models(running: tuple[StandIn, Models], request: pytest.FixtureRequest) -> Models:
    """Base paths for this test alone, in the folder of the running server."""
    return Models(running[1].base / request.node.name, running[1].library)


def reload(server: StandIn, wait: float = 60, **base_paths: Path) -> Any:
    """Replace the list of models."""
    from tensorflow_serving.apis import model_management_pb2, model_service_pb2_grpc

    request = model_management_pb2.ReloadConfigRequest()
    for name, base_path in base_paths.items():
        request.config.model_config_list.config.add(name=name, base_path=str(base_path), model_platform="tensorflow")
    with grpc.insecure_channel(f"127.0.0.1:{server.grpc_port}") as channel:
        stub = model_service_pb2_grpc.ModelServiceStub(channel)
        return stub.HandleReloadConfigRequest(request, timeout=wait)


def total(server: StandIn, model: str, a: float = 1, b: float = 1) -> Any:
    return server.predict(model, {"inputs": {"a": a, "b": b}}).json()["outputs"]


def test_a_reload_waits_for_a_new_name(server: StandIn, models: Models) -> None:
    response = reload(server, newcomer=models.put("newcomer", 1, "zero"))

    assert response.status.error_code == 0
    assert total(server, "newcomer") == 2.0


def test_a_reload_answers_before_a_new_version_of_a_known_name_is_loaded(server: StandIn, models: Models) -> None:
    reload(server, known=models.put("old", 1, "zero"))

    response = reload(server, known=models.base / "new")

    assert response.status.error_code == 0
    assert server.states("known") == {"1": "AVAILABLE"}
    models.put("new", 2, "ten")
    server.wait_until(lambda: server.states("known") == {"2": "AVAILABLE", "1": "END"})
    assert total(server, "known") == 12.0


def test_an_equal_version_number_under_a_new_path_is_not_loaded(server: StandIn, models: Models) -> None:
    reload(server, same=models.put("old", 1, "zero"))

    reload(server, same=models.put("new", 1, "ten"), marker=models.put("marker", 1, "zero"))

    # The marker came in by the look that also saw the new path.
    server.wait_until(lambda: server.states("marker") == {"1": "AVAILABLE"})
    assert total(server, "same") == 2.0


def test_a_reload_replaces_the_whole_list(server: StandIn, models: Models) -> None:
    reload(server, left=models.put("left", 1, "zero"))

    reload(server, stays=models.put("stays", 1, "zero"))

    server.wait_until(lambda: server.states("left") == {"1": "END"})
    assert server.predict("left", {"inputs": {"a": 1, "b": 1}}).status_code == 404
    (left,) = server.get("/v1/models/left").json()["model_version_status"]
    assert left["status"]["error_code"] == "OK"
    assert server.get("/v1/models/left/metadata").status_code == 404


def test_a_model_that_left_can_come_back(server: StandIn, models: Models) -> None:
    base = models.put("back", 1, "zero")
    reload(server, back=base)
    reload(server, other=models.put("other", 1, "zero"))
    server.wait_until(lambda: server.states("back") == {"1": "END"})

    reload(server, back=base)

    assert total(server, "back") == 2.0


def test_a_new_version_is_served_before_the_old_one_goes_and_no_request_fails(server: StandIn, models: Models) -> None:
    reload(server, growing=models.put("growing", 1, "zero"))
    assert total(server, "growing") == 2.0

    models.put("growing", 2, "ten")

    seen: list[tuple[float, dict[str, str]]] = []

    def has_changed() -> bool:
        seen.append((total(server, "growing"), server.states("growing")))
        return seen[-1] == (12.0, {"2": "AVAILABLE", "1": "END"})

    server.wait_until(has_changed)
    assert {number for number, _ in seen} == {2.0, 12.0}
    assert all("AVAILABLE" in states.values() for _, states in seen)


def test_an_older_version_that_appears_is_left_alone(server: StandIn, models: Models) -> None:
    reload(server, newest=models.put("newest", 5, "ten"))

    models.put("newest", 3, "zero")
    reload(server, newest=models.base / "newest", marker=models.put("marker", 1, "zero"))

    server.wait_until(lambda: server.states("marker") == {"1": "AVAILABLE"})
    assert server.states("newest") == {"5": "AVAILABLE"}


def test_a_version_goes_when_its_folder_does(server: StandIn, models: Models) -> None:
    models.put("vanishing", 1, "zero")
    reload(server, vanishing=models.put("vanishing", 2, "ten"))

    models.remove("vanishing", 2)

    server.wait_until(lambda: server.states("vanishing") == {"2": "END", "1": "AVAILABLE"})
    assert total(server, "vanishing") == 2.0


def test_a_version_that_cannot_be_loaded_ends_with_an_error_and_the_old_one_goes_on(
    server: StandIn, models: Models
) -> None:
    reload(server, torn=models.put("torn", 1, "zero"))

    models.put("torn", 2, "corrupt")

    server.wait_until(lambda: server.states("torn") == {"2": "END", "1": "AVAILABLE"})
    response = server.get("/v1/models/torn")
    failed, _ = response.json()["model_version_status"]
    assert (response.status_code, failed["version"]) == (200, "2")
    assert failed["status"]["error_code"] != "OK"
    assert "saved_model.pb" in failed["status"]["error_message"]
    assert total(server, "torn") == 2.0


def test_a_new_name_that_cannot_be_loaded_fails_the_reload(server: StandIn, models: Models) -> None:
    with pytest.raises(grpc.RpcError) as raised:
        reload(server, bad=models.put("bad", 1, "corrupt"))

    assert raised.value.code() == grpc.StatusCode.UNKNOWN
    assert "1 servable(s) did not become available: {{{name: bad version: 1} due to error" in (
        raised.value.details() or ""
    )


def test_a_reload_with_a_relative_path_is_refused(server: StandIn) -> None:
    with pytest.raises(grpc.RpcError) as raised:
        reload(server, lost=Path("models/lost"))

    assert raised.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert "Expected model lost to have an absolute path" in (raised.value.details() or "")


def test_there_are_no_metrics_without_a_monitoring_config(server: StandIn) -> None:
    assert server.get("/monitoring/prometheus/metrics").status_code == 404


def test_a_bad_path_for_a_new_name_blocks_every_later_reload(tmp_path: Path, library: Path) -> None:
    models = Models(tmp_path, library)
    base = models.put("first", 1, "zero")
    with standin(tmp_path, "--model_name=first", f"--model_base_path={base}") as server:
        server.wait_until_serving()

        for names in ({"first": base, "lost": tmp_path / "nowhere"}, {"first": base}):
            with pytest.raises(grpc.RpcError) as raised:
                reload(server, wait=1.5, **names)
            assert raised.value.code() == grpc.StatusCode.DEADLINE_EXCEEDED
        assert total(server, "first") == 2.0


def test_its_ports_stay_closed_until_a_version_is_there(tmp_path: Path, library: Path) -> None:
    base = tmp_path / "late"
    with standin(tmp_path, "--model_name=late", f"--model_base_path={base}") as server:
        server.wait_until_logged("Could not find base path")
        assert not server.is_open(server.rest_port)

        (base / "latest").mkdir(parents=True)
        server.wait_until_logged("Did you forget to name your leaf directory as a number?")
        assert not server.is_open(server.rest_port)
        assert not server.is_open(server.grpc_port)

        Models(tmp_path, library).put("late", 1, "zero")
        server.wait_until_serving()
        assert total(server, "late") == 2.0


def test_a_corrupt_first_version_is_tried_again_and_then_ends_the_process(tmp_path: Path, library: Path) -> None:
    base = Models(tmp_path, library).put("bad", 1, "corrupt")
    with standin(tmp_path, "--model_name=bad", f"--model_base_path={base}", *QUICK_TO_GIVE_UP) as server:
        assert server.process.wait(60) != 0

        log = server.log.read_text()
        assert log.count("loading model bad version 1, try") == 2
        assert "Failed to start server. Error: UNKNOWN: 1 servable(s) did not become available" in log
        assert "Traceback" not in log


@pytest.mark.skipif(os.geteuid() != 0, reason="a PID namespace needs root")
def test_sigterm_does_not_stop_it_as_a_containers_first_process(tmp_path: Path, library: Path) -> None:
    base = Models(tmp_path, library).put("first", 1, "zero")
    namespace = ("unshare", "--pid", "--fork", "--kill-child", "--mount-proc")
    with standin(tmp_path, "--model_name=first", f"--model_base_path={base}", wrapper=namespace) as server:
        server.wait_until_serving()

        os.kill(_child(server.process.pid), signal.SIGTERM)

        assert total(server, "first") == 2.0


def test_sigterm_stops_it_at_once_as_any_other_process(tmp_path: Path) -> None:
    with standin(tmp_path, "--model_name=late", f"--model_base_path={tmp_path / 'late'}") as server:
        server.wait_until_logged("Could not find base path")

        server.process.send_signal(signal.SIGTERM)

        assert server.process.wait(10) == -signal.SIGTERM


REFUSED_COMMANDS = {
    "an unknown flag": (["--model_path=/models"], "unknown argument: --model_path=/models"),
    "an argument that is no flag": (["/models"], "unknown argument: /models"),
    "a number that is none": (["--port=grpc"], "--port=grpc: 'grpc' is no int"),
    "a flag without its value": (["--port"], "--port needs a value"),
}


@pytest.mark.parametrize(("arguments", "message"), REFUSED_COMMANDS.values(), ids=REFUSED_COMMANDS)
def test_a_wrong_command_line_ends_the_process_with_the_flags_that_there_are(
    arguments: list[str], message: str
) -> None:
    serving = Path(__file__).parents[2] / "serving"
    done = subprocess.run(
        [sys.executable, "-m", "sdp_serving.standin", *arguments],
        env={**os.environ, "PYTHONPATH": str(serving)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.returncode != 0
    assert done.stderr.startswith(message)
    assert "--rest_api_port=0" in done.stderr


def test_a_request_under_way_keeps_its_version_until_it_is_done(server: StandIn, models: Models) -> None:
    reload(server, busy=models.put("busy", 1, "slow"))
    with ExitStack() as stack:
        channel = stack.enter_context(grpc.insecure_channel(f"127.0.0.1:{server.grpc_port}"))
        under_way = _start_run(channel, "busy", steps=2**31 - 1)
        _wait_until_running(server)

        models.put("busy", 2, "slow")

        server.wait_until(lambda: server.states("busy") == {"2": "AVAILABLE", "1": "UNLOADING"})
        under_way.cancel()


def _start_run(channel: grpc.Channel, model: str, steps: int) -> Any:
    import tensorflow as tf
    from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

    request = predict_pb2.PredictRequest()
    request.model_spec.name = model
    request.inputs["steps"].CopyFrom(tf.make_tensor_proto(steps, dtype=tf.int32))
    return prediction_service_pb2_grpc.PredictionServiceStub(channel).Predict.future(request, timeout=20)


def _wait_until_running(server: StandIn) -> None:
    """Wait until the server computes: until its processor time grows by itself."""

    def ticks() -> int:
        fields = Path(f"/proc/{server.process.pid}/stat").read_text().rpartition(")")[2].split()
        return int(fields[11])

    start = ticks()
    server.wait_until(lambda: ticks() > start + 20)


def _child(pid: int) -> int:
    deadline = time.monotonic() + 10
    children = Path(f"/proc/{pid}/task/{pid}/children")
    while not (found := children.read_text().split()):
        assert time.monotonic() < deadline, "unshare started nothing"
    return int(found[0])
