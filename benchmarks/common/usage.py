"""What processes take of the machine, as the kernel counts it."""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_TICKS: Final = os.sysconf("SC_CLK_TCK")
_IDLE: Final = frozenset({3, 4})
"""Columns of /proc/stat: idle, and idle while waiting for a disk."""
_GUEST: Final = 8
"""The first of the columns that are part of others as well."""


@dataclass(frozen=True)
class Memory:
    """Resident memory in MB: now, and at its highest since the process began."""

    now: float
    peak: float


def cpu_seconds(process: int) -> float:
    """Give the CPU time that the process has taken so far; 0 once it has ended."""
    try:
        # The name, which may hold spaces, ends with the last parenthesis.
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    return (int(fields[11]) + int(fields[12])) / _TICKS


def memory(process: int) -> Memory:
    """Give the memory that the process has."""
    lines = dict(line.split(":", 1) for line in Path(f"/proc/{process}/status").read_text().splitlines())
    now, peak = (int(lines[name].split()[0]) * 1024 / 1e6 for name in ("VmRSS", "VmHWM"))
    return Memory(now, peak)


def machine_cpu_seconds() -> float:
    """Give the CPU time that the whole machine has spent, other than idle."""
    columns = Path("/proc/stat").read_text().splitlines()[0].split()[1:]
    busy = (int(ticks) for index, ticks in enumerate(columns) if index not in _IDLE and index < _GUEST)
    return sum(busy) / _TICKS


def others_cpu_seconds(ours: Iterable[int]) -> float:
    """Give the CPU time that all processes but these have taken."""
    return machine_cpu_seconds() - sum(cpu_seconds(process) for process in ours)
