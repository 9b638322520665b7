"""What a benchmark ran on, and what it measured."""

import os
import platform
import re
import subprocess
from pathlib import Path
from typing import Final

from benchmarks.common.results import Value
from devcluster.programs import KUBERNETES, MODULES, Module

REPOSITORY: Final = Path(__file__).resolve().parents[2]


class Machine(Value):
    """Where it was measured."""

    cpu: str
    cores: int
    memory_gib: float
    kernel: str
    kubernetes: str
    python: str

    def __str__(self) -> str:
        """The hardware in a few words."""
        return f"{self.cpu}, {self.cores} cores, {self.memory_gib:.0f} GiB, Linux {self.kernel}"


def this_machine() -> Machine:
    """Describe this machine and the versions of the programs."""
    cpu = re.search(r"^model name\s*: (.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return Machine(
        cpu=cpu[1] if cpu else platform.machine(),
        cores=len(os.sched_getaffinity(0)),
        memory_gib=round(memory / 2**30, 1),
        kernel=platform.release(),
        kubernetes=version(KUBERNETES, "k8s.io/kubernetes"),
        python=platform.python_version(),
    )


def version(module: Module, path: str) -> str:
    """Give the version of a Go package that is built here."""
    found = re.search(rf"\b{re.escape(path)} (v\S+)", (MODULES / module.folder / "go.mod").read_text())
    assert found is not None
    return found[1]


def commit_of(*paths: str) -> str:
    """Give the commit that last changed these files, with a plus where they differ from it."""
    commit = _git("log", "-1", "--format=%h", "--", *paths)
    return f"{commit}+" if _git("status", "--porcelain", "--", *paths) else commit


def _git(*arguments: str) -> str:
    run = subprocess.run(["git", *arguments], cwd=REPOSITORY, capture_output=True, text=True, check=False)
    return run.stdout.strip()
