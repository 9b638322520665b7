"""When each thing was first seen in the cluster, as watches tell it."""

import asyncio
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

import orjson

PIPELINE_PLURAL: Final = "stablediffusionpipelines"

INSTANCE: Final = "app.kubernetes.io/instance"
"""The label by which users find a pipeline's children."""


class Child(NamedTuple):
    """An object that the operator made."""

    plural: str
    name: str


class Timeline:
    """What was seen when, on the monotonic clock.

    Attributes:
        watched: the kinds whose changes are all seen by now.
        children: by pipeline, when each of its children was first seen.
        alive: the children that are there now.
        ready: by pipeline and generation, when it was first seen to be Ready as of that generation.
        templates: by pipeline, when a Deployment was first seen to have a text that was waited for.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._changed = asyncio.Event()
        self._failure: Exception | None = None
        self._wanted: dict[str, bytes] = {}
        self.watched: set[str] = set()
        self.children: defaultdict[str, dict[Child, float]] = defaultdict(dict)
        self.alive: set[Child] = set()
        self.ready: dict[tuple[str, int], float] = {}
        self.templates: dict[str, float] = {}

    def expect(self, pipeline: str, text: str) -> None:
        """Look for the text in the pod templates of the pipeline's Deployments from now on."""
        self._wanted[pipeline] = text.encode()
        self.templates.pop(pipeline, None)

    def see(self, plural: str, change: str, body: Mapping[str, Any]) -> None:
        """Take in an event of a watch."""
        now = self._clock()
        if change == "STARTED":
            self.watched.add(plural)
        elif plural == PIPELINE_PLURAL:
            self._see_pipeline(body, now)
        else:
            self._see_child(plural, change, body, now)
        self._changed.set()

    def fail(self, error: Exception) -> None:
        """Take in that a watch has ended, so that waiting for it is in vain."""
        self._failure = error
        self._changed.set()

    async def until(self, holds: Callable[[], bool], seconds: float, what: str) -> None:
        """Wait until something seen makes `holds` true.

        Raises:
            TimeoutError: it did not within `seconds`; the message says what never came.
            Exception: that of a watch that failed.
        """
        deadline = self._clock() + seconds
        while not holds():
            if self._failure is not None:
                raise self._failure
            self._changed.clear()
            try:
                await asyncio.wait_for(self._changed.wait(), deadline - self._clock())
            except TimeoutError:
                raise TimeoutError(f"Waited {seconds:.0f} s for {what}, in vain.") from None

    def _see_pipeline(self, body: Mapping[str, Any], now: float) -> None:
        meta, status = body["metadata"], body.get("status", {})
        conditions = {one["type"]: one["status"] for one in status.get("conditions", [])}
        if conditions.get("Ready") == "True" and status.get("observedGeneration") == meta["generation"]:
            self.ready.setdefault((meta["name"], meta["generation"]), now)

    def _see_child(self, plural: str, change: str, body: Mapping[str, Any], now: float) -> None:
        meta = body["metadata"]
        pipeline = meta.get("labels", {}).get(INSTANCE, "")
        child = Child(plural, meta["name"])
        if change == "DELETED":
            self.alive.discard(child)
            return
        self.alive.add(child)
        self.children[pipeline].setdefault(child, now)
        wanted = self._wanted.get(pipeline)
        if wanted and plural == "deployments" and wanted in orjson.dumps(body["spec"]["template"]):
            self.templates.setdefault(pipeline, now)
            del self._wanted[pipeline]
