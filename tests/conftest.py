"""Fixtures that every test can use, and a last line that says what ran."""

from collections import Counter
from pathlib import Path

import pytest
from hypothesis import settings
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

# A run that fails must fail again: new examples are looked for by `pytest --hypothesis-profile=default`.
settings.register_profile("steady", derandomize=True, deadline=None)
settings.load_profile("steady")

pytest_plugins = [
    "devcluster.pytest_plugin",
    "tests.support.storage_emulator",
    "tests.support.tiny_pipeline",
    "tests.support.toy_servers",
]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes longest, and mostly waits, so that others run beside it."""
    items.sort(key=lambda item: _kind(item.nodeid) != "e2e")


class Sharing(LoadScopeScheduling):  # type: ignore[misc]  # pytest-xdist ships no types.
    """Several processes share the tests: those on a cluster, and those of a file, stay with what they have set up."""

    def _split_scope(self, nodeid: str) -> str:
        return _kind(nodeid) if _kind(nodeid) in {"cluster", "e2e"} else nodeid.partition("::")[0]


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Sharing:
    """Tell pytest-xdist how."""
    return Sharing(config, log)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say how many tests of each kind passed."""
    passed = terminalreporter.getreports("passed")
    kinds = Counter(_kind(report.nodeid) for report in passed if report.when == "call")
    if kinds:
        ran = ", ".join(f"{kinds[kind]} {kind}" for kind in ("unit", "contract", "cluster", "e2e") if kinds[kind])
        terminalreporter.write_line(f"Passed: {ran}.")


def _kind(nodeid: str) -> str:
    return Path(nodeid).parts[1]
