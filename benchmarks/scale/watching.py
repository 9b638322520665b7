"""Watching the pipelines and their children, so that what is measured is told and not asked for."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from benchmarks.scale.api import Api, ApiError
from benchmarks.scale.objects import NAMESPACE, PIPELINES
from benchmarks.scale.timeline import PIPELINE_PLURAL, Timeline

_OURS: Final = "app.kubernetes.io/managed-by=sdpipeline-operator"
_API_GROUPS: Final = {
    "deployments": "/apis/apps/v1",
    "services": "/api/v1",
    "configmaps": "/api/v1",
    "serviceaccounts": "/api/v1",
    "jobs": "/apis/batch/v1",
    "poddisruptionbudgets": "/apis/policy/v1",
    "horizontalpodautoscalers": "/apis/autoscaling/v2",
    "networkpolicies": "/apis/networking.k8s.io/v1",
    "ingresses": "/apis/networking.k8s.io/v1",
}
"""Every kind of child that there can be. A pipeline's children are those that are there in the end."""


@asynccontextmanager
async def watching(api: Api) -> AsyncIterator[Timeline]:
    """Record what changes for the length of a `with` block."""
    timeline = Timeline()
    paths = {PIPELINE_PLURAL: PIPELINES} | {
        plural: f"{group}/namespaces/{NAMESPACE}/{plural}" for plural, group in _API_GROUPS.items()
    }

    async def watch(plural: str) -> None:
        pipelines = plural == PIPELINE_PLURAL
        metadata_only = not pipelines and plural != "deployments"
        selector = "" if pipelines else _OURS
        changes = api.watch(paths[plural], selector, metadata_only=metadata_only)
        try:
            async for change, body in changes:
                timeline.see(plural, change, body)
        except ApiError as error:
            timeline.fail(error)

    tasks = [asyncio.create_task(watch(plural), name=f"watch of {plural}") for plural in paths]
    try:
        await timeline.until(lambda: len(timeline.watched) == len(paths), 30, "the watches to begin")
        yield timeline
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
