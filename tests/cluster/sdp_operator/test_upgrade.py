"""An operator with the images of another release, on pipelines that an older one has made."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.support.eventually import eventually
from tests.support.kubelet import Kubelet
from tests.support.operator_process import OperatorProcess
from tests.support.pipeline_client import PipelineClient

from devcluster.pytest_plugin import Namespace
from sdp_operator.desired.config_map import CONFIG
from sdp_operator.desired.digest import digest
from sdp_operator.desired.frozen import TEMPLATE
from sdp_operator.desired.identity import MANAGER
from sdp_operator.desired.revision import with_revision
from sdp_serving.contract.components import Component

OLDER = Path(__file__).parents[2] / "unit" / "sdp_operator" / "data" / "before-rollouts.deployment.yaml"

DECODER, TEXT_ENCODER = "gs://b/d", "gs://b/t"
NEWER = {
    "SDP_PULLER_IMAGE": "sdpipeline/puller:9.9.9",
    "SDP_SERVER_IMAGE": "tensorflow/serving:9.9.9",
    "SDP_GPU_SERVER_IMAGE": "tensorflow/serving:9.9.9-gpu",
    "SDP_ACCELERATOR_LABEL": "nvidia.com/gpu.product",
}


@pytest.fixture
def newer(operator: OperatorProcess, tmp_path: Path) -> Iterator[OperatorProcess]:
    """The operator of a newer release, not yet started."""
    process = OperatorProcess(operator.kubeconfig, tmp_path / "log", settings=NEWER)
    yield process
    process.kill()
    assert "Traceback" not in process.log()


def test_an_upgrade_restarts_no_pod_and_a_change_of_the_spec_rolls_out_what_is_new(
    pipelines: PipelineClient, kubelet: Kubelet, operator: OperatorProcess, newer: OperatorProcess
) -> None:
    spec: dict[str, Any] = {
        "decoder": {"model": DECODER},
        "textEncoder": {"model": TEXT_ENCODER, "gpu": {"accelerator": "nvidia-tesla-t4"}},
    }
    pipelines.apply(spec)
    kubelet.serve(Component.DECODER, DECODER)
    kubelet.serve(Component.TEXT_ENCODER, TEXT_ENCODER)
    pipelines.wait_for("Ready", reason="AllServing")
    before = _versions(pipelines, "replicasets"), _uids(pipelines, "pods")
    operator.kill()
    newer.start()
    # What it makes anew, it makes as its own release does; by then the older pipeline has had its turn.
    pipelines.apply({"decoder": {"model": DECODER}}, name="later")
    eventually(lambda: "later-decoder" in pipelines.names("deployments"), "a later pipeline has its children")
    assert _images(pipelines, "later-decoder") == {NEWER["SDP_PULLER_IMAGE"], NEWER["SDP_SERVER_IMAGE"]}
    pipelines.wait_for("Ready", reason="AllServing")
    after = _versions(pipelines, "replicasets"), _uids(pipelines, "pods")
    assert _of("sd-", after[0]) == _of("sd-", before[0])
    assert _of("sd-", after[1]) == before[1]

    pipelines.apply({**spec, "decoder": {"model": DECODER, "restTimeoutSeconds": 77}})
    eventually(
        lambda: _images(pipelines, "sd-decoder") == {NEWER["SDP_PULLER_IMAGE"], NEWER["SDP_SERVER_IMAGE"]},
        "the component that was changed is rolled out as the newer release has it",
    )
    kubelet.serve(Component.DECODER, DECODER)
    unchanged = {name: uid for name, uid in before[1].items() if name.startswith("sd-text-encoder")}
    assert _of("sd-text-encoder", _uids(pipelines, "pods")) == unchanged


def test_pods_of_an_operator_without_rollouts_stay_until_their_model_changes(
    pipelines: PipelineClient, kubelet: Kubelet, operator: OperatorProcess, namespace: Namespace
) -> None:
    operator.kill()
    spec: dict[str, Any] = {"decoder": {"model": DECODER, "gpu": {"accelerator": "nvidia-l4"}}}
    pipelines.apply(spec)
    older = yaml.safe_load(OLDER.read_text())
    older["metadata"]["namespace"] = namespace.name
    older["metadata"]["ownerReferences"][0]["uid"] = pipelines.get()["metadata"]["uid"]
    made = ["apply", "--server-side", f"--field-manager={MANAGER}", "--filename=-"]
    namespace.kubectl(*made, stdin=json.dumps(older))
    eventually(lambda: bool(pipelines.names("pods")), "it has a pod")
    before = _versions(pipelines, "replicasets"), _uids(pipelines, "pods")
    operator.start()
    eventually(lambda: bool(pipelines.condition("Ready")), "the operator has taken it on")
    assert (_versions(pipelines, "replicasets"), _uids(pipelines, "pods")) == before

    pipelines.apply({"decoder": {**spec["decoder"], "model": "gs://b/other"}})
    eventually(lambda: len(_pullers(pipelines, "sd-decoder")) == 2, "pods of the next model have a puller that stays")
    eventually(lambda: len(pipelines.names("replicasets")) == 2, "they are rolled out")


def test_the_files_of_pods_that_an_upgrade_leaves_alone_stay_too(
    pipelines: PipelineClient, namespace: Namespace, operator: OperatorProcess, newer: OperatorProcess
) -> None:
    pipelines.apply({"decoder": {"model": DECODER}})
    eventually(lambda: "sd-decoder" in pipelines.names("deployments"), "its children are there")
    fresh = pipelines.get("configmaps", "sd-decoder")["data"]
    operator.kill()
    older = {**fresh, "models.config": f"# of an older operator\n{fresh['models.config']}"}
    _remake(pipelines, namespace, older)
    made = pipelines.get("deployments", "sd-decoder")["spec"]["template"]
    newer.start()
    pipelines.apply({"decoder": {"model": DECODER}}, name="later")
    eventually(lambda: "later-decoder" in pipelines.names("deployments"), "a later pipeline has its children")
    pipelines.wait_for("DecoderReady", reason="Unschedulable")
    assert pipelines.get("configmaps", "sd-decoder")["data"] == older
    assert pipelines.get("configmaps", "later-decoder")["data"] == fresh
    assert pipelines.get("deployments", "sd-decoder")["spec"]["template"] == made
    pipelines.apply({"decoder": {"model": DECODER, "restTimeoutSeconds": 77}})
    eventually(lambda: pipelines.get("configmaps", "sd-decoder")["data"] == fresh, "new pods have new files")


def _remake(pipelines: PipelineClient, namespace: Namespace, files: dict[str, str]) -> None:
    """Let the decoder be as an operator made it that wrote these files."""
    template = json.loads(pipelines.get("deployments", "sd-decoder")["metadata"]["annotations"][TEMPLATE])
    template["metadata"]["annotations"][CONFIG] = digest(files)
    template = with_revision(template)
    noted = json.dumps(template, sort_keys=True, separators=(",", ":"))
    deployment = {
        "metadata": {"annotations": {TEMPLATE: noted}},
        "spec": {"template": {"metadata": template["metadata"]}},
    }
    for name, patch in (("configmap", {"data": files}), ("deployment", deployment)):
        namespace.kubectl("patch", name, "sd-decoder", "--type=merge", f"--patch={json.dumps(patch)}")


def _images(pipelines: PipelineClient, name: str) -> set[str]:
    pod = pipelines.get("deployments", name)["spec"]["template"]["spec"]
    return {container["image"] for container in (*pod["initContainers"], *pod["containers"])}


def _pullers(pipelines: PipelineClient, name: str) -> list[str]:
    pod = pipelines.get("deployments", name)["spec"]["template"]["spec"]
    return [container["name"] for container in pod["initContainers"]]


def _uids(pipelines: PipelineClient, plural: str) -> dict[str, str]:
    return {one["metadata"]["name"]: one["metadata"]["uid"] for one in pipelines.objects(plural)}


def _versions(pipelines: PipelineClient, plural: str) -> dict[str, int]:
    return {one["metadata"]["name"]: one["metadata"]["generation"] for one in pipelines.objects(plural)}


def _of(prefix: str, named: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in named.items() if name.startswith(prefix)}
