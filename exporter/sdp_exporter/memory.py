"""The most memory that this process held at a time."""

import resource
import sys
from contextlib import suppress
from pathlib import Path
from typing import Final

_RESET: Final = Path("/proc/self/clear_refs")
_STATUS: Final = Path("/proc/self/status")
_PEAK: Final = "VmHWM:"


def forget_peak() -> None:
    """Let the peak begin anew, where the kernel can; else it stays that of the whole process."""
    with suppress(OSError):
        _RESET.write_text("5")


def peak_memory() -> int:
    """Bytes of the resident set at its largest."""
    with suppress(OSError):
        for line in _STATUS.read_text().splitlines():
            if line.startswith(_PEAK):
                return int(line.split()[1]) * 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
