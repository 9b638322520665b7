"""The models that the demo serves, exported to the storage emulator, where the pods find them."""

from http import HTTPStatus
from pathlib import Path
from typing import Final

import requests

from demo.shell import DemoError, typed
from demo.storage import BUCKET, NAMESPACE, PORT, SERVICE
from sdp_serving.client.kubectl import Kubectl
from sdp_serving.client.port_forward import port_forward

_EXPORTS: Final = Path(__file__).parent / "export.yaml"


def folder(variant: str) -> str:
    """Where a variant of sd-tiny lies, such as gs://sdpipeline-demo/sd-tiny-striped."""
    return f"gs://{BUCKET}/sd-tiny" if variant == "base" else f"gs://{BUCKET}/sd-tiny-{variant}"


def export_models() -> None:
    """Export every model; those that are there already stay as they are.

    Raises:
        DemoError: the exporter failed; the message holds its own words.
    """
    with port_forward(Kubectl(namespace=NAMESPACE), SERVICE, PORT) as forward:
        address = forward.address()
        endpoint = f"http://{address.host}:{address.port}"
        _create_bucket(endpoint)
        typed("env", f"STORAGE_EMULATOR_HOST={endpoint}", "sdpipeline", "export", f"--config={_EXPORTS}")


def _create_bucket(endpoint: str) -> None:
    answer = requests.post(f"{endpoint}/storage/v1/b", params={"project": "demo"}, json={"name": BUCKET}, timeout=10)
    if answer.status_code not in {HTTPStatus.OK, HTTPStatus.CONFLICT}:
        raise DemoError(f"The storage emulator made no bucket {BUCKET}: {answer.status_code} {answer.text.strip()}")
