from sdp_serving.contract.report import NotPulled, PullFailure
from sdp_serving.contract.swap import ModelNumber
from sdp_serving.puller.decision import Shown
from sdp_serving.puller.memory import Memory
from sdp_serving.puller.model_server import State, Status

ONE, OTHER = ModelNumber(1), ModelNumber(2)
TORN = Status(State.END, "torn")
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
        memory.crash(number, 0)
        memory.lay(number, None, 0)

    memory.forget_all_but([OTHER])

    assert memory.known(0).failed == {OTHER: AWAY}
    assert memory.known(0).crashes == {OTHER: 1}
    assert memory.known(0).blocked == {OTHER}
    assert memory.known(0).shown.keys() == {OTHER}


def test_what_was_withdrawn_rests_until_the_server_has_seen_it() -> None:
    memory = Memory()

    memory.crash(ONE, 100.0)

    assert memory.known(104).blocked == {ONE}
    assert memory.known(106).blocked == set()


def test_it_counts_for_how_long_the_server_sees_a_model() -> None:
    memory = Memory()
    memory.lay(ONE, TORN, 100.0)

    memory.see([ONE, OTHER], 110.0)

    assert memory.known(130).shown == {ONE: Shown(30, TORN), OTHER: Shown(20)}
    memory.see([OTHER], 140.0)
    assert memory.known(140).shown == {OTHER: Shown(30)}
