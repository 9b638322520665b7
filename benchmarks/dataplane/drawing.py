"""Clients that draw, each way; all of them end with the pixels in memory, as a program has them that shows them."""

import base64
import io
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import requests
from numpy.typing import NDArray
from PIL import Image

from benchmarks.dataplane.loop import GENERATIONS
from benchmarks.dataplane.ways import Way
from sdp_serving.client import Encoding, Protocol, connect
from sdp_serving.contract.components import DRAWING, Component
from sdp_serving.contract.tokenizer import Tokenizer
from sdp_serving.servers.transport import Address

PICTURES: Final = 4
STEPS: Final = 4
"""The models compute next to nothing, and what the client sends and receives does not depend on it."""

_PROMPT: Final = "a photograph of an astronaut riding a horse"
_TIMEOUT: Final = 600.0


@dataclass(frozen=True, eq=False)
class Drawn:
    """Four pictures.

    Attributes:
        pixels: uint8 [4, 512, 512, 3].
        file_bytes: of all files together; None where pixels came.
    """

    pixels: NDArray[np.uint8]
    file_bytes: int | None = None


Draw = Callable[[], Drawn]


@contextmanager
def drawing(way: Way, address: Address) -> Iterator[Draw]:
    """Give what draws four pictures in this way.

    Args:
        way: which.
        address: of the server that the way's client talks to.
    """
    match way:
        case Way.SEED | Way.SEED_COMPACT:
            with requests.Session() as session:
                yield lambda: _seeds(session, address)
        case Way.REST:
            with _client(address, Protocol.REST, Encoding.PNG) as draw:
                yield draw
        case Way.GRPC:
            with _client(address, Protocol.GRPC, Encoding.PNG) as draw:
                yield draw
        case Way.GRPC_JPEG:
            with _client(address, Protocol.GRPC, Encoding.JPEG) as draw:
                yield draw
        case Way.GATEWAY:
            with requests.Session() as session:
                yield lambda: _gateways(session, address, Encoding.PNG)
        case Way.GATEWAY_JPEG:
            with requests.Session() as session:
                yield lambda: _gateways(session, address, Encoding.JPEG)


def _seeds(session: requests.Session, address: Address) -> Drawn:
    """As the client of this project's seed does it: tokens, then three posts whose answers are each other's inputs."""

    def outputs(component: Component, inputs: Mapping[str, Any]) -> Any:
        body = json.dumps({"signature_name": "serving_default", "inputs": inputs})
        url = f"http://{address}/v1/models/{component}:predict"
        answer = session.post(url, data=body, headers={"Content-Type": "application/json"}, timeout=_TIMEOUT)
        answer.raise_for_status()
        return answer.json()["outputs"]

    tokens = Tokenizer().encode(_PROMPT)
    contexts = outputs(Component.TEXT_ENCODER, {"tokens": tokens, "batch_size": PICTURES})
    latent = outputs(Component.DIFFUSION_MODEL, {**contexts, "num_steps": STEPS, "batch_size": PICTURES})
    return Drawn(np.array(outputs(Component.DECODER, {"latent": latent}), np.uint8))


@contextmanager
def _client(address: Address, protocol: Protocol, encoding: Encoding) -> Iterator[Draw]:
    with connect(at=dict.fromkeys(DRAWING, str(address)), protocol=protocol, timeout=_TIMEOUT) as pipeline:

        def draw() -> Drawn:
            made = pipeline.generate(_PROMPT, images=PICTURES, steps=STEPS, encoding=encoding)
            sent = made.pictures.sent
            assert isinstance(sent, tuple), "the decoder writes files"
            return Drawn(made.images, sum(map(len, sent)))

        yield draw


def _gateways(session: requests.Session, address: Address, encoding: Encoding) -> Drawn:
    """As any program does it that asks for images over HTTP."""
    body = {"prompt": _PROMPT, "n": PICTURES, "steps": STEPS, "output_format": encoding}
    answer = session.post(f"http://{address}{GENERATIONS}", json=body, timeout=_TIMEOUT)
    answer.raise_for_status()
    files = [base64.b64decode(one["b64_json"]) for one in answer.json()["data"]]
    return Drawn(np.stack([_pixels(file) for file in files]), sum(map(len, files)))


def _pixels(file: bytes) -> NDArray[np.uint8]:
    with Image.open(io.BytesIO(file)) as image:
        return np.asarray(image)
