from collections.abc import Callable, Iterator

import pytest

from sdp_serving.puller import patience
from sdp_serving.puller.patience import tried


class Clock:
    """Time that passes only by sleeping."""

    def __init__(self) -> None:
        self.now = 100.0
        self.pauses: list[float] = []

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(patience, "time", clock)
    return clock


def failing(times: int) -> Callable[[], str]:
    outcomes: Iterator[Exception] = iter([ConnectionError(str(number)) for number in range(times)])

    def call() -> str:
        for error in outcomes:
            raise error
        return "answer"

    return call


def test_what_succeeds_at_last_is_answered_after_growing_pauses(clock: Clock) -> None:
    assert tried(failing(8), patience=120, transient=lambda _: True) == "answer"
    assert len(clock.pauses) == 8
    assert clock.pauses[0] <= 0.25
    assert 5 <= clock.pauses[-1] <= 10


def test_the_last_error_is_raised_within_the_patience(clock: Clock) -> None:
    with pytest.raises(ConnectionError):
        tried(failing(1000), patience=30, transient=lambda _: True)
    assert 15 < sum(clock.pauses) <= 30


def test_what_cannot_pass_is_raised_at_once(clock: Clock) -> None:
    with pytest.raises(ConnectionError):
        tried(failing(1), patience=30, transient=lambda _: False)
    assert not clock.pauses


def test_each_advance_brings_new_patience(clock: Clock) -> None:
    position = 0

    def crawl() -> None:
        nonlocal position
        if position < 1000:
            position += 1
            raise ConnectionError

    tried(crawl, patience=1, transient=lambda _: True, position=lambda: position)
    assert position == 1000
    assert max(clock.pauses) <= 0.25
