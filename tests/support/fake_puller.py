"""A puller that only tells: it answers under an address of its own, and is one step further each time it is asked."""

from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from os import getpid
from threading import Thread
from typing import Final

from tests.support.pipelines import pulled
from tests.support.replicas import follow

from sdp_serving.contract.report import NotPulled, Pulled
from sdp_serving.contract.swap import REPORT_PATH, REPORT_PORT, CandidateReport, PodModels, ReplicaReport

_NUMBERS: Final = count(1)


class FakePuller:
    """The puller of a pod, from its start until it is closed.

    Args:
        first: what the pod's first model is.
        rollout: the pod's.
        desired: what is desired of the pod now.
    """

    def __init__(self, first: Pulled, rollout: str, desired: Callable[[], PodModels | None]) -> None:
        self._first = first
        self._rollout = rollout
        self._desired = desired
        self._candidate: CandidateReport | None = None
        self.asked = 0
        self.trouble: NotPulled | None = None
        number = next(_NUMBERS)
        # No other process of the tests, and no other pod, has it.
        self.address = f"127.{100 + getpid() % 100}.{getpid() // 100 % 256}.{number % 250 + 1}"
        self._server = ThreadingHTTPServer((self.address, REPORT_PORT), self._handler())
        Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def close(self) -> None:
        """Answer no more."""
        self._server.shutdown()
        self._server.server_close()

    def report(self) -> ReplicaReport:
        """What it tells now."""
        self.asked += 1
        desired = self._desired()
        if desired is None:
            return ReplicaReport(component=self._first.component, rollout=self._rollout)
        wanted = desired.candidate
        self._candidate = None if wanted is None else follow(wanted, self._candidate)
        return ReplicaReport(
            component=self._first.component,
            rollout=self._rollout,
            serving=desired.serving.number,
            model=self._found(desired.serving.uri),
            trouble=self.trouble,
            candidate=self._candidate,
        )

    def _found(self, uri: str) -> Pulled:
        return self._first if uri == self._first.uri else pulled(self._first.component, uri)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        puller = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = puller.report().model_dump_json().encode()
                self.send_response(200 if self.path == REPORT_PATH else 404)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        return Handler
