"""What the client asks of a way to the model servers."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from sdp_serving.client.errors import UnexpectedAnswerError
from sdp_serving.contract.components import Component
from sdp_serving.contract.signatures import LATENT_FACTOR, SignatureName, signatures

Array = NDArray[Any]

_IN_GRAPH: Final = re.compile(r"\[\[\{\{.*?\}\}\]\]")


class Address(NamedTuple):
    """Where one server listens."""

    host: str
    port: int

    def __str__(self) -> str:
        """Such as `127.0.0.1:8500`."""
        return f"{self.host}:{self.port}"


@dataclass(frozen=True)
class Answer:
    """A server's answer: its outputs by name, and the version of the model that made them."""

    outputs: Mapping[str, Array]
    version: int


class Transport(Protocol):
    """A way to the three servers."""

    def predict(
        self, component: Component, signature: SignatureName, inputs: Mapping[str, Array], *, version: int | None = None
    ) -> Answer:
        """Run one signature.

        Args:
            component: the model to ask.
            signature: its function.
            inputs: arrays of the contract's dtypes and shapes, by name.
            version: of the model; the one that the server prefers when left out.

        Raises:
            VersionGoneError: it is not served.
            ServerError: one of its other kinds.
        """

    def close(self) -> None:
        """Let go of all connections."""


def one_line(text: str) -> str:
    """A server's error text as one line, without the places in the graph that TensorFlow appends in double brackets."""
    return " ".join(_IN_GRAPH.sub(" ", text).split()) or "no details"


def output_dtypes(component: Component, signature: SignatureName) -> Mapping[str, np.dtype[Any]]:
    """The outputs that the contract promises; neither names nor dtypes depend on a model's size."""
    outputs = signatures(component, width=1, image_size=LATENT_FACTOR)[signature].outputs
    return {name: np.dtype(spec.dtype) for name, spec in outputs.items()}


def checked(component: Component, signature: SignatureName, answer: Answer) -> Answer:
    """`answer` as it is.

    Raises:
        UnexpectedAnswerError: when an output is missing or has another dtype than the contract's.
    """
    for name, dtype in output_dtypes(component, signature).items():
        have = answer.outputs.get(name)
        if have is None or have.dtype != dtype:
            found = "nothing" if have is None else str(have.dtype)
            raise UnexpectedAnswerError(
                f"the {component} answered {found} for its output {name}, not {dtype}: serve a model that"
                " `sdpipeline export` wrote"
            )
    return answer
