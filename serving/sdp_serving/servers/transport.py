"""What is asked of a way to the model servers."""

import re
from collections.abc import Mapping
from typing import Any, Final, NamedTuple, Protocol, Self, TypeVar

import numpy as np

from sdp_serving.contract.components import Component
from sdp_serving.contract.exported import exported_signatures
from sdp_serving.contract.signatures import LATENT_FACTOR
from sdp_serving.generation.calls import Answer, Call, Look, Offer
from sdp_serving.generation.errors import (
    BatchesOnlyError,
    NotOfferedError,
    RequestRefusedError,
    UnexpectedAnswerError,
)
from sdp_serving.generation.printable import printable

T = TypeVar("T")

_BATCHING: Final = "Batching Run() input tensors must have at least one dimension"
"""What TensorFlow Serving says where it batches (batching/batching_session.cc)."""
_NO_MEMORY: Final = "OOM when allocating tensor"
"""What TensorFlow says where a GPU is full."""
_IN_GRAPH: Final = re.compile(r"\[\[\{\{.*?\}\}\]\]")
_ASSERTION: Final = re.compile(r"assertion failed: \[(.*)\]")
_LAST_PORT: Final = 65535


class Address(NamedTuple):
    """Where one server listens."""

    host: str
    port: int

    def __str__(self) -> str:
        """Such as `127.0.0.1:8500`."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @classmethod
    def parse(cls, written: str) -> Self | None:
        """The address that is written so, an IPv6 host with brackets or without; None where it is none."""
        host, _, port = written.rpartition(":")
        if not host or not port.isdecimal() or not 0 < int(port) <= _LAST_PORT:
            return None
        return cls(host.removeprefix("[").removesuffix("]"), int(port))


class Transport(Protocol):
    """A way to the servers of some components."""

    def predict(self, call: Call) -> Answer:
        """Run one signature.

        Raises:
            NotOfferedError: there is no such component.
            VersionGoneError: the version is not served.
            ServerError: one of its other kinds.
        """

    def look(self, look: Look) -> Offer:
        """What a model can do.

        Raises:
            NotOfferedError: there is no such component.
            VersionGoneError: the version is not served.
            ServerError: one of its other kinds.
        """

    def close(self) -> None:
        """Let go of all connections."""


class AsyncTransport(Protocol):
    """As `Transport`, for asyncio. Cancelling a call gives it up."""

    async def predict(self, call: Call) -> Answer:
        """As `Transport.predict`."""

    async def look(self, look: Look) -> Offer:
        """As `Transport.look`."""

    async def close(self) -> None:
        """Let go of all connections."""


def one_line(text: str) -> str:
    """A server's error text as one line, without what TensorFlow puts around the words of a model's own check."""
    line = printable(" ".join(_IN_GRAPH.sub(" ", text).split()))
    failed = _ASSERTION.fullmatch(line)
    return (failed[1] if failed else line) or "no details"


def refused(component: Component, said: str, *, code: str, where: str, is_clients_fault: bool) -> RequestRefusedError:
    """The error for a request that a server refused.

    Args:
        component: the server's.
        said: its own words.
        code: such as `INVALID_ARGUMENT` or `HTTP 400`.
        where: the component and its address, for the message.
        is_clients_fault: whether the code says so.
    """
    words = one_line(said)
    kind = BatchesOnlyError if words.startswith(_BATCHING) else RequestRefusedError
    remedy = ": ask for fewer or smaller pictures at once" if words.startswith(_NO_MEMORY) else ""
    message = f"{where} refused the request ({code}): {words}{remedy}"
    return kind(component, message, is_clients_fault=is_clients_fault)


def of_component(component: Component, servers: Mapping[Component, T]) -> T:
    """The component's own.

    Raises:
        NotOfferedError: when there is none.
    """
    found = servers.get(component)
    if found is None:
        raise NotOfferedError(
            component,
            f"there is no {component}: add {component.field} to the pipeline's spec, or say where one is",
        )
    return found


def output_dtypes(call: Call) -> Mapping[str, np.dtype[Any]]:
    """The outputs that the contract promises; neither names nor dtypes depend on a model's size."""
    outputs = exported_signatures(call.component, width=1, image_size=LATENT_FACTOR)[call.signature].outputs
    return {name: np.dtype(object if spec.dtype == "string" else spec.dtype) for name, spec in outputs.items()}


def checked(call: Call, answer: Answer) -> Answer:
    """`answer` as it is.

    Raises:
        UnexpectedAnswerError: when an output is missing or has another dtype than the contract's.
    """
    for name, dtype in output_dtypes(call).items():
        if call.outputs and name not in call.outputs:
            continue
        have = answer.outputs.get(name)
        if have is None or have.dtype != dtype:
            found = "nothing" if have is None else str(have.dtype)
            raise UnexpectedAnswerError(
                call.component,
                f"the {call.component} answered {found} for its output {name}, not {dtype}: serve a model that"
                " `sdpipeline export` wrote",
            )
    return answer
