from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sdp_operator.api.v1alpha1 import MAX_SWAPS, ComponentStatus, Endpoints, Serving, SwapRecord, SwapStatus
from sdp_operator.conditions import Verdict
from sdp_operator.gpus.verdict import GpuReason
from sdp_operator.history import finished, swaps
from sdp_operator.reasons import Reason
from sdp_serving.contract.components import Component

NOW = datetime(2026, 11, 23, 4, 0, tzinfo=UTC)
A, B, C = "gs://b/a", "gs://b/b", "gs://b/c"
SERVED = Verdict("True", Reason.SERVING, "it is served")
PULLING = Verdict("False", Reason.PULLING, "it is being pulled")
LOAD_FAILED = Verdict("False", "LoadFailed", "it can't be loaded")
NOT_FOUND = Verdict("False", "ModelNotFound", "it is not there")


class Life:
    """A component's life, a step a minute, each of which starts from what the step before has written."""

    def __init__(self, component: Component = Component.DECODER) -> None:
        self.component = component
        self.now = NOW
        self.status: dict[str, Any] = {}
        self.finished: list[tuple[str, str]] = []

    def step(self, model: str, verdict: Verdict, *, serving: str | None = None, swap: str | None = None) -> None:
        serves = None if serving is None else Serving(name="x", model=serving)
        said = ComponentStatus(
            model=model,
            serving=serves,
            replicas=1,
            ready_replicas=int(verdict.holds),
            endpoints=Endpoints(grpc="g", rest="r"),
            swap=None if swap is None else SwapStatus(step=swap),
        )
        self._write({self.component: (said, verdict)})

    def leave_out(self) -> None:
        self._write({})

    @property
    def told(self) -> list[tuple[str, str, str, int | None]]:
        records = [SwapRecord.model_validate(one) for one in self.status.get("swaps", [])]
        return [(one.source, one.target, one.result, one.seconds) for one in records]

    def _write(self, components: Mapping[Component, tuple[ComponentStatus, Verdict]]) -> None:
        records = swaps(self.status, components, self.now)
        before = self.status
        self.status = {component.field: said.model_dump(mode="json") for component, (said, _) in components.items()}
        self.status["swaps"] = [one.model_dump(mode="json", exclude_none=True) for one in records]
        self.finished += [(one.target, one.result) for one in finished(before, self.status)]
        self.now += timedelta(minutes=1)


def test_the_first_model_is_no_swap() -> None:
    life = Life()
    life.step(A, PULLING)
    life.step(A, SERVED, serving=A)
    assert life.told == []


def test_a_swap_is_told_with_the_seconds_that_it_took() -> None:
    life = _served(A)
    life.step(B, PULLING, serving=A)
    assert life.told == [(A, B, "InProgress", None)]
    life.step(B, PULLING, serving=A)
    life.step(B, SERVED, serving=B)
    life.step(B, NOT_FOUND)  # what becomes of it later is no part of the swap
    assert life.told == [(A, B, "Succeeded", 120)]
    assert life.finished == [(B, "Succeeded")]


def test_a_swap_that_failed_is_remembered_as_such_after_the_return() -> None:
    life = _served(A)
    life.step(B, NOT_FOUND, serving=A)
    life.step(A, SERVED, serving=A)
    assert life.told == [(A, B, "Failed", None)]
    assert life.finished == [(B, "Failed")]


def test_a_model_that_is_found_bad_is_told_as_rolled_back_with_the_seconds_that_it_took() -> None:
    life = Life()
    life.step(A, SERVED, serving=A)
    life.step(B, Verdict("False", Reason.SWAPPING, "it is being fetched"), serving=A, swap="Fetching")
    life.step(B, LOAD_FAILED, serving=A, swap="RolledBack")
    life.step(B, LOAD_FAILED, serving=A, swap="RolledBack")
    life.step(A, SERVED, serving=A, swap="Done")
    assert life.told == [(A, B, "RolledBack", 60)]
    assert life.finished == [(B, "RolledBack")]


def test_a_model_that_is_found_bad_after_it_served_is_told_and_counted_as_both() -> None:
    life = Life()
    life.step(A, SERVED, serving=A)
    life.step(B, SERVED, serving=B, swap="Watching")
    life.step(B, LOAD_FAILED, serving=A, swap="RolledBack")
    assert life.told == [(A, B, "RolledBack", 60)]
    assert life.finished == [(B, "Succeeded"), (B, "RolledBack")]


def test_a_model_that_found_no_room_and_then_does_succeeds_after_all() -> None:
    life = Life()
    life.step(A, SERVED, serving=A)
    life.step(B, LOAD_FAILED, serving=A, swap="RolledBack")
    life.step(B, PULLING, serving=A, swap="Rolling")
    life.step(B, SERVED, serving=B, swap="Watching")
    assert life.told == [(A, B, "Succeeded", 120)]


def test_a_swap_that_failed_and_was_mended_succeeds_after_all() -> None:
    life = _served(A)
    for verdict in (NOT_FOUND, PULLING, SERVED):
        life.step(B, verdict, serving=A)
    assert life.told == [(A, B, "Succeeded", 120)]
    assert life.finished == [(B, "Succeeded")]


def test_a_swap_that_fails_again_and_again_is_counted_once_when_something_else_is_asked_for() -> None:
    life = _served(A)
    for verdict in (NOT_FOUND, PULLING, NOT_FOUND):
        life.step(B, verdict, serving=A)
    assert life.finished == []
    life.step(C, PULLING, serving=A)
    life.step(C, PULLING, serving=A)
    assert life.finished == [(B, "Failed")]


@pytest.mark.parametrize(
    "reason",
    [
        Reason.UNSCHEDULABLE,
        Reason.SCALED_TO_ZERO,
        GpuReason.NO_MATCHING_NODE,
        GpuReason.TOO_FEW_NODES,
        GpuReason.GPUS_BUSY,
        GpuReason.NODES_UNAVAILABLE,
    ],
)
def test_a_swap_that_waits_has_not_failed(reason: str) -> None:
    life = _served(A)
    life.step(B, Verdict("False", reason, "it waits"), serving=A)
    assert life.told == [(A, B, "InProgress", None)]
    life.step(B, SERVED, serving=B)
    assert life.finished == [(B, "Succeeded")]


def test_a_swap_that_is_followed_by_another_before_its_end_is_superseded() -> None:
    life = _served(A)
    life.step(B, PULLING, serving=A)
    life.step(C, PULLING, serving=A)
    life.step(C, SERVED, serving=C)
    assert life.told == [(A, C, "Succeeded", 60), (A, B, "Superseded", None)]
    assert life.finished == [(B, "Superseded"), (C, "Succeeded")]


def test_an_old_swap_is_not_judged_by_a_later_one_to_the_same_model() -> None:
    life = _served(A)
    life.step(B, NOT_FOUND, serving=A)
    life.step(A, SERVED, serving=A)
    life.step(B, SERVED, serving=B)
    assert [(target, result) for _, target, result, _ in life.told] == [
        (B, "Succeeded"), (B, "Failed"),
    ]  # fmt: skip


def test_a_swap_that_is_taken_back_before_its_end_is_superseded_and_the_return_is_none() -> None:
    life = _served(A)
    life.step(B, PULLING, serving=A)
    life.step(A, SERVED, serving=A)
    assert life.told == [(A, B, "Superseded", None)]
    assert life.finished == [(B, "Superseded")]


def test_a_return_that_must_first_be_brought_about_is_a_swap() -> None:
    life = _served(A)
    life.step(B, SERVED, serving=B)
    life.step(A, SERVED, serving=A)
    life.step(B, PULLING, serving=A)
    life.step(A, PULLING, serving=A)
    life.step(A, SERVED, serving=A)
    assert life.told == [
        (A, A, "Succeeded", 60), (A, B, "Superseded", None), (B, A, "Succeeded", 0), (A, B, "Succeeded", 0),
    ]  # fmt: skip


def test_a_swap_of_a_component_that_is_left_out_meanwhile_is_superseded() -> None:
    life = _served(A)
    life.step(B, PULLING, serving=A)
    life.leave_out()
    assert life.told == [(A, B, "Superseded", None)]
    life.step(C, NOT_FOUND)
    assert life.told == [(A, B, "Superseded", None)]


def test_where_nothing_served_a_swap_comes_from_what_was_asked_for() -> None:
    life = Life()
    life.step(A, NOT_FOUND)
    life.step(B, SERVED, serving=B)
    assert life.told == [(A, B, "Succeeded", 0)]


def test_a_swap_from_weights_names_the_weights() -> None:
    life = Life()
    life.step("striped", SERVED, serving="gs://b/exported/striped-0123456789/decoder")
    life.step(B, SERVED, serving=B)
    assert life.told == [("striped", B, "Succeeded", 0)]


@pytest.mark.parametrize("verdict", [PULLING, NOT_FOUND])
def test_a_swap_from_weights_names_them_also_where_others_were_asked_for_in_vain(verdict: Verdict) -> None:
    striped = "gs://b/exported/striped-0123456789/decoder"
    life = Life()
    life.step("striped", SERVED, serving=striped)
    life.step("base", verdict, serving=striped)
    life.step(B, SERVED, serving=B)
    assert [(source, target) for source, target, _, _ in life.told] == [("striped", B), ("striped", "base")]


def test_a_swap_from_weights_that_only_older_replicas_serve_names_the_weights() -> None:
    life = Life()
    life.step("striped", PULLING, serving="gs://b/exported/striped-0123456789/decoder")
    life.step(B, PULLING, serving="gs://b/exported/striped-0123456789/decoder")
    assert life.told == [("striped", B, "InProgress", None)]


def test_a_swap_from_a_uri_names_the_version_that_served() -> None:
    life = Life()
    life.step(A, SERVED, serving=f"{A}/17")
    life.step(B, SERVED, serving=B)
    assert life.told == [(f"{A}/17", B, "Succeeded", 0)]


def test_a_clock_that_goes_back_makes_no_negative_time() -> None:
    life = _served(A)
    life.step(B, PULLING, serving=A)
    life.now = NOW - timedelta(days=1)
    life.step(B, SERVED, serving=B)
    assert life.told == [(A, B, "Succeeded", 0)]


@pytest.mark.parametrize("rubbish", ["text", 7, None, {}, {"component": "decoder", "result": "Great"}])
def test_records_that_cannot_be_read_are_left_out(rubbish: object) -> None:
    life = _served(A)
    life.step(B, SERVED, serving=B)
    life.status["swaps"].append(rubbish)
    life.step(B, SERVED, serving=B)
    assert life.told == [(A, B, "Succeeded", 0)]


@given(
    st.lists(
        st.tuples(
            st.sampled_from([Component.DECODER, Component.TEXT_ENCODER]),
            st.sampled_from([A, B, C, None]),
            st.sampled_from([SERVED, PULLING, NOT_FOUND]),
        ),
        max_size=40,
    )
)
def test_of_any_life_the_last_ten_swaps_are_told_and_only_the_last_one_is_open(
    steps: list[tuple[Component, str | None, Verdict]],
) -> None:
    status: dict[str, Any] = {}
    now = NOW
    asked: dict[Component, tuple[ComponentStatus, Verdict]] = {}
    expected = 0
    for component, model, verdict in steps:
        now += timedelta(seconds=1)
        if model is None:
            asked.pop(component, None)
        else:
            expected += component in asked and asked[component][0].model != model
            endpoints = Endpoints(grpc="g", rest="r")
            said = ComponentStatus(model=model, replicas=1, ready_replicas=0, endpoints=endpoints)
            asked[component] = (said, verdict)
        records = swaps(status, asked, now)
        assert len(records) == min(expected, MAX_SWAPS)
        assert [one.started for one in records] == sorted((one.started for one in records), reverse=True)
        for place, record in enumerate(records):
            newer = {one.component for one in records[:place]}
            current = next((one for one in asked.items() if one[0].field == record.component), None)
            if record.component in newer or current is None or current[1][0].model != record.target:
                assert record.result != "InProgress"
            elif current[1][1] is NOT_FOUND:
                assert record.result in {"Failed", "Succeeded"}
            assert (record.seconds is not None) == (record.result == "Succeeded")
        status = {component.field: one.model_dump(mode="json") for component, (one, _) in asked.items()}
        status["swaps"] = [one.model_dump(mode="json") for one in records]
        assert swaps(status, asked, now) == records


def _served(model: str) -> Life:
    life = Life()
    life.step(model, SERVED, serving=model)
    return life
