"""Amounts of GPUs in the API: whole numbers, written as Kubernetes writes any quantity."""

import re
from collections.abc import Mapping
from typing import Any, Final

GPU_RESOURCE: Final = "nvidia.com/gpu"

_QUANTITY: Final = re.compile(r"(\d{1,18})(k|M|G|Ki|Mi|Gi)?")
_SUFFIXES: Final = {None: 1, "k": 1000, "M": 1000**2, "G": 1000**3, "Ki": 1024, "Mi": 1024**2, "Gi": 1024**3}


def gpus_in(amounts: Any) -> int:
    """How many GPUs a resource list names; none if it says nothing that makes sense.

    A GPU shared a thousandfold is a thousand GPUs to Kubernetes, which then writes `1k`.
    """
    value = amounts.get(GPU_RESOURCE) if isinstance(amounts, Mapping) else None
    if isinstance(value, int):
        return max(value, 0)
    match = _QUANTITY.fullmatch(value) if isinstance(value, str) else None
    return int(match[1]) * _SUFFIXES[match[2]] if match else 0
