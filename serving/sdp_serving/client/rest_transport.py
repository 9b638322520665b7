"""The servers over REST, as curl would ask them; tensors go as JSON, which takes about five times the bytes."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import requests

from sdp_serving.client.errors import (
    RequestRefusedError,
    ServerTimeoutError,
    ServerUnreachableError,
    UnexpectedAnswerError,
    VersionGoneError,
)
from sdp_serving.client.transport import Address, Answer, Array, checked, one_line, output_dtypes
from sdp_serving.contract.components import Component
from sdp_serving.contract.signatures import SignatureName


class _NotFoundError(RequestRefusedError):
    """It knows no such model, or no such version."""


class RestTransport:
    """TensorFlow Serving's REST API of each component."""

    def __init__(self, addresses: Mapping[Component, Address], *, timeout: float) -> None:
        """Prepare a session.

        Args:
            addresses: of each component's server.
            timeout: seconds to wait for an answer.
        """
        self._addresses = addresses
        self._timeout = timeout
        self._session = requests.Session()
        # The servers are in the cluster or on loopback, where no proxy leads.
        self._session.trust_env = False

    def predict(
        self, component: Component, signature: SignatureName, inputs: Mapping[str, Array], *, version: int | None = None
    ) -> Answer:
        """Run one signature of `component`, in the columnar format, for it has inputs without a batch dimension."""
        body = {"signature_name": signature, "inputs": {name: array.tolist() for name, array in inputs.items()}}
        if version is None:
            path, answers = ":predict", self._version(component)
        else:
            path, answers = f"/versions/{version}:predict", version
        try:
            found: Any = self._ask(component, "POST", path, body).get("outputs")
        except _NotFoundError as error:
            if version is None:
                raise
            raise VersionGoneError(str(error)) from error
        dtypes = output_dtypes(component, signature)
        if len(dtypes) == 1:
            # Then TensorFlow Serving drops the name.
            found = dict.fromkeys(dtypes, found)
        try:
            outputs = {name: np.array(found[name], dtype) for name, dtype in dtypes.items()}
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise UnexpectedAnswerError(
                f"the {component} answered no outputs {', '.join(dtypes)}: serve a model that `sdpipeline export` wrote"
            ) from error
        return checked(component, signature, Answer(outputs, answers))

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    def _version(self, component: Component) -> int:
        """The version that answers where none is named, the highest: unlike gRPC's, a REST answer does not say it.

        The request is not pinned to it, since during a swap the next pod may have only another one.
        """
        listed = self._ask(component, "GET", "").get("model_version_status", [])
        served = [int(entry["version"]) for entry in listed if entry["state"] == "AVAILABLE"]
        if not served:
            raise ServerUnreachableError(f"the {component} has no model loaded yet: wait until the pipeline is Ready")
        return max(served)

    def _ask(self, component: Component, method: str, path: str, body: object = None) -> dict[str, Any]:
        where = f"the {component} at {self._addresses[component]}"
        url = f"http://{self._addresses[component]}/v1/models/{component}{path}"
        try:
            answer = self._session.request(method, url, json=body, timeout=self._timeout)
            content = answer.json()
        except requests.JSONDecodeError as error:
            raise UnexpectedAnswerError(
                f"{where} did not answer as TensorFlow Serving does: check what listens there"
            ) from error
        except requests.Timeout as error:
            raise ServerTimeoutError(
                f"{where} gave no answer within {self._timeout:g} s: ask for fewer steps, or give more time"
            ) from error
        except requests.RequestException as error:
            raise ServerUnreachableError(
                f"{where} cannot be reached: see with `kubectl get pods` whether its pod is ready, and try again"
            ) from error
        if not isinstance(content, dict):
            raise UnexpectedAnswerError(f"{where} did not answer as TensorFlow Serving does: check what listens there")
        match answer.status_code:
            case 200:
                return content
            case 504:
                raise ServerTimeoutError(
                    f"{where} stopped the request at its own limit: raise the server's REST time-out or use gRPC"
                )
            case 503:
                raise ServerUnreachableError(f"{where} cannot answer now ({_text(content)}): try again")
            case 404:
                raise _NotFoundError(f"{where} refused the request (HTTP 404): {_text(content)}")
            case status:
                raise RequestRefusedError(f"{where} refused the request (HTTP {status}): {_text(content)}")


def _text(content: dict[str, Any]) -> str:
    return one_line(str(content.get("error", "")))
