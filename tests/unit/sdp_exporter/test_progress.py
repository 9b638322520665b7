from io import StringIO
from pathlib import Path

from rich.console import Console
from tests.support.toy_models import toy_source

from sdp_exporter.export import Exported, Request
from sdp_exporter.progress import TerminalObserver
from sdp_exporter.stages import Stage
from sdp_serving.contract.artifact import ModelUri, Version
from sdp_serving.contract.components import Component

URI = ModelUri.parse("gs://demo/sd/decoder")
REQUEST = Request(toy_source(Component.DECODER, Path("base.npz")), URI)


def shown() -> str:
    text = StringIO()
    with TerminalObserver(Console(file=text, force_terminal=True, width=120, color_system=None)) as observer:
        for stage in Stage:
            observer.entered(REQUEST, stage)
        stored = observer.uploading(REQUEST, 3 << 20)
        stored(1 << 20)
        observer._bars.refresh()
        observer.exported(Exported(REQUEST, URI.at(Version(7)), "sha256:0", 3 << 20, {Stage.BUILD: 1.0}))
        observer.exported(Exported(REQUEST, URI.at(Version(7)), "sha256:0", 3 << 20))
    return text.getvalue()


def test_a_terminal_shows_a_bar_for_each_stage_and_what_became_of_the_model() -> None:
    text = shown()
    assert all(f"toy/base decoder  {stage}" in text for stage in Stage)
    assert "1.0 MiB of 3.0 MiB" in text
    assert "toy/base decoder: exported as version 7" in text
    assert "toy/base decoder: unchanged, the same model as version 7" in text
