"""What is asked of model servers and what they answer, whichever way it travels."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from sdp_serving.contract.components import Component
from sdp_serving.contract.routes import Variant
from sdp_serving.contract.signatures import Signature, SignatureName

Array = NDArray[Any]
"""Of the contract's dtypes; strings are arrays of dtype object that hold bytes."""


@dataclass(frozen=True)
class Call:
    """One signature of one model, with its inputs.

    Attributes:
        component: the model.
        signature: its function.
        inputs: by name, of the dtypes and shapes of `contract.exported`.
        outputs: those that are wanted, which saves sending the others; all when empty. Answers may hold more.
        version: of the model; None for the one that the server prefers.
        variant: the diffusion model's server: a canary may have one of its own.
    """

    component: Component
    signature: SignatureName
    inputs: Mapping[str, Array]
    outputs: tuple[str, ...] = ()
    version: int | None = None
    variant: Variant = Variant.STABLE


@dataclass(frozen=True)
class Answer:
    """A server's answer: its outputs by name, and the version of the model that made them."""

    outputs: Mapping[str, Array]
    version: int


@dataclass(frozen=True)
class Look:
    """The question what a model can do, which is answered by an `Offer`.

    Attributes:
        component: the model.
        version: as of a `Call`.
        variant: as of a `Call`.
    """

    component: Component
    version: int | None = None
    variant: Variant = Variant.STABLE


@dataclass(frozen=True)
class Offer:
    """What a model can do.

    Attributes:
        version: of the model.
        signatures: by name; those that have tensors of dtypes beyond the contract's are left out.
    """

    version: int
    signatures: Mapping[str, Signature]
