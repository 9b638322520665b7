"""The model server of the same pod, asked over REST."""

import http.client
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import urlsplit

from sdp_serving.contract.components import Component
from sdp_serving.contract.swap import ModelNumber

_LOOK_SECONDS: Final = 5.0


class SilentError(Exception):
    """The server did not answer, or only half."""


class RefusedError(Exception):
    """The server answered with an error; the text is its own."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class State(StrEnum):
    """Where a model is in its life in the server."""

    START = "START"
    LOADING = "LOADING"
    AVAILABLE = "AVAILABLE"
    UNLOADING = "UNLOADING"
    END = "END"
    UNKNOWN = "UNKNOWN"
    """What it calls a moment between two others."""


@dataclass(frozen=True)
class Status:
    """What the server says of a model.

    Attributes:
        state: where it is.
        error: why its load failed; None when it did not.
    """

    state: State
    error: str | None = None


Statuses = Mapping[ModelNumber, Status]


class ModelServer:
    """TensorFlow Serving's REST API for one component."""

    def __init__(self, url: str, component: Component) -> None:
        """Remember where it is; nothing is asked yet.

        Args:
            url: such as http://localhost:8501.
            component: the model's name in the server.
        """
        parts = urlsplit(url)
        self._host, self._port = parts.hostname or "localhost", parts.port
        self._path = f"/v1/models/{component}"

    def statuses(self) -> Statuses | None:
        """What it says of each model that it has seen; None when it is down, for then its ports are closed.

        Raises:
            SilentError: it may be there, and does not answer.
        """
        try:
            answer = self._ask("GET", "", timeout=_LOOK_SECONDS)
        except ConnectionRefusedError:
            return None
        except RefusedError as error:
            if error.status == HTTPStatus.NOT_FOUND:
                return {}
            raise SilentError(str(error)) from error
        try:
            return {ModelNumber(int(each["version"])): _status(each) for each in answer["model_version_status"]}
        except (KeyError, TypeError, ValueError) as error:
            raise SilentError(f"an answer that cannot be read: {error!r}") from error

    def signatures(self, number: ModelNumber) -> Sequence[str]:
        """Names of a loaded model's signatures.

        Raises:
            SilentError: it does not answer.
            RefusedError: it answers with an error.
        """
        answer = self._asked("GET", f"/versions/{number}/metadata", timeout=_LOOK_SECONDS)
        try:
            return list(answer["metadata"]["signature_def"]["signature_def"])
        except (KeyError, TypeError) as error:
            raise SilentError(f"an answer that cannot be read: {error!r}") from error

    def predict(self, number: ModelNumber, signature: str, inputs: Mapping[str, Any], *, timeout: float) -> Any:
        """The outputs of a loaded model: by name, or bare when it has only one.

        Raises:
            SilentError: it does not answer in `timeout` seconds.
            RefusedError: it answers with an error.
        """
        body = json.dumps({"signature_name": signature, "inputs": inputs}).encode()
        answer = self._asked("POST", f"/versions/{number}:predict", body, timeout=timeout)
        return answer.get("outputs") if isinstance(answer, dict) else None

    def _asked(self, method: str, path: str, body: bytes | None = None, *, timeout: float) -> Any:
        try:
            return self._ask(method, path, body, timeout=timeout)
        except ConnectionRefusedError as error:
            raise SilentError("the model server is down") from error

    def _ask(self, method: str, path: str, body: bytes | None = None, *, timeout: float) -> Any:
        connection = http.client.HTTPConnection(self._host, self._port, timeout=timeout)
        try:
            connection.request(method, self._path + path, body)
            response = connection.getresponse()
            content = response.read()
        except ConnectionRefusedError:
            raise
        except (OSError, http.client.HTTPException) as error:
            raise SilentError(f"the model server did not answer: {str(error) or type(error).__name__}") from error
        finally:
            connection.close()
        if response.status != HTTPStatus.OK:
            raise RefusedError(response.status, _error(content))
        try:
            return json.loads(content)
        except ValueError as error:
            raise SilentError("an answer that is no JSON") from error


def _status(answer: Any) -> Status:
    told = answer["status"]
    failed = answer["state"] == State.END and told["error_code"] != "OK"
    return Status(State(answer["state"]), (told["error_message"] or str(told["error_code"])) if failed else None)


def _error(content: bytes) -> str:
    try:
        return str(json.loads(content)["error"])
    except (ValueError, KeyError, TypeError):
        return content[:200].decode(errors="replace")
