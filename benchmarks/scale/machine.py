"""What the benchmark ran on, and what it measured."""

import os
import platform
import re
import subprocess
from pathlib import Path

from benchmarks.scale.operator_process import REPOSITORY
from benchmarks.scale.results import Machine
from devcluster.programs import KUBERNETES, KWOK, MODULES, Module


def this_machine() -> Machine:
    """Describe this machine and the versions of the programs."""
    cpu = re.search(r"^model name\s*: (.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return Machine(
        cpu=cpu[1] if cpu else platform.machine(),
        cores=len(os.sched_getaffinity(0)),
        memory_gib=round(memory / 2**30, 1),
        kernel=platform.release(),
        kubernetes=_version(KUBERNETES, "k8s.io/kubernetes"),
        kwok=_version(KWOK, "sigs.k8s.io/kwok"),
        python=platform.python_version(),
    )


def operator_commit() -> str:
    """Give the commit that last changed the operator, with a plus where the files differ from it."""
    commit = _git("log", "-1", "--format=%h", "--", "operator", "serving/sdp_serving/contract")
    changed = _git("status", "--porcelain", "--", "operator", "serving/sdp_serving/contract")
    return f"{commit}+" if changed else commit


def _version(module: Module, path: str) -> str:
    found = re.search(rf"\b{re.escape(path)} (v\S+)", (MODULES / module.folder / "go.mod").read_text())
    assert found is not None
    return found[1]


def _git(*arguments: str) -> str:
    run = subprocess.run(["git", *arguments], cwd=REPOSITORY, capture_output=True, text=True, check=False)
    return run.stdout.strip()
