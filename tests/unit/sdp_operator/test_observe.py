from datetime import datetime, timedelta
from typing import Any

from tests.support.nodes import T4, node
from tests.support.pipelines import NOW, pipeline, pod, pulled, ready

from sdp_operator.desired.children import desired
from sdp_operator.gpus.facts import node_facts
from sdp_operator.gpus.fleet import Fleet
from sdp_operator.live import LiveChildren
from sdp_operator.objects import KubeObject
from sdp_operator.observe import Observed, observe
from sdp_operator.problem import Problem
from sdp_operator.reasons import Reason
from sdp_operator.settings import Settings
from sdp_operator.world import World
from sdp_serving.contract.components import Component

DECODER = Component.DECODER
MODEL = "gs://b/d"
SETTINGS = Settings()


def test_pods_of_an_older_model_serve_until_one_of_the_newer_does() -> None:
    old = _deployment("gs://b/old", made=NOW - timedelta(hours=1))
    serving = [_pod(old, "old-1", "gs://b/old", version=9)]
    observed = _observe(*serving)
    assert observed.ready == 0
    assert observed.serving is not None
    assert observed.serving.model == "gs://b/old"
    observed = _observe(*serving, _pod(_deployment(), "new-1", MODEL, version=3))
    assert observed.ready == 1
    assert observed.serving is not None
    assert observed.serving.model == MODEL, "even where its version is the lower one"


def test_the_newest_version_that_a_replica_serves_is_told() -> None:
    deployment = _deployment()
    observed = _observe(*(_pod(deployment, f"p-{n}", MODEL, version=n) for n in (7, 9, 8)))
    assert observed.serving is not None
    assert observed.serving.version == 9


def test_pods_of_another_component_or_on_their_way_out_do_not_count() -> None:
    deployment = _deployment()
    leaving = _pod(deployment, "leaving", MODEL)
    leaving["metadata"]["deletionTimestamp"] = "2026-11-23T04:00:00Z"
    other = _pod(deployment, "other", MODEL)
    other["metadata"]["labels"] = {**other["metadata"]["labels"], "app.kubernetes.io/component": "text-encoder"}
    assert _observe(leaving, other).replicas == []


def test_where_pods_run_and_on_which_gpus_is_told() -> None:
    deployment = _deployment()
    placed = [_pod(deployment, f"p-{n}", MODEL, on=f"node-{n}") for n in (2, 1, 3)]
    fleet = Fleet.of(map(node_facts, [node("node-1", T4), node("node-2", T4), node("node-3")]), [])
    observed = _observe(*placed, fleet=fleet, gpu={})
    assert observed.nodes == ["node-1", "node-2", "node-3"]
    assert observed.accelerators == ["nvidia-tesla-t4"]
    assert not _observe(*placed, fleet=None, gpu={}).accelerators
    assert not _observe(*placed, fleet=fleet).accelerators, "it asks for no GPU"


def test_why_a_deployment_makes_no_pods_is_told_in_kubernetes_words() -> None:
    deployment = _deployment()
    conditions = [{"type": "Available", "status": "True"}, _failure("True", "exceeded quota")]
    assert _observe(live=[{**deployment, "status": {"conditions": conditions}}]).pods_refused == "exceeded quota"
    over = {**deployment, "status": {"conditions": [_failure("False", "it was")]}}
    assert _observe(live=[over]).pods_refused is None


def test_under_an_autoscaler_it_says_how_many_replicas_there_are_to_be() -> None:
    scaled: dict[str, Any] = {
        "autoscaling": {"minReplicas": 2, "maxReplicas": 9, "metric": {"name": "m", "averageValue": 1}}
    }
    deployment = _deployment(**scaled)
    assert _observe(**scaled).wanted_replicas == 2
    live = {**deployment, "spec": {**deployment["spec"], "replicas": 5}}
    assert _observe(live=[live], **scaled).wanted_replicas == 5


def test_what_the_cluster_refuses_comes_before_what_the_operator_withholds() -> None:
    files = pipeline({"decoder": {"model": "file:///etc"}})
    wanted = desired(files, World(), SETTINGS, NOW)
    taken = Problem(Reason.NAME_TAKEN, "taken")
    for refused, reason in (({}, Reason.FILES_FORBIDDEN), ({"decoder": taken}, Reason.NAME_TAKEN)):
        problem = observe(files, wanted, World(), refused, "label")[DECODER].refused
        assert problem is not None
        assert problem.reason == reason


def _failure(status: str, message: str) -> KubeObject:
    return {"type": "ReplicaFailure", "status": status, "message": message}


def _deployment(model: str = MODEL, *, made: datetime = NOW, **spec: Any) -> KubeObject:
    parent = pipeline({"decoder": {"model": model, **spec}})
    found = desired(parent, World(), SETTINGS, made).components[DECODER].deployment
    assert found is not None
    return found


def _pod(deployment: KubeObject, name: str, uri: str, *, version: int = 1, on: str = "node-1") -> KubeObject:
    made = pod(deployment, name=name, status=ready(pulled(DECODER, uri, version=version)))
    return {**made, "metadata": dict(made["metadata"]), "spec": {**made["spec"], "nodeName": on}}


def _observe(*pods: KubeObject, live: Any = (), fleet: Fleet | None = None, **spec: Any) -> Observed:
    parent = pipeline({"decoder": {"model": MODEL, **spec}})
    objects = {(one["kind"], one["metadata"]["name"]): one for one in live}
    world = World(live=LiveChildren(objects=objects, pods={one["metadata"]["name"]: one for one in pods}), fleet=fleet)
    wanted = desired(parent, world, SETTINGS, NOW)
    return observe(parent, wanted, world, {}, SETTINGS.accelerator_label)[DECODER]
