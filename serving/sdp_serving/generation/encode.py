"""Prompts to contexts."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from sdp_serving.contract.components import Component
from sdp_serving.contract.signatures import TOKENS, SignatureName
from sdp_serving.generation.ask import Flow, ask, look, offers, output
from sdp_serving.generation.calls import Answer, Array, Call
from sdp_serving.generation.errors import VersionGoneError
from sdp_serving.generation.memory import Memory
from sdp_serving.generation.request import ImageRequest

Tokenize = Callable[[str], Sequence[int]]
"""77 token ids of a prompt."""

_ENCODER = Component.TEXT_ENCODER


@dataclass(frozen=True)
class Contexts:
    """Of several requests, a row each.

    Attributes:
        context: float32 [requests, 77, width].
        unconditional: like `context`.
        cut_off: how many tokens of each prompt did not fit; None where the text encoder doesn't tell.
        negative_cut_off: the same of the negative prompts.
        version: of the text encoder.
    """

    context: Array
    unconditional: Array
    cut_off: tuple[int | None, ...]
    negative_cut_off: tuple[int | None, ...]
    version: int


def encode(requests: Sequence[ImageRequest], memory: Memory, tokenize: Tokenize) -> Flow[Contexts]:
    """Encode the prompts and negative prompts of several requests.

    Args:
        requests: one or more.
        memory: what is remembered.
        tokenize: for text encoders that take no text.
    """
    offer = yield from look(memory, _ENCODER)
    if offers(offer, SignatureName.ENCODE_PROMPTS):
        return (yield from _encode_text(requests, memory))
    return (yield from _encode_tokens(requests, memory, tokenize))


def _encode_text(requests: Sequence[ImageRequest], memory: Memory) -> Flow[Contexts]:
    count = len(requests)
    call = Call(
        _ENCODER,
        SignatureName.ENCODE_PROMPTS,
        {
            "prompts": _strings([request.prompt for request in requests]),
            "negative_prompts": _strings([request.negative_prompt for request in requests]),
        },
    )
    answer = yield from ask(memory, call)
    context = output(answer, call, "context", (count, TOKENS, None))
    return Contexts(
        context,
        output(answer, call, "unconditional_context", context.shape),
        _counts(answer, call, "tokens_cut_off"),
        _counts(answer, call, "negative_tokens_cut_off"),
        answer.version,
    )


def _counts(answer: Answer, call: Call, name: str) -> tuple[int, ...]:
    return tuple(map(int, output(answer, call, name, (len(call.inputs["prompts"]),))))


def _encode_tokens(requests: Sequence[ImageRequest], memory: Memory, tokenize: Tokenize) -> Flow[Contexts]:
    encoded = []
    for request in requests:
        encoded.append((yield from _encode_one(request, memory, tokenize)))  # noqa: PERF401  # a comprehension may not yield
    contexts, unconditionals, versions = zip(*encoded, strict=True)
    nobody_tells = (None,) * len(requests)
    return Contexts(np.stack(contexts), np.stack(unconditionals), nobody_tells, nobody_tells, versions[-1])


def _encode_one(request: ImageRequest, memory: Memory, tokenize: Tokenize) -> Flow[tuple[Array, Array, int]]:
    context, unconditional, version = yield from _encode_prompt(request.prompt, memory, tokenize)
    if not request.negative_prompt:
        return context, unconditional, version
    try:
        negative, _, _ = yield from _encode_prompt(request.negative_prompt, memory, tokenize, version)
    except VersionGoneError:
        # It was replaced between the two.
        return (yield from _encode_one(request, memory, tokenize))
    return context, negative, version


def _encode_prompt(
    prompt: str, memory: Memory, tokenize: Tokenize, version: int | None = None
) -> Flow[tuple[Array, Array, int]]:
    inputs = {"tokens": np.array(tokenize(prompt), np.int32), "batch_size": np.array(1, np.int32)}
    call = Call(_ENCODER, SignatureName.DEFAULT, inputs, version=version)
    answer = yield from ask(memory, call)
    context = output(answer, call, "context", (1, TOKENS, None))
    return context[0], output(answer, call, "unconditional_context", context.shape)[0], answer.version


def _strings(texts: Sequence[str]) -> Array:
    return np.array([text.encode() for text in texts], dtype=object)
