"""Calls as steps of a flow: asked, remembered and checked."""

from collections.abc import Callable, Generator
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

from sdp_serving.contract.components import Component
from sdp_serving.contract.routes import Variant
from sdp_serving.contract.signatures import SignatureName
from sdp_serving.generation.calls import Answer, Array, Call, Look, Offer
from sdp_serving.generation.errors import UnexpectedAnswerError
from sdp_serving.generation.memory import Memory

T = TypeVar("T")


class Stage(StrEnum):
    """What is being done; the value is the word for it."""

    ENCODING = "encoding"
    DENOISING = "denoising"
    DECODING = "decoding"


@dataclass(frozen=True)
class Progress:
    """How far it is.

    Attributes:
        stage: what is being done.
        step: how many denoising steps are done, of all pictures that are drawn one after the other.
        total: how many there are to do.
        preview: asks the decoder for the pictures as they are now, which `decode.pictures_of` reads from the answer; to
            be called or not. None where there is none.
    """

    stage: Stage
    step: int
    total: int
    preview: Call | None = None


@dataclass(frozen=True)
class Work:
    """Something to compute here that takes a while, for which an event loop has a thread.

    Attributes:
        run: computes it; to be called once.
    """

    run: Callable[[], None]


Flow = Generator[Call | Look | Progress | Work, Answer | Offer | None, T]
"""Yields what is to be asked or done, and is sent the answers: an Answer for a Call, an Offer for a Look, else None.

An error in asking is thrown into it. Closing it between two of its steps leaves the rest undone.
"""


def tell(progress: Progress) -> Flow[None]:
    """Tell how far it is."""
    yield progress


def compute(work: Callable[[], T]) -> Flow[T]:
    """Compute something that takes a while."""
    found: list[T] = []
    yield Work(lambda: found.append(work()))
    return found[0]


def ask(memory: Memory, call: Call) -> Flow[Answer]:
    """Ask a server."""
    answer = yield call
    assert isinstance(answer, Answer), "an Answer is sent for a Call"
    if call.version is None:
        memory.saw(call.component, call.variant, answer.version)
    return answer


def look(
    memory: Memory, component: Component, version: int | None = None, variant: Variant = Variant.STABLE
) -> Flow[Offer]:
    """What a model can do, as it is remembered or else as its server says."""
    question = Look(component, version, variant)
    known = memory.offer(question)
    if known is not None:
        return known
    offer = yield question
    assert isinstance(offer, Offer), "an Offer is sent for a Look"
    memory.keep_offer(question, offer)
    return offer


def output(answer: Answer, call: Call, name: str, shape: tuple[int | None, ...]) -> Array:
    """One output, which must be `shape` where that is not None.

    Raises:
        UnexpectedAnswerError: when it is missing, or of another shape.
    """
    array = answer.outputs.get(name)
    if array is None:
        raise UnexpectedAnswerError(
            call.component, f"the {call.component} answered no {name}: serve a model that `sdpipeline export` wrote"
        )
    fits = array.ndim == len(shape) and all(want in (None, have) for have, want in zip(array.shape, shape, strict=True))
    if not fits:
        wanted = ", ".join("?" if size is None else str(size) for size in shape)
        raise UnexpectedAnswerError(
            call.component,
            f"the output {name} of the {call.component} has the shape {list(array.shape)} instead of [{wanted}]: serve"
            " models that `sdpipeline export` wrote for one pipeline",
        )
    return array


def offers(offer: Offer, *names: SignatureName) -> bool:
    """Whether a model has all these signatures."""
    return all(name in offer.signatures for name in names)
