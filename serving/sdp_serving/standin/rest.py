"""The REST API, as TensorFlow Serving's api_rest.md describes it."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from sdp_serving.standin.errors import Code, ServingError, invalid_argument
from sdp_serving.standin.inference import Inference, ModelSpec
from sdp_serving.standin.json_tensors import JsonRequest, answer
from sdp_serving.standin.manager import ModelManager
from sdp_serving.standin.metadata import metadata_json
from sdp_serving.standin.servable import Servable
from sdp_serving.standin.version_policy import Status

_MODEL: Final = r"/v1/models/(?P<name>[^/:]+)(?:/versions/(?P<version>\d+)|/labels/(?P<label>[^/:]+))?"
_PREDICT: Final = re.compile(_MODEL + r":(?P<method>classify|regress|predict)", re.IGNORECASE)
_STATUS: Final = re.compile(_MODEL + r"(?P<metadata>/metadata)?", re.IGNORECASE)

_HTTP_STATUS: Final[Mapping[Code, HTTPStatus]] = {
    Code.OK: HTTPStatus.OK,
    Code.INVALID_ARGUMENT: HTTPStatus.BAD_REQUEST,
    Code.FAILED_PRECONDITION: HTTPStatus.BAD_REQUEST,
    Code.OUT_OF_RANGE: HTTPStatus.BAD_REQUEST,
    Code.UNAUTHENTICATED: HTTPStatus.UNAUTHORIZED,
    Code.PERMISSION_DENIED: HTTPStatus.FORBIDDEN,
    Code.NOT_FOUND: HTTPStatus.NOT_FOUND,
    Code.ALREADY_EXISTS: HTTPStatus.CONFLICT,
    Code.ABORTED: HTTPStatus.CONFLICT,
    Code.RESOURCE_EXHAUSTED: HTTPStatus.TOO_MANY_REQUESTS,
    Code.UNIMPLEMENTED: HTTPStatus.NOT_IMPLEMENTED,
    Code.UNAVAILABLE: HTTPStatus.SERVICE_UNAVAILABLE,
    Code.DEADLINE_EXCEEDED: HTTPStatus.GATEWAY_TIMEOUT,
}


@dataclass(frozen=True)
class Answer:
    """What goes back over HTTP."""

    status: HTTPStatus
    body: bytes
    content_type: str = "application/json"


class RestApi:
    """Turns a method, path and body into an answer; knows nothing of sockets."""

    def __init__(
        self,
        manager: ModelManager[Servable],
        inference: Inference,
        *,
        timeout_ms: int,
        metrics: tuple[str, Callable[[], str]] | None,
    ) -> None:
        """Give it its parts.

        Args:
            manager: holds the models.
            inference: runs them.
            timeout_ms: milliseconds after which a predict request is given up.
            metrics: the path of the metrics and what renders them; None for none.
        """
        self._manager = manager
        self._inference = inference
        self._timeout_ms = timeout_ms
        self._metrics = metrics

    def answer(self, method: str, target: str, body: bytes) -> Answer:
        """Answer one request; an error is an answer too."""
        path = urlsplit(target).path
        if self._metrics is not None and path == self._metrics[0] and method == "GET":
            return Answer(HTTPStatus.OK, self._metrics[1]().encode(), "text/plain")
        if not path.lower().startswith("/v1/"):
            return Answer(HTTPStatus.NOT_FOUND, b"Not Found", "text/plain")
        try:
            return Answer(HTTPStatus.OK, self._dispatch(method, path, body))
        except ServingError as error:
            status = _HTTP_STATUS.get(error.code, HTTPStatus.INTERNAL_SERVER_ERROR)
            return Answer(status, json.dumps({"error": error.message}).encode())

    def _dispatch(self, method: str, path: str, body: bytes) -> bytes:
        if method == "POST" and (match := _PREDICT.fullmatch(path)):
            return self._predict(_spec(match), match["method"].lower(), body)
        if method == "GET" and (match := _STATUS.fullmatch(path)):
            spec = _spec(match)
            if match["metadata"]:
                return json.dumps(metadata_json(self._manager, spec), indent=1).encode()
            return _statuses(self._manager.statuses(spec.name, spec.version, spec.label))
        raise invalid_argument(f"Malformed request: {method} {path}")

    def _predict(self, spec: ModelSpec, method: str, body: bytes) -> bytes:
        if method != "predict":
            raise ServingError(
                Code.UNIMPLEMENTED, f"{method} is not in the stand-in for TensorFlow Serving: use predict"
            )
        request = JsonRequest.parse(body)
        prediction = self._inference.predict(
            spec, request.signature_name, request.tensors, timeout_ms=self._timeout_ms, entrypoint="REST"
        )
        return answer(prediction.outputs, request.format)


def start(api: RestApi, port: int) -> ThreadingHTTPServer:
    """Open the port on all addresses; the caller serves.

    Raises:
        OSError: the port is not to be had.
    """

    class Handler(_Handler):
        rest_api = api

    return _Server(("0.0.0.0", port), Handler)  # noqa: S104 - a pod is reached from outside of it


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    # Many clients may connect at the same moment; the default of 5 would turn some away.
    request_queue_size = 128

    def server_bind(self) -> None:
        """Open the port, without the look-up of the host's name that the standard library does here."""
        TCPServer.server_bind(self)


class _Handler(BaseHTTPRequestHandler):
    rest_api: RestApi
    protocol_version = "HTTP/1.1"
    # Without it Linux waits 40 ms before it sends the body after the head.
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the standard library's name
        """Say nothing: TensorFlow Serving logs no requests."""

    def _answer(self) -> None:
        length = self.headers.get("Content-Length", "0")
        try:
            if "Transfer-Encoding" in self.headers or not length.isdecimal():
                self.close_connection = True
                self._send(_length_required())
                return
            body = self.rfile.read(int(length))
            self._send(self.rest_api.answer(self.command, self.path, body))
        except ConnectionError:
            # The client went away: nobody is left to tell.
            self.close_connection = True

    def _send(self, answer_: Answer) -> None:
        self.send_response(answer_.status)
        self.send_header("Content-Type", answer_.content_type)
        self.send_header("Content-Length", str(len(answer_.body)))
        self.end_headers()
        self.wfile.write(answer_.body)


def _length_required() -> Answer:
    message = "The stand-in for TensorFlow Serving takes no chunked body: send Content-Length"
    return Answer(HTTPStatus.LENGTH_REQUIRED, json.dumps({"error": message}).encode())


def _spec(match: re.Match[str]) -> ModelSpec:
    version = None if match["version"] is None else int(match["version"])
    if version is not None and version >= 2**63:
        raise invalid_argument(f"Failed to convert version: {version} to numeric.")
    label = None if match["label"] is None else unquote(match["label"])
    return ModelSpec(unquote(match["name"]), version, label)


def _statuses(statuses: Mapping[int, Status]) -> bytes:
    return json.dumps(
        {
            "model_version_status": [
                {
                    "version": str(version),
                    "state": status.state,
                    "status": {"error_code": status.code.name, "error_message": status.message},
                }
                for version, status in statuses.items()
            ]
        },
        indent=1,
    ).encode()
