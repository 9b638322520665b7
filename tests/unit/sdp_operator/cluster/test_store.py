from typing import Any

import pytest
from tests.support.nodes import T4, gpu_pod, node
from tests.support.pipelines import NOW, pipeline, resource

from sdp_operator.cluster.store import Store
from sdp_operator.desired.children import desired
from sdp_operator.desired.identity import MANAGER
from sdp_operator.objects import Key, KubeObject
from sdp_operator.settings import Settings
from sdp_operator.world import World

SD, OTHER = Key("art", "sd"), Key("art", "other")
SPEC = {"decoder": {"model": "gs://b/d"}}


class Told:
    """A store, and what it calls for."""

    def __init__(self) -> None:
        self.pipelines: list[Key] = []
        self.fleet: list[bool] = []
        self.store = Store(self.pipelines.append, lambda *, nodes: self.fleet.append(nodes))
        self._version = 0

    def put(self, thing: KubeObject, kind: str | None = None) -> KubeObject:
        """Tell of an object at a newer version."""
        self._version += 1
        meta = {**thing["metadata"], "resourceVersion": str(self._version)}
        newer = {**thing, "metadata": meta}
        self.store.sinks[kind or thing["kind"]].put(newer)
        return newer

    def remove(self, thing: KubeObject) -> None:
        """Tell that it is gone."""
        self._version += 1
        meta = {**thing["metadata"], "resourceVersion": str(self._version)}
        self.store.sinks[thing["kind"]].remove({**thing, "metadata": meta})

    def calls(self) -> list[Key]:
        """What was called for since the last time."""
        called = sorted(set(self.pipelines))
        self.pipelines.clear()
        return called


def test_a_change_of_a_child_calls_for_its_pipeline_and_no_other() -> None:
    told = Told()
    deployment = told.put(_deployment())
    assert told.calls() == [SD]
    told.put(deployment)
    assert told.calls() == [SD], "its version alone has changed, which may be a change that is not looked at"
    told.remove(deployment)
    assert told.calls() == [SD]


def test_what_a_pipeline_owns_is_told_and_nothing_of_its_namesakes() -> None:
    told = Told()
    deployment = told.put(_deployment())
    stranger = _deployment()
    stranger["metadata"] |= {"name": "theirs", "ownerReferences": [{"uid": "another", "controller": True}]}
    told.put(stranger)
    live = told.store.live(pipeline(SPEC))
    assert list(live.objects) == [("Deployment", deployment["metadata"]["name"])]


def test_a_label_that_names_another_pipeline_calls_for_both() -> None:
    told = Told()
    deployment = told.put(_deployment())
    told.calls()
    labels = {**deployment["metadata"]["labels"], "app.kubernetes.io/instance": "other"}
    told.put({**deployment, "metadata": {**deployment["metadata"], "labels": labels}})
    assert told.calls() == [OTHER, SD]
    assert told.store.live(pipeline(SPEC)).objects == {}


def test_pods_are_told_by_what_has_made_them() -> None:
    told = Told()
    for name, maker in (("served", "ReplicaSet"), ("exported", "Job"), ("copied", None)):
        told.put(_pod(name, maker))
    live = told.store.live(pipeline(SPEC))
    assert (list(live.pods), list(live.job_pods)) == (["served"], ["exported"])


def test_of_pods_of_others_only_the_gpus_are_kept() -> None:
    told = Told()
    theirs = told.put(gpu_pod("train", "node-a", namespace="music"))
    assert told.calls() == []
    assert told.fleet == [False]
    told.put(node("node-a", T4, capacity=1))
    assert told.fleet == [False, True]
    assert told.store.fleet.members[0].free == 0
    told.put({**theirs, "status": {"phase": "Succeeded"}})
    assert told.fleet == [False, True, False]
    assert told.store.fleet.members[0].free == 1
    told.put(_labelled(theirs, {"theirs": "too"}))
    assert len(told.fleet) == 4, "it holds its GPU again"


def test_a_nodes_heartbeat_calls_for_nothing() -> None:
    told = Told()
    told.put(node("node-a", T4, capacity=1))
    told.put(node("node-a", T4, capacity=1))
    assert told.fleet == [True]


def test_words_about_a_pod_are_kept_while_their_event_is_there() -> None:
    told = Told()
    told.put(_pod("served", "ReplicaSet"))
    told.calls()
    event = told.put(_event("served", "FailedMount", "no such volume"))
    assert told.calls() == [SD]
    told.put(_event("served", "Pulled", "nothing to know"))
    assert told.calls() == []
    assert told.store.live(pipeline(SPEC)).words == {"served": "FailedMount: no such volume"}
    told.remove(event)
    assert told.calls() == [SD]
    assert told.store.live(pipeline(SPEC)).words == {}


@pytest.mark.parametrize(
    ("earlier", "later"),
    [
        ({"lastTimestamp": "2026-11-23T04:00:09Z"}, {"lastTimestamp": "2026-11-23T04:00:10Z"}),
        ({"lastTimestamp": "2026-11-23T04:00:09Z"}, {"lastTimestamp": None, "eventTime": "2026-11-23T04:00:09.5Z"}),
        (
            {"eventTime": "2026-11-23T04:00:02.000000Z"},
            {
                "eventTime": "2026-11-23T04:00:01.000000Z",
                "series": {"count": 2, "lastObservedTime": "2026-11-23T04:00:03.000000Z"},
            },
        ),
        ({}, {"eventTime": "2026-11-23T04:00:01.000000Z"}),
    ],
)
def test_of_the_words_about_a_pod_the_newest_are_told_whichever_were_heard_last(
    earlier: dict[str, Any], later: dict[str, Any]
) -> None:
    told = Told()
    told.put(_pod("served", "ReplicaSet"))
    told.put({**_event("served", "TriggeredScaleUp", "a node comes"), **later})
    told.put({**_event("served", "NotTriggerScaleUp", "no node fits"), **earlier})
    assert told.store.live(pipeline(SPEC)).words == {"served": "TriggeredScaleUp: a node comes"}


def test_the_users_of_a_pipeline_are_called_for_when_it_changes_and_it_when_they_come_and_go() -> None:
    told = Told()
    owner = told.put(resource(SPEC, name="other"))
    told.calls()
    user = told.put(resource({"decoder": {"from": {"pipeline": "other"}}}))
    assert told.calls() == [OTHER, SD]
    assert told.store.users(OTHER) == [SD]
    told.put({**owner, "status": {"new": "word"}})
    assert told.calls() == [OTHER, SD]
    told.put({**user, "status": {"new": "word"}})
    assert told.calls() == [SD], "what a user says is nothing to the owner"
    told.remove(owner)
    assert told.calls() == [OTHER, SD]
    told.put({**user, "spec": SPEC})
    assert told.calls() == [OTHER, SD]
    assert told.store.users(OTHER) == []
    assert not told.store._users, "nothing is kept of owners that are no more"


def test_the_record_of_who_wrote_what_is_kept_only_for_replicas_and_of_others_for_pods() -> None:
    told = Told()
    deployment = _deployment()
    deployment["metadata"]["managedFields"] = [
        {"manager": MANAGER, "operation": "Apply", "fieldsV1": {"f:spec": {"f:replicas": {}, "f:template": {}}}},
        {"manager": "kubectl", "fieldsV1": {"f:spec": {"f:template": {}}}},
        {"manager": "kubectl-edit", "fieldsV1": {"f:spec": {"f:template": {"f:spec": {"f:tolerations": {"x": {}}}}}}},
    ]
    told.put(deployment)
    [kept] = told.store.live(pipeline(SPEC)).objects.values()
    assert kept["metadata"]["managedFields"] == [
        {"manager": MANAGER, "fieldsV1": {"f:spec": {"f:replicas": {}}}},
        {"manager": "kubectl-edit", "fieldsV1": {"f:spec": {"f:template": {"f:spec": {"f:tolerations": {}}}}}},
    ]


def _deployment() -> KubeObject:
    found = desired(pipeline(SPEC), World(), Settings(), NOW).parts["decoder"].children[-1]
    assert found["kind"] == "Deployment"
    return {**found, "metadata": dict(found["metadata"])}


def _pod(name: str, maker: str | None) -> KubeObject:
    labels = {"app.kubernetes.io/managed-by": MANAGER, "app.kubernetes.io/instance": "sd"}
    owners: list[dict[str, Any]] = [] if maker is None else [{"kind": maker, "uid": "u", "controller": True}]
    made = _labelled(gpu_pod(name, None, 0), labels)
    return {**made, "metadata": {**made["metadata"], "ownerReferences": owners}}


def _labelled(pod: KubeObject, labels: dict[str, str]) -> KubeObject:
    return {**pod, "metadata": {**pod["metadata"], "labels": labels}}


def _event(pod: str, reason: str, message: str) -> KubeObject:
    meta = {"name": f"{pod}.{reason}", "namespace": "art"}
    about = {"kind": "Pod", "namespace": "art", "name": pod}
    return {"kind": "Event", "metadata": meta, "involvedObject": about, "reason": reason, "message": message}
