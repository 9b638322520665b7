"""What the watches have seen last, arranged for the questions that a reconcile asks."""

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from typing import Final, NamedTuple, Protocol

from sdp_operator.api.v1alpha1 import Pipeline
from sdp_operator.cluster.cache import Cache
from sdp_operator.cluster.kinds import CHILDREN, EVENTS, NODES, PIPELINES, PODS, Kind
from sdp_operator.desired.identity import INSTANCE, MANAGED_BY, MANAGER
from sdp_operator.gpus.facts import NodeFacts, node_facts
from sdp_operator.gpus.fleet import Fleet
from sdp_operator.gpus.holders import GpuHolder, gpu_holder
from sdp_operator.live import LiveChildren, ObjectKey, is_orphan_of, is_owned, maker
from sdp_operator.objects import Key, KubeObject
from sdp_operator.sharing import references

_TELLING: Final = frozenset(
    {"FailedMount", "FailedAttachVolume", "FailedCreatePodSandBox", "NotTriggerScaleUp", "TriggeredScaleUp"}
)
"""Reasons of Events that say what no field of a pod says."""


class FleetChanged(Protocol):
    """Told that nodes, or else what pods hold of their GPUs, have changed."""

    def __call__(self, *, nodes: bool) -> None:
        """They have."""


class Said(NamedTuple):
    """What an Event says of a pod."""

    pod: Key
    reason: str
    message: str
    time: str
    """When it said so last, in RFC 3339: the later, the greater."""


class Store:
    """What the watches have seen last.

    Args:
        pipeline_changed: told which pipeline is to be looked at again.
        fleet_changed: told when nodes, or what pods hold of their GPUs, have changed, and which of both.
    """

    def __init__(self, pipeline_changed: Callable[[Key], None], fleet_changed: FleetChanged) -> None:
        self._pipeline_changed = pipeline_changed
        self._fleet_changed = fleet_changed
        self._fleet: Fleet | None = None
        self._children: defaultdict[Key, dict[ObjectKey, KubeObject]] = defaultdict(dict)
        self._users: defaultdict[Key, set[Key]] = defaultdict(set)
        self._said: defaultdict[Key, dict[str, Said]] = defaultdict(dict)
        self.pipelines: Cache[KubeObject] = Cache(_slim, self._on_pipeline)
        self._nodes = Cache(node_facts, partial(self._on_fleet, nodes=True))
        self._pods = _Pods(
            Cache(_own_pod, partial(self._on_child, PODS.name)), Cache(gpu_holder, partial(self._on_fleet, nodes=False))
        )
        self.sinks: Mapping[str, Cache[KubeObject] | Cache[NodeFacts] | Cache[Said] | _Pods] = {
            **{kind.name: Cache(partial(_typed, kind), partial(self._on_child, kind.name)) for kind in CHILDREN},
            PODS.name: self._pods,
            NODES.name: self._nodes,
            EVENTS.name: Cache(_telling, self._on_said),
            PIPELINES.name: self.pipelines,
        }

    def live(self, pipeline: Pipeline) -> LiveChildren:
        """What the pipeline owns."""
        mine = self._children.get(pipeline.key, {})
        pods = {name: pod for (kind, name), pod in mine.items() if kind == PODS.name}
        others = {key: child for key, child in mine.items() if key[0] != PODS.name}
        return LiveChildren(
            objects={key: child for key, child in others.items() if is_owned(child, pipeline)},
            orphans={key: child for key, child in others.items() if is_orphan_of(child, pipeline)},
            pods={name: pod for name, pod in pods.items() if maker(pod) == "ReplicaSet"},
            job_pods={name: pod for name, pod in pods.items() if maker(pod) == "Job"},
            words={name: words for name in pods if (words := self._words(Key(pipeline.namespace, name))) is not None},
        )

    @property
    def fleet(self) -> Fleet:
        """The nodes and their GPUs."""
        if self._fleet is None:
            self._fleet = Fleet.of(
                (node for _, node in self._nodes.items()), (holder for _, holder in self._pods.holders.items())
            )
        return self._fleet

    def put(self, thing: KubeObject) -> None:
        """Take the answer to a write for news."""
        self.sinks[thing["kind"]].put(thing)

    def _words(self, pod: Key) -> str | None:
        said = max(self._said.get(pod, {}).values(), key=lambda one: one.time, default=None)
        return f"{said.reason}: {said.message}" if said is not None else None

    def users(self, owner: Key) -> Sequence[Key]:
        """The pipelines that share components of this one."""
        return sorted(self._users.get(owner, ()))

    def _on_pipeline(self, key: Key, before: KubeObject | None, after: KubeObject | None) -> None:
        owners, owners_now = _owners(before), _owners(after)
        for owner in owners - owners_now:
            self._users[owner].discard(key)
            if not self._users[owner]:
                del self._users[owner]
        for owner in owners_now - owners:
            self._users[owner].add(key)
        # What a pipeline is changes what its users have, and that it is a user changes what its owners say.
        for related in {key, *(owners ^ owners_now), *self._users.get(key, ())}:
            self._pipeline_changed(related)

    def _on_child(self, kind: str, key: Key, before: KubeObject | None, after: KubeObject | None) -> None:
        for thing in (before, after):
            if thing is not None and INSTANCE in thing["metadata"].get("labels", {}):
                owner = Key(key.namespace, thing["metadata"]["labels"][INSTANCE])
                self._children[owner].pop((kind, key.name), None)
                if thing is after:
                    self._children[owner][kind, key.name] = thing
                elif not self._children[owner]:
                    del self._children[owner]
                self._pipeline_changed(owner)

    def _on_said(self, key: Key, before: Said | None, after: Said | None) -> None:
        for said in (before, after):
            if said is None:
                continue
            self._said[said.pod].pop(key.name, None)
            if said is after:
                self._said[said.pod][key.name] = said
            elif not self._said[said.pod]:
                del self._said[said.pod]
            if (ours := self._pods.own.get(said.pod)) is not None:
                self._pipeline_changed(Key(said.pod.namespace, ours["metadata"]["labels"][INSTANCE]))

    def _on_fleet(self, _key: Key, _before: object, _after: object, *, nodes: bool) -> None:
        self._fleet = None
        self._fleet_changed(nodes=nodes)


class _Pods:
    """Pods: ours as they are, of the others only which GPUs they hold."""

    def __init__(self, own: Cache[KubeObject], holders: Cache[GpuHolder]) -> None:
        self.own = own
        self.holders = holders

    def put(self, thing: KubeObject) -> None:
        self.own.put(thing)
        self.holders.put(thing)

    def remove(self, thing: KubeObject) -> None:
        self.own.remove(thing)
        self.holders.remove(thing)

    def keep_only(self, listed: Collection[Key], version: int, namespace: str | None) -> None:
        self.own.keep_only(listed, version, namespace)
        self.holders.keep_only(listed, version, namespace)

    def clear(self, namespace: str | None) -> None:
        self.own.clear(namespace)
        self.holders.clear(namespace)

    def set_back(self, namespace: str | None) -> None:
        self.own.set_back(namespace)
        self.holders.set_back(namespace)


def _owners(pipeline: KubeObject | None) -> set[Key]:
    if pipeline is None:
        return set()
    return set(references(pipeline.get("spec", {}), pipeline["metadata"]["namespace"]).values())


def _slim(thing: KubeObject) -> KubeObject:
    """The object with only that of the record of who wrote what that tells whose the number of replicas is, and what
    of the pods is by another hand.

    The record is the larger half of most objects.
    """
    meta = {key: value for key, value in thing["metadata"].items() if key != "managedFields"}
    writers = [
        {"manager": entry.get("manager"), "fieldsV1": {"f:spec": told}}
        for entry in thing["metadata"].get("managedFields", ())
        if (told := _telling_fields(entry))
    ]
    return {**thing, "metadata": {**meta, "managedFields": writers} if writers else meta}


def _telling_fields(entry: KubeObject) -> KubeObject:
    written = entry.get("fieldsV1", {}).get("f:spec", {})
    told: KubeObject = {"f:replicas": {}} if "f:replicas" in written else {}
    if entry.get("manager") != MANAGER and (of_pods := written.get("f:template", {}).get("f:spec")):
        told["f:template"] = {"f:spec": {field: {} for field in of_pods}}
    return told


def _typed(kind: Kind, thing: KubeObject) -> KubeObject:
    return {**_slim(thing), "apiVersion": kind.api_version, "kind": kind.name}


def _own_pod(pod: KubeObject) -> KubeObject | None:
    labels = pod["metadata"].get("labels", {})
    return _slim(pod) if labels.get(MANAGED_BY) == MANAGER and INSTANCE in labels else None


def _telling(event: KubeObject) -> Said | None:
    if event.get("reason") not in _TELLING:
        return None
    about = event["involvedObject"]
    pod = Key(about.get("namespace", ""), about.get("name", ""))
    return Said(pod, event["reason"], event.get("message", ""), _last_time(event))


def _last_time(event: KubeObject) -> str:
    """When it happened last; which field tells that depends on what has recorded the Event."""
    times = ((event.get("series") or {}).get("lastObservedTime"), event.get("lastTimestamp"), event.get("eventTime"))
    found = (time for time in times if time)
    # Some come with a fraction of the second, some without.
    return max((time.removesuffix("Z") for time in found), default="")
