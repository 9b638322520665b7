"""What the check needs to know of a node, read from its raw object and no larger than needed."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from sdp_operator.gpus.quantities import gpus_in
from sdp_operator.objects import KubeObject

_LONG_AGO: Final = datetime.fromtimestamp(0, UTC)
_LONGEST_WORDS: Final = 200


class Taint(NamedTuple):
    """A mark that keeps away pods without a toleration for it."""

    key: str
    value: str
    effect: str

    def __str__(self) -> str:
        return f"{self.key}={self.value}:{self.effect}" if self.value else f"{self.key}:{self.effect}"


class NodeCondition(NamedTuple):
    """A condition of a node, in the node's own words, cut short."""

    type: str
    reason: str
    message: str

    def __str__(self) -> str:
        return ": ".join(part for part in (self.type, self.reason, self.message) if part)


@dataclass(frozen=True, slots=True)
class NodeFacts:
    """A node as the check sees it.

    Attributes:
        name: its name.
        labels: all of them, since a selector may name any. The mapping is the raw object's own, not a copy.
        taints: all of them.
        unschedulable: whether it is cordoned.
        not_ready: its condition Ready where that is not True; None on a node that is Ready, or that has no such
            condition yet and is marked by a taint instead.
        problems: its other conditions that are True: pressure on memory or disk, and what a problem detector found.
        gpu_capacity: the GPUs that its device plugin has announced. Where GPUs are shared (time-sharing, MPS), this
            and gpu_allocatable already count each GPU once for each client that may share it.
        gpu_allocatable: those of them that are healthy.
        created: when it joined; long ago if that is unknown.
        os_image: its operating system, such as `Container-Optimized OS from Google`.
    """

    name: str
    labels: Mapping[str, str] = field(default_factory=dict)
    taints: tuple[Taint, ...] = ()
    unschedulable: bool = False
    not_ready: NodeCondition | None = None
    problems: tuple[NodeCondition, ...] = ()
    gpu_capacity: int = 0
    gpu_allocatable: int = 0
    created: datetime = _LONG_AGO
    os_image: str = ""


def node_facts(node: KubeObject) -> NodeFacts:
    """Read a Node; what it lacks is taken as empty."""
    metadata, spec, status = (_mapping(node.get(part)) for part in ("metadata", "spec", "status"))
    conditions = list(_mappings(status.get("conditions")))
    return NodeFacts(
        name=str(metadata.get("name", "")),
        labels=_labels(metadata.get("labels")),
        taints=tuple(
            Taint(str(taint.get("key") or ""), str(taint.get("value") or ""), str(taint.get("effect") or ""))
            for taint in _mappings(spec.get("taints"))
        ),
        unschedulable=spec.get("unschedulable") is True,
        not_ready=next(
            (_condition(one) for one in conditions if one.get("type") == "Ready" and one.get("status") != "True"), None
        ),
        problems=tuple(
            _condition(one) for one in conditions if one.get("type") != "Ready" and one.get("status") == "True"
        ),
        gpu_capacity=gpus_in(status.get("capacity")),
        gpu_allocatable=gpus_in(status.get("allocatable")),
        created=_time(metadata.get("creationTimestamp")),
        os_image=str(_mapping(status.get("nodeInfo")).get("osImage", "")),
    )


def _condition(condition: Mapping[str, Any]) -> NodeCondition:
    words = " ".join(str(condition.get("message") or "").split())
    return NodeCondition(str(condition.get("type")), str(condition.get("reason") or ""), words[:_LONGEST_WORDS])


def _time(text: Any) -> datetime:
    try:
        time = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        return _LONG_AGO
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def _labels(value: Any) -> Mapping[str, str]:
    labels = _mapping(value)
    if all(isinstance(one, str) for one in labels.values()):
        return labels
    return {key: one for key, one in labels.items() if isinstance(one, str)}


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _mappings(value: Any) -> Iterator[Mapping[str, Any]]:
    return (one for one in value if isinstance(one, Mapping)) if isinstance(value, list) else iter(())
