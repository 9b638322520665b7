"""The gateway on real pods: one address in front of a pipeline's models."""

import base64
import io
import json
from pathlib import Path

import pytest
import requests
from PIL import Image
from tests.support.eventually import eventually
from tests.support.pipeline_client import EXAMPLE, PipelineClient

from devcluster import Cluster
from devcluster.pytest_plugin import Namespace
from sdp_serving.client.kubectl import Kubectl
from sdp_serving.client.port_forward import port_forward
from sdp_serving.contract.signatures import LATENT_CHANNELS, LATENT_FACTOR

_FILE = Path(__file__).parents[2] / "examples" / "03-gateway" / "pipeline.yaml"
_NAME = "sd-tiny-http"
_PIXELS = 64
_CELLS = _PIXELS // LATENT_FACTOR


@pytest.fixture
def pipelines(demo_cluster: Cluster, node_namespace: Namespace) -> PipelineClient:
    """What a user does with pipelines in the test's namespace."""
    return PipelineClient(node_namespace)


def test_a_gateway_passes_requests_to_the_model_that_they_name(
    pipelines: PipelineClient, node_namespace: Namespace
) -> None:
    pipelines.apply({"decoder": EXAMPLE["spec"]["decoder"], "gateway": {}})
    pipelines.wait_for("Ready", reason="AllServing", seconds=120)
    gateway = pipelines.condition("GatewayReady")
    assert gateway["status"] == "True"
    assert pipelines.get()["status"]["url"] in gateway["message"]

    latent = [[[0.0] * LATENT_CHANNELS] * _CELLS] * _CELLS
    with port_forward(Kubectl(namespace=node_namespace.name), "sd-gateway", 80) as forward:
        address = forward.address()
        answer = requests.post(
            f"http://{address.host}:{address.port}/v1/models/decoder:predict",
            json={"instances": [{"latent": latent}]},
            timeout=30,
        )
    assert answer.status_code == 200, answer.text
    (picture,) = answer.json()["predictions"]
    assert (len(picture), len(picture[0]), len(picture[0][0])) == (_PIXELS, _PIXELS, 3)


def test_the_example_draws_a_picture_for_whoever_has_a_key_and_says_what_with(
    pipelines: PipelineClient, node_namespace: Namespace
) -> None:
    node_namespace.kubectl("apply", f"--filename={_FILE}")
    said = pipelines.wait_for("GatewayReady", reason="VolumeUnavailable", name=_NAME, seconds=60)
    assert said["message"].startswith("the Secret sd-tiny-keys of gateway.auth can't be mounted")
    node_namespace.kubectl("create", "secret", "generic", "sd-tiny-keys", "--from-literal=alice=first")
    pipelines.wait_for("Ready", reason="AllServing", name=_NAME, seconds=180)

    with port_forward(Kubectl(namespace=node_namespace.name), f"{_NAME}-gateway", 80) as forward:
        address = forward.address()
        url = f"http://{address.host}:{address.port}/v1"
        assert _draw(url, None).status_code == 401
        assert _draw(url, "wrong").status_code == 401
        answer = _draw(url, "first")
        assert answer.status_code == 200, answer.text
        [drawn] = answer.json()["data"]
        with Image.open(io.BytesIO(base64.b64decode(drawn["b64_json"]))) as picture:
            assert picture.size == (_PIXELS, _PIXELS)
        assert drawn["receipt"]["models"]["diffusion-model"]["digest"] == _served(pipelines)["digest"]

        patch = json.dumps({"stringData": {"bob": "second"}})
        node_namespace.kubectl("patch", "secret", "sd-tiny-keys", f"--patch={patch}")
        # The kubelet looks at a changed Secret when it looks at the pod, which it does at once when that changes.
        node_namespace.kubectl("label", "pods", "--selector=app.kubernetes.io/component=gateway", "team=art")
        eventually(lambda: _draw(url, "second").status_code == 200, "the second key is right too", seconds=150)


def _draw(url: str, key: str | None) -> requests.Response:
    headers = {} if key is None else {"Authorization": f"Bearer {key}"}
    body = {"prompt": "a large red circle on a blue background", "seed": 7, "steps": 4}
    return requests.post(f"{url}/images/generations", json=body, headers=headers, timeout=60)


def _served(pipelines: PipelineClient) -> dict[str, str]:
    serving: dict[str, str] = pipelines.get(name=_NAME)["status"]["diffusionModel"]["serving"]
    return serving
