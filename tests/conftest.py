"""Fixtures that every test can use, and a last line that says what ran."""

from collections import Counter
from pathlib import Path

import pytest
from hypothesis import settings

# A run that fails must fail again: new examples are looked for by `pytest --hypothesis-profile=default`.
settings.register_profile("steady", derandomize=True, deadline=None)
settings.load_profile("steady")

pytest_plugins = [
    "devcluster.pytest_plugin",
    "tests.support.storage_emulator",
    "tests.support.tiny_pipeline",
    "tests.support.toy_servers",
]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say how many tests of each kind passed."""
    passed = terminalreporter.getreports("passed")
    kinds = Counter(Path(report.nodeid).parts[1] for report in passed if report.when == "call")
    if kinds:
        ran = ", ".join(f"{kinds[kind]} {kind}" for kind in ("unit", "contract", "cluster", "e2e") if kinds[kind])
        terminalreporter.write_line(f"Passed: {ran}.")
