"""A plan as tables."""

import json
from collections.abc import Iterator
from typing import Any, Final

from rich.table import Table

from sdp_operator.cli.text import amount, rendered
from sdp_operator.gpus.sentences import counted
from sdp_operator.plan.result import (
    Change,
    ComponentPlan,
    Memory,
    Model,
    ModelFacts,
    PipelinePlan,
    Plan,
    Pods,
    Refusal,
)

_ACTIONS: Final = {"Create": "would be created", "Change": "would change", "Nothing": "nothing would change"}
_SAYS: Final = {"APIServer": "the API server", "Operator": "the operator"}

Row = tuple[str, str]


def plan_table(plan: Plan) -> str:
    """The plan as a person reads it."""
    parts = [part for pipeline in plan.pipelines for part in _pipeline(pipeline)]
    return rendered(*parts, *(f"Note: {note}." for note in plan.notes))


def _pipeline(plan: PipelinePlan) -> Iterator[Table | str]:
    refused = ", and would be refused" if plan.refusals else ""
    yield f"{plan.namespace}/{plan.name}: {_ACTIONS[plan.action]}{refused}"
    yield ""
    if plan.refusals:
        yield _rows("refused", [("by " + _SAYS[one.by], _refusal(one)) for one in plan.refusals])
    for component in plan.components:
        yield _rows(component.component, list(_component(component)))
    if plan.changes:
        yield _rows("pipeline", [("change", _change(one)) for one in plan.changes])
    for note in plan.notes:
        yield f"Note: {note}."


def _rows(title: str, rows: list[Row]) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), show_header=False, pad_edge=False)
    table.add_column(no_wrap=True, min_width=16)
    table.add_column(no_wrap=True, min_width=12)
    table.add_column(overflow="fold")
    last = ""
    for index, (name, value) in enumerate(rows):
        table.add_row(title if index == 0 else "", "" if name == last else name, value)
        last = name
    table.add_row()
    return table


def _component(plan: ComponentPlan) -> Iterator[Row]:
    for change in plan.changes:
        yield "change", _change(change)
    if plan.action == "Remove":
        yield "change", "removed"
    yield "pods", _pods(plan.pods)
    if plan.swap is not None:
        yield "strategy", f"{plan.swap.strategy}, since {plan.swap.reason}"
    if plan.gpus is not None:
        yield "GPUs", plan.gpus.message
    if plan.memory is not None:
        yield "memory", _memory(plan.memory)
    yield "interruption", plan.interruption
    if plan.running is not None:
        yield "running", _model(plan.running)
    if plan.model is not None:
        yield "new model", _model(plan.model)
    if plan.action == "Swap" and plan.model is not None:
        yield "signatures", _signatures(plan.signatures)


def _change(change: Change) -> str:
    return f"{change.field}: {_value(change.before)} -> {_value(change.after)}"


def _value(value: Any) -> str:
    return "(not set)" if value is None else value if isinstance(value, str) else json.dumps(value)


def _refusal(refusal: Refusal) -> str:
    about = "" if refusal.component is None else f"{refusal.component}: "
    return f"{about}{refusal.message} ({refusal.reason})"


def _pods(pods: Pods) -> str:
    said = []
    if pods.restart:
        said.append(f"{counted(len(pods.restart), 'pod')} replaced ({', '.join(pods.restart)}), since {pods.why}")
    if pods.start:
        said.append(f"{pods.start} more")
    if pods.end:
        said.append(f"{pods.end} fewer")
    return "; ".join(said) or "none restarts"


def _memory(memory: Memory) -> str:
    both = ", and for a while both" if memory.together else ""
    limit = "no limit is set" if memory.limit is None else f"the limit is {memory.limit}"
    return f"by their files, {amount(memory.running_bytes)} -> {amount(memory.new_bytes)}{both}; {limit}"


def _model(model: Model) -> str:
    if not isinstance(model, ModelFacts):
        return model.why if model.uri is None else f"{model.uri} ({model.why})"
    width = "" if model.width is None else f", width {model.width}"
    about = f"Stable Diffusion {model.sd_version}{width}, {amount(model.size_bytes)}"
    return f"{model.name}, version {model.version}: {about}"


def _signatures(found: tuple[str, ...] | None) -> str:
    if found is None:
        return "unknown from here"
    return "\n".join(found) or "the same"
