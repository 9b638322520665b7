"""A line to a storage on which uploads go wrong as the test says."""

import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal

Fault = int | Literal["cut", "damaged", "unheard"]
"""A status instead of the upload; the end of the connection before or after it; or another byte in it."""


@dataclass
class UploadLine:
    """The line.

    Attributes:
        url: where it is reached.
        faults: what happens to the next uploads, one each.
    """

    upstream: str
    url: str = ""
    faults: list[Fault] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)


@contextmanager
def upload_line(upstream: str) -> Iterator[UploadLine]:
    """A line to the storage at `upstream`."""
    line = UploadLine(upstream)
    with ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"line": line})) as server:
        line.url = f"http://127.0.0.1:{server.server_port}"
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        try:
            yield line
        finally:
            server.shutdown()


class _Handler(BaseHTTPRequestHandler):
    line: UploadLine

    def do_GET(self) -> None:
        self._pass_on(None)

    do_DELETE = do_GET  # noqa: N815 - the server's own way to name them

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"] or 0))
        fault: Fault | None = None
        if self.path.startswith("/upload/"):
            with self.line.lock:
                fault = self.line.faults.pop(0) if self.line.faults else None
        match fault:
            case int():
                self._answer(fault, b'{"error": {"message": "no"}}')
            case "cut":
                self.close_connection = True
            case "damaged":
                first = body.rindex(b"\r\n\r\n") + 4  # of the last of the body's parts
                self._pass_on(body[:first] + bytes([body[first] ^ 1]) + body[first + 1 :])
            case "unheard":
                self._asked(body)
                self.close_connection = True
            case None:
                self._pass_on(body)

    def _pass_on(self, body: bytes | None) -> None:
        self._answer(*self._asked(body))

    def _asked(self, body: bytes | None) -> tuple[int, bytes]:
        headers = {name: self.headers[name] for name in ("Content-Type",) if self.headers[name]}
        url = f"{self.line.upstream}{self.path}"
        request = urllib.request.Request(url, data=body, headers=headers, method=self.command)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read()

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: Any) -> None:
        pass
