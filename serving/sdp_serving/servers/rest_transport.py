"""The servers over REST, as curl would ask them; tensors go as JSON, which takes about five times the bytes."""

import base64
import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

import numpy as np
import requests
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

from sdp_serving.contract.components import Component
from sdp_serving.generation.calls import Answer, Array, Call, Look, Offer
from sdp_serving.generation.errors import (
    RequestRefusedError,
    ServerTimeoutError,
    ServerUnreachableError,
    UnexpectedAnswerError,
    VersionGoneError,
)
from sdp_serving.servers.offers import offer_of_json
from sdp_serving.servers.transport import Address, checked, of_component, one_line, output_dtypes, refused

_CONNECT_SECONDS: Final = 20.0
_TRY_AGAIN: Final = Retry(connect=3, read=False, redirect=False, status=False, other=False, backoff_factor=0.1)
"""Only what never reached a server: a prediction may be under way on one that does not answer."""
_JSON: Final = {"Content-Type": "application/json"}


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
        self._session.mount("http://", HTTPAdapter(max_retries=_TRY_AGAIN))
        # The servers are in the cluster or on loopback, where no proxy leads.
        self._session.trust_env = False

    def predict(self, call: Call) -> Answer:
        """Run one signature, in the columnar format, for some have inputs without a batch dimension."""
        inputs = {name: _to_json(array) for name, array in call.inputs.items()}
        # Asked first: the answer itself does not say which version it is of.
        version = self._served_version(call.component) if call.version is None else call.version
        body = {"signature_name": call.signature, "inputs": inputs}
        found: Any = self._ask(call, "POST", ":predict", body).get("outputs")
        dtypes = output_dtypes(call)
        if len(dtypes) == 1:
            # Then TensorFlow Serving drops the name.
            found = dict.fromkeys(dtypes, found)
        try:
            outputs = {name: _to_array(found[name], dtype) for name, dtype in dtypes.items()}
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise UnexpectedAnswerError(
                call.component,
                f"the {call.component} answered no outputs {', '.join(dtypes)}: serve a model that `sdpipeline export`"
                " wrote",
            ) from error
        return checked(call, Answer(outputs, version))

    def look(self, look: Look) -> Offer:
        """What a model can do."""
        content = self._ask(look, "GET", "/metadata")
        try:
            return offer_of_json(content)
        except ValueError as error:
            raise UnexpectedAnswerError(
                look.component, f"the {look.component} did not tell its signatures: check what listens there"
            ) from error

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    def _served_version(self, component: Component) -> int:
        """The version that answers where none is named: the highest.

        The request is not pinned to it, since during a swap the next pod may have only another one.
        """
        listed = self._ask(Look(component), "GET", "").get("model_version_status", [])
        served = [int(entry["version"]) for entry in listed if entry["state"] == "AVAILABLE"]
        if not served:
            raise ServerUnreachableError(
                component, f"the {component} has no model loaded yet: wait until the pipeline is Ready"
            )
        return max(served)

    def _ask(self, asked: Call | Look, method: str, path: str, body: object = None) -> dict[str, Any]:
        component, version = asked.component, asked.version
        at = "" if version is None else f"/versions/{version}"
        try:
            return self._request(component, method, f"{at}{path}", body)
        except _NotFoundError as error:
            if version is None:
                raise
            raise VersionGoneError(component, str(error)) from error

    def _request(self, component: Component, method: str, path: str, body: object) -> dict[str, Any]:
        address = of_component(component, self._addresses)
        where = f"the {component} at {address}"
        url = f"http://{address}/v1/models/{component}{path}"
        try:
            # Not by `json=`, which refuses the NaN that TensorFlow Serving takes.
            limits = (min(self._timeout, _CONNECT_SECONDS), self._timeout)
            data = None if body is None else json.dumps(body).encode()
            answer = self._session.request(method, url, data=data, headers=_JSON, timeout=limits)
            content = answer.json()
        except requests.JSONDecodeError as error:
            raise UnexpectedAnswerError(
                component, f"{where} did not answer as TensorFlow Serving does: check what listens there"
            ) from error
        except requests.Timeout as error:
            raise ServerTimeoutError(
                component,
                f"{where} gave no answer within {self._timeout:g} s: ask for fewer steps, or give more time",
            ) from error
        except requests.RequestException as error:
            raise ServerUnreachableError(
                component,
                f"{where} cannot be reached: see with `kubectl get pods` whether its pod is ready, and try again",
            ) from error
        if not isinstance(content, dict):
            raise UnexpectedAnswerError(
                component, f"{where} did not answer as TensorFlow Serving does: check what listens there"
            )
        match answer.status_code:
            case 200:
                return content
            case 504:
                raise ServerTimeoutError(
                    component,
                    f"{where} stopped the request at its own limit: raise the server's REST time-out or use gRPC",
                )
            case 503:
                raise ServerUnreachableError(component, f"{where} cannot answer now ({_text(content)}): try again")
            case 404:
                raise _NotFoundError(component, f"{where} refused the request (HTTP 404): {_text(content)}")
            case status:
                raise refused(
                    component,
                    str(content.get("error", "")),
                    code=f"HTTP {status}",
                    where=where,
                    is_clients_fault=status == HTTPStatus.BAD_REQUEST,
                )


def _to_json(array: Array) -> Any:
    if array.dtype != object:
        return array.tolist()
    return [each.decode() for each in array] if array.ndim else array.item().decode()


def _to_array(found: Any, dtype: np.dtype[Any]) -> Array:
    if dtype.kind != "O":
        return np.array(found, dtype)
    # The contract's only strings in answers are files, whose names end in `_bytes`.
    array = np.empty(len(found), dtype=object)
    array[:] = [base64.b64decode(each["b64"], validate=True) for each in found]
    return array


def _text(content: dict[str, Any]) -> str:
    return one_line(str(content.get("error", "")))
