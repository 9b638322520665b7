"""Finding and ending marked processes, with real ones."""

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from devcluster import ClusterError, processes
from devcluster.waiting import wait_for

_FOREVER = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('ready', flush=True); signal.pause()"


def _start(mark: Path, logs: Path, program: str = _FOREVER) -> processes.Component:
    logs.mkdir(exist_ok=True)
    component = processes.start("python", [sys.executable, "-c", program], mark=mark, logs=logs)
    wait_for("the program", lambda: "ready" in component.log.read_text(), seconds=20)
    return component


def test_kill_ends_the_marked_processes_and_their_children_and_no_others(tmp_path: Path) -> None:
    parent = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {_FOREVER!r}])"
    other = _start(tmp_path / "cluster-2", tmp_path / "logs-2")
    _start(tmp_path / "cluster", tmp_path, parent)
    assert len(processes.find(tmp_path / "cluster")) == 2

    processes.kill(tmp_path / "cluster")

    assert processes.find(tmp_path / "cluster") == {}
    assert other.check()
    processes.kill(tmp_path / "cluster-2")


def test_kill_waits_for_its_own_child_that_has_lost_its_mark_and_not_yet_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    child = _start(tmp_path / "cluster", tmp_path)
    marked = [processes.find(tmp_path / "cluster")]
    monkeypatch.setattr(processes, "find", lambda _mark: marked.pop() if marked else {})
    kill = os.kill
    monkeypatch.setattr(os, "kill", lambda *what: threading.Timer(0.5, kill, what).start())

    processes.kill(tmp_path / "cluster")

    assert child.process.returncode == -9


def test_an_ended_component_is_reported_with_its_code_and_last_words(tmp_path: Path) -> None:
    component = _start(tmp_path / "cluster", tmp_path, "print('ready'); raise SystemExit('no disk')")
    component.process.wait(timeout=20)

    with pytest.raises(ClusterError, match=r"^python ended with code 1\. The last lines of .*\n  ready\n  no disk$"):
        component.check()


def test_a_tied_command_does_not_outlive_a_killed_parent(tmp_path: Path) -> None:
    program = f"""
import subprocess, sys
from devcluster.processes import tied
subprocess.run(tied([sys.executable, "-c", {_FOREVER!r}]))
"""
    component = _start(tmp_path / "cluster", tmp_path, program)

    component.process.kill()

    wait_for("its child to end", lambda: not processes.find(tmp_path / "cluster"), seconds=20)
    assert component.process.wait(timeout=5) == -9


@pytest.fixture(autouse=True)
def _import_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(processes.__file__).parents[1]))


def test_a_command_is_tied_without_changing_what_it_does() -> None:
    result = subprocess.run(processes.tied(["echo", "said"]), capture_output=True, text=True, check=True)

    assert result.stdout == "said\n"
