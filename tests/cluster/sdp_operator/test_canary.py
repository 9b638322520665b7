"""A canary beside the model that serves, in pods whose status and pullers the tests play, on a real API server."""

from typing import Any

import pytest
from tests.support.eventually import eventually
from tests.support.kubelet import Kubelet
from tests.support.pipeline_client import PipelineClient

from sdp_operator.desired.telling import TOLD
from sdp_serving.contract.components import Component
from sdp_serving.contract.routes import ROUTES_FILE, Canary, Routes
from sdp_serving.contract.swap import DESIRED_FILE, DesiredModels, PodModels

pytestmark = pytest.mark.usefixtures("operator")

UNET = Component.DIFFUSION_MODEL
FIRST = "gs://good/first"
SECOND = "gs://good/second"
CORRUPT = "gs://corrupt/model"


def test_a_canary_is_told_to_pods_and_gateways_and_is_aborted_and_promoted_by_the_field(
    pipelines: PipelineClient, kubelet: Kubelet
) -> None:
    running = _serve_first(pipelines, kubelet)
    pipelines.apply(_spec(FIRST, canary=SECOND, percent=25))
    canary = _serving_canary(pipelines, percent=25)
    assert canary.model == SECOND
    wanted = _wanted(pipelines)
    assert (wanted.serving.uri, wanted.candidate and wanted.candidate.number) == (FIRST, canary.version)
    assert _routes(pipelines) == {UNET: canary}
    first_told = _told(kubelet)
    _assert_is_ready(pipelines, serving=FIRST)

    pipelines.apply(_spec(FIRST, canary=SECOND, percent=50))
    assert _serving_canary(pipelines, percent=50).version == canary.version, "the same one, with more to do"
    eventually(lambda: _routes(pipelines)[UNET].percent == 50, "the gateways know")
    eventually(lambda: not first_told & _told(kubelet), "and are to look at once")

    pipelines.apply(_spec(FIRST))
    eventually(lambda: _canary(pipelines) is None, "the canary is gone")
    assert (_wanted(pipelines).candidate, _routes(pipelines)) == (None, {})
    _assert_is_ready(pipelines, serving=FIRST)

    pipelines.apply(_spec(FIRST, canary=SECOND, percent=5))
    again = _serving_canary(pipelines, percent=5)
    assert again.version < canary.version, "no number is used twice"
    pipelines.apply(_spec(SECOND))
    eventually(lambda: _canary(pipelines) is None, "it is no canary any more")
    pipelines.wait_for("Ready", reason="AllServing")
    _assert_is_ready(pipelines, serving=SECOND)
    assert _wanted(pipelines).serving.number == again.version, "what the pods have loaded already"
    assert _routes(pipelines) == {}
    assert [(one["to"], one["result"]) for one in pipelines.get()["status"]["swaps"]] == [(SECOND, "Succeeded")]
    assert [pod["metadata"]["name"] for pod in kubelet.pods(UNET)] == [running]


def test_a_canary_that_is_bad_is_refused_and_takes_no_request(pipelines: PipelineClient, kubelet: Kubelet) -> None:
    _serve_first(pipelines, kubelet)
    pipelines.apply(_spec(FIRST, canary=CORRUPT, percent=25))
    said = pipelines.wait_for("RolledBack", reason="LoadFailed")
    assert said["message"].endswith("correct diffusionModel.canary, or remove it; what is asked for as model serves")
    assert _canary(pipelines) == {
        "model": CORRUPT, "percent": 25, "state": "Refused", "reason": "LoadFailed", "message": "it is corrupt",
    }  # fmt: skip
    assert _routes(pipelines) == {}
    _assert_is_ready(pipelines, serving=FIRST)
    pipelines.apply(_spec(FIRST))
    eventually(lambda: not pipelines.condition("RolledBack"), "without it all is well")


def _spec(model: str, *, canary: str | None = None, percent: int = 0) -> dict[str, Any]:
    beside = {} if canary is None else {"canary": {"model": canary, "percent": percent}}
    return {"diffusionModel": {"model": model, **beside}, "gateway": {"replicas": 1}}


def _serve_first(pipelines: PipelineClient, kubelet: Kubelet) -> str:
    pipelines.apply(_spec(FIRST))
    name = kubelet.serve(UNET, FIRST)
    kubelet.run("gateway")
    pipelines.wait_for("Ready", reason="AllServing")
    return name


def _canary(pipelines: PipelineClient) -> dict[str, Any] | None:
    found: dict[str, Any] | None = pipelines.get()["status"]["diffusionModel"].get("canary")
    return found


def _serving_canary(pipelines: PipelineClient, *, percent: int) -> Canary:
    """Wait until the canary takes this part of the requests."""

    def is_serving() -> bool:
        found = _canary(pipelines) or {}
        return (found.get("state"), found.get("percent")) == ("Serving", percent)

    eventually(is_serving, f"the canary takes {percent} %")
    return Canary.model_validate(_canary(pipelines))


def _wanted(pipelines: PipelineClient) -> PodModels:
    """What the component's pods are told."""
    data = pipelines.get("configmaps", "sd-diffusion-model-models")["data"]
    (models,) = DesiredModels.model_validate_json(data[DESIRED_FILE]).rollouts.values()
    return models


def _routes(pipelines: PipelineClient) -> dict[Component, Canary]:
    """What the gateways are told."""
    data = pipelines.get("configmaps", "sd-gateway")["data"]
    return dict(Routes.model_validate_json(data[ROUTES_FILE]).canaries)


def _told(kubelet: Kubelet) -> set[str]:
    """What the gateways were told to look at."""
    return {pod["metadata"].get("annotations", {}).get(TOLD, "") for pod in kubelet.pods("gateway")}


def _assert_is_ready(pipelines: PipelineClient, *, serving: str) -> None:
    assert pipelines.condition("Ready")["status"] == "True"
    assert pipelines.get()["status"]["diffusionModel"]["serving"]["model"] == serving
