"""The diffusion model's choices of sampling, served as TensorFlow Serving serves them."""

from collections.abc import Iterator
from typing import Any

import grpc
import numpy as np
import pytest
from tests.support.standin import StandIn, standin
from tests.support.toy_models import IMAGE_SIZE, WIDTH, toy_source

from sdp_serving.contract.components import Component

MODEL = Component.DIFFUSION_MODEL
CONTEXT = np.linspace(0, 1, 77 * WIDTH, dtype=np.float32).reshape(1, 77, WIDTH)
REQUEST: dict[str, Any] = {
    "context": CONTEXT,
    "unconditional_context": CONTEXT / 2,
    "seeds": [7, 8],
    "num_steps": 3,
    "schedule": "karras",
    "sampler": "dpm_solver_pp_2m",
    "guidance_scale": 3.0,
    "height": IMAGE_SIZE,
    "width": IMAGE_SIZE,
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StandIn]:
    from sdp_exporter import saved_model

    folder = tmp_path_factory.mktemp("exported")
    weights = folder / "weights"
    weights.write_text("1.0")
    version = folder / MODEL / "1"
    version.mkdir(parents=True)
    saved_model.write(toy_source(MODEL, weights), version)
    config = folder / "models.config"
    served = f'name: "{MODEL}" base_path: "{version.parent}" model_platform: "tensorflow"'
    config.write_text(f"model_config_list {{ config {{ {served} }} }}")
    with standin(folder, f"--model_config_file={config}") as running:
        running.wait_until_serving()
        yield running


def as_json(inputs: dict[str, Any]) -> dict[str, Any]:
    return {name: np.asarray(value).tolist() for name, value in inputs.items()}


def over_rest(server: StandIn) -> np.ndarray:
    answer = server.predict(MODEL, {"signature_name": "text_to_image", "inputs": as_json(REQUEST)})
    assert answer.status_code == 200, answer.text
    return np.array(answer.json()["outputs"], np.float32)


def test_rest_and_grpc_draw_the_same(server: StandIn) -> None:
    from tensorflow import make_ndarray, make_tensor_proto
    from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

    request = predict_pb2.PredictRequest()
    request.model_spec.name, request.model_spec.signature_name = MODEL, "text_to_image"
    for name, value in REQUEST.items():
        request.inputs[name].CopyFrom(make_tensor_proto(value, dtype=np.int64 if name == "seeds" else None))
    with grpc.insecure_channel(f"127.0.0.1:{server.grpc_port}") as channel:
        response = prediction_service_pb2_grpc.PredictionServiceStub(channel).Predict(request, timeout=60)
    np.testing.assert_allclose(make_ndarray(response.outputs["latent"]), over_rest(server), atol=1e-5)


def test_requests_of_several_clients_are_rows_of_one(server: StandIn) -> None:
    row = {name: REQUEST[name] for name in ("num_steps", "schedule", "sampler", "guidance_scale")}
    contexts = {name: REQUEST[name][0] for name in ("context", "unconditional_context")}
    others = {**row, "num_steps": 5, "sampler": "euler"}
    rows = [as_json({**contexts, **each, "seed": seed}) for seed, each in ((8, row), (1, others), (7, row))]
    answer = server.predict(MODEL, {"signature_name": "sample_batch", "instances": rows})
    assert answer.status_code == 200, answer.text
    drawn = np.array(answer.json()["predictions"], np.float32)
    np.testing.assert_allclose(drawn[[2, 0]], over_rest(server), atol=1e-5)


def test_a_sampler_that_there_is_not_is_refused_with_those_that_there_are(server: StandIn) -> None:
    body = {"signature_name": "text_to_image", "inputs": as_json({**REQUEST, "sampler": "plms"})}
    answer = server.predict(MODEL, body)
    assert answer.status_code == 400
    assert "choose among ddim, dpm_solver_pp_2m, euler, euler_ancestral" in answer.json()["error"]
