"""The committed sd-tiny behind one stand-in server, all components under their names."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from rich.console import Console
from tests.support.standin import StandIn, standin

from sdp_exporter.export import Request, export
from sdp_exporter.progress import TerminalObserver
from sdp_exporter.sources.tiny import sources
from sdp_serving.contract.artifact import ModelUri
from sdp_serving.contract.components import Component


@pytest.fixture(scope="session")
def tiny_models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the four components, exported once for all tests, and the server's configuration."""
    folder = tmp_path_factory.mktemp("tiny-models")
    config = []
    with TerminalObserver(Console(quiet=True)) as observer:
        for component in Component:
            (source,) = sources("base", [component])
            uri = ModelUri.parse(f"file://{folder}/{component}")
            export([Request(source, uri)], clock=lambda: datetime.now(UTC), observer=observer)
            base = folder / component
            config.append(f'config {{ name: "{component}" base_path: "{base}" model_platform: "tensorflow" }}')
    (folder / "models.config").write_text(f"model_config_list {{ {' '.join(config)} }}")
    return folder


@contextmanager
def served_tiny_pipeline(models: Path, folder: Path) -> Iterator[StandIn]:
    """Serve `tiny_models`.

    Args:
        models: the fixture's folder.
        folder: where the server's log goes.
    """
    with standin(folder, f"--model_config_file={models}/models.config", "--num_load_threads=2") as running:
        running.wait_until_serving()
        yield running
