"""Swaps in running pods, whose status and pullers the tests play, on a real API server."""

import json

from tests.support.api import read
from tests.support.eventually import eventually
from tests.support.kubelet import Kubelet
from tests.support.operator_process import OperatorProcess
from tests.support.pipeline_client import PipelineClient

from devcluster.pytest_plugin import Namespace
from sdp_operator.desired.telling import TOLD
from sdp_operator.swap.state import SwapState, read_state
from sdp_serving.contract.components import Component

UNET = Component.DIFFUSION_MODEL
FIRST = "gs://good/first"
SECOND = "gs://good/second"
CORRUPT = "gs://corrupt/model"


def test_a_model_is_swapped_in_the_running_pod(
    operator: OperatorProcess, pipelines: PipelineClient, kubelet: Kubelet, namespace: Namespace
) -> None:
    running = _serve_first(pipelines, kubelet)
    pipelines.apply(_spec(SECOND))
    pipelines.wait_for("Ready", reason="AllServing")
    status = pipelines.get()["status"]
    assert status["diffusionModel"]["serving"]["model"] == SECOND
    assert status["diffusionModel"]["swap"] == {
        "strategy": "InPlace", "reason": "no memory limit is set", "step": "Watching",
    }  # fmt: skip
    assert [(one["to"], one["result"]) for one in status["swaps"]] == [(SECOND, "Succeeded")]
    (pod,) = kubelet.pods(UNET)
    assert pod["metadata"]["name"] == running
    assert TOLD in pod["metadata"]["annotations"], "the kubelet has been told to look"
    eventually(lambda: "SwapStrategy" in _events(namespace), "the swap is told of")
    assert [reason for reason in _events(namespace) if reason.startswith("Swap")] == [
        "Swapping", "SwapStrategy",
    ]  # fmt: skip


def test_a_model_that_can_not_be_loaded_is_rejected_and_tried_again_only_once_another_was_asked_for(
    operator: OperatorProcess, pipelines: PipelineClient, kubelet: Kubelet, namespace: Namespace
) -> None:
    running = _serve_first(pipelines, kubelet)
    pipelines.apply(_spec(CORRUPT))
    rolled_back = pipelines.wait_for("RolledBack", reason="LoadFailed")
    assert rolled_back["message"] == (
        f"diffusionModel: {CORRUPT} was found bad (it is corrupt): correct diffusionModel.model, or set it back to"
        f" {FIRST}, which serves"
    )
    ready = pipelines.condition("Ready")
    assert (ready["status"], ready["reason"]) == ("False", "LoadFailed")
    assert "is served" in ready["message"]
    status = pipelines.get()["status"]
    assert [(one["to"], one["result"]) for one in status["swaps"]] == [(CORRUPT, "RolledBack")]
    assert status["diffusionModel"]["serving"]["model"] == FIRST
    state = _state(namespace)
    operator.kill()
    operator.start()
    pipelines.apply(_spec(FIRST))
    pipelines.wait_for("Ready", reason="AllServing")
    after = _state(namespace)
    assert after.serving.number == state.serving.number
    assert after.rejected is None
    assert [pod["metadata"]["name"] for pod in kubelet.pods(UNET)] == [running]


def test_a_server_that_crashes_while_it_is_watched_gets_the_previous_model_back(
    operator: OperatorProcess, pipelines: PipelineClient, kubelet: Kubelet, namespace: Namespace
) -> None:
    running = _serve_first(pipelines, kubelet)
    pipelines.apply(_spec(SECOND))
    pipelines.wait_for("Ready", reason="AllServing")
    kubelet.crash(running, "segmentation fault")
    rolled_back = pipelines.wait_for("RolledBack", reason="ServerCrashed")
    assert "segmentation fault" in rolled_back["message"]
    eventually(lambda: _state(namespace).serving.settled is not None, "the previous model serves again")
    assert _state(namespace).serving.source == FIRST
    status = pipelines.get()["status"]
    assert status["diffusionModel"]["serving"]["model"] == FIRST
    assert [(one["to"], one["result"]) for one in status["swaps"]] == [(SECOND, "RolledBack")]


def test_with_surge_new_pods_come_beside_the_running_ones_once_the_model_is_verified(
    operator: OperatorProcess, pipelines: PipelineClient, kubelet: Kubelet, namespace: Namespace
) -> None:
    running = _serve_first(pipelines, kubelet)
    pipelines.apply(_spec(SECOND, strategy="Surge"))
    new = kubelet.serve(UNET, SECOND)
    pipelines.wait_for("Ready", reason="AllServing")
    eventually(lambda: [pod["metadata"]["name"] for pod in kubelet.pods(UNET)] == [new], "the old pod is gone")
    assert new != running
    kubelet.crash(new, "segmentation fault")
    back = kubelet.serve(UNET, FIRST)
    pipelines.wait_for("RolledBack", reason="ServerCrashed")
    eventually(lambda: [pod["metadata"]["name"] for pod in kubelet.pods(UNET)] == [back], "the bad pod is gone")


def test_what_is_forgotten_is_learnt_from_the_pods_and_at_rest_none_is_asked(
    operator: OperatorProcess, pipelines: PipelineClient, kubelet: Kubelet, namespace: Namespace
) -> None:
    running = _serve_first(pipelines, kubelet)
    before = _state(namespace)
    patch = json.dumps({"data": {"swap.json": "{damaged"}})
    namespace.kubectl("patch", "configmap", "sd-diffusion-model-models", f"--patch={patch}")
    eventually(lambda: _remembered(namespace) is not None, "what the pods have is remembered again")
    after = _state(namespace)
    assert (after.rollout, after.serving.number, after.serving.source) == (
        before.rollout, before.serving.number, FIRST,
    )  # fmt: skip
    asked, writes = kubelet.pullers[running].asked, operator.writes()
    pipelines.apply(_spec(FIRST, watch=299))
    eventually(lambda: pipelines.get()["status"]["observedGeneration"] == 2, "the edit has been seen")
    assert kubelet.pullers[running].asked == asked
    assert operator.writes() - writes <= 1, "only the status"
    assert [pod["metadata"]["name"] for pod in kubelet.pods(UNET)] == [running]


def _spec(model: str, *, strategy: str = "Auto", watch: int = 300) -> dict[str, object]:
    return {"diffusionModel": {"model": model}, "swap": {"strategy": strategy, "watchSeconds": watch}}


def _serve_first(pipelines: PipelineClient, kubelet: Kubelet) -> str:
    pipelines.apply(_spec(FIRST))
    name = kubelet.serve(UNET, FIRST)
    pipelines.wait_for("Ready", reason="AllServing")
    return name


def _remembered(namespace: Namespace) -> SwapState | None:
    return read_state(
        read(namespace.cluster.kubeconfig, namespace.name, "configmaps", "sd-diffusion-model-models")["data"]
    )


def _state(namespace: Namespace) -> SwapState:
    state = _remembered(namespace)
    assert state is not None
    return state


def _events(namespace: Namespace) -> list[str]:
    found = read(namespace.cluster.kubeconfig, namespace.name, "events")["items"]
    ours = [one for one in found if one["involvedObject"]["kind"] == "StableDiffusionPipeline"]
    return [one["reason"] for one in sorted(ours, key=lambda one: str(one["metadata"]["name"]))]
