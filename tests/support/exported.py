"""Exported models in the stand-in, as TensorFlow Serving serves them."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.standin import StandIn, standin

from sdp_exporter.sources import Source


@contextmanager
def serving(folder: Path, sources: Iterable[Source]) -> Iterator[StandIn]:
    """Serve version 1 of each source, from `folder`, under its component's name."""
    from sdp_exporter import saved_model

    entries = []
    for source in sources:
        base = folder / source.component
        (base / "1").mkdir(parents=True)
        saved_model.write(source, base / "1")
        entries.append(f'config {{ name: "{source.component}" base_path: "{base}" model_platform: "tensorflow" }}')
    config = folder / "models.config"
    config.write_text(f"model_config_list {{ {' '.join(entries)} }}")
    with standin(folder, f"--model_config_file={config}") as running:
        running.wait_until_serving()
        yield running
