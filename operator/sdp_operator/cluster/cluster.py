"""A Kubernetes cluster, as the operator sees it: what it reads comes from watches, what it writes goes out at once."""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from kubernetes.aio.client import ApiClient

from sdp_operator.api.v1alpha1 import API_VERSION, KIND, Pipeline, format_time
from sdp_operator.cluster.kinds import BY_NAME, CHILDREN, EVENTS, NODES, PIPELINES, PODS
from sdp_operator.cluster.reflector import Reflector, Watched
from sdp_operator.cluster.requests import APPLY, Count, GoneError, Requests
from sdp_operator.cluster.store import FleetChanged, Store
from sdp_operator.desired.identity import MANAGER
from sdp_operator.gpus.fleet import Fleet
from sdp_operator.live import LiveChildren
from sdp_operator.notices import Notice
from sdp_operator.objects import Key, KubeObject

_WATCHED: Final = (*CHILDREN, PODS, NODES, EVENTS, PIPELINES)

_NEEDED: Final = frozenset(kind.name for kind in (*CHILDREN, PODS, PIPELINES) if not kind.is_optional)
"""Kinds without which nothing can be said of a pipeline."""


class Cluster:
    """A Kubernetes cluster, as the operator sees it.

    What asks nothing of the API server answers from what the watches have seen last. Every other method raises
    TransientError when the API server can't be reached or asks for patience, and RefusedError when it refuses.

    Args:
        client: how the API server is reached.
        namespaces: the namespaces to see; all when empty.
        pipeline_changed: told which pipeline is to be looked at again.
        fleet_changed: told when nodes, or what pods hold of their GPUs, have changed.
        view_changed: told when what can't be seen has changed.
        watched: told how the watches are.
        count: told of each answer of the API server.
    """

    def __init__(
        self,
        client: ApiClient,
        *,
        namespaces: Sequence[str],
        pipeline_changed: Callable[[Key], None],
        fleet_changed: FleetChanged,
        view_changed: Callable[[], None],
        watched: Watched,
        count: Count,
    ) -> None:
        self._requests = Requests(client, count)
        self._store = Store(pipeline_changed, fleet_changed)
        self._reflectors = {
            (kind.name, namespace): Reflector(
                self._requests, kind, namespace, self._store.sinks[kind.name], view_changed, watched
            )
            for kind in _WATCHED
            for namespace in (namespaces if namespaces and kind.is_namespaced else [None])
        }
        self._tasks: list[asyncio.Task[None]] = []

    async def follow(self) -> None:
        """Begin to watch; returns once everything that there is has been seen."""
        # The pipelines come last: what is to be done about one is told by what it has already.
        await self._follow(kind for kind in BY_NAME if kind != PIPELINES.name)
        await self._follow([PIPELINES.name])

    async def _follow(self, kinds: Iterable[str]) -> None:
        begun = [reflector for kind in kinds for (one, _), reflector in self._reflectors.items() if one == kind]
        self._tasks += [asyncio.create_task(reflector.run(), name=f"watch {reflector}") for reflector in begun]
        await asyncio.gather(*(reflector.synced.wait() for reflector in begun))

    async def close(self) -> None:
        """Stop watching and close the connections."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._requests.close()

    # What the watches have seen

    def hindrance(self, namespace: str) -> str | None:
        """What the operator may not see of what every pipeline there has, in a sentence; None when it sees all."""
        return next(
            (
                reflector.hindrance
                for (kind, seen), reflector in self._reflectors.items()
                if reflector.hindrance is not None and seen in {None, namespace} and kind in _NEEDED
            ),
            None,
        )

    @property
    def unknown_kinds(self) -> frozenset[str]:
        """Kinds that the cluster does not have."""
        return frozenset(kind for (kind, _), reflector in self._reflectors.items() if reflector.is_absent)

    @property
    def fleet(self) -> Fleet | None:
        """The nodes and their GPUs; None when the operator may not see nodes."""
        sees_nodes = all(
            reflector.hindrance is None for (kind, _), reflector in self._reflectors.items() if kind == NODES.name
        )
        return self._store.fleet if sees_nodes else None

    def pipeline(self, key: Key) -> KubeObject | None:
        """The custom resource; None when there is none."""
        return self._store.pipelines.get(key)

    def pipelines(self) -> Iterable[Key]:
        """All custom resources."""
        return (key for key, _ in self._store.pipelines.items())

    def users(self, key: Key) -> Sequence[Key]:
        """The pipelines that share components of this one."""
        return self._store.users(key)

    def children(self, pipeline: Pipeline) -> LiveChildren:
        """What the pipeline owns, and the pods of these."""
        return self._store.live(pipeline)

    # Requests

    async def is_current(self, pipeline: Pipeline) -> bool:
        """Whether the custom resource still is there, as it was read.

        News of its deletion may come later than that of its children's, which Kubernetes collects: they must not be
        made again for a resource that is gone.
        """
        path = PIPELINES.path(pipeline.namespace, pipeline.name)
        try:
            meta = (await self._requests.send("get", path))["metadata"]
        except GoneError:
            if (ghost := self.pipeline(pipeline.key)) is not None:
                self._store.pipelines.remove(ghost)
            return False
        seen = (meta["uid"], meta["generation"], "deletionTimestamp" in meta)
        return bool(seen == (pipeline.uid, pipeline.generation, False))

    async def find(self, like: KubeObject) -> KubeObject | None:
        """The live object of the same kind, namespace and name, whoever owns it."""
        try:
            return await self._requests.send("get", _path_of(like))
        except GoneError:
            return None

    async def apply(self, wanted: KubeObject) -> KubeObject:
        """Create the object, or give it the fields that are wanted; gives what it is now."""
        answer = await self._apply(_path_of(wanted), wanted)
        self._store.put(answer)
        return answer

    async def remove(self, live: KubeObject, pointers: Sequence[str]) -> None:
        """Remove these fields, JSON pointers, of the object as it was read."""
        # The answer to a version that is no longer the present one is a conflict, after which all is looked at again.
        seen = {"op": "replace", "path": "/metadata/resourceVersion", "value": live["metadata"]["resourceVersion"]}
        operations = [seen, *({"op": "remove", "path": pointer} for pointer in pointers)]
        query = {"fieldManager": MANAGER}
        patch_type = "application/json-patch+json"
        answer = await self._requests.send(
            "patch", _path_of(live), body=operations, query=query, content_type=patch_type
        )
        self._store.put(answer)

    async def delete(self, child: KubeObject) -> None:
        """Delete this very object; it is no error when it is gone already."""
        options = {"propagationPolicy": "Background", "preconditions": {"uid": child["metadata"]["uid"]}}
        try:
            await self._requests.send("delete", _path_of(child), body=options)
        except GoneError:
            return

    async def write_status(self, pipeline: KubeObject, status: Mapping[str, Any]) -> None:
        """Write the custom resource's status; it is no error when the resource is gone."""
        meta = pipeline["metadata"]
        body = {
            "apiVersion": API_VERSION,
            "kind": KIND,
            # With its uid, the status is never written to another resource that has taken the name.
            "metadata": {"name": meta["name"], "namespace": meta["namespace"], "uid": meta["uid"]},
            "status": status,
        }
        try:
            self._store.pipelines.put(
                await self._apply(f"{PIPELINES.path(meta['namespace'], meta['name'])}/status", body)
            )
        except GoneError:
            return

    async def annotate(self, pod: KubeObject, annotation: str, value: str) -> None:
        """Give the pod an annotation; it is no error when the pod is gone."""
        meta = pod["metadata"]
        body = {"metadata": {"uid": meta["uid"], "annotations": {annotation: value}}}
        path = PODS.path(meta["namespace"], meta["name"])
        try:
            answer = await self._requests.send("patch", path, body=body, content_type="application/merge-patch+json")
        except GoneError:
            return
        self._store.put(answer)

    async def record(self, pipeline: KubeObject, notice: Notice, now: datetime) -> None:
        """Record what has happened as an Event about the custom resource."""
        meta = pipeline["metadata"]
        time = format_time(now)
        name = f"{meta['name']}.{int(now.timestamp() * 1_000_000):x}"
        event = {
            "apiVersion": "v1",
            "kind": "Event",
            # Events of one second are listed in the order of their names.
            "metadata": {"generateName": f"{name}.", "namespace": meta["namespace"]},
            "involvedObject": {
                "apiVersion": API_VERSION,
                "kind": KIND,
                **{key: meta[key] for key in ("name", "namespace", "uid", "resourceVersion")},
            },
            "type": "Warning" if notice.is_warning else "Normal",
            "reason": notice.reason,
            "message": f"{notice.subject}: {notice.message}"[:1024],
            "source": {"component": MANAGER},
            "firstTimestamp": time,
            "lastTimestamp": time,
            "count": 1,
        }
        await self._requests.send("post", EVENTS.path(meta["namespace"]), body=event)

    async def _apply(self, path: str, body: Mapping[str, Any]) -> KubeObject:
        return await self._requests.send(
            "patch",
            path,
            body=body,
            query={"fieldManager": MANAGER, "force": "true"},
            content_type=APPLY,
        )


def _path_of(thing: KubeObject) -> str:
    meta = thing["metadata"]
    return BY_NAME[thing["kind"]].path(meta["namespace"], meta["name"])
