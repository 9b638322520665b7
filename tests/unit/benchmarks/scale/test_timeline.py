"""What watches tell, and when."""

import asyncio
from typing import Any

import pytest
from benchmarks.scale.timeline import INSTANCE, PIPELINE_PLURAL, Child, Timeline


class _Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> _Clock:
    return _Clock()


@pytest.fixture
def timeline(clock: _Clock) -> Timeline:
    return Timeline(clock)


def _child(name: str, **about: Any) -> dict[str, Any]:
    return {"metadata": {"name": name, "labels": {INSTANCE: "sd"}}, **about}


def _deployment(text: str) -> dict[str, Any]:
    return _child("sd-decoder", spec={"template": {"spec": {"args": [text]}}})


def _pipeline(*, ready: str, generation: int, observed: int) -> dict[str, Any]:
    status = {"observedGeneration": observed, "conditions": [{"type": "Ready", "status": ready}]}
    return {"metadata": {"name": "sd", "generation": generation}, "status": status}


def test_a_child_counts_from_when_it_was_first_seen(timeline: Timeline, clock: _Clock) -> None:
    timeline.see("services", "ADDED", _child("sd-decoder"))
    clock.now = 1.0
    timeline.see("services", "MODIFIED", _child("sd-decoder"))

    assert timeline.children["sd"] == {Child("services", "sd-decoder"): 0.0}


def test_a_deleted_child_is_not_alive(timeline: Timeline) -> None:
    timeline.see("services", "ADDED", _child("sd-decoder"))
    assert timeline.alive == {Child("services", "sd-decoder")}

    timeline.see("services", "DELETED", _child("sd-decoder"))
    assert timeline.alive == set()


@pytest.mark.parametrize(("ready", "observed"), [("False", 2), ("Unknown", 2), ("True", 1)])
def test_a_pipeline_is_not_ready_while_its_status_says_so_or_is_of_an_older_spec(
    timeline: Timeline, ready: str, observed: int
) -> None:
    timeline.see(PIPELINE_PLURAL, "MODIFIED", _pipeline(ready=ready, generation=2, observed=observed))

    assert timeline.ready == {}


def test_a_pipeline_is_ready_from_the_first_status_that_says_so(timeline: Timeline, clock: _Clock) -> None:
    clock.now = 3.0
    timeline.see(PIPELINE_PLURAL, "MODIFIED", _pipeline(ready="True", generation=2, observed=2))
    clock.now = 4.0
    timeline.see(PIPELINE_PLURAL, "MODIFIED", _pipeline(ready="True", generation=2, observed=2))

    assert timeline.ready == {("sd", 2): 3.0}


def test_a_template_is_seen_when_it_has_what_was_waited_for(timeline: Timeline, clock: _Clock) -> None:
    timeline.expect("sd", "gs://new")
    timeline.see("deployments", "MODIFIED", _deployment("gs://old"))
    assert timeline.templates == {}

    clock.now = 2.0
    timeline.see("deployments", "MODIFIED", _deployment("gs://new"))
    assert timeline.templates == {"sd": 2.0}

    timeline.expect("sd", "gs://newer")
    assert timeline.templates == {}


def test_waiting_ends_when_something_seen_makes_it_true() -> None:
    timeline = Timeline()

    async def wait() -> None:
        asyncio.get_running_loop().call_soon(timeline.see, "services", "ADDED", _child("sd-decoder"))
        await timeline.until(lambda: bool(timeline.alive), 10, "a child")

    asyncio.run(wait())


def test_waiting_in_vain_says_for_what() -> None:
    with pytest.raises(TimeoutError, match=r"^Waited 0 s for a child, in vain\.$"):
        asyncio.run(Timeline().until(lambda: False, 0.01, "a child"))


def test_waiting_ends_when_a_watch_fails(timeline: Timeline) -> None:
    timeline.fail(ConnectionError("the watch broke"))

    with pytest.raises(ConnectionError, match="the watch broke"):
        asyncio.run(timeline.until(lambda: False, 10, "a child"))
