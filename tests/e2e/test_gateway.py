"""The gateway on real pods: one address in front of a pipeline's models."""

import pytest
import requests
from tests.support.pipeline_client import EXAMPLE, PipelineClient

from devcluster import Cluster
from devcluster.pytest_plugin import Namespace
from sdp_serving.client.kubectl import Kubectl
from sdp_serving.client.port_forward import port_forward
from sdp_serving.contract.signatures import LATENT_CHANNELS, LATENT_FACTOR

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
