"""The swaps of a pipeline's models: when, from what to what, how it went."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from pydantic import ValidationError

from sdp_operator.api.v1alpha1 import MAX_SWAPS, ComponentStatus, SwapRecord
from sdp_operator.conditions import Verdict
from sdp_operator.reasons import IN_PROGRESS
from sdp_serving.contract.components import Component


def swaps(
    previous: Mapping[str, Any],
    components: Mapping[Component, tuple[ComponentStatus, Verdict]],
    now: datetime,
) -> tuple[SwapRecord, ...]:
    """The last swaps, the newest first.

    Args:
        previous: the status as it was last written.
        components: what is asked for and what became of it.
        now: the time.
    """
    records = _read(previous.get("swaps", []))
    for component, (status, verdict) in components.items():
        records = _brought_up_to_date(records, component, previous.get(component.field) or {}, status, verdict, now)
    return tuple(records[:MAX_SWAPS])


def finished(previous: Mapping[str, Any], current: Sequence[SwapRecord]) -> Sequence[SwapRecord]:
    """The swaps that have come to an end since the previous status was written."""
    before = {(one.component, one.started): one.result for one in _read(previous.get("swaps", []))}
    return [
        one for one in current if one.result != "InProgress" and before.get((one.component, one.started)) != one.result
    ]


def _brought_up_to_date(
    records: Sequence[SwapRecord],
    component: Component,
    previous: Mapping[str, Any],
    status: ComponentStatus,
    verdict: Verdict,
    now: datetime,
) -> list[SwapRecord]:
    asked_before = previous.get("model")
    if asked_before is not None and asked_before != status.model:
        served = (previous.get("serving") or {}).get("model") or asked_before
        record = SwapRecord(
            component=component.field, source=served, target=status.model, started=now, result="InProgress"
        )
        records = [record, *(_superseded(one, component) for one in records)]
    return [_judged(one, component, status, verdict, now) for one in records]


def _superseded(record: SwapRecord, component: Component) -> SwapRecord:
    is_open = record.component == component.field and record.result in {"InProgress", "Failed"}
    return record.model_copy(update={"result": "Superseded"}) if is_open else record


def _judged(
    record: SwapRecord, component: Component, status: ComponentStatus, verdict: Verdict, now: datetime
) -> SwapRecord:
    if record.component != component.field or record.result not in {"InProgress", "Failed"}:
        return record
    if verdict.holds and record.target == status.model:
        seconds = max(0, round((now - record.started).total_seconds()))
        return record.model_copy(update={"result": "Succeeded", "seconds": seconds})
    is_stuck = verdict.status == "False" and verdict.reason not in IN_PROGRESS
    return record.model_copy(update={"result": "Failed" if is_stuck else "InProgress"})


def _read(raw: Sequence[Any]) -> list[SwapRecord]:
    """The records that can be read: an older operator may have written others."""
    read = []
    for one in raw:
        try:
            read.append(SwapRecord.model_validate(one))
        except ValidationError:
            continue
    return read
