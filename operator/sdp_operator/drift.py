"""Whether a live object still is what was applied, so that an apply that would change nothing is not sent."""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

from sdp_operator.api.v1alpha1 import GROUP
from sdp_operator.objects import KubeObject

APPLIED: Final = f"{GROUP}/applied"
"""Annotation: the digest of the object as it was applied."""

_AMOUNTS: Final = frozenset({"requests", "limits"})
"""Maps of quantities."""

_AMOUNT: Final = frozenset({"averageValue", "divisor", "sizeLimit"})
"""Quantities."""

_OF_OTHERS_TOO: Final = frozenset({"ownerReferences"})
"""Lists that others may add to."""

_OF_CONTAINERS: Final = ("command", "args", "env", "envFrom")
"""What a container has of nobody else; for its owner, the custom resource has `overrides`."""

_OF_PODS: Final = ("nodeSelector", "affinity")
"""What a pod has of nobody else, for the same reason: it decides whether a node is found."""

_WHOLE: Final = frozenset({"selector", "podSelector", "namespaceSelector", "matchLabels", "nodeSelector"})
"""Maps to which a key more means something else: it leaves out pods or nodes."""

_KEYS: Final = ("name", "mountPath", "containerPort", "port", "topologyKey", "whenUnsatisfiable")
"""By what entries of lists are told apart, where they have it."""

_QUANTITY: Final = re.compile(
    r"(?P<number>[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)(?P<suffix>[KMGTPE]i|[numkMGTPE])?", re.ASCII
)
_SUFFIXES: Final = {
    **{suffix: Decimal(10) ** (3 * power) for power, suffix in enumerate("num", start=-3)},
    **{suffix: Decimal(10) ** (3 * power) for power, suffix in enumerate("kMGTPE", start=1)},
    **{f"{suffix}i": Decimal(1024) ** power for power, suffix in enumerate("KMGTPE", start=1)},
}


def stamped(wanted: KubeObject) -> KubeObject:
    """The object with its own digest as an annotation, as it is to be applied."""
    digest = hashlib.sha256(json.dumps(wanted, sort_keys=True).encode()).hexdigest()[:16]
    annotations = {**wanted["metadata"].get("annotations", {}), APPLIED: digest}
    return {**wanted, "metadata": {**wanted["metadata"], "annotations": annotations}}


def is_as_applied(live: KubeObject, wanted: KubeObject) -> bool:
    """Whether applying `wanted` (stamped) would leave `live` as it is.

    The digest tells of fields that are no longer wanted, the comparison of values that somebody else changed. Fields
    that others added are theirs.
    """
    return _covers(live, wanted)


def surplus(live: Any, wanted: Any, at: str = "") -> Sequence[str]:
    """What somebody has added that an apply leaves there: JSON pointers, the last entry of a list first.

    An apply gives fields back their values, and takes entries of lists only from those who have applied them before.
    """
    if isinstance(wanted, Mapping) and isinstance(live, Mapping):
        found = [
            surplus(live[key], wanted[key], f"{at}/{_escaped(key)}")
            for key in wanted
            if key in live and key not in _OF_OTHERS_TOO
        ]
        added = _added(live, wanted, at.rpartition("/")[2])
        return [*(path for paths in found for path in paths), *(f"{at}/{_escaped(key)}" for key in added)]
    if not _are_lists(live, wanted):
        return []
    places = [next((place for place, one in enumerate(live) if _is_same_entry(one, other)), None) for other in wanted]
    kept = {place for place in places if place is not None}
    if len(kept) < len(wanted):
        return []  # Not as applied at all.
    return [
        path
        for place in reversed(range(len(live)))
        for path in (
            surplus(live[place], wanted[places.index(place)], f"{at}/{place}") if place in kept else [f"{at}/{place}"]
        )
    ]


def _covers(live: Any, wanted: Any, field: str = "") -> bool:
    if isinstance(wanted, dict):
        return (
            isinstance(live, dict)
            and all(_covers_field(key, live, wanted[key]) for key in wanted)
            and not _added(live, wanted, field)
        )
    if isinstance(wanted, (list, tuple)):
        return (
            isinstance(live, (list, tuple))
            and len(live) == len(wanted)
            and all(_covers(one, other) for one, other in zip(live, wanted, strict=True))
        )
    return bool(live == wanted)


def _covers_field(key: str, live: Mapping[str, Any], wanted: Any) -> bool:
    if live.get(key) is None:
        # The API server leaves out what is empty, or writes null.
        return wanted is None or wanted is False or wanted in ("", [], {})
    if key in _AMOUNT:
        return _is_same_amount(live[key], wanted)
    if key in _OF_OTHERS_TOO:
        return all(any(_covers(one, other) for one in live[key]) for other in wanted)
    return _covers_amounts(live[key], wanted) if key in _AMOUNTS else _covers(live[key], wanted, key)


def _are_lists(live: Any, wanted: Any) -> bool:
    return isinstance(live, (list, tuple)) and isinstance(wanted, (list, tuple))


def _is_same_entry(live: Any, wanted: Any) -> bool:
    if not (isinstance(live, Mapping) and isinstance(wanted, Mapping)):
        return bool(live == wanted)
    keys = {"mountPath"} & wanted.keys() or {key for key in _KEYS if key in wanted}
    return all(live.get(key) == wanted[key] for key in keys) if keys else _covers(live, wanted)


def _added(live: Mapping[str, Any], wanted: Mapping[str, Any], field: str) -> Sequence[str]:
    """What somebody has given to a map of this field that is to have none of it, as `kubectl set env` does."""
    if field in _WHOLE:
        return [key for key in live if key not in wanted]
    barred = _OF_CONTAINERS if "image" in wanted else _OF_PODS if "containers" in wanted else ()
    return [key for key in barred if key not in wanted and live.get(key)]


def _escaped(key: str) -> str:
    return key.replace("~", "~0").replace("/", "~1")


def _covers_amounts(live: Any, wanted: Any) -> bool:
    """Like `_covers`, for maps of quantities: the API server writes 1024Mi as 1Gi."""
    if not (isinstance(live, Mapping) and isinstance(wanted, Mapping)):
        return _covers(live, wanted)
    return all(key in live and _is_same_amount(live[key], one) for key, one in wanted.items())


def _is_same_amount(live: Any, wanted: Any) -> bool:
    return bool(live == wanted or amount(live) == amount(wanted) is not None)


def amount(value: Any) -> Decimal | None:
    """The number that a quantity of Kubernetes writes; None where it is none."""
    match = _QUANTITY.fullmatch(str(value))
    if match is None:
        return None
    try:
        return Decimal(match["number"]) * _SUFFIXES.get(match["suffix"], Decimal(1))
    except ArithmeticError:  # an exponent beyond all bounds
        return None
