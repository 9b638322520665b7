from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sdp_serving.gateway.drawing import is_due
from sdp_serving.gateway.studio import divided
from sdp_serving.generation.request import ImageRequest

REQUEST = ImageRequest(prompt="a", images=10, seed=100)


def test_what_is_too_much_for_one_batch_is_drawn_in_several_by_the_same_seeds() -> None:
    parts = divided(REQUEST, 4, lambda: 0)

    assert [(part.seed, part.images) for part in parts] == [(100, 4), (104, 4), (108, 2)]
    assert {part.prompt for part in parts} == {"a"}


def test_a_seed_is_chosen_only_where_the_parts_must_agree_on_it() -> None:
    random = replace(REQUEST, seed=None)

    assert [part.seed for part in divided(random, 5, lambda: 7)] == [7, 12]
    assert divided(random, 10, lambda: 7) == [random]


@given(total=st.integers(1, 1000), stride=st.integers(1, 40), previews=st.integers(0, 8))
def test_there_are_as_many_previews_as_are_wanted_where_there_are_steps_enough(
    total: int, stride: int, previews: int
) -> None:
    steps = [0, *range(stride, total, stride)]
    shown = sum(is_due(before, now, total, previews) for before, now in pairwise(steps))

    assert shown <= previews
    if total >= stride * (previews + 1):
        assert shown == previews


@pytest.mark.parametrize(("before", "now", "due"), [(0, 2, False), (2, 3, True), (3, 5, False), (5, 6, True)])
def test_previews_are_spread_evenly(before: int, now: int, *, due: bool) -> None:
    assert is_due(before, now, 9, 2) is due
