import threading

import pytest

from sdp_exporter.stores.parallel import each


def test_answers_come_in_the_order_of_the_items() -> None:
    assert each(lambda number: number * 2, range(100)) == [number * 2 for number in range(100)]


def test_after_an_error_nothing_more_is_begun() -> None:
    begun: list[int] = []
    failed = threading.Event()

    def act(number: int) -> None:
        begun.append(number)
        if number == 0:
            failed.set()
            raise ValueError("no")
        failed.wait(10)

    with pytest.raises(ValueError, match="no"):
        each(act, range(10_000))
    assert len(begun) < 10_000
