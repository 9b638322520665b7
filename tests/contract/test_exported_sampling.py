"""The diffusion model's choices of sampling, served as TensorFlow Serving serves them."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from tests.support.exported import serving
from tests.support.grpc_calls import predict
from tests.support.standin import StandIn
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
    folder = tmp_path_factory.mktemp("exported")
    weights = folder / "weights"
    weights.write_text("1.0")
    with serving(folder, [toy_source(MODEL, weights)]) as running:
        yield running


def as_json(inputs: dict[str, Any]) -> dict[str, Any]:
    return {name: np.asarray(value).tolist() for name, value in inputs.items()}


def over_rest(server: StandIn) -> np.ndarray:
    answer = server.predict(MODEL, {"signature_name": "text_to_image", "inputs": as_json(REQUEST)})
    assert answer.status_code == 200, answer.text
    return np.array(answer.json()["outputs"], np.float32)


def test_rest_and_grpc_draw_the_same(server: StandIn) -> None:
    latent = predict(server, MODEL, "text_to_image", {**REQUEST, "seeds": np.array(REQUEST["seeds"])})["latent"]
    np.testing.assert_allclose(latent, over_rest(server), atol=1e-5)


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
