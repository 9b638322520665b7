"""The sequence, on a cluster that is a dict. What a real API server makes of it: tests/cluster/sdp_operator."""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
from tests.support.pipelines import resource

from sdp_operator.api.v1alpha1 import Pipeline
from sdp_operator.cluster import Cluster
from sdp_operator.errors import ForbiddenError, RefusedError, TransientError
from sdp_operator.live import LiveChildren, is_owned
from sdp_operator.notices import Notice
from sdp_operator.objects import Key, KubeObject
from sdp_operator.reconcile import LOOK_AGAIN, reconcile
from sdp_operator.settings import Settings

NOW = datetime(2026, 11, 23, 4, 0, tzinfo=UTC)
KINDS = ("ConfigMap", "Deployment", "PodDisruptionBudget", "Service")
SPEC = {"textEncoder": {"model": "gs://b/t"}, "decoder": {"model": "gs://b/d"}}


def _children(name: str) -> set[tuple[str, str]]:
    return {("ConfigMap", f"{name}-models"), *((kind, name) for kind in KINDS)}


class DictCluster(Cluster):
    """Keeps what it is given, fails where it is told to, and remembers what was asked of it."""

    fleet = None
    unknown_kinds = frozenset()

    def __init__(self) -> None:
        self.objects: dict[tuple[str, str], KubeObject] = {}
        self.status: Mapping[str, Any] = {}
        self.calls: list[str] = []
        self.failures: dict[str, Exception] = {}

    def pipeline(self, key: Key) -> KubeObject | None:
        return None

    def hindrance(self, namespace: str) -> str | None:
        return None

    def users(self, key: Key) -> list[Key]:
        return []

    def children(self, pipeline: Pipeline) -> LiveChildren:
        owned = {key: child for key, child in self.objects.items() if is_owned(child, pipeline)}
        return LiveChildren(objects=owned)

    async def is_current(self, pipeline: Pipeline) -> bool:
        self._called("is_current")
        return True

    async def find(self, like: KubeObject) -> KubeObject | None:
        return self.objects.get(_key(like))

    async def apply(self, wanted: KubeObject) -> KubeObject:
        self._called("apply", wanted)
        applied = {**wanted, "metadata": {**wanted["metadata"], "uid": "u"}}
        self.objects[_key(wanted)] = applied
        return applied

    async def delete(self, child: KubeObject) -> None:
        self._called("delete", child)
        del self.objects[_key(child)]

    async def write_status(self, pipeline: KubeObject, status: Mapping[str, Any]) -> None:
        self._called("write_status")
        self.status = status

    async def record(self, pipeline: KubeObject, notice: Notice, now: datetime) -> None:
        self._called("record")

    def _called(self, method: str, what: KubeObject | None = None) -> None:
        call = method if what is None else f"{method} {what['kind']}/{what['metadata']['name']}"
        self.calls.append(call)
        if call in self.failures:
            raise self.failures.pop(call)


def test_a_second_reconcile_writes_nothing() -> None:
    cluster = DictCluster()
    _reconcile(cluster)
    assert set(cluster.objects) == {*_children("sd-decoder"), *_children("sd-text-encoder")}
    cluster.calls.clear()
    assert _reconcile(cluster) is None
    assert cluster.calls == []


@pytest.mark.parametrize("call", range(6))
def test_a_reconcile_cut_off_at_any_call_is_finished_by_the_next(call: int) -> None:
    whole = DictCluster()
    _reconcile(whole)
    done = [name for name in whole.calls if name != "record"]
    cluster = DictCluster()
    cluster.failures[done[call % len(done)]] = TransientError("the API server is away")
    with pytest.raises(TransientError):
        _reconcile(cluster)
    _reconcile(cluster)
    assert (cluster.objects, cluster.status) == (whole.objects, whole.status)


def test_what_is_no_longer_wanted_is_deleted() -> None:
    cluster = DictCluster()
    _reconcile(cluster)
    _reconcile(cluster, {"decoder": SPEC["decoder"]})
    assert set(cluster.objects) == _children("sd-decoder")


def test_what_the_api_server_fails_to_delete_does_not_keep_the_status_from_being_told() -> None:
    cluster = DictCluster()
    _reconcile(cluster)
    cluster.failures["delete Deployment/sd-text-encoder"] = TransientError("the webhook failed with 500")
    with pytest.raises(TransientError, match="the webhook failed"):
        _reconcile(cluster, {"decoder": SPEC["decoder"]})
    assert "textEncoder" not in cluster.status
    assert [kind for kind, name in cluster.objects if name == "sd-text-encoder"] == ["Deployment"]
    _reconcile(cluster, {"decoder": SPEC["decoder"]})
    assert set(cluster.objects) == _children("sd-decoder")


@pytest.mark.parametrize("call", ["is_current", "delete Deployment/sd-text-encoder"])
def test_a_permission_that_lacks_is_told_and_asked_for_again(call: str) -> None:
    cluster = DictCluster()
    _reconcile(cluster)
    cluster.failures[call] = ForbiddenError('User "operator" cannot do this')
    assert _reconcile(cluster, {"decoder": SPEC["decoder"]}) == LOOK_AGAIN
    ready = cluster.status["conditions"][0]
    assert (ready["status"], ready["reason"]) == ("Unknown", "Hindered")
    assert "cannot do this" in ready["message"]
    assert "restore the operator's role" in ready["message"]


def test_a_component_that_is_refused_does_not_hold_up_the_others() -> None:
    cluster = DictCluster()
    cluster.failures["apply Deployment/sd-text-encoder"] = RefusedError("too much memory")
    assert _reconcile(cluster) == LOOK_AGAIN
    assert ("Deployment", "sd-decoder") in cluster.objects
    assert _reasons(cluster)["TextEncoderReady"] == "Refused"
    assert _reconcile(cluster) is None
    assert _reasons(cluster)["TextEncoderReady"] == "Starting"


def test_a_component_that_the_api_server_fails_to_make_is_told_of_and_tried_again_like_any_failure() -> None:
    cluster = DictCluster()
    cluster.failures["apply Deployment/sd-text-encoder"] = TransientError("the webhook failed with 500")
    with pytest.raises(TransientError, match="the webhook failed"):
        _reconcile(cluster)
    assert ("Deployment", "sd-decoder") in cluster.objects
    said = {one["type"]: one for one in cluster.status["conditions"]}
    assert said["TextEncoderReady"]["message"] == "the webhook failed with 500; it is being tried again"
    assert (said["Ready"]["reason"], said["Stalled"]["status"]) == ("APIFailing", "False")
    assert "record" not in cluster.calls, "it may be over with the next try"
    _reconcile(cluster)
    assert _reasons(cluster)["Ready"] == "Starting"


def test_anothers_object_is_not_taken_over() -> None:
    cluster = DictCluster()
    theirs = {"kind": "Service", "metadata": {"name": "sd-decoder"}}
    cluster.objects["Service", "sd-decoder"] = theirs
    assert _reconcile(cluster) == LOOK_AGAIN
    assert cluster.objects["Service", "sd-decoder"] == theirs
    assert _reasons(cluster)["DecoderReady"] == "NameTaken"


def test_an_orphan_of_a_pipeline_of_that_name_is_taken_back() -> None:
    cluster = DictCluster()
    _reconcile(cluster)
    kept = {key: child["metadata"].pop("ownerReferences") for key, child in cluster.objects.items()}
    assert _reconcile(cluster) is None
    assert {key: child["metadata"]["ownerReferences"] for key, child in cluster.objects.items()} == kept


@pytest.mark.parametrize(
    "change",
    [
        {"labels": {}},
        {"labels": {"app.kubernetes.io/managed-by": "sdpipeline-operator", "app.kubernetes.io/instance": "other"}},
        {"ownerReferences": [{"uid": "of-another", "controller": True}]},
    ],
)
def test_what_belongs_to_somebody_else_or_to_another_pipeline_is_no_orphan(change: KubeObject) -> None:
    cluster = DictCluster()
    _reconcile(cluster)
    theirs = cluster.objects["Service", "sd-decoder"]
    theirs["metadata"] = {**theirs["metadata"], "ownerReferences": [], **change}
    assert _reconcile(cluster) == LOOK_AGAIN
    assert _reasons(cluster)["DecoderReady"] == "NameTaken"


def test_a_forbidden_swap_leaves_what_runs() -> None:
    cluster = DictCluster()
    _reconcile(cluster)
    before = dict(cluster.objects)
    _reconcile(cluster, {**SPEC, "decoder": {"model": "file:///etc"}})
    assert cluster.objects == before
    assert _reasons(cluster)["DecoderReady"] == "FilesForbidden"


def test_a_spec_that_makes_no_sense_changes_nothing_and_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    cluster = DictCluster()
    _reconcile(cluster)
    before = dict(cluster.objects)
    cluster.calls.clear()
    _reconcile(cluster, {"decoder": {"model": "ftp://x"}})
    assert cluster.objects == before
    assert _reasons(cluster)["Ready"] == "InvalidSpec"
    assert cluster.calls == ["write_status", "record"]
    assert "Ready is False (InvalidSpec)" in caplog.text
    cluster.calls.clear()
    _reconcile(cluster, {"decoder": {"model": "ftp://x"}})
    assert cluster.calls == []


def test_an_event_that_cannot_be_recorded_is_no_failure(caplog: pytest.LogCaptureFixture) -> None:
    cluster = DictCluster()
    cluster.failures["record"] = RefusedError("no events here")
    _reconcile(cluster)
    assert "an Event could not be recorded: no events here" in caplog.text


def _reconcile(cluster: DictCluster, spec: KubeObject = SPEC) -> object:
    body = resource(spec, status=dict(cluster.status))
    return asyncio.run(reconcile(body, cluster, Settings(), lambda: NOW))


def _reasons(cluster: DictCluster) -> dict[str, str]:
    return {one["type"]: one["reason"] for one in cluster.status["conditions"]}


def _key(thing: KubeObject) -> tuple[str, str]:
    return thing["kind"], thing["metadata"]["name"]
