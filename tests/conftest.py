"""Fixtures that every test can use."""

pytest_plugins = ["devcluster.pytest_plugin", "tests.support.storage_emulator"]
