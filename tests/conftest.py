"""Fixtures that every test can use."""

import sys
from pathlib import Path

# The plugins' package: with --import-mode=importlib nothing of tests/ is on the path.
sys.path.insert(0, str(Path(__file__).parent))

pytest_plugins = ["support.storage_emulator"]
