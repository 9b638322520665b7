from sdp_operator.telemetry.health import PATIENCE, Health


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_a_watch_that_is_down_for_long_is_a_reason_to_start_again() -> None:
    clock = Clock()
    health = Health(clock)
    health.watch_lost("pods")
    clock.now += PATIENCE.total_seconds()
    health.watch_lost("pods")
    assert health.ailment() is None
    clock.now += 1
    assert health.ailment() == "no watch on pods for more than 5 minutes"
    health.watch_open("pods")
    assert health.ailment() is None


def test_a_watch_that_opens_in_one_namespace_says_nothing_of_the_other() -> None:
    clock = Clock()
    health = Health(clock)
    health.watch_lost("pods in namespace team-a")
    health.watch_open("pods in namespace team-b")
    clock.now += PATIENCE.total_seconds() + 1
    assert health.ailment() == "no watch on pods in namespace team-a for more than 5 minutes"


def test_it_is_not_ready_until_nothing_is_in_the_way() -> None:
    health = Health()
    assert health.obstacle() == "starting"
    health.ready_unless(None)
    assert health.obstacle() is None
