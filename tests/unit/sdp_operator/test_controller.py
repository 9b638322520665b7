"""What is looked at when, with a cluster that is told what happens and a reconcile that only takes notes."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta
from typing import Any

import pytest
from tests.support import virtual_time
from tests.support.pipelines import resource

from sdp_operator import controller as module
from sdp_operator.controller import Controller
from sdp_operator.errors import TransientError
from sdp_operator.objects import Key, KubeObject
from sdp_operator.runtime import Runtime

SD, OTHER = Key("art", "sd"), Key("art", "other")
SPEC = {"decoder": {"model": "gs://b/d"}}


class ToldCluster:
    """A cluster that knows the pipelines that it is told of, and calls when a test says so."""

    there: Sequence[str] = ()
    """The pipelines that it finds at its start, one after another."""

    def __init__(
        self,
        _client: object,
        *,
        pipeline_changed: Callable[[Key], None],
        fleet_changed: Callable[..., None],
        view_changed: Callable[[], None],
        **_: object,
    ) -> None:
        self.fleet_changed, self.view_changed = fleet_changed, view_changed
        self._changed = pipeline_changed
        self._bodies: dict[Key, KubeObject] = {}

    async def follow(self) -> None:
        for name in self.there:
            self.saw(resource(SPEC, name=name))
            await asyncio.sleep(10)

    async def close(self) -> None: ...

    def pipeline(self, key: Key) -> KubeObject | None:
        return self._bodies.get(key)

    def pipelines(self) -> Iterable[Key]:
        return iter(self._bodies)

    def saw(self, body: KubeObject) -> None:
        self._bodies[Key.of(body)] = body
        self._changed(Key.of(body))

    def lost(self, body: KubeObject) -> None:
        del self._bodies[Key.of(body)]
        self._changed(Key.of(body))


class Desk:
    """A controller with all that it looks at."""

    def __init__(self) -> None:
        self.runtime = Runtime()
        self.looked: list[Key] = []
        self.again: timedelta | None = None
        self.fails = False
        self.becomes: KubeObject | None = None
        """The status that the next reconcile writes."""

    async def open(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(module, "Cluster", ToldCluster)
        monkeypatch.setattr(module, "reconcile", self._reconcile)
        client: Any = None
        self.controller = Controller(self.runtime, client)
        self.cluster: Any = self.controller._cluster
        await self.controller.start()

    async def see(self, name: str, *, status: KubeObject | None = None) -> None:
        """Tell of a pipeline, and forget that it was looked at."""
        self.cluster.saw(resource(SPEC, name=name, status=status))
        await asyncio.sleep(10)
        self.looked.clear()

    async def looks(self) -> list[Key]:
        """What was looked at since the last time."""
        await asyncio.sleep(10)
        looked, self.looked = self.looked, []
        return sorted(looked)

    def metric(self, line: str) -> bool:
        return line in self.runtime.metrics.render().decode().splitlines()

    async def _reconcile(self, body: KubeObject, cluster: Any, _settings: object, clock: Any) -> timedelta | None:
        assert clock().tzinfo is not None
        self.looked.append(Key.of(body))
        status, self.becomes = self.becomes, None
        if status is not None:
            cluster.saw({**body, "status": status})
        if self.fails:
            raise TransientError("the API server fails")
        again, self.again = self.again, None
        return again


def _scenario(monkeypatch: pytest.MonkeyPatch, play: Callable[[Desk], Any]) -> None:
    async def whole() -> None:
        desk = Desk()
        await desk.open(monkeypatch)
        await play(desk)
        await desk.controller.stop()

    virtual_time.run(whole())


def test_a_pipeline_is_looked_at_when_it_changes_and_when_its_time_has_come(monkeypatch: pytest.MonkeyPatch) -> None:
    async def play(desk: Desk) -> None:
        desk.again = timedelta(minutes=1)
        desk.cluster.saw(resource(SPEC))
        assert await desk.looks() == [SD]
        assert await desk.looks() == []
        await asyncio.sleep(60)
        assert await desk.looks() == [SD]

    _scenario(monkeypatch, play)


def test_pipelines_that_are_there_already_are_looked_at_once_all_of_them_have_been_seen(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ToldCluster, "there", ("other", "sd"))

    async def play(desk: Desk) -> None:
        assert desk.looked == [], "while they were listed"
        assert await desk.looks() == [OTHER, SD]

    _scenario(monkeypatch, play)


def test_a_pipeline_that_is_gone_or_going_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    async def play(desk: Desk) -> None:
        await desk.see("sd")
        going = resource(SPEC)
        going["metadata"]["deletionTimestamp"] = "2026-11-23T04:00:00Z"
        desk.cluster.saw(going)
        desk.cluster.lost(going)
        assert await desk.looks() == []
        assert desk.metric('sdpipeline_operator_pipelines{state="progressing"} 0.0')

    _scenario(monkeypatch, play)


def test_nodes_are_news_to_all_that_ask_for_gpus_and_pods_only_to_those_that_wait(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def play(desk: Desk) -> None:
        await desk.see("none", status=_status(Ready="True"))
        await desk.see("served", status=_status(Ready="True", GPUsReady="True"))
        await desk.see("starting", status=_status(Ready="False", GPUsReady="True"))
        await desk.see("waiting", status=_status(Ready="False", GPUsReady="False"))
        desk.cluster.fleet_changed(nodes=False)
        assert [key.name for key in await desk.looks()] == ["starting", "waiting"]
        desk.cluster.fleet_changed(nodes=True)
        assert [key.name for key in await desk.looks()] == ["served", "starting", "waiting"]

    _scenario(monkeypatch, play)


def test_a_crowd_of_nodes_and_pods_is_one_piece_of_news(monkeypatch: pytest.MonkeyPatch) -> None:
    async def play(desk: Desk) -> None:
        await desk.see("sd", status=_status(Ready="True", GPUsReady="True"))
        for number in range(500):
            desk.cluster.fleet_changed(nodes=number == 250)
        assert await desk.looks() == [SD]

    _scenario(monkeypatch, play)


def test_the_more_pipelines_wait_for_gpus_the_less_often_all_are_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    async def play(desk: Desk) -> None:
        for number in range(400):
            desk.cluster.saw(resource(SPEC, name=f"sd-{number}", status=_status(GPUsReady="False")))
        await desk.looks()
        for _ in range(30):
            desk.cluster.fleet_changed(nodes=False)
            await asyncio.sleep(1)
        assert desk.looked.count(Key("art", "sd-0")) == 1 + 30 // 8

    _scenario(monkeypatch, play)


def test_what_the_operator_may_see_is_news_to_all(monkeypatch: pytest.MonkeyPatch) -> None:
    async def play(desk: Desk) -> None:
        await desk.see("sd")
        await desk.see("other")
        desk.cluster.view_changed()
        assert await desk.looks() == [OTHER, SD]

    _scenario(monkeypatch, play)


def test_pipelines_are_counted_by_their_state_and_swaps_as_they_end(monkeypatch: pytest.MonkeyPatch) -> None:
    async def play(desk: Desk) -> None:
        swap = {"component": "decoder", "from": "a", "to": "b", "started": "2026-11-23T04:00:00Z"}
        desk.becomes = _status(Ready="False", Stalled="True")
        await desk.see("sd")
        assert desk.metric('sdpipeline_operator_pipelines{state="stalled"} 1.0')
        desk.becomes = {**_status(Ready="True"), "swaps": [{**swap, "result": "Succeeded", "seconds": 4}]}
        await desk.see("sd", status={**_status(Ready="False"), "swaps": [{**swap, "result": "InProgress"}]})
        assert desk.metric('sdpipeline_operator_pipelines{state="ready"} 1.0')
        assert desk.metric('sdpipeline_operator_pipelines{state="stalled"} 0.0')
        assert desk.metric('sdpipeline_operator_swaps_total{component="decoder",result="succeeded"} 1.0')

    _scenario(monkeypatch, play)


def test_a_pipeline_whose_work_failed_is_counted_by_the_state_that_was_written(monkeypatch: pytest.MonkeyPatch) -> None:
    async def play(desk: Desk) -> None:
        desk.becomes, desk.fails = _status(Ready="False", Stalled="False"), True
        await desk.see("sd", status=_status(Ready="True"))
        assert desk.metric('sdpipeline_operator_pipelines{state="progressing"} 1.0')

    _scenario(monkeypatch, play)


def _status(**conditions: str) -> KubeObject:
    said = [
        {
            "type": kind, "status": status, "reason": "R", "message": "m",
            "lastTransitionTime": "2026-11-23T04:00:00Z", "observedGeneration": 1,
        }
        for kind, status in conditions.items()
    ]  # fmt: skip
    return {"observedGeneration": 1, "gpus": 0, "conditions": said}
