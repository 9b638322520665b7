"""What a measurement does to the cluster, and how it knows that the operator is done."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from benchmarks.common.progress import Update
from benchmarks.scale.api import Api
from benchmarks.scale.objects import CHILDREN, OURS, PIPELINES, pipeline
from benchmarks.scale.results import Requests
from benchmarks.scale.rig import Rig
from benchmarks.scale.timeline import Timeline

_STEP_SECONDS: Final = 0.25
_QUIET_SECONDS: Final = 3.0
_PATIENCE_SECONDS: Final = 120.0
_PATIENCE_SECONDS_A_PIPELINE: Final = 3.0


@dataclass(frozen=True)
class Bench:
    """A rig, with the connections of one measurement."""

    rig: Rig
    api: Api
    timeline: Timeline

    async def apply(self, names: Sequence[str], *, together: bool, update: Update) -> dict[str, float]:
        """Apply pipelines and wait until all are Ready; gives when each apply began, on the monotonic clock."""
        starts: dict[str, float] = {}
        ready = len(self.timeline.ready)

        def are_ready(count: int) -> bool:
            done = len(self.timeline.ready) - ready
            update(done)
            return done >= count

        async def apply_one(name: str) -> None:
            starts[name] = time.monotonic()
            await self.api.apply(f"{PIPELINES}/{name}", pipeline(name))

        if together:
            await asyncio.gather(*(apply_one(name) for name in names))
            patience = _PATIENCE_SECONDS + _PATIENCE_SECONDS_A_PIPELINE * len(names)
            await self.timeline.until(lambda: are_ready(len(names)), patience, f"{len(names)} pipelines to be Ready")
        else:
            for count, name in enumerate(names, start=1):
                await apply_one(name)
                await self.timeline.until(partial(are_ready, count), _PATIENCE_SECONDS, f"{name} to be Ready")
        return starts

    async def remove_all(self) -> None:
        """Delete all pipelines and wait until the last of their children is gone.

        The children are deleted too, since the garbage collector takes half a minute to learn of a new kind of owner.
        """
        await self.api.delete(PIPELINES)
        for path in CHILDREN.values():
            await self.api.delete(path, labelSelector=OURS)
        await self.timeline.until(lambda: not self.timeline.alive, _PATIENCE_SECONDS, "the children to go")

    async def at_rest(self) -> Requests:
        """Wait until the operator asks nothing of the API server any more; gives what it asked meanwhile.

        Raises:
            TimeoutError: it goes on and on.
        """
        asked = Requests.none()
        began = quiet_since = time.monotonic()
        while time.monotonic() - quiet_since < _QUIET_SECONDS:
            await asyncio.sleep(_STEP_SECONDS)
            new = self.rig.audit.since_last()
            asked += new
            if new.counts:
                quiet_since = time.monotonic()
            if time.monotonic() - began > _PATIENCE_SECONDS:
                raise TimeoutError(f"The operator has not come to rest in {_PATIENCE_SECONDS:.0f} s.")
        return asked
