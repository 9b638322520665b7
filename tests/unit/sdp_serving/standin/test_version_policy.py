import pytest

from sdp_serving.standin.errors import Code
from sdp_serving.standin.version_policy import (
    All,
    Latest,
    Plan,
    Specific,
    State,
    Status,
    VersionPolicy,
    aspired_versions,
    plan,
)

START, LOADING, AVAILABLE, UNLOADING, END = (Status(state) for state in State)
FAILED = Status(State.END, Code.INTERNAL, "torn")


@pytest.mark.parametrize(
    ("policy", "wanted"),
    [
        (Latest(), {10}),
        (Latest(2), {9, 10}),
        (Latest(5), {1, 9, 10}),
        (All(), {1, 9, 10}),
        (Specific(frozenset({1, 7})), {1}),
    ],
)
def test_a_policy_chooses_among_the_versions_found(policy: VersionPolicy, wanted: set[int]) -> None:
    assert aspired_versions(policy, [9, 10, 1]) == wanted


@pytest.mark.parametrize("policy", [Latest(), All(), Specific(frozenset({1}))])
def test_nothing_found_is_nothing_wanted(policy: VersionPolicy) -> None:
    assert aspired_versions(policy, []) == frozenset()


@pytest.mark.parametrize(
    ("aspired", "statuses", "given_up", "expected"),
    [
        ({1}, {}, (), Plan(load=(1,))),
        ({1}, {1: START}, (), Plan()),
        ({1}, {1: LOADING}, (), Plan()),
        ({1}, {1: AVAILABLE}, (), Plan()),
        ({1}, {1: UNLOADING}, (), Plan()),
        ({1}, {1: END}, (), Plan(load=(1,))),
        ({1}, {1: FAILED}, {1}, Plan()),
        ({1}, {1: FAILED}, (), Plan(load=(1,))),
        ({2}, {1: AVAILABLE}, (), Plan(load=(2,))),
        ({2}, {1: AVAILABLE, 2: LOADING}, (), Plan()),
        ({2}, {1: AVAILABLE, 2: FAILED}, {2}, Plan()),
        ({2}, {1: AVAILABLE, 2: AVAILABLE}, (), Plan(unload=(1,))),
        ({2, 3}, {1: AVAILABLE, 2: AVAILABLE, 3: LOADING}, (), Plan(unload=(1,))),
        (set(), {1: AVAILABLE, 2: LOADING}, (), Plan(unload=(1,))),
        ({1, 2}, {}, (), Plan(load=(2, 1))),
        ({3}, {1: AVAILABLE, 2: AVAILABLE, 3: LOADING}, (), Plan(unload=(1,))),
        ({3}, {1: AVAILABLE, 2: AVAILABLE, 3: AVAILABLE}, (), Plan(unload=(1, 2))),
    ],
)
def test_the_plan_keeps_a_model_available(
    aspired: set[int], statuses: dict[int, Status], given_up: set[int], expected: Plan
) -> None:
    assert plan(frozenset(aspired), statuses, given_up) == expected
