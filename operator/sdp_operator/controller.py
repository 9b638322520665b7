"""What runs between the watches and the reconciles: which pipeline is looked at when."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from kubernetes.aio.client import ApiClient

from sdp_operator.cluster import Cluster
from sdp_operator.conditions import GPUS_READY, READY, STALLED
from sdp_operator.history import finished
from sdp_operator.objects import Key
from sdp_operator.reconcile import reconcile
from sdp_operator.runtime import Runtime
from sdp_operator.telemetry.metrics import PipelineState
from sdp_operator.work_queue import WorkQueue

_CONCURRENCY: Final = 10
_FLEET_SETTLES_SECONDS: Final = 1.0
"""Nodes and pods come in crowds: look at what waits for GPUs once for all of them."""
_FLEET_SECONDS_A_PIPELINE: Final = 0.02
"""So much longer for each pipeline that was looked at: with 500 of them that wait for their pods, looking at all each
second would take as much time as making them."""


class Controller:
    """Keeps every pipeline as its custom resource says."""

    def __init__(self, runtime: Runtime, client: ApiClient) -> None:
        self._runtime = runtime
        self._queue: WorkQueue[Key] = WorkQueue(self._work, concurrency=_CONCURRENCY, observer=runtime.metrics)
        self._cluster = Cluster(
            client,
            namespaces=runtime.settings.namespaces,
            pipeline_changed=self._call,
            fleet_changed=self._on_fleet,
            view_changed=self._look_at_all,
            watched=runtime.health,
            count=runtime.metrics.api_request,
        )
        self._fleet_timer: asyncio.TimerHandle | None = None
        self._fleet_pause = _FLEET_SETTLES_SECONDS
        self._nodes_changed = False
        self._has_seen_all = False

    async def start(self) -> None:
        """Begin to watch; nothing is worked on before everything that there is has been seen."""
        await self._cluster.follow()
        self._has_seen_all = True
        self._look_at_all()

    async def stop(self) -> None:
        """Let running work finish, and close the connections."""
        if self._fleet_timer is not None:
            self._fleet_timer.cancel()
        await self._queue.close()
        await self._cluster.close()

    def _call(self, key: Key) -> None:
        # A pipeline that others share components of must not pass for missing because the list has not come to it.
        if self._has_seen_all:
            self._queue.call(key)

    async def _work(self, key: Key) -> timedelta | None:
        body = self._cluster.pipeline(key)
        if body is None or "deletionTimestamp" in body["metadata"]:
            self._runtime.metrics.pipeline_is(key, None)
            return None
        try:
            return await reconcile(body, self._cluster, self._runtime.settings, lambda: datetime.now(UTC))
        finally:
            # What is to be tried again may have written its status too.
            self._count(key, body.get("status", {}))

    def _count(self, key: Key, before: dict[str, Any]) -> None:
        status = (self._cluster.pipeline(key) or {}).get("status", {})
        self._runtime.metrics.pipeline_is(key, _state(status))
        if status is not before and status.get("swaps"):
            for swap in finished(before, status):
                self._runtime.metrics.swap(swap)

    def _on_fleet(self, *, nodes: bool) -> None:
        self._nodes_changed = self._nodes_changed or nodes
        if self._fleet_timer is None:
            loop = asyncio.get_running_loop()
            self._fleet_timer = loop.call_later(self._fleet_pause, self._look_at_gpus)

    def _look_at_gpus(self) -> None:
        """Look at the pipelines whose GPUs are checked; where only pods came or went, at those that wait for some."""
        self._fleet_timer, nodes_changed, self._nodes_changed = None, self._nodes_changed, False
        waiting = [key for key in self._cluster.pipelines() if self._looks_at_gpus(key, nodes_changed=nodes_changed)]
        self._fleet_pause = max(_FLEET_SETTLES_SECONDS, _FLEET_SECONDS_A_PIPELINE * len(waiting))
        for key in waiting:
            self._call(key)

    def _looks_at_gpus(self, key: Key, *, nodes_changed: bool) -> bool:
        said = _conditions((self._cluster.pipeline(key) or {}).get("status", {}))
        return GPUS_READY in said and (nodes_changed or said[GPUS_READY] != "True" or said.get(READY) != "True")

    def _look_at_all(self) -> None:
        for key in list(self._cluster.pipelines()):
            self._call(key)


def _state(status: dict[str, Any]) -> PipelineState:
    said = _conditions(status)
    if said.get(READY) == "True":
        return PipelineState.READY
    return PipelineState.STALLED if said.get(STALLED) == "True" else PipelineState.PROGRESSING


def _conditions(status: dict[str, Any]) -> dict[str, str]:
    return {one["type"]: one["status"] for one in status.get("conditions", [])}
