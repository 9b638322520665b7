"""Tells how far the pod's models are, over HTTP: to the operator and to the kubelet's probe."""

import threading
from contextlib import suppress
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socket import SHUT_RDWR, socket
from socketserver import TCPServer
from typing import Any, Final

from sdp_serving.contract import swap
from sdp_serving.contract.swap import ReplicaReport

_ASKING: Final = 16
"""Connections at the same time; the operator and the kubelet have one each, for a moment."""
_PATIENCE_SECONDS: Final = 5.0
"""How long a client may leave a connection without a byte."""


class Board:
    """The last report, which the loop writes and the server reads."""

    def __init__(self, report: ReplicaReport) -> None:
        self._lock = threading.Lock()
        self._report = report
        self._ready = False

    def show(self, report: ReplicaReport, *, ready: bool) -> None:
        """Replace what is told."""
        with self._lock:
            self._report, self._ready = report, ready

    def read(self) -> tuple[ReplicaReport, bool]:
        """The report, and whether the pod is ready."""
        with self._lock:
            return self._report, self._ready


def start(port: int, board: Board) -> ThreadingHTTPServer:
    """Serve what the board says on all addresses, in a thread of its own.

    Raises:
        OSError: the port is not to be had.
    """
    server = _Server(port, board)
    threading.Thread(target=server.serve_forever, name="report", daemon=True).start()
    return server


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, port: int, board: Board) -> None:
        self.board = board
        self._open: dict[socket, None] = {}
        self._lock = threading.Lock()
        super().__init__(("0.0.0.0", port), _Handler)  # noqa: S104 - a pod is reached from outside of it

    def server_bind(self) -> None:
        """Open the port, without the look-up of the host's name that the standard library does here."""
        TCPServer.server_bind(self)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Answer in a thread of its own; where there are too many, hang up on who has been at it for longest."""
        with self._lock:
            if len(self._open) >= _ASKING:
                self._hang_up(next(iter(self._open)))
            self._open[request] = None
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """Close a connection, and make place for the next."""
        with self._lock:
            self._open.pop(request, None)
            super().shutdown_request(request)

    def _hang_up(self, connection: socket) -> None:
        """Let the thread that reads from a connection come to its end, and close it."""
        del self._open[connection]
        # It may have gone by itself.
        with suppress(OSError):
            connection.shutdown(SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: a client that goes away is no fault of this program."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    timeout = _PATIENCE_SECONDS

    def do_GET(self) -> None:
        report, ready = self.server.board.read()
        match self.path:
            case swap.REPORT_PATH:
                self._answer(HTTPStatus.OK, "application/json", report.model_dump_json())
            case swap.READY_PATH if ready:
                self._answer(HTTPStatus.OK, "text/plain", "ready\n")
            case swap.READY_PATH:
                self._answer(HTTPStatus.SERVICE_UNAVAILABLE, "text/plain", "the model has not been proven yet\n")
            case _:
                self._answer(HTTPStatus.NOT_FOUND, "text/plain", "not found\n")

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the standard library's name
        """Say nothing: the probe asks every few seconds."""

    def _answer(self, status: HTTPStatus, kind: str, text: str) -> None:
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
