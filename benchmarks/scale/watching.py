"""Watching the pipelines and their children, so that what is measured is told and not asked for."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from benchmarks.scale.api import Api, ApiError
from benchmarks.scale.objects import CHILDREN, OURS, PIPELINES
from benchmarks.scale.timeline import PIPELINE_PLURAL, Timeline


@asynccontextmanager
async def watching(api: Api) -> AsyncIterator[Timeline]:
    """Record what changes for the length of a `with` block."""
    timeline = Timeline()
    paths = {PIPELINE_PLURAL: PIPELINES, **CHILDREN}

    async def watch(plural: str) -> None:
        pipelines = plural == PIPELINE_PLURAL
        metadata_only = not pipelines and plural != "deployments"
        selector = "" if pipelines else OURS
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
