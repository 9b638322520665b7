"""Fixtures that every test can use, and a last line that says what ran."""

from collections import Counter
from pathlib import Path

import pytest
from hypothesis import settings

# A run that fails must fail again: new examples are looked for by `pytest --hypothesis-profile=default`.
settings.register_profile("steady", derandomize=True)
settings.load_profile("steady")

pytest_plugins = ["devcluster.pytest_plugin", "tests.support.storage_emulator", "tests.support.toy_servers"]


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let what is dear be made by one process only, and begin with what takes longest, when several share the tests."""
    for item in items:
        item.add_marker(pytest.mark.xdist_group(_shares(item)))
    items.sort(key=lambda item: "node_cluster" not in _fixtures(item))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say how many tests of each kind passed."""
    passed = terminalreporter.getreports("passed")
    kinds = Counter(Path(report.nodeid).parts[1] for report in passed if report.when == "call")
    if kinds:
        ran = ", ".join(f"{kinds[kind]} {kind}" for kind in ("unit", "contract", "cluster", "e2e") if kinds[kind])
        terminalreporter.write_line(f"Passed: {ran}.")


def _shares(item: pytest.Item) -> str:
    """What a test needs that is worth sharing: a cluster, or what its file sets up."""
    return next((name for name in ("node_cluster", "control_plane") if name in _fixtures(item)), str(item.path))


def _fixtures(item: pytest.Item) -> list[str]:
    return item.fixturenames if isinstance(item, pytest.Function) else []
