"""The bucket of the demo's storage emulator, with models in it that are not as they should be."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from typing import Any
from urllib.parse import quote

import pytest
import requests
from demo.storage import BUCKET, NAMESPACE, PORT, SERVICE
from rich.console import Console

from sdp_exporter.export import Request, export
from sdp_exporter.progress import TerminalObserver
from sdp_exporter.sources import Saveable, Source
from sdp_exporter.sources.tiny import sources
from sdp_serving.client.kubectl import Kubectl
from sdp_serving.client.port_forward import port_forward
from sdp_serving.contract.artifact import ModelUri
from sdp_serving.contract.components import Component


class DemoBucket:
    """The bucket."""

    def __init__(self, endpoint: str, monkeypatch: pytest.MonkeyPatch) -> None:
        self._objects = f"{endpoint}/storage/v1/b/{BUCKET}/o"
        self._upload = f"{endpoint}/upload/storage/v1/b/{BUCKET}/o"
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", endpoint)

    def copy_with_a_wrong_byte(self, uri: str, to: str) -> None:
        """Copy a model, and change one byte in the middle of its weights."""
        source, target = (each.removeprefix(f"gs://{BUCKET}/") for each in (uri, to))
        for name in self._names(f"{source}/"):
            content = bytearray(self._read(name))
            if ".data-" in name:
                content[len(content) // 2] ^= 1
            self._write(target + name.removeprefix(source), bytes(content))

    def export_black(self, to: str) -> None:
        """Export sd-tiny's decoder with weights that are all 0: whatever it is asked, its picture is of one colour."""
        (decoder,) = sources("base", [Component.DECODER])
        source = Source(**{**vars(decoder), "name": "sd-tiny/blank", "build": partial(_blank, decoder)})
        with TerminalObserver(Console(quiet=True)) as observer:
            export([Request(source, ModelUri.parse(to))], clock=lambda: datetime.now(UTC), observer=observer)

    def _names(self, prefix: str) -> list[str]:
        answer = requests.get(self._objects, params={"prefix": prefix}, timeout=30)
        return [item["name"] for item in answer.json()["items"]]

    def _read(self, name: str) -> bytes:
        return requests.get(f"{self._objects}/{quote(name, safe='')}", params={"alt": "media"}, timeout=30).content

    def _write(self, name: str, content: bytes) -> None:
        answer = requests.post(self._upload, params={"uploadType": "media", "name": name}, data=content, timeout=30)
        assert answer.ok, answer.text


@contextmanager
def demo_bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[DemoBucket]:
    """Reach the bucket for the length of a `with` block."""
    with port_forward(Kubectl(namespace=NAMESPACE), SERVICE, PORT) as forward:
        address = forward.address()
        yield DemoBucket(f"http://{address.host}:{address.port}", monkeypatch)


def _blank(decoder: Source) -> Saveable:
    import tensorflow as tf

    saveable = decoder.build()
    module: Any = saveable
    for variable in module.variables:
        variable.assign(tf.zeros_like(variable))
    return saveable
