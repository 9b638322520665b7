"""How much memory a node's GPUs have, from its labels."""

import re
from collections.abc import Mapping
from typing import Final

from sdp_operator.gpus.drivers import GKE_SHARING

GIB: Final = 1024**3

_MEBIBYTES: Final = "nvidia.com/gpu.memory"
"""GPU feature discovery writes it on each node."""

_SHARED: Final = "nvidia.com/gpu.sharing-strategy"
_IN_ITS_NAME: Final = re.compile(r"(\d+)gb", re.IGNORECASE)

_BY_TYPE: Final[Mapping[str, int]] = {
    "p4": 8, "k80": 12, "t4": 16, "p100": 16, "v100": 16, "a2": 16, "l4": 24, "a10": 24, "a10g": 24, "a30": 24,
    "a100": 40, "l40": 48, "l40s": 48, "a40": 48, "h100": 80, "h200": 141, "b200": 180,
}  # fmt: skip
"""In GiB, by a word of the type's name; of those that are made in two sizes and do not tell, the smaller."""


def gpu_memory(labels: Mapping[str, str], accelerator_label: str) -> int | None:
    """The bytes of one GPU of the node; None where nothing tells, or others share it."""
    if GKE_SHARING in labels or labels.get(_SHARED, "none") != "none":
        return None
    told = labels.get(_MEBIBYTES, "")
    if told.isascii() and told.isdecimal():
        return int(told) * 1024**2
    name = labels.get(accelerator_label, "").lower()
    if (size := _IN_ITS_NAME.search(name)) is not None:
        return int(size[1]) * GIB
    known = (_BY_TYPE[word] for word in re.split(r"[^a-z0-9]+", name) if word in _BY_TYPE)
    return next((size * GIB for size in known), None)
