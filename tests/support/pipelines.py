"""Custom resources and pods as the API server would hold them."""

from datetime import UTC, datetime
from typing import Any

from sdp_operator.api.v1alpha1 import API_VERSION, KIND, Pipeline
from sdp_operator.desired.children import desired
from sdp_operator.objects import KubeObject
from sdp_operator.settings import Settings
from sdp_operator.world import World
from sdp_serving.contract.components import Component
from sdp_serving.contract.report import NotPulled, Pulled, PullFailure

GIBBERISH = "segmentation fault"
NOW = datetime(2026, 11, 23, 4, 0, tzinfo=UTC)
DIGEST = f"sha256:{'0' * 64}"


def resource(
    spec: KubeObject, *, name: str = "sd", status: KubeObject | None = None, generation: int = 1
) -> KubeObject:
    """A StableDiffusionPipeline as the API server answers it."""
    return {
        "apiVersion": API_VERSION,
        "kind": KIND,
        "metadata": {"name": name, "namespace": "art", "uid": f"uid-of-{name}", "generation": generation},
        "spec": spec,
        **({} if status is None else {"status": status}),
    }


def pipeline(spec: KubeObject, **about: Any) -> Pipeline:
    """The resource, read."""
    return Pipeline.parse(resource(spec, **about))


def deployment_of(of: Pipeline, component: Component, settings: Settings) -> KubeObject:
    """The Deployment that the component should have."""
    found = desired(of, World(), settings, NOW).components[component].deployment
    assert found is not None
    return found


def pod(deployment: KubeObject, *, name: str = "pod", status: KubeObject | None = None) -> KubeObject:
    """A pod of the Deployment, as its ReplicaSet would make it."""
    template = deployment["spec"]["template"]
    meta = {"name": name, "namespace": "art", **template["metadata"]}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": template["spec"], "status": status or {}}


def ready(report: Pulled | None) -> KubeObject:
    """The status of a pod that serves, having pulled what the report says."""
    pulled = {"terminated": {"exitCode": 0, "message": GIBBERISH if report is None else report.model_dump_json()}}
    return {
        "phase": "Running",
        "conditions": [{"type": "Ready", "status": "True"}],
        "initContainerStatuses": [{"name": "puller", "image": "puller", "state": pulled}],
        "containerStatuses": [{"name": "server", "image": "server", "state": {"running": {}}}],
    }


def pulled(component: Component, uri: str, *, version: int = 1700000000000, weights: str = "sd-tiny/base") -> Pulled:
    """The report of a puller that succeeded."""
    return Pulled(
        component=component, uri=uri, version=version, source_digest=DIGEST, weights=weights, width=64,
        sd_version="tiny", size_bytes=1, seconds=0.1,
    )  # fmt: skip


def not_pulled(reason: PullFailure, message: str) -> KubeObject:
    """The status of a pod whose puller has failed and waits to be started again."""
    end = {"exitCode": 1, "reason": "Error", "message": NotPulled(reason=reason, message=message).model_dump_json()}
    return puller_status({"waiting": {"reason": "CrashLoopBackOff"}}, last=end)


def puller_status(state: KubeObject, *, last: KubeObject | None = None) -> KubeObject:
    """The status of a pod whose puller is in this state, having ended as `last` says before."""
    return _waiting_pod("initContainerStatuses", "puller", state, last)


def server_status(state: KubeObject, *, last: KubeObject | None = None) -> KubeObject:
    """The status of a pod whose model server is in this state, having ended as `last` says before."""
    return _waiting_pod("containerStatuses", "server", state, last)


def _waiting_pod(kind: str, name: str, state: KubeObject, last: KubeObject | None) -> KubeObject:
    container = {"name": name, "image": f"images/{name}:1", "state": state}
    if last is not None:
        container["lastState"] = {"terminated": last}
    return {"phase": "Pending", "conditions": [{"type": "Ready", "status": "False"}], kind: [container]}
