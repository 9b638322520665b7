from sdp_serving.contract.report import NotPulled, PullFailure
from sdp_serving.contract.swap import ModelNumber
from sdp_serving.puller.memory import Memory

ONE, OTHER = ModelNumber(1), ModelNumber(2)
AWAY = NotPulled(reason=PullFailure.STORAGE_UNAVAILABLE, message="away")


def test_it_waits_longer_each_time_up_to_a_minute() -> None:
    memory = Memory()

    pauses = [memory.wait(ONE, AWAY, 100.0).due - 100 for _ in range(8)]

    assert pauses == [2, 4, 8, 16, 32, 60, 60, 60]
    assert memory.known(159).blocked == {ONE}
    assert memory.known(161).blocked == set()


def test_what_succeeds_or_fails_waits_no_more() -> None:
    memory = Memory()
    memory.wait(ONE, AWAY, 0)
    memory.wait(OTHER, AWAY, 0)

    memory.prove(ONE)
    memory.fail(OTHER, AWAY)

    known = memory.known(0)
    assert known.blocked == set()
    assert known.failed == {OTHER: AWAY}


def test_models_that_nobody_wants_any_more_are_forgotten() -> None:
    memory = Memory()
    for number in (ONE, OTHER):
        memory.fail(number, AWAY)
        memory.crash(number)

    memory.forget_all_but([OTHER])

    assert memory.known(0).failed == {OTHER: AWAY}
    assert memory.known(0).crashes == {OTHER: 1}
