"""The way over REST, to servers that fail in all the ways that there are."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np
import pytest

from sdp_serving.contract.components import Component
from sdp_serving.contract.signatures import SignatureName
from sdp_serving.generation.calls import Call, Look
from sdp_serving.generation.errors import (
    RequestRefusedError,
    ServerTimeoutError,
    ServerUnreachableError,
    UnexpectedAnswerError,
    VersionGoneError,
)
from sdp_serving.servers.rest_transport import RestTransport
from sdp_serving.servers.transport import Address

DECODER = Component.DECODER
PICTURE = [[[[1, 2, 3]] * 8] * 8]
SERVES = {"model_version_status": [{"version": "4", "state": "AVAILABLE"}, {"version": "9", "state": "LOADING"}]}


class Server(ThreadingHTTPServer):
    """Answers as it is told to, and keeps what it was asked."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.status = 200
        self.status_body: Any = SERVES
        self.body: Any = {"outputs": PICTURE}
        """None to end the connection instead."""
        self.asked: list[tuple[str, bytes]] = []


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def do_GET(self) -> None:
        self._answer(200, self.server.status_body)

    def do_POST(self) -> None:
        self.server.asked.append((self.path, self.rfile.read(int(self.headers["Content-Length"]))))
        if self.server.body is None:
            self.close_connection = True
            return
        self._answer(self.server.status, self.server.body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the standard library's name
        pass

    def _answer(self, status: int, body: Any) -> None:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield running
        running.shutdown()
        thread.join()


@pytest.fixture
def transport(server: Server) -> Iterator[RestTransport]:
    found = RestTransport({DECODER: Address("127.0.0.1", server.server_port)}, timeout=20)
    yield found
    found.close()


def decode(version: int | None = None, value: float = 0.0) -> Call:
    latent = np.full((1, 1, 1, 4), value, np.float32)
    return Call(DECODER, SignatureName.DEFAULT, {"latent": latent}, version=version)


def test_the_answer_is_of_the_version_that_serves(server: Server, transport: RestTransport) -> None:
    answer = transport.predict(decode())
    assert answer.version == 4
    assert answer.outputs["images"].dtype == np.uint8
    assert answer.outputs["images"].tolist() == PICTURE
    assert server.asked[0][0] == "/v1/models/decoder:predict"


def test_a_version_is_asked_for_by_its_path(server: Server, transport: RestTransport) -> None:
    assert transport.predict(decode(version=3)).version == 3
    assert server.asked[0][0] == "/v1/models/decoder/versions/3:predict"


def test_numbers_that_are_none_are_left_to_the_model(server: Server, transport: RestTransport) -> None:
    transport.predict(decode(value=np.nan))
    assert b"NaN" in server.asked[0][1]


def test_a_server_that_ends_in_its_midst_is_not_asked_twice(server: Server, transport: RestTransport) -> None:
    server.body = None
    with pytest.raises(ServerUnreachableError, match="cannot be reached"):
        transport.predict(decode())
    assert len(server.asked) == 1


@pytest.mark.parametrize(
    ("status", "version", "error"),
    [
        (400, None, RequestRefusedError),
        (404, None, RequestRefusedError),
        (404, 3, VersionGoneError),
        (500, None, RequestRefusedError),
        (503, None, ServerUnreachableError),
        (504, None, ServerTimeoutError),
    ],
)
def test_a_refusal_is_told_in_the_servers_words(
    server: Server, transport: RestTransport, status: int, version: int | None, error: type[Exception]
) -> None:
    server.status, server.body = status, {"error": "the words"}
    with pytest.raises(error) as raised:
        transport.predict(decode(version))
    assert isinstance(raised.value, error)
    assert "the words" in str(raised.value) or status == 504
    assert getattr(raised.value, "is_clients_fault", status == 400) == (status == 400)


@pytest.mark.parametrize("body", [b"<html>", [], {}, {"outputs": "x"}, {"outputs": [[300]]}, {"outputs": None}])
def test_garbage_is_told(server: Server, transport: RestTransport, body: Any) -> None:
    server.body = body
    with pytest.raises(UnexpectedAnswerError, match=r"the decoder"):
        transport.predict(decode())


@pytest.mark.parametrize("body", [b"<html>", {"model_version_status": []}, {"metadata": {}}])
def test_a_model_that_is_not_there_yet_or_tells_nothing_is_told(
    server: Server, transport: RestTransport, body: Any
) -> None:
    server.status_body = body
    with pytest.raises((ServerUnreachableError, UnexpectedAnswerError), match="the decoder"):
        transport.predict(decode())
    with pytest.raises(UnexpectedAnswerError, match="the decoder"):
        transport.look(Look(DECODER))
