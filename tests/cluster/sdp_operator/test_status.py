"""What a pipeline says of its pods, whose status the tests write as a kubelet would."""

import json
import re

import pytest
from tests.support.eventually import eventually
from tests.support.kubelet import ACCELERATOR, Kubelet
from tests.support.pipeline_client import EXAMPLE, PipelineClient
from tests.support.pipelines import DIGEST

from devcluster.pytest_plugin import Namespace
from sdp_operator.swap.state import read_state
from sdp_serving.contract.components import DRAWING, Component

pytestmark = pytest.mark.usefixtures("operator")

SPEC = EXAMPLE["spec"]
BASE = SPEC["diffusionModel"]["model"]
STRIPED = "gs://sdpipeline-demo/sd-tiny-striped/diffusion-model"
MISSING = "gs://missing/diffusion-model"


def test_a_pipeline_is_ready_once_every_model_is_served(
    pipelines: PipelineClient, kubelet: Kubelet, namespace: Namespace
) -> None:
    _serve_all(pipelines, kubelet)
    namespace.kubectl("wait", "--for=condition=Ready", "sdpipeline/sd", "--timeout=10s")
    status = pipelines.get()["status"]
    remembered = read_state(pipelines.get("configmaps", "sd-diffusion-model-models")["data"])
    assert remembered is not None
    serving = {"name": "sd-tiny/base", "version": 1700000000000, "digest": DIGEST, "model": BASE}
    assert status["gpus"] == 1
    assert status["diffusionModel"] == {
        "model": BASE,
        "serving": {**serving, "number": remembered.serving.number},
        "replicas": 1,
        "readyReplicas": 1,
        "endpoints": {
            "grpc": f"sd-diffusion-model.{namespace.name}.svc:8500",
            "rest": f"http://sd-diffusion-model.{namespace.name}.svc:8501/v1/models/diffusion-model",
        },
        "nodes": [f"node-of-{namespace.name}"],
        "accelerators": [ACCELERATOR],
    }
    assert status["observedGeneration"] == pipelines.get()["metadata"]["generation"] == 1
    assert {one["observedGeneration"] for one in status["conditions"]} == {1}


def test_an_autoscaler_that_cannot_read_its_metric_is_told(
    pipelines: PipelineClient, kubelet: Kubelet, namespace: Namespace
) -> None:
    metric = {"name": "queue_length", "averageValue": "3"}
    model = SPEC["decoder"]["model"]
    pipelines.apply({"decoder": {"model": model, "autoscaling": {"maxReplicas": 2, "metric": metric}}})
    kubelet.serve(Component.DECODER, model)
    pipelines.wait_for("Ready", reason="AllServing")
    assert pipelines.condition("AutoscalingReady")["reason"] == "Starting"
    # Two minutes later, and more.
    at = [one["type"] for one in pipelines.get()["status"]["conditions"]].index("DecoderReady")
    backdate = {"op": "replace", "path": f"/status/conditions/{at}/lastTransitionTime", "value": "2020-01-01T00:00:00Z"}
    namespace.kubectl(
        "patch", "sdpipeline", "sd", "--subresource=status", "--type=json", f"--patch={json.dumps([backdate])}"
    )
    said = pipelines.wait_for("AutoscalingReady", reason="MetricUnavailable", seconds=40)
    assert "have an adapter such as prometheus-adapter serve queue_length" in said["message"]
    assert pipelines.condition("Ready")["status"] == "True"


def test_the_table_of_pipelines_tells_what_is_served(
    pipelines: PipelineClient, kubelet: Kubelet, namespace: Namespace
) -> None:
    pipelines.apply({**SPEC, "gateway": {}})
    for component in DRAWING:
        kubelet.serve(component, SPEC[component.field]["model"], weights=f"sd-tiny/{component}")
    pipelines.wait_for("ModelsReady", reason="AllServing")
    wide = _table(namespace.kubectl("get", "sdpipelines", "--output=wide"))
    ready = pipelines.condition("Ready")
    assert {**wide, "AGE": ""} == {
        "NAME": "sd",
        "READY": "False",
        "DIFFUSION MODEL": "sd-tiny/diffusion-model",
        "GPUS": "1",
        "URL": f"http://sd-gateway.{namespace.name}.svc",
        "REASON": "Starting",
        "TEXT ENCODER": "sd-tiny/text-encoder",
        "DECODER": "sd-tiny/decoder",
        "IMAGE ENCODER": "",
        "MESSAGE": ready["message"],
        "AGE": "",
    }
    assert "0 of 1 gateways answer" in ready["message"]
    normal = _table(namespace.kubectl("get", "sdpipelines"))
    assert list(normal) == ["NAME", "READY", "DIFFUSION MODEL", "GPUS", "URL", "AGE"]


def test_a_model_that_does_not_exist_is_told_with_its_uri_and_the_running_pods_stay(
    pipelines: PipelineClient, kubelet: Kubelet
) -> None:
    _serve_all(pipelines, kubelet)
    (running,) = kubelet.pods(Component.DIFFUSION_MODEL)
    pipelines.apply({**SPEC, "diffusionModel": {**SPEC["diffusionModel"], "model": MISSING}})
    ready = pipelines.wait_for("Ready", reason="ModelNotFound")
    assert ready["status"] == "False"
    assert ready["message"] == (
        "diffusionModel: nothing is there; it is being tried again;"
        " meanwhile sd-tiny/base (version 1700000000000) is served"
    )
    assert pipelines.condition("ModelsReady")["reason"] == "ModelNotFound"
    assert pipelines.condition("DecoderReady")["status"] == "True"
    assert pipelines.get()["status"]["diffusionModel"]["serving"]["model"] == BASE
    assert running["metadata"]["name"] in {pod["metadata"]["name"] for pod in kubelet.pods(Component.DIFFUSION_MODEL)}


def test_taking_back_a_swap_that_failed_restarts_nothing(pipelines: PipelineClient, kubelet: Kubelet) -> None:
    _serve_all(pipelines, kubelet)
    (running,) = kubelet.pods(Component.DIFFUSION_MODEL)
    pipelines.apply({**SPEC, "diffusionModel": {**SPEC["diffusionModel"], "model": MISSING}})
    pipelines.wait_for("Ready", reason="ModelNotFound")
    pipelines.apply(SPEC)
    pipelines.wait_for("Ready", reason="AllServing")
    assert [pod["metadata"]["uid"] for pod in kubelet.pods(Component.DIFFUSION_MODEL)] == [running["metadata"]["uid"]]


def test_a_swap_ends_with_the_new_model_served_and_the_old_pod_gone(
    pipelines: PipelineClient, kubelet: Kubelet
) -> None:
    _serve_all(pipelines, kubelet)
    others = {component: kubelet.pods(component)[0] for component in (Component.TEXT_ENCODER, Component.DECODER)}
    pipelines.apply(
        {**SPEC, "diffusionModel": {**SPEC["diffusionModel"], "model": STRIPED}, "swap": {"strategy": "Surge"}}
    )
    new = kubelet.serve(Component.DIFFUSION_MODEL, STRIPED, version=1800000000000, weights="sd-tiny/striped")
    pipelines.wait_for("Ready", reason="AllServing")
    serving = pipelines.get()["status"]["diffusionModel"]["serving"]
    assert (serving["name"], serving["version"]) == ("sd-tiny/striped", 1800000000000)
    eventually(
        lambda: [pod["metadata"]["name"] for pod in kubelet.pods(Component.DIFFUSION_MODEL)] == [new],
        "the old pod is gone",
    )
    for component, pod in others.items():
        assert [one["metadata"]["uid"] for one in kubelet.pods(component)] == [pod["metadata"]["uid"]]


def test_a_pod_that_no_node_takes_is_told_with_the_schedulers_reason(pipelines: PipelineClient) -> None:
    pipelines.apply(SPEC)
    assert "no node can take a replica" in pipelines.wait_for("Ready", reason="Unschedulable")["message"]


def test_pods_that_may_not_be_made_are_told(pipelines: PipelineClient, namespace: Namespace) -> None:
    namespace.kubectl("create", "quota", "none", "--hard=pods=0")
    pipelines.apply(SPEC)
    condition = pipelines.wait_for("DecoderReady", reason="PodsRefused")
    assert "exceeded quota: none" in condition["message"]


def test_children_that_the_api_server_refuses_are_told(pipelines: PipelineClient) -> None:
    # What the schema leaves to Kubernetes: how many values an operator takes.
    nowhere = {"nodeSelectorTerms": [{"matchExpressions": [{"key": "cores", "operator": "Gt", "values": []}]}]}
    affinity = {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": nowhere}}
    pipelines.apply({**SPEC, "decoder": {**SPEC["decoder"], "affinity": affinity}})
    condition = pipelines.wait_for("DecoderReady", reason="Refused")
    assert "must be specified single value when `operator` is 'Lt' or 'Gt'" in condition["message"]
    assert pipelines.names("deployments") == ["sd-diffusion-model", "sd-text-encoder"]


def test_files_of_a_node_are_refused_without_the_administrators_leave(pipelines: PipelineClient) -> None:
    pipelines.apply({"decoder": {"model": "file:///etc"}})
    condition = pipelines.wait_for("Ready", reason="FilesForbidden")
    assert "upload the model and give its gs:// URI" in condition["message"]
    assert pipelines.names("deployments") == []


def test_a_life_is_told_by_one_event_for_each_transition_and_a_history_of_its_swaps(
    pipelines: PipelineClient, kubelet: Kubelet
) -> None:
    first, second, third = ("gs://b/first", "gs://b/second", "gs://slow/third")
    _decode(pipelines, first)
    pipelines.wait_for("Ready", reason="Starting")
    kubelet.serve(Component.DECODER, first)
    pipelines.wait_for("Ready", reason="AllServing")
    _decode(pipelines, second)
    pipelines.wait_for("Ready", reason="Swapping")
    pipelines.wait_for("Ready", reason="AllServing")
    _decode(pipelines, MISSING)
    pipelines.wait_for("Ready", reason="ModelNotFound")
    _decode(pipelines, second)
    pipelines.wait_for("Ready", reason="AllServing")
    _decode(pipelines, third)
    eventually(lambda: "is being fetched" in pipelines.condition("Ready")["message"], "it is being fetched")
    _decode(pipelines, second)
    pipelines.wait_for("Ready", reason="AllServing")

    served = [("Normal", "AllServing", "Ready"), ("Normal", "Serving", "DecoderReady")]
    started = ("Normal", "Starting", "Ready")
    failed = ("Warning", "ModelNotFound", "Ready")
    swapping, chosen = ("Normal", "Swapping", "Ready"), ("Normal", "SwapStrategy", "decoder")
    expected = [
        *(started, *served),
        *(swapping, chosen, *served),
        *(swapping, failed, *served),
        *(swapping, chosen, *served),
    ]
    eventually(lambda: len(_events(pipelines)) >= len(expected), "all Events are there")
    assert _events(pipelines) == expected

    swaps = pipelines.get()["status"]["swaps"]
    assert [(one["from"], one["to"], one["result"]) for one in swaps] == [
        (second, third, "Superseded"),
        (second, MISSING, "Failed"),
        (first, second, "Succeeded"),
    ]
    assert [one.get("seconds") is not None for one in swaps] == [False, False, True]


def test_pods_satisfy_the_restricted_pod_security_level(pipelines: PipelineClient, namespace: Namespace) -> None:
    namespace.kubectl("label", "namespace", namespace.name, "pod-security.kubernetes.io/enforce=restricted")
    pipelines.apply({**SPEC, "decoder": {"image": "registry/decoder:1"}, "gateway": {}})
    eventually(lambda: len(pipelines.names("pods")) == 4, "all pods are made")


def _serve_all(pipelines: PipelineClient, kubelet: Kubelet) -> None:
    pipelines.apply(SPEC)
    for component in DRAWING:
        kubelet.serve(component, SPEC[component.field]["model"])
    pipelines.wait_for("Ready", reason="AllServing")


def _decode(pipelines: PipelineClient, model: str) -> None:
    pipelines.apply({"decoder": {"model": model}})


def _events(pipelines: PipelineClient) -> list[tuple[str, str, str]]:
    """The Events about the pipeline, in the order of their recording: type, reason and condition."""
    about = [one for one in pipelines.objects("events") if one["involvedObject"]["name"] == "sd"]
    in_order = sorted(about, key=lambda event: int(event["metadata"]["resourceVersion"]))
    return [(one["type"], one["reason"], one["message"].partition(":")[0]) for one in in_order]


def _table(printed: str) -> dict[str, str]:
    """The one row of kubectl's table, by its headings."""
    heading, row = printed.splitlines()
    starts = [match.start() for match in re.finditer(r"\S+( \S+)*", heading)]
    cuts = list(zip(starts, [*starts[1:], None], strict=True))
    return {heading[start:end].strip(): row[start:end].strip() for start, end in cuts}
