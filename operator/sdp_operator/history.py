"""The swaps of a pipeline's models: when, from what to what, how it went."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from pydantic import ValidationError

from sdp_operator.api.v1alpha1 import MAX_SWAPS, ComponentStatus, SwapRecord
from sdp_operator.conditions import Verdict
from sdp_operator.gpus.verdict import GpuReason
from sdp_operator.reasons import IN_PROGRESS, Reason
from sdp_operator.swap.progress import Step
from sdp_serving.contract.components import Component

_MAY_PASS: Final = IN_PROGRESS | {
    Reason.UNSCHEDULABLE,
    Reason.SCALED_TO_ZERO,
    Reason.PULLERS_UNREACHABLE,
    GpuReason.GPUS_BUSY,
    GpuReason.NODES_UNAVAILABLE,
    GpuReason.TOO_FEW_NODES,
    GpuReason.NO_MATCHING_NODE,
}
"""With these, a swap goes on although it may wait long: for a node, which may come, be freed or come back, or for the
user to scale up again. With any other, the user must mend something."""


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
    for component, said in components.items():
        newest_before = next((one for one in records if one.component == component.field), None)
        began = _begun(component, previous.get(component.field) or {}, newest_before, said, now)
        if began is not None:
            records.insert(0, began)
    by_field = {component.field: said for component, said in components.items()}
    newest = {one.component: place for place, one in reversed(list(enumerate(records)))}
    return tuple(
        _judged(one, by_field.get(one.component), now) if newest[one.component] == place else _closed(one)
        for place, one in enumerate(records[:MAX_SWAPS])
    )


def finished(previous: Mapping[str, Any], current: Mapping[str, Any]) -> Sequence[SwapRecord]:
    """The swaps that have come to an end between two statuses, each of them once in its life.

    One that has failed may be mended as long as nothing else is asked for, so it ends only then.
    """
    before = {_identity(one) for one in _ended(previous)}
    return [one for one in _ended(current) if _identity(one) not in before]


def _ended(status: Mapping[str, Any]) -> Iterator[SwapRecord]:
    followed: set[str] = set()
    for one in _read(status.get("swaps", [])):
        is_asked_for = (status.get(one.component) or {}).get("model") == one.target
        if one.result in {"Succeeded", "Superseded", "RolledBack"} or one.component in followed or not is_asked_for:
            yield one
        followed.add(one.component)


def _identity(record: SwapRecord) -> tuple[str, datetime, str, str]:
    # One that has succeeded may be rolled back while it is watched, which is another end.
    return record.component, record.started, record.target, record.result


def _begun(
    component: Component,
    previous: Mapping[str, Any],
    newest: SwapRecord | None,
    said: tuple[ComponentStatus, Verdict],
    now: datetime,
) -> SwapRecord | None:
    """The swap that an edit has begun; None where there was none, or what it asks for serves already."""
    status, verdict = said
    asked_before = previous.get("model")
    if asked_before is None or asked_before == status.model:
        return None
    serving = (previous.get("serving") or {}).get("model")
    if verdict.holds and status.serving is not None and status.serving.model == serving:
        return None
    source = _source(asked_before, serving, newest)
    return SwapRecord(component=component.field, source=source, target=status.model, started=now, result="InProgress")


def _source(asked_before: str, serving: str | None, newest: SwapRecord | None) -> str:
    """What served before: with its version, where it was asked for by a URI, else as the spec calls it.

    Weights are called by their name, and not by the URI of the model that was made of them.
    """
    if serving is not None and serving.startswith(asked_before):
        return serving
    if serving is not None and newest is not None and newest.target == asked_before and newest.result != "Succeeded":
        # It has not come, so what it was to follow still serves.
        return newest.source
    return asked_before


def _judged(record: SwapRecord, said: tuple[ComponentStatus, Verdict] | None, now: datetime) -> SwapRecord:
    """The newest swap of a component, by what became of the component."""
    if said is None or said[0].model != record.target:
        return _closed(record)
    status, verdict = said
    seconds = max(0, round((now - record.started).total_seconds()))
    if status.swap is not None and status.swap.step == Step.ROLLED_BACK:
        rolled_back = record.model_copy(update={"result": "RolledBack", "seconds": seconds})
        return record if record.result == "RolledBack" else rolled_back
    if record.result == "Succeeded":
        return record
    if verdict.holds:
        return record.model_copy(update={"result": "Succeeded", "seconds": seconds})
    result = "InProgress" if verdict.reason in _MAY_PASS else "Failed"
    return record.model_copy(update={"result": result, "seconds": None})


def _closed(record: SwapRecord) -> SwapRecord:
    """A swap that nobody asks for any more."""
    return record.model_copy(update={"result": "Superseded"}) if record.result == "InProgress" else record


def _read(raw: Sequence[Any]) -> list[SwapRecord]:
    """The records that can be read: an older operator may have written others."""
    read = []
    for one in raw:
        try:
            read.append(SwapRecord.model_validate(one))
        except ValidationError:
            continue
    return read
