"""What a reflector makes of an API server's answers, with minutes that pass in milliseconds."""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from contextlib import asynccontextmanager
from typing import Any

import pytest
from tests.support import virtual_time

from sdp_operator.cluster.kinds import BY_NAME
from sdp_operator.cluster.reflector import Reflector
from sdp_operator.cluster.requests import ExpiredError, GoneError, Requests
from sdp_operator.errors import ForbiddenError, TransientError
from sdp_operator.objects import Key, KubeObject

Answer = KubeObject | Exception


class Script(Requests):
    """Lists and watches as they are to go, one after the other; the last watch never ends."""

    def __init__(self, *steps: Answer | list[Answer]) -> None:
        self.steps = list(steps)
        self.asked: list[dict[str, str]] = []
        self.times: list[float] = []

    async def send(self, method: str, path: str, *, query: Mapping[str, str] | None = None, **_: Any) -> KubeObject:
        self._note(query or {})
        answer = self.steps.pop(0)
        assert not isinstance(answer, list), "a list was asked for where a watch was to come"
        if isinstance(answer, Exception):
            raise answer
        return answer

    @asynccontextmanager
    async def watch(
        self, path: str, query: Mapping[str, str], seconds: int, *, may_be_silent: bool = False
    ) -> AsyncIterator[AsyncIterator[KubeObject]]:
        self._note({**query, "watch": "true"})
        events = self.steps.pop(0) if self.steps else None
        if isinstance(events, Exception):
            raise events
        assert events is None or isinstance(events, list), "a watch was asked for where a list was to come"
        yield self._events(events)

    async def _events(self, events: list[Answer] | None) -> AsyncIterator[KubeObject]:
        if events is None:
            await asyncio.Event().wait()
        for event in events or ():
            if isinstance(event, Exception):
                raise event
            yield event

    def _note(self, query: Mapping[str, str]) -> None:
        self.asked.append({key: query[key] for key in ("continue", "resourceVersion", "watch") if key in query})
        self.times.append(asyncio.get_running_loop().time())


class Sink:
    """Takes notes."""

    def __init__(self) -> None:
        self.told: list[tuple[Any, ...]] = []

    def put(self, thing: KubeObject) -> None:
        self.told.append(("put", thing["metadata"]["name"]))

    def remove(self, thing: KubeObject) -> None:
        self.told.append(("remove", thing["metadata"]["name"]))

    def keep_only(self, listed: Collection[Key], version: int, namespace: str | None) -> None:
        self.told.append(("keep_only", sorted(key.name for key in listed), version, namespace))

    def clear(self, namespace: str | None) -> None:
        self.told.append(("clear", namespace))

    def set_back(self, namespace: str | None) -> None:
        self.told.append(("set_back", namespace))

    def watch_open(self, watched: str) -> None:
        pass

    def watch_lost(self, watched: str) -> None:
        self.told.append(("lost", watched))


class Run:
    """A reflector that has followed a script to its end."""

    def __init__(
        self, *steps: Answer | list[Answer], kind: str = "Deployment", until: Callable[[Reflector], bool] | None = None
    ) -> None:
        self.script, self.sink, self.changes = Script(*steps), Sink(), 0
        self.reflector = Reflector(self.script, BY_NAME[kind], "art", self.sink, self._changed, self.sink)
        virtual_time.run(self._follow(until or (lambda _: False)))

    async def _follow(self, until: Callable[[Reflector], bool]) -> None:
        task = asyncio.create_task(self.reflector.run())
        while not until(self.reflector) and (self.script.steps or not self.reflector.synced.is_set()):
            await asyncio.sleep(0.01)
        if not until(self.reflector):
            await asyncio.sleep(100)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    def _changed(self) -> None:
        self.changes += 1


def test_a_list_of_several_pages_is_taken_page_by_page_and_tells_what_is_gone_at_its_end() -> None:
    run = Run(_page(5, "a", following="more"), _page(5, "b"), [_event("ADDED", 6, "c"), _event("DELETED", 7, "a")])
    assert run.sink.told == [
        ("put", "a"), ("put", "b"), ("keep_only", ["a", "b"], 5, "art"), ("put", "c"), ("remove", "a"),
    ]  # fmt: skip
    assert run.script.asked == [
        {}, {"continue": "more"}, {"resourceVersion": "5", "watch": "true"}, {"resourceVersion": "7", "watch": "true"},
    ]  # fmt: skip


def test_a_watch_that_ends_goes_on_where_it_was_also_after_a_bookmark() -> None:
    run = Run(_page(5), [_event("BOOKMARK", 50, "")], [])
    assert [one.get("resourceVersion") for one in run.script.asked] == [None, "5", "50", "50"]
    assert run.sink.told == [("keep_only", [], 5, "art")]


@pytest.mark.parametrize(
    "end", [ExpiredError("too old"), {"type": "ERROR", "object": {"code": 410, "message": "too old resource version"}}]
)
def test_what_lies_too_far_back_is_listed_anew(end: Answer) -> None:
    run = Run(_page(5), [end] if isinstance(end, dict) else end, _page(9, "a"))
    assert run.sink.told == [("keep_only", [], 5, "art"), ("put", "a"), ("keep_only", ["a"], 9, "art")]


def test_an_api_server_that_is_away_is_asked_again_after_growing_pauses_and_nothing_is_listed_twice() -> None:
    away = TransientError("it can't be reached")
    run = Run(_page(5), away, away, away, away, [])
    assert run.sink.told == [("keep_only", [], 5, "art"), *[("lost", "deployments in namespace art")] * 4]
    pauses = [after - before for before, after in zip(run.script.times[1:], run.script.times[2:6], strict=False)]
    assert all(0.25 <= pause <= 6 for pause in pauses)
    assert sum(pauses) > 2.5
    assert [one.get("resourceVersion") for one in run.script.asked] == [None, *["5"] * 6]


def test_a_right_that_is_taken_away_is_told_until_it_is_back(caplog: pytest.LogCaptureFixture) -> None:
    forbidden = ForbiddenError("deployments is forbidden")
    run = Run(forbidden, until=lambda reflector: reflector.hindrance is not None)
    assert run.reflector.synced.is_set(), "the rest goes on"
    assert run.reflector.hindrance is not None
    assert "may not watch deployments (deployments is forbidden) in namespace art: " in run.reflector.hindrance
    run = Run(_page(5), forbidden, _page(9, "a"), [])
    assert run.reflector.hindrance is None
    assert run.changes == 2
    assert run.sink.told[-1] == ("keep_only", ["a"], 9, "art"), "what happened meanwhile is seen by a list"


def test_a_kind_that_a_cluster_need_not_have_is_absent_and_noticed_when_it_comes() -> None:
    run = Run(GoneError("not found"), kind="HTTPRoute", until=lambda reflector: reflector.is_absent)
    assert run.reflector.is_absent
    assert run.reflector.hindrance is None
    assert run.sink.told == [("clear", "art")]
    run = Run(GoneError("not found"), [_event("ADDED", 1, "definition")], _page(5, "a"), [], kind="HTTPRoute")
    assert not run.reflector.is_absent
    assert run.changes == 2
    assert 5 < run.script.times[2] < 10


def test_a_list_older_than_what_was_seen_is_the_truth(caplog: pytest.LogCaptureFixture) -> None:
    old = [_page(3, "a", following="more"), _page(3, "b")]
    run = Run(_page(5), [_event("ADDED", 9, "c"), ExpiredError("too old")], *old)
    assert run.sink.told[2:] == [("set_back", "art"), ("put", "a"), ("put", "b"), ("keep_only", ["a", "b"], 3, "art")]
    assert run.script.asked[-1] == {"resourceVersion": "3", "watch": "true"}


@pytest.mark.parametrize(
    ("error", "soonest", "latest"),
    [(ForbiddenError("definitions are forbidden"), 300, 310), (TransientError("it can't be reached"), 5, 10)],
)
def test_a_kind_whose_definition_is_not_seen_is_looked_for_rarely_only_where_that_is_forbidden(
    error: Exception, soonest: float, latest: float
) -> None:
    run = Run(GoneError("not found"), error, _page(5, "a"), [], kind="HTTPRoute")
    assert not run.reflector.is_absent
    assert soonest < run.script.times[2] - run.script.times[1] < latest


def test_a_kind_that_every_cluster_has_is_not_absent_but_hidden(caplog: pytest.LogCaptureFixture) -> None:
    run = Run(GoneError("not found"), until=lambda reflector: reflector.hindrance is not None)
    assert not run.reflector.is_absent
    assert run.sink.told == []


def test_a_watch_that_is_refused_while_the_list_is_granted_is_told_once() -> None:
    forbidden = ForbiddenError("deployments is forbidden")
    steps: list[Answer | list[Answer]] = [_page(5), forbidden]
    run = Run(*steps * 3, _page(5))
    assert run.changes == 2, "forbidden, and back when the last watch opens"


def test_watches_that_end_at_once_are_opened_after_growing_pauses() -> None:
    run = Run(_page(5), *[[]] * 8)
    pauses = [after - before for before, after in zip(run.script.times[1:], run.script.times[2:], strict=False)]
    assert all(pause >= 0.25 for pause in pauses)
    assert pauses[-1] > 10


def test_what_lies_too_far_back_again_and_again_is_asked_for_after_growing_pauses() -> None:
    steps: list[Answer | list[Answer]] = [_page(5), ExpiredError("too old")]
    run = Run(*steps * 8, _page(5))
    assert run.script.times[-1] > 30


def test_an_answer_that_makes_no_sense_does_not_end_the_following(caplog: pytest.LogCaptureFixture) -> None:
    run = Run({"kind": "PodList"}, _page(5), [{"type": "ADDED"}], _page(6), [_event("ADDED", 7, "c")])
    assert run.sink.told[-1] == ("put", "c")
    assert [one for one in run.sink.told if one[0] == "lost"] == [("lost", "deployments in namespace art")] * 2
    assert "deployments in namespace art: unforeseen failure; trying again" in caplog.text


def _page(version: int, *names: str, following: str | None = None) -> KubeObject:
    meta: dict[str, str] = {"resourceVersion": str(version), **({"continue": following} if following else {})}
    return {"metadata": meta, "items": [{"metadata": {"name": name}} for name in names]}


def _event(kind: str, version: int, name: str) -> KubeObject:
    return {"type": kind, "object": {"metadata": {"name": name, "resourceVersion": str(version)}}}
