"""Requests to the stand-in model server, answered as TensorFlow Serving answers them."""

import base64
import contextlib
import http.client
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
import requests
from tests.support.small_models import save_add, save_echo, save_pair, save_slow
from tests.support.standin import StandIn, standin

FOREVER = 2**31 - 1
MODELS = ("add", "pair", "echo", "slow")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StandIn]:
    """One that serves all the models, `add` in two versions of which 1 is labelled stable."""
    folder = tmp_path_factory.mktemp("standin")
    save_add(folder / "add", 1, offset=100)
    save_add(folder / "add", 2)
    save_pair(folder / "pair", 7)
    save_echo(folder / "echo", 1)
    save_slow(folder / "slow", 1)
    config = folder / "models.config"
    entries = []
    for name in MODELS:
        policy = 'model_version_policy { all {} } version_labels { key: "stable" value: 1 }' if name == "add" else ""
        entries.append(
            f'config {{ name: "{name}" base_path: "{folder / name}" model_platform: "tensorflow" {policy} }}'
        )
    config.write_text(f"model_config_list {{ {' '.join(entries)} }}")
    monitoring = folder / "monitoring.config"
    monitoring.write_text('prometheus_config { enable: true, path: "/monitoring/prometheus/metrics" }')
    with standin(
        folder,
        f"--model_config_file={config}",
        f"--monitoring_config_file={monitoring}",
        "--rest_api_timeout_in_ms=1000",
        "--enable_grpc_healthcheck_service",
        "--num_load_threads=2",
    ) as running:
        running.wait_until_serving()
        running.wait_until(lambda: set(running.states("add").values()) == {"AVAILABLE"})
        yield running


@pytest.fixture(scope="module")
def channel(server: StandIn) -> Iterator[grpc.Channel]:
    options = [("grpc.max_receive_message_length", -1)]
    with grpc.insecure_channel(f"127.0.0.1:{server.grpc_port}", options=options) as opened:
        yield opened


PREDICTIONS = {
    "one columnar output loses its name": ("add", {"inputs": {"a": 1.5, "b": 2}}, {"outputs": 3.5}),
    "several columnar outputs keep their names": (
        "pair",
        {"inputs": [[1, 2], [3, 4]]},
        {"outputs": {"byte": [[1, 2], [3, 4]], "half": [[0.5, 1.0], [1.5, 2.0]]}},
    ),
    "the only input may be given without its name or with it": (
        "pair",
        {"inputs": {"rows": [[1, 2]]}},
        {"outputs": {"byte": [[1, 2]], "half": [[0.5, 1.0]]}},
    ),
    "rows are answered as rows": (
        "pair",
        {"instances": [[1, 2], [3, 4]]},
        {"predictions": [{"byte": [1, 2], "half": [0.5, 1.0]}, {"byte": [3, 4], "half": [1.5, 2.0]}]},
    ),
    "rows may name their input": (
        "pair",
        {"instances": [{"rows": [1, 2]}]},
        {"predictions": [{"byte": [1, 2], "half": [0.5, 1.0]}]},
    ),
    "strings may come in base64, and an output named _bytes goes out in it": (
        "echo",
        {"inputs": [{"b64": base64.b64encode(b"hot").decode()}, "cold"]},
        {"outputs": {"count": 2, "same": ["hot", "cold"], "same_bytes": [{"b64": "aG90"}, {"b64": "Y29sZA=="}]}},
    ),
    "the version with the highest number answers": ("add", {"inputs": {"a": 0, "b": 0}}, {"outputs": 0.0}),
    "the path chooses a version": ("add/versions/1", {"inputs": {"a": 0, "b": 0}}, {"outputs": 100.0}),
    "the path chooses a label": ("add/labels/stable", {"inputs": {"a": 0, "b": 0}}, {"outputs": 100.0}),
    "the signature may be named": (
        "add",
        {"signature_name": "serving_default", "inputs": {"a": 0.1, "b": 0}},
        {"outputs": 0.1},
    ),
    "an input that the signature does not know is passed over in columns": (
        "add",
        {"inputs": {"a": 1, "b": 1, "c": 1}},
        {"outputs": 2.0},
    ),
}


@pytest.mark.parametrize(("model", "body", "answer"), PREDICTIONS.values(), ids=PREDICTIONS)
def test_rest_predicts(server: StandIn, model: str, body: Any, answer: Any) -> None:
    response = server.predict(model, body)

    assert (response.status_code, response.json()) == (200, answer)
    assert response.headers["Content-Type"] == "application/json"


REFUSALS = {
    "an unknown model": ("nothing", {"inputs": {}}, 404, "Servable not found for request: Latest(nothing)"),
    "an unknown version": ("add/versions/9", {"inputs": {}}, 404, "Servable not found for request: Specific(add, 9)"),
    "an unknown label": ("add/labels/new", {"inputs": {}}, 400, "Unrecognized servable version label: new"),
    "an unknown signature": (
        "add",
        {"signature_name": "sample", "inputs": {}},
        400,
        'Serving signature name: "sample" not found in signature def',
    ),
    "a missing input": ("add", {"inputs": {"a": 1}}, 400, "Missing named input: b in 'inputs' object."),
    "no name where there are two inputs": ("add", {"inputs": 1}, 400, "inputs is a plain value/list"),
    "a value of another type": (
        "pair",
        {"inputs": [[1, 2.5]]},
        400,
        "JSON Value: 2.5 Type: Number is not of expected type: int32",
    ),
    "text for a number": ("add", {"inputs": {"a": "1", "b": 1}}, 400, "Type: String is not of expected type: float"),
    "a number too large for its type": ("pair", {"inputs": [[1, 2**31]]}, 400, "is not of expected type: int32"),
    "an integer that a float cannot hold": ("add", {"inputs": {"a": 2**24 + 1, "b": 0}}, 400, "loss of precision"),
    "rows of unequal length": ("pair", {"inputs": [[1, 2], [3]]}, 400, "Encountered list at unexpected size: 1"),
    "values at unequal depth": ("pair", {"inputs": [[1, 2], 3]}, 400, "found at incorrect level: 2"),
    "a shape that the model does not take": ("pair", {"inputs": [[1, 2, 3]]}, 400, "shape"),
    "both inputs and instances": ("pair", {"inputs": [], "instances": [[1, 2]]}, 400, "expecting only one of"),
    "neither inputs nor instances": ("pair", {}, 400, "Missing 'inputs' or 'instances' key"),
    "no instances": ("pair", {"instances": []}, 400, "No values in 'instances' array"),
    "rows with an unknown input": (
        "pair",
        {"instances": [{"rows": [1, 2], "x": 1}]},
        400,
        "keys must be equal to: rows",
    ),
    "an output without rows, asked for in rows": ("echo", {"instances": ["a"]}, 400, "has no shape information"),
    "base64 that is none": ("echo", {"inputs": [{"b64": "a"}]}, 400, "Unable to base64 decode"),
    "no JSON": ("pair", "{", 400, "JSON Parse error"),
    "nothing": ("pair", "", 400, "JSON Parse error: The document is empty"),
    "no object": ("pair", "[]", 400, "Is not object"),
    "a run beyond the time-out": ("slow", {"inputs": FOREVER}, 504, "Timed out waiting for notification"),
}


@pytest.mark.parametrize(("model", "body", "status", "message"), REFUSALS.values(), ids=REFUSALS)
def test_rest_refuses(server: StandIn, model: str, body: Any, status: int, message: str) -> None:
    response = server.predict(model, body)

    assert response.status_code == status
    assert message in response.json()["error"]
    assert response.json().keys() == {"error"}


def test_a_run_that_was_given_up_leaves_the_model_serving(server: StandIn) -> None:
    assert server.predict("slow", {"inputs": FOREVER}).status_code == 504

    assert server.predict("slow", {"inputs": 3}).json() == {"outputs": 3}


def test_rest_tells_the_status_with_the_version_as_text(server: StandIn) -> None:
    response = server.get("/v1/models/pair")

    assert (response.status_code, response.json()) == (
        200,
        {
            "model_version_status": [
                {"version": "7", "state": "AVAILABLE", "status": {"error_code": "OK", "error_message": ""}}
            ]
        },
    )


def test_rest_tells_the_status_of_one_version(server: StandIn) -> None:
    versions = server.get("/v1/models/add/versions/1").json()["model_version_status"]

    assert [each["version"] for each in versions] == ["1"]


def test_rest_tells_the_signatures(server: StandIn) -> None:
    document = server.get("/v1/models/add/metadata").json()

    assert document["model_spec"] == {"name": "add", "signature_name": "", "version": "2"}
    signature = document["metadata"]["signature_def"]["signature_def"]["serving_default"]
    assert signature["inputs"]["a"]["dtype"] == "DT_FLOAT"
    assert signature["outputs"]["sum"]["tensor_shape"] == {"dim": [], "unknown_rank": False}
    assert signature["method_name"] == "tensorflow/serving/predict"


PATHS = {
    "the status of a model never seen": ("GET", "/v1/models/nothing", 404),
    "the status of a version never seen": ("GET", "/v1/models/add/versions/9", 404),
    "the metadata of a model never seen": ("GET", "/v1/models/nothing/metadata", 404),
    "no model's name": ("GET", "/v1/models", 400),
    "an unknown method of a model": ("POST", "/v1/models/add:dream", 400),
    "predicting with GET": ("GET", "/v1/models/add:predict", 400),
    "classify": ("POST", "/v1/models/add:classify", 501),
    "a path outside of the API": ("GET", "/healthz", 404),
}


@pytest.mark.parametrize(("method", "path", "status"), PATHS.values(), ids=PATHS)
def test_rest_answers_other_paths(server: StandIn, method: str, path: str, status: int) -> None:
    assert requests.request(method, server.url + path, data="{}", timeout=30).status_code == status


def test_a_connection_serves_several_requests(server: StandIn) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", server.rest_port, timeout=30)
    with contextlib.closing(connection):
        connection.connect()
        first_socket = connection.sock
        statuses = []
        for name in ("add", "nothing", "pair"):
            connection.request("GET", f"/v1/models/{name}")
            response = connection.getresponse()
            response.read()
            statuses.append(response.status)

        assert statuses == [200, 404, 200]
        assert connection.sock is first_socket


def test_a_body_of_unknown_length_is_refused(server: StandIn) -> None:
    response = requests.post(f"{server.url}/v1/models/pair:predict", data=iter([b"{}"]), timeout=30)

    assert response.status_code == 411
    assert "send Content-Length" in response.json()["error"]


def test_metrics_count_requests_by_their_end(server: StandIn) -> None:
    server.predict("pair", {"inputs": [[1, 2]]})
    server.predict("pair", {"inputs": [[1]]})

    metrics = server.get("/monitoring/prometheus/metrics")

    assert ':tensorflow:serving:request_count{model_name="pair",status="OK"}' in metrics.text
    assert ':tensorflow:serving:request_count{model_name="pair",status="INVALID_ARGUMENT"}' in metrics.text
    assert (
        ':tensorflow:serving:request_latency_count{model_name="pair",API="predict",entrypoint="REST"}' in metrics.text
    )


def predict(channel: grpc.Channel, model: str, timeout: float = 30, wanted: Sequence[str] = (), **inputs: Any) -> Any:
    import tensorflow as tf
    from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

    request = predict_pb2.PredictRequest(output_filter=wanted)
    request.model_spec.name = model
    for name, value in inputs.items():
        request.inputs[name].CopyFrom(tf.make_tensor_proto(value))
    return prediction_service_pb2_grpc.PredictionServiceStub(channel).Predict(request, timeout=timeout)


def test_grpc_predicts_and_names_every_output(channel: grpc.Channel) -> None:
    import tensorflow as tf

    response = predict(channel, "pair", rows=np.array([[1, 2], [3, 4]], np.int32))

    assert (response.model_spec.name, response.model_spec.version.value) == ("pair", 7)
    assert response.model_spec.signature_name == "serving_default"
    assert tf.make_ndarray(response.outputs["half"]).tolist() == [[0.5, 1.0], [1.5, 2.0]]
    assert tf.make_ndarray(response.outputs["byte"]).dtype == np.uint8


def test_grpc_answers_in_typed_fields_by_default(channel: grpc.Channel) -> None:
    output = predict(channel, "pair", rows=np.array([[1, 2]], np.int32)).outputs["half"]

    assert (list(output.float_val), output.tensor_content) == ([0.5, 1.0], b"")


def test_grpc_answers_with_the_outputs_asked_for(channel: grpc.Channel) -> None:
    assert set(predict(channel, "pair", wanted=["byte"], rows=np.array([[1, 2]], np.int32)).outputs) == {"byte"}


def test_grpc_carries_strings(channel: grpc.Channel) -> None:
    response = predict(channel, "echo", data=[b"\xff\x00", b"x"])

    assert list(response.outputs["same"].string_val) == [b"\xff\x00", b"x"]


def test_grpc_takes_and_gives_more_than_four_megabytes(channel: grpc.Channel) -> None:
    response = predict(channel, "echo", data=[b"x" * 5_000_000, b"y"])

    assert response.outputs["count"].int_val == [2]


GRPC_REFUSALS: dict[str, tuple[str, dict[str, Any], grpc.StatusCode, str]] = {
    "an unknown model": ("nothing", {}, grpc.StatusCode.NOT_FOUND, "Servable not found for request: Latest(nothing)"),
    "no model": ("", {}, grpc.StatusCode.INVALID_ARGUMENT, "no name"),
    "a missing input": (
        "add",
        {"a": np.float32(1)},
        grpc.StatusCode.INVALID_ARGUMENT,
        "Sent extra: {}. Missing but required: {b}",
    ),
    "an input too many": (
        "add",
        {"a": np.float32(1), "b": np.float32(1), "c": np.float32(1)},
        grpc.StatusCode.INVALID_ARGUMENT,
        "Sent extra: {c}",
    ),
    "an input of another name": (
        "add",
        {"a": np.float32(1), "x": np.float32(1)},
        grpc.StatusCode.INVALID_ARGUMENT,
        "input tensor alias not found in signature: x",
    ),
    "an input of another dtype": (
        "add",
        {"a": np.float64(1), "b": np.float32(1)},
        grpc.StatusCode.INVALID_ARGUMENT,
        "to be float but double is provided",
    ),
    "a shape that the model does not take": (
        "pair",
        {"rows": np.zeros([1, 3], np.int32)},
        grpc.StatusCode.INVALID_ARGUMENT,
        "shape",
    ),
}


@pytest.mark.parametrize(("model", "inputs", "code", "message"), GRPC_REFUSALS.values(), ids=GRPC_REFUSALS)
def test_grpc_refuses(
    channel: grpc.Channel, model: str, inputs: dict[str, Any], code: grpc.StatusCode, message: str
) -> None:
    with pytest.raises(grpc.RpcError) as raised:
        predict(channel, model, **inputs)

    assert raised.value.code() == code
    assert message in (raised.value.details() or "")


def test_grpc_gives_up_at_the_clients_deadline_and_the_server_does_too(server: StandIn, channel: grpc.Channel) -> None:
    def given_up() -> int:
        metrics = server.get("/monitoring/prometheus/metrics").text
        counts = re.search(r'request_count\{model_name="slow",status="DEADLINE_EXCEEDED"\} (\d+)', metrics)
        return int(counts[1]) if counts else 0

    before = given_up()

    with pytest.raises(grpc.RpcError) as raised:
        predict(channel, "slow", timeout=0.5, steps=np.int32(FOREVER))

    assert raised.value.code() == grpc.StatusCode.DEADLINE_EXCEEDED
    server.wait_until(lambda: given_up() == before + 1)


def test_grpc_tells_the_status(channel: grpc.Channel) -> None:
    from tensorflow_serving.apis import get_model_status_pb2, model_service_pb2_grpc

    stub = model_service_pb2_grpc.ModelServiceStub(channel)
    request = get_model_status_pb2.GetModelStatusRequest()
    request.model_spec.name = "pair"
    (status,) = stub.GetModelStatus(request, timeout=30).model_version_status

    assert (status.version, status.state, status.status.error_code) == (7, 30, 0)
    request.model_spec.name = "nothing"
    with pytest.raises(grpc.RpcError) as raised:
        stub.GetModelStatus(request, timeout=30)
    assert raised.value.code() == grpc.StatusCode.NOT_FOUND


def test_grpc_tells_the_signatures(channel: grpc.Channel) -> None:
    from tensorflow_serving.apis import get_model_metadata_pb2, prediction_service_pb2_grpc

    request = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=["signature_def"])
    request.model_spec.name = "add"
    response = prediction_service_pb2_grpc.PredictionServiceStub(channel).GetModelMetadata(request, timeout=30)
    signatures = get_model_metadata_pb2.SignatureDefMap()
    assert response.metadata["signature_def"].Unpack(signatures)

    assert set(signatures.signature_def["serving_default"].inputs) == {"a", "b"}
    assert response.model_spec.version.value == 2


def test_the_health_service_tells_of_the_process_and_not_of_a_model(channel: grpc.Channel) -> None:
    check: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary("/grpc.health.v1.Health/Check")

    assert check(b"", timeout=30) == b"\x08\x01"
    with pytest.raises(grpc.RpcError) as raised:
        check(b"\n\x03add", timeout=30)
    assert raised.value.code() == grpc.StatusCode.NOT_FOUND


def test_it_says_on_start_that_it_is_a_stand_in(server: StandIn, tmp_path: Path) -> None:
    assert "This is sdpipeline's stand-in for TensorFlow Serving" in server.log.read_text()
