"""Fixtures that every test can use."""

pytest_plugins = ["tests.support.storage_emulator"]
