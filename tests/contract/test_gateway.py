"""The gateway in front of the stand-in model server: what goes in comes out, and what fails is told."""

import base64
import gzip
import json
import os
import signal
import socket
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import requests
from tests.support.eventually import eventually
from tests.support.gateway_process import GatewayProcess, gateway
from tests.support.ports import free_ports
from tests.support.small_models import save_add, save_echo, save_slow
from tests.support.standin import StandIn, standin

MEGABYTE = 2**20
SUM = {"inputs": {"a": 1.5, "b": 2}}
STEPS_FOR_A_SECOND_OR_TWO = {"inputs": 300_000}


def _config(folder: Path, *names: str) -> str:
    entries = [
        f'config {{ name: "{name}" base_path: "{folder / name}" model_platform: "tensorflow" }}' for name in names
    ]
    return f"model_config_list {{ {' '.join(entries)} }}"


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Small models under the components' names: one adds, one counts steps, one gives back what it gets."""
    folder = tmp_path_factory.mktemp("models")
    save_add(folder / "text-encoder", 1)
    save_slow(folder / "diffusion-model", 1)
    save_echo(folder / "decoder", 1)
    (folder / "models.config").write_text(_config(folder, "text-encoder", "diffusion-model", "decoder"))
    return folder


@pytest.fixture(scope="module")
def server(models: Path) -> Iterator[StandIn]:
    with standin(models, f"--model_config_file={models / 'models.config'}") as running:
        running.wait_until_serving()
        yield running


@pytest.fixture(scope="module")
def front(server: StandIn, tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayProcess]:
    folder = tmp_path_factory.mktemp("gateway")
    with gateway(folder, text_encoder=server.url, diffusion_model=server.url, decoder=server.url) as running:
        yield running


CALLS: dict[str, tuple[str, str, Any]] = {
    "a prediction": ("POST", "text-encoder:predict", SUM),
    "a prediction by a version": ("POST", "text-encoder/versions/1:predict", SUM),
    "a prediction by a version that is not there": ("POST", "text-encoder/versions/9:predict", SUM),
    "a prediction by a label that is not there": ("POST", "text-encoder/labels/new:predict", SUM),
    "a prediction of strings": ("POST", "decoder:predict", {"inputs": ["größer", {"b64": "aG90"}]}),
    "inputs that do not fit": ("POST", "text-encoder:predict", {"inputs": {"a": "one"}}),
    "a method that the server does not have": ("POST", "text-encoder:classify", SUM),
    "a method that must be posted": ("GET", "text-encoder:predict", None),
    "the model's state": ("GET", "text-encoder", None),
    "the model's metadata": ("GET", "decoder/metadata", None),
    "a query": ("GET", "decoder/metadata?x=%2F", None),
}


@pytest.mark.parametrize(("method", "call", "body"), CALLS.values(), ids=CALLS)
def test_the_answer_is_the_model_servers_own(
    server: StandIn, front: GatewayProcess, method: str, call: str, body: Any
) -> None:
    direct, passed = (
        requests.request(method, f"{url}/v1/models/{call}", json=body, timeout=30) for url in (server.url, front.url)
    )

    assert (passed.status_code, passed.reason, passed.content) == (direct.status_code, direct.reason, direct.content)
    without_date = [{**answer.headers, "Date": ""} for answer in (direct, passed)]
    assert without_date[0] == without_date[1]


def test_a_body_that_is_no_json_gets_the_servers_complaint(server: StandIn, front: GatewayProcess) -> None:
    passed = front.predict("decoder", b"{nonsense")

    assert passed.status_code == 400
    assert passed.content == server.predict("decoder", "{nonsense").content


def test_a_compressed_body_reaches_the_server_as_it_came(server: StandIn, front: GatewayProcess) -> None:
    body, headers = gzip.compress(json.dumps(SUM).encode()), {"Content-Encoding": "gzip"}
    passed = front.predict("text-encoder", body, headers=headers)
    direct = requests.post(f"{server.url}/v1/models/text-encoder:predict", body, headers=headers, timeout=30)

    # The stand-in knows no compression, and so would understand only what had been unpacked on the way.
    assert (passed.status_code, passed.content) == (direct.status_code, direct.content)
    assert passed.status_code == 400


def test_a_client_that_asks_before_it_sends_its_body_is_told_to_go_on(front: GatewayProcess) -> None:
    body = json.dumps(SUM).encode()
    with socket.create_connection(("127.0.0.1", front.port)) as client:
        client.settimeout(30)
        head = f"Host: x\r\nExpect: 100-continue\r\nConnection: close\r\nContent-Length: {len(body)}\r\n\r\n"
        client.sendall(b"POST /v1/models/text-encoder:predict HTTP/1.1\r\n" + head.encode())
        assert client.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        client.sendall(body)
        assert client.recv(100).startswith(b"HTTP/1.1 200 OK\r\n")


def test_no_connection_stays_with_a_pod_that_may_have_to_go(server: StandIn, front: GatewayProcess) -> None:
    with requests.Session() as session:
        for _ in range(3):
            assert session.get(f"{front.url}/v1/models/decoder", timeout=30).status_code == 200

        eventually(lambda: front.connections_to(server.rest_port) == 0, "none is kept", seconds=3)


def test_large_bodies_pass_through_unchanged_and_never_lie_in_memory_as_a_whole(front: GatewayProcess) -> None:
    pixels = base64.b64encode(os.urandom(36 * MEGABYTE)).decode()
    body = json.dumps({"inputs": [{"b64": pixels}]}).encode()
    before = front.peak_bytes()

    answer = front.predict("decoder", body).json()

    assert answer["outputs"]["same_bytes"] == [{"b64": pixels}]
    assert front.peak_bytes() - before < 8 * MEGABYTE
    [line] = front.lines(path="/v1/models/decoder:predict", received_bytes=len(body))
    assert line["sent_bytes"] > len(body)


def test_a_client_that_leaves_ends_its_request_to_the_model_server(server: StandIn, front: GatewayProcess) -> None:
    body = json.dumps({"inputs": 3_000_000}).encode()
    with socket.create_connection(("127.0.0.1", front.port)) as client:
        head = f"POST /v1/models/diffusion-model:predict HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n"
        client.sendall(head.encode() + body)
        eventually(lambda: front.connections_to(server.rest_port) == 1, "the request is passed on")

    # Long before the model server would have answered.
    eventually(lambda: front.connections_to(server.rest_port) == 0, "the request is ended", seconds=3)
    eventually(lambda: front.lines(path="/v1/models/diffusion-model:predict", status=499), "it is in the log")


def test_a_client_that_leaves_in_the_middle_of_its_body_ends_its_request_too(
    server: StandIn, front: GatewayProcess
) -> None:
    with socket.create_connection(("127.0.0.1", front.port)) as client:
        client.sendall(b"POST /v1/models/decoder:predict HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{")
        eventually(lambda: front.connections_to(server.rest_port) == 1, "the request is passed on")

    eventually(lambda: front.connections_to(server.rest_port) == 0, "the request is ended")


def test_an_unknown_component_is_told_which_there_are(front: GatewayProcess) -> None:
    answer = front.predict("unet", SUM)

    assert answer.status_code == 404
    assert answer.json() == {
        "error": "There is no component 'unet' here: use text-encoder or diffusion-model or decoder"
    }


def test_a_malformed_call_is_told_what_calls_look_like(front: GatewayProcess) -> None:
    answer = front.get("/v1/models/decoder:sample")

    assert answer.status_code == 400
    assert answer.json()["error"].startswith("Malformed request: GET /v1/models/decoder:sample: use /v1/models/")


def test_other_paths_and_methods_are_refused_with_what_there_is(front: GatewayProcess) -> None:
    nowhere, deleted = front.get("/v2"), requests.delete(f"{front.url}/v1/models/decoder", timeout=30)

    assert (nowhere.status_code, deleted.status_code) == (404, 405)
    assert nowhere.json()["error"]["message"].startswith("There is nothing at /v2")
    assert deleted.json() == {"error": "DELETE is not for /v1/models/decoder: use GET or POST"}
    assert deleted.headers["Allow"] == "GET, POST"


def test_every_request_is_a_line_of_the_log_except_the_kubelets(front: GatewayProcess) -> None:
    assert front.get("/healthz").json() == {"alive": True}
    assert front.get("/v1/models/decoder/metadata?secret=1").status_code == 200

    eventually(lambda: front.lines(path="/v1/models/decoder/metadata", status=200, method="GET"), "the line is there")
    assert not front.lines(path="/healthz")
    assert "secret" not in front.log.read_text()


def test_bytes_that_are_no_http_are_refused_without_a_traceback(front: GatewayProcess) -> None:
    with socket.create_connection(("127.0.0.1", front.port)) as client:
        client.sendall(b"\x16\x03\x01 hello\r\n\r\n")
        assert client.recv(100).startswith(b"HTTP/1.0 400")

    assert "Traceback" not in front.log.read_text()


def test_a_model_server_that_is_not_there_is_named_with_what_to_do(tmp_path: Path) -> None:
    [closed] = free_ports(1)
    with gateway(tmp_path, decoder=f"http://127.0.0.1:{closed}", text_encoder="http://nowhere.invalid:8501") as front:
        refused, unknown = front.predict("decoder", SUM), front.predict("text-encoder", SUM)
        ready = front.get("/readyz")

    assert (refused.status_code, unknown.status_code) == (503, 503)
    remedy = "cannot be reached now: see why with `kubectl get sdpipeline -o wide`"
    assert refused.json() == {"error": f"The decoder {remedy}"}
    assert unknown.json() == {"error": f"The text-encoder {remedy}"}
    assert ready.status_code == 503
    assert ready.json()["components"]["decoder"]["reason"].startswith("it cannot be reached: ")


def test_it_is_ready_once_every_model_is_available(models: Path, tmp_path: Path) -> None:
    config = tmp_path / "models.config"
    config.write_text(_config(models, "decoder"))
    flags = [f"--model_config_file={config}", "--model_config_file_poll_wait_seconds=1"]
    with standin(tmp_path, *flags) as server, gateway(tmp_path, decoder=server.url, text_encoder=server.url) as front:
        server.wait_until_serving()
        eventually(lambda: front.get("/readyz").json()["components"]["decoder"]["ready"], "the decoder is ready")
        answer = front.get("/readyz")
        assert answer.status_code == 503
        assert answer.json()["components"]["text-encoder"] == {
            "ready": False,
            "reason": server.get("/v1/models/text-encoder").json()["error"],
        }

        config.write_text(_config(models, "decoder", "text-encoder"))

        eventually(lambda: front.get("/readyz").status_code == 200, "the text encoder is ready too")
        assert front.get("/readyz").json() == {
            "ready": True,
            "components": {"decoder": {"ready": True}, "text-encoder": {"ready": True}},
        }


def test_a_model_server_that_dies_is_told_of_and_no_answer_looks_whole_that_is_not(
    models: Path, tmp_path: Path
) -> None:
    large = {"inputs": [{"b64": base64.b64encode(os.urandom(12 * MEGABYTE)).decode()}]}
    with (
        standin(tmp_path, f"--model_config_file={models / 'models.config'}") as server,
        gateway(tmp_path, diffusion_model=server.url, decoder=server.url) as front,
        ThreadPoolExecutor() as pool,
    ):
        server.wait_until_serving()
        with front.predict("decoder", large, stream=True) as half_read:
            waiting = pool.submit(front.predict, "diffusion-model", {"inputs": 10_000_000})
            eventually(lambda: front.connections_to(server.rest_port) == 2, "the second request is passed on")
            server.process.kill()

            assert waiting.result(timeout=30).status_code == 502
            assert "The diffusion-model ended the connection before" in waiting.result().json()["error"]
            with pytest.raises(requests.exceptions.ChunkedEncodingError):
                assert half_read.content
        assert front.predict("decoder", large).status_code == 503
        assert front.get("/healthz").status_code == 200


def test_no_request_fails_while_a_model_server_is_replaced_by_another(models: Path, tmp_path: Path) -> None:
    workers = 6
    flag, done = f"--model_config_file={models / 'models.config'}", threading.Event()

    def work(front: GatewayProcess) -> Counter[int]:
        codes: Counter[int] = Counter()
        while not done.is_set():
            codes[front.predict("text-encoder", SUM).status_code] += 1
        return codes

    with ThreadPoolExecutor() as pool, ExitStack() as ending:
        old = ending.enter_context(standin(tmp_path, flag))
        old.wait_until_serving()
        front = ending.enter_context(gateway(tmp_path, "--hold-seconds=100", text_encoder=old.url))
        ending.callback(done.set)
        working = [pool.submit(work, front) for _ in range(workers)]
        eventually(lambda: front.counted("predictions_total") > 20, "there is load")
        old.process.kill()
        eventually(lambda: front.counted("held_requests") == workers, "everybody waits")
        before = front.counted("predictions_total")
        # It loads for some seconds.
        new = ending.enter_context(standin(tmp_path, flag, ports=(old.grpc_port, old.rest_port)))
        new.wait_until_serving()
        eventually(lambda: front.counted("predictions_total") > before + 20, "it goes on")
        done.set()
        codes = sum((worker.result(timeout=30) for worker in working), Counter[int]())

    assert set(codes) == {200}


def test_requests_under_way_are_finished_when_it_is_told_to_stop(server: StandIn, tmp_path: Path) -> None:
    with gateway(tmp_path, diffusion_model=server.url) as front, ThreadPoolExecutor() as pool:
        waiting = pool.submit(front.predict, "diffusion-model", STEPS_FOR_A_SECOND_OR_TWO)
        eventually(lambda: front.connections_to(server.rest_port) == 1, "the request is passed on")

        front.process.send_signal(signal.SIGTERM)
        eventually(lambda: front.lines(logger="sdp_serving.gateway.server", severity="INFO")[1:], "it is stopping")
        with pytest.raises(requests.ConnectionError):
            front.get("/healthz")

        assert not waiting.done()
        assert waiting.result(timeout=30).json() == {"outputs": STEPS_FOR_A_SECOND_OR_TWO["inputs"]}
        assert front.process.wait(timeout=10) == 0
