from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from sdp_serving.gateway.queueing.fair_queue import FairQueue


def _filled(*items: str) -> FairQueue[str]:
    """Each item is its client's letter and a number."""
    queue: FairQueue[str] = FairQueue()
    for item in items:
        queue.put(item[0], item)
    return queue


def _drained(queue: FairQueue[str]) -> list[str]:
    taken = []
    while (item := queue.take()) is not None:
        taken.append(item)
    return taken


def test_clients_take_turns_and_each_ones_requests_come_in_their_order() -> None:
    assert _drained(_filled("a1", "a2", "a3", "b1", "c1", "b2")) == ["a1", "b1", "c1", "a2", "b2", "a3"]


def test_who_comes_anew_waits_for_one_turn_of_each_other_client_only() -> None:
    queue = _filled("a1", "a2", "a3", "b1", "b2")
    assert queue.take() == "a1"
    queue.put("c", "c1")

    assert _drained(queue) == ["b1", "a2", "c1", "b2", "a3"]


def test_who_was_drawn_along_with_others_has_had_its_turn() -> None:
    queue = _filled("a1", "b1", "b2", "c1")

    assert [queue.take(), queue.take_first(lambda item: item[0] == "b")] == ["a1", "b1"]
    assert _drained(queue) == ["c1", "b2"]


def test_no_request_overtakes_another_of_the_same_client() -> None:
    queue = _filled("a1", "a2")

    assert queue.take_first(lambda item: item == "a2") is None
    assert _drained(queue) == ["a1", "a2"]


def test_what_is_taken_back_is_not_drawn() -> None:
    queue = _filled("a1", "a2", "b1")

    assert queue.remove("a", "a1")
    assert not queue.remove("a", "a1")
    assert not queue.remove("x", "x1")
    assert len(queue) == 2
    assert _drained(queue) == ["a2", "b1"]


def test_what_is_put_back_is_the_next_one() -> None:
    queue = _filled("a1", "a2", "b1")
    queue.take()
    queue.put_back("a", "a1")

    assert sorted(queue) == ["a1", "a2", "b1"]
    assert _drained(queue) == ["a1", "b1", "a2"]


@given(st.lists(st.sampled_from("abcd")))
def test_until_a_client_has_nothing_left_nobody_gets_two_turns_more(clients: list[str]) -> None:
    queue = _filled(*(f"{client}{number}" for number, client in enumerate(clients)))
    left, had = Counter(clients), Counter[str]()

    for item in _drained(queue):
        had[item[0]] += 1
        left[item[0]] -= 1
        assert all(had[item[0]] - had[other] <= 1 for other in left if left[other])
    assert had == Counter(clients)
