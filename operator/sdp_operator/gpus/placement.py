"""Kubernetes' own rules for which node a pod may be placed on: node selector, required node affinity, taints.

A selector, an affinity and tolerations are those of a pod, as plain dicts.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from sdp_operator.gpus.facts import NodeFacts, Taint

CORDONED: Final = Taint("node.kubernetes.io/unschedulable", "", "NoSchedule")
"""What Kubernetes puts on a cordoned node; a pod that tolerates it may be placed there all the same."""

_REPELLING: Final = frozenset({"NoSchedule", "NoExecute"})
_INTEGER: Final = re.compile(r"[+-]?\d{1,18}")


def selects(selector: Mapping[str, str], labels: Mapping[str, str]) -> bool:
    """Whether a node with these labels matches a pod's nodeSelector."""
    return all(labels.get(key) == value for key, value in selector.items())


def admits(terms: Sequence[Mapping[str, Any]] | None, node: NodeFacts) -> bool:
    """Whether a node matches one of the nodeSelectorTerms of a required node affinity; None asks for nothing."""
    return terms is None or any(_matches(term, node) for term in terms)


def repelling(taints: Iterable[Taint], tolerations: Sequence[Mapping[str, Any]]) -> list[Taint]:
    """The taints that keep a pod with these tolerations from being placed."""
    return [
        taint
        for taint in taints
        if taint.effect in _REPELLING and not any(_tolerates(toleration, taint) for toleration in tolerations)
    ]


def _matches(term: Mapping[str, Any], node: NodeFacts) -> bool:
    expressions, fields = term.get("matchExpressions") or (), term.get("matchFields") or ()
    if not expressions and not fields:
        return False  # an empty term matches no node
    return all(_holds(one, node.labels) for one in expressions) and all(
        _holds(one, {"metadata.name": node.name}) for one in fields
    )


def _holds(requirement: Mapping[str, Any], values: Mapping[str, str]) -> bool:
    operands: Sequence[str] = requirement.get("values") or ()
    value = values.get(requirement.get("key", ""))
    match requirement.get("operator"):
        case "In":
            return value is not None and value in operands
        case "NotIn":
            return value is None or value not in operands
        case "Exists":
            return value is not None
        case "DoesNotExist":
            return value is None
        case "Gt" | "Lt" as comparison if len(operands) == 1:
            left, right = _integer(value), _integer(operands[0])
            if left is None or right is None:
                return False
            return left > right if comparison == "Gt" else left < right
        case _:
            return False  # what Kubernetes does not know, no node matches


def _integer(text: Any) -> int | None:
    return int(text) if isinstance(text, str) and _INTEGER.fullmatch(text) else None


def _tolerates(toleration: Mapping[str, Any], taint: Taint) -> bool:
    effect, key = toleration.get("effect"), toleration.get("key")
    if (effect and effect != taint.effect) or (key and key != taint.key):
        return False
    operator = toleration.get("operator") or "Equal"
    return operator == "Exists" or (operator == "Equal" and (toleration.get("value") or "") == taint.value)
