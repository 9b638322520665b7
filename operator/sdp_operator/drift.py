"""Whether a live object still is what was applied, so that an apply that would change nothing is not sent."""

import hashlib
import json
import re
from collections.abc import Mapping
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


def _covers(live: Any, wanted: Any) -> bool:
    if isinstance(wanted, dict):
        return isinstance(live, dict) and all(_covers_field(key, live, wanted[key]) for key in wanted)
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
    return (_covers_amounts if key in _AMOUNTS else _covers)(live[key], wanted)


def _covers_amounts(live: Any, wanted: Any) -> bool:
    """Like `_covers`, for maps of quantities: the API server writes 1024Mi as 1Gi."""
    if not (isinstance(live, Mapping) and isinstance(wanted, Mapping)):
        return _covers(live, wanted)
    return all(key in live and _is_same_amount(live[key], amount) for key, amount in wanted.items())


def _is_same_amount(live: Any, wanted: Any) -> bool:
    return bool(live == wanted or _amount(live) == _amount(wanted) is not None)


def _amount(value: Any) -> Decimal | None:
    match = _QUANTITY.fullmatch(str(value))
    if match is None:
        return None
    try:
        return Decimal(match["number"]) * _SUFFIXES.get(match["suffix"], Decimal(1))
    except ArithmeticError:  # an exponent beyond all bounds
        return None
