"""The committed sd-tiny behind one stand-in server, all components under their names."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from tests.support.standin import StandIn, standin

from sdp_exporter.export import Request, export
from sdp_exporter.progress import TerminalObserver
from sdp_exporter.sources.tiny import sources
from sdp_serving.contract.artifact import ModelUri
from sdp_serving.contract.components import Component


@contextmanager
def served_tiny_pipeline(folder: Path) -> Iterator[StandIn]:
    """Export the four components into `folder` and serve them."""
    config = []
    with TerminalObserver(Console(quiet=True)) as observer:
        for component in Component:
            (source,) = sources("base", [component])
            uri = ModelUri.parse(f"file://{folder}/{component}")
            export([Request(source, uri)], clock=lambda: datetime.now(UTC), observer=observer)
            base = folder / component
            config.append(f'config {{ name: "{component}" base_path: "{base}" model_platform: "tensorflow" }}')
    (folder / "models.config").write_text(f"model_config_list {{ {' '.join(config)} }}")
    with standin(folder, f"--model_config_file={folder}/models.config", "--num_load_threads=2") as running:
        running.wait_until_serving()
        yield running
