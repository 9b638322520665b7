"""What is asked for, swap after swap."""

from itertools import pairwise

from benchmarks.swap.models import WISHES


def test_the_picture_changes_with_each_swap() -> None:
    assert all(before.model is not after.model for before, after in pairwise([*WISHES, WISHES[0]]))


def test_no_swap_is_a_going_back() -> None:
    uris = [wish.uri for wish in WISHES]
    assert all(uri != back for uri, back in zip(uris, [*uris[2:], *uris[:2]], strict=True))
