import pytest

from sdp_serving.gateway.queueing.rate_limit import RateLimit


class _Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_a_minutes_requests_may_come_at_once_and_then_one_at_a_time() -> None:
    clock = _Clock()
    limit = RateLimit(6, clock=clock)

    assert [limit.take("a") for _ in range(6)] == [None] * 6
    assert limit.take("a") == pytest.approx(10)
    clock.now += 4
    assert limit.take("a") == pytest.approx(6)
    clock.now += 6
    assert limit.take("a") is None
    assert limit.take("a") == pytest.approx(10)


def test_each_client_has_its_own_limit() -> None:
    limit = RateLimit(1, clock=_Clock())

    assert [limit.take("a"), limit.take("b")] == [None, None]
    assert limit.take("a") == pytest.approx(60)


def test_without_a_limit_any_number_may_come() -> None:
    limit = RateLimit(0, clock=_Clock())

    assert not any(limit.take("a") for _ in range(1000))
