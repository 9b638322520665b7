"""A line to a storage on which things go wrong as the test says; by TLS where it is given a certificate."""

import ssl
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

_HEADERS: Final = ("Content-Type", "Content-Range", "Accept-Ranges", "ETag", "Last-Modified", "Location")


@dataclass
class Fault:
    """What happens to the answers to requests whose path has `of` in it.

    Attributes:
        of: a part of the path.
        times: to how many of them; all, when left out.
        status: answered instead of passing the request on.
        headers: of that answer.
        cut_after: bytes of the body after which the connection ends.
        drips: whether the body comes byte by byte, with time between them.
        flip: where a byte of the body is another one.
        before: called before the request is passed on.
        whole: whether the storage is asked for the whole file, whatever range was asked for.
    """

    of: str
    times: int = 1 << 30
    status: int | None = None
    headers: dict[str, str] = field(default_factory=dict)
    cut_after: int | None = None
    drips: bool = False
    flip: int | None = None
    before: Callable[[], object] | None = None
    whole: bool = False


class FaultProxy:
    """The line.

    Attributes:
        url: where it is reached.
        asked: path and Range of each request.
        faults: of which each request takes the first that fits; they may be changed at any time.
    """

    def __init__(self, upstream: Callable[[str], str]) -> None:
        self.url = ""
        self.asked: list[tuple[str, str | None]] = []
        self.faults: list[Fault] = []
        self.upstream = upstream
        self._lock = threading.Lock()

    def ranges(self, of: str) -> list[tuple[int, int]]:
        """First and last byte of the ranges that were asked for of paths with `of` in them."""
        texts = [text.removeprefix("bytes=") for path, text in self.asked if of in path and text is not None]
        return [(int(first), int(last)) for first, _, last in (text.partition("-") for text in texts)]

    def fault_for(self, path: str, wanted: str | None) -> Fault:
        """Note a request, and say what happens to it."""
        with self._lock:
            self.asked.append((path, wanted))
            for fault in self.faults:
                if fault.of in path and fault.times > 0:
                    fault.times -= 1
                    return fault
        return Fault(of="")


@contextmanager
def fault_proxy(upstream: Callable[[str], str], context: ssl.SSLContext | None = None) -> Iterator[FaultProxy]:
    """Run one.

    Args:
        upstream: the URL behind a path.
        context: with the certificate to show; None for plain HTTP.
    """
    proxy = FaultProxy(upstream)
    handler = type("Handler", (_Handler,), {"proxy": proxy})
    with _Server(("127.0.0.1", 0), handler) as server:
        if context is not None:
            server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        scheme = "http" if context is None else "https"
        proxy.url = f"{scheme}://127.0.0.1:{server.server_port}"
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        try:
            yield proxy
        finally:
            server.shutdown()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        # Who asks may leave when they know enough.
        if not isinstance(sys.exception(), ConnectionError | ssl.SSLError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    proxy: FaultProxy

    def do_GET(self) -> None:
        fault = self.proxy.fault_for(self.path, self.headers["Range"])
        if fault.before is not None:
            fault.before()
        if fault.status is not None:
            self._answer(fault.status, fault.headers, b'{"error": {"message": "no"}}', fault)
            return
        forwarded = {} if fault.whole or self.headers["Range"] is None else {"Range": self.headers["Range"]}
        request = urllib.request.Request(self.proxy.upstream(self.path), headers=forwarded)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                status, headers, body = answer.status, answer.headers, answer.read()
        except urllib.error.HTTPError as error:
            with error:
                status, headers, body = error.code, error.headers, error.read()
        self._answer(status, {name: headers[name] for name in _HEADERS if headers[name] is not None}, body, fault)

    def _answer(self, status: int, headers: dict[str, str], body: bytes, fault: Fault) -> None:
        if fault.flip is not None:
            body = body[: fault.flip] + bytes([body[fault.flip] ^ 1]) + body[fault.flip + 1 :]
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        for start in range(len(body)) if fault.drips else ():
            self.wfile.write(body[start : start + 1])
            time.sleep(0.05)
        self.wfile.write(b"" if fault.drips else body[: fault.cut_after])
        self.close_connection = self.close_connection or fault.cut_after is not None

    def log_message(self, *args: Any) -> None:
        pass
