"""A line to a model server whose JSON is laid out as TensorFlow Serving's.

That writes each number of an answer in columns (`outputs`) on a line of its own, indented by four spaces for each level
(tensorflow_serving/util/json_tensor.cc: a PrettyWriter with its default format). The stand-in does not, for nobody who
reads JSON can tell; but it is four fifths of the bytes that the seed's client receives.
"""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final

import requests

from sdp_serving.servers.transport import Address

_INDENT: Final = 4
_TIMEOUT: Final = 600.0


@contextmanager
def as_tensorflow_serving(server: Address) -> Iterator[Address]:
    """Lead a port of the loopback to a server's REST API, for the length of a `with` block."""

    class Line(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:  # The name that http.server asks for, as the next.
            self._pass_on()

        def do_POST(self) -> None:
            self._pass_on()

        def log_message(self, *_: object) -> None:
            """Write no log."""

        def _pass_on(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            with requests.Session() as session:
                session.trust_env = False
                answer = session.request(self.command, f"http://{server}{self.path}", data=body, timeout=_TIMEOUT)
            content = laid_out(answer.content)
            self.send_response(answer.status_code)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

    with ThreadingHTTPServer(("127.0.0.1", 0), Line) as listener:
        listening = threading.Thread(target=listener.serve_forever)
        listening.start()
        try:
            yield Address("127.0.0.1", listener.server_port)
        finally:
            listener.shutdown()
            listening.join()


def laid_out(content: bytes) -> bytes:
    """A JSON document with a line for each value."""
    return json.dumps(json.loads(content), indent=_INDENT).encode()
