"""A canary beside the model that serves, in pods whose status and pullers the tests play, on a real API server."""

from typing import Any

import pytest
from tests.support.eventually import eventually
from tests.support.kubelet import Kubelet
from tests.support.pipeline_client import PipelineClient

from sdp_operator.desired.telling import TOLD
from sdp_serving.contract.components import Component
from sdp_serving.contract.report import PullFailure
from sdp_serving.contract.routes import ROUTES_FILE, Canary, Routes
from sdp_serving.contract.swap import DESIRED_FILE, DesiredModels, PodModels

pytestmark = pytest.mark.usefixtures("operator")

UNET = Component.DIFFUSION_MODEL
FIRST = "gs://good/first"
SECOND = "gs://good/second"
CORRUPT = "gs://corrupt/model"
ALONE: dict[str, Any] = {"swap": {"strategy": "Surge"}, "networkPolicy": {}}
"""By which a canary gets a replica of its own."""


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
    assert canary.version is not None
    assert again.version is not None
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


def test_a_canary_with_a_replica_of_its_own_comes_beside_the_others_and_goes_for_its_promotion(
    pipelines: PipelineClient, kubelet: Kubelet
) -> None:
    running = _serve_first(pipelines, kubelet, **ALONE)
    pipelines.apply(_spec(FIRST, canary=SECOND, percent=25, **ALONE))
    kubelet.serve(UNET, SECOND, part="canary")
    canary = _serving_canary(pipelines, percent=25)
    assert (canary.model, canary.version) == (SECOND, None)
    assert canary.host == f"sd-canary.{pipelines.get()['metadata']['namespace']}.svc"
    assert (_canary(pipelines) or {})["message"] == "it has a replica of its own, since swap.strategy is Surge"
    assert _routes(pipelines) == {UNET: canary}
    assert _wanted(pipelines).candidate is None
    assert _children_of_canary(pipelines) == {
        "configmaps": ["sd-canary", "sd-canary-models"],
        "deployments": ["sd-canary"],
        "networkpolicies": ["sd-canary"],
        "poddisruptionbudgets": [],
        "services": ["sd-canary"],
    }
    _assert_is_ready(pipelines, serving=FIRST)

    pipelines.apply(_spec(FIRST, **ALONE))
    eventually(lambda: not any(_children_of_canary(pipelines).values()), "nothing of the canary is left")
    assert (_canary(pipelines), _routes(pipelines)) == (None, {})
    assert [pod["metadata"]["name"] for pod in kubelet.pods(UNET)] == [running]

    pipelines.apply(_spec(FIRST, canary=SECOND, percent=5, **ALONE))
    kubelet.serve(UNET, SECOND, part="canary")
    _serving_canary(pipelines, percent=5)
    pipelines.apply(_spec(SECOND, **ALONE))
    eventually(lambda: not any(_children_of_canary(pipelines).values()), "it makes room for the swap")
    kubelet.serve(UNET, SECOND)
    pipelines.wait_for("Ready", reason="AllServing")
    _assert_is_ready(pipelines, serving=SECOND)
    assert [(one["to"], one["result"]) for one in pipelines.get()["status"]["swaps"]] == [(SECOND, "Succeeded")]


def test_a_canary_that_is_bad_in_a_replica_of_its_own_is_refused_and_gives_that_up(
    pipelines: PipelineClient, kubelet: Kubelet
) -> None:
    _serve_first(pipelines, kubelet, **ALONE)
    pipelines.apply(_spec(FIRST, canary=SECOND, percent=25, **ALONE))
    kubelet.fail_to_pull("canary", SECOND, PullFailure.WRONG_COMPONENT, "it is a decoder")
    said = pipelines.wait_for("RolledBack", reason="WrongComponent")
    assert said["message"].endswith("correct diffusionModel.canary, or remove it; what is asked for as model serves")
    assert (_canary(pipelines) or {})["state"] == "Refused"
    eventually(lambda: not any(_children_of_canary(pipelines).values()), "nothing of the canary is left")
    _assert_is_ready(pipelines, serving=FIRST)


def test_a_canary_for_which_no_gpu_is_free_waits_and_says_so_as_any_replica(
    pipelines: PipelineClient, kubelet: Kubelet
) -> None:
    _serve_first(pipelines, kubelet, gpus=8, **ALONE)
    pipelines.apply(_spec(FIRST, canary=SECOND, percent=25, gpus=8, **ALONE))
    eventually(lambda: (_canary(pipelines) or {}).get("reason") == "GPUsBusy", "it says what it waits for")
    canary = _canary(pipelines) or {}
    assert canary["state"] == "Waiting"
    assert "other pods hold" in canary["message"] or "sd-diffusion-model" in canary["message"]
    assert pipelines.get()["status"]["gpus"] == 16
    _assert_is_ready(pipelines, serving=FIRST)


def _spec(model: str, *, canary: str | None = None, percent: int = 0, gpus: int = 0, **more: Any) -> dict[str, Any]:
    beside = {} if canary is None else {"canary": {"model": canary, "percent": percent}}
    gpu = {"gpu": {"count": gpus}} if gpus else {}
    return {"diffusionModel": {"model": model, **beside, **gpu}, "gateway": {"replicas": 1}, **more}


def _children_of_canary(pipelines: PipelineClient) -> dict[str, list[str]]:
    """The names of what the canary has of its own, by their kinds."""
    kinds = ("configmaps", "deployments", "networkpolicies", "poddisruptionbudgets", "services")
    return {kind: [name for name in pipelines.names(kind) if name.startswith("sd-canary")] for kind in kinds}


def _serve_first(pipelines: PipelineClient, kubelet: Kubelet, **about: Any) -> str:
    pipelines.apply(_spec(FIRST, **about))
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
