"""From requests to pictures: the one description of it, for clients and the gateway.

A flow is driven like this, by `servers.drive` and others:

    flow = generate(request, setting)
    event = next(flow)
    while True:                        # StopIteration brings the Generation
        match event:
            case Call():     event = flow.send(<the server's Answer>)
            case Look():     event = flow.send(<the server's Offer>)
            case Progress(): event = flow.send(None)
            case Work():     event.run(); event = flow.send(None)

An error in asking is thrown into it (`flow.throw(error)`), for it knows what to try instead; if nothing, it comes out
again. `flow.close()` between two events leaves the remaining steps undone.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

import numpy as np

from sdp_serving.contract.components import DRAWING, Component
from sdp_serving.contract.routes import Canary, Variant
from sdp_serving.contract.sampling import Sampler, Schedule
from sdp_serving.contract.signatures import LATENT_FACTOR
from sdp_serving.generation.ask import Flow, Progress, Stage, compute, look, tell
from sdp_serving.generation.calls import Look, Offer
from sdp_serving.generation.decode import Decoded, Encoding, decode
from sdp_serving.generation.denoise import Drawing, Drawn, Target, draw
from sdp_serving.generation.encode import Contexts, Tokenize, encode
from sdp_serving.generation.errors import (
    InvalidRequestError,
    NotOfferedError,
    RequestRefusedError,
    ServerUnreachableError,
    UnexpectedAnswerError,
    VersionGoneError,
)
from sdp_serving.generation.generation import Generation
from sdp_serving.generation.memory import Memory
from sdp_serving.generation.receipt import ModelReceipt, Receipt, SourceReceipt, source_receipt
from sdp_serving.generation.request import ImageRequest, Size
from sdp_serving.generation.sizes import chosen_size
from sdp_serving.generation.start import Start, from_picture
from sdp_serving.generation.suitable import require_suitable, takes_choices

_MOST_CALLS: Final = 25
_SMALLEST_CLIP_WIDTH: Final = 768


@dataclass(frozen=True)
class Setting:
    """What a flow works with besides its request.

    Attributes:
        memory: what earlier flows of the same pipeline learnt.
        tokenize: turns a prompt into 77 tokens, for text encoders that take no text.
        fresh_seed: draws a seed for a request that has none.
        canary: the diffusion model that is to draw; None for the stable one, which also draws when the canary is gone.
        stride: how many steps a call may take, so that something is told between two calls and the flow can be closed
            there: `stride_of` gives a good one. None for all steps in one call, which costs least. Pictures don't
            depend on it.
        encoding: how the decoder is to send the pictures; None for pixels.
        clock: seconds, of which only differences count.
    """

    memory: Memory
    tokenize: Tokenize
    fresh_seed: Callable[[], int]
    canary: Canary | None = None
    stride: int | None = None
    encoding: Encoding | None = Encoding.PNG
    clock: Callable[[], float] = time.monotonic


def stride_of(steps: int) -> int:
    """A stride with which progress is told in time and the calls themselves cost little: at most 25 calls."""
    return -(-steps // _MOST_CALLS)


def generate(request: ImageRequest, setting: Setting) -> Flow[Generation]:
    """Draw the pictures of one request.

    Raises:
        PipelineError: one of its kinds, out of `next`, `send` or `throw`.
    """
    [generation] = yield from generate_together([request], setting)
    return generation


def generate_together(requests: Sequence[ImageRequest], setting: Setting) -> Flow[tuple[Generation, ...]]:
    """Draw the pictures of several requests in one batch; each is as if it were drawn alone.

    Args:
        requests: one, or several of which `ImageRequest.together` says the same.
        setting: for all of them.

    Raises:
        PipelineError: one of its kinds, out of `next`, `send` or `throw`.
    """
    assert len({request.together() for request in requests}) == 1, "requests of one batch are alike"
    assert len(requests) == 1 or requests[0].source is None, "a request with a source is drawn alone"
    seeded = [
        request if request.seed is not None else replace(request, seed=setting.fresh_seed()) for request in requests
    ]
    has_choice = any(request.seed is not None or request.guidance_scale is not None for request in requests)
    known = setting.memory.offers()
    try:
        return (yield from _generate(seeded, setting, has_choice=has_choice))
    except VersionGoneError:
        raise
    except (NotOfferedError, RequestRefusedError, UnexpectedAnswerError) as error:
        # What models could do may be what their predecessors could, even under the same version numbers.
        if not (yield from _has_changed(known, {error.component, *DRAWING}, setting)):
            raise
        return (yield from _generate(seeded, setting, has_choice=has_choice))


def _has_changed(known: Mapping[Look, Offer], components: Set[Component], setting: Setting) -> Flow[bool]:
    """Look again at the models of these components; whether any can do something else than was known."""
    for component in components:
        setting.memory.forget(component)
    for asked, before in known.items():
        is_canary = asked.variant is Variant.CANARY
        if asked.component not in components or (is_canary and asked.version != _version(setting.canary)):
            continue
        try:
            offer = yield from look(setting.memory, asked.component, asked.version, asked.variant)
        except (VersionGoneError, ServerUnreachableError):
            if not is_canary:
                raise
            return True
        if offer != before:
            return True
    return False


def _version(canary: Canary | None) -> int | None:
    return None if canary is None else canary.version


def default_guidance_scale(width: int) -> float:
    """The guidance scale that suits a model, judged by the width of its text encoder's context.

    7.5 is Stable Diffusion's customary one (widths 768 and up); sd-tiny's colours saturate beyond 4, and 3 suits it.
    """
    return 7.5 if width >= _SMALLEST_CLIP_WIDTH else 3.0


def _generate(requests: Sequence[ImageRequest], setting: Setting, *, has_choice: bool) -> Flow[tuple[Generation, ...]]:
    stopwatch, steps = _Stopwatch(setting.clock), requests[0].steps_to_take
    stopwatch.begin(Stage.ENCODING)
    yield from tell(Progress(Stage.ENCODING, 0, steps))
    contexts = yield from encode(requests, setting.memory, setting.tokenize)

    stopwatch.begin(Stage.DENOISING)
    decoder = yield from look(setting.memory, Component.DECODER)
    denoised = yield from _denoise(requests, contexts, decoder, setting, has_choice=has_choice)

    stopwatch.begin(Stage.DECODING)
    yield from tell(Progress(Stage.DECODING, steps, steps))
    decoded = yield from decode(denoised.drawn.latent, decoder, setting.encoding, setting.memory)
    seconds = stopwatch.end()
    source = requests[0].source
    from_source = None if source is None else (yield from compute(partial(source_receipt, source)))
    return tuple(_sorted_out(requests, contexts, denoised, decoded, from_source, seconds))


@dataclass(frozen=True)
class _Denoised:
    drawing: Drawing
    drawn: Drawn
    variant: Variant
    is_chosen: bool
    """Whether the model heeded seed and guidance scale."""


def _denoise(
    requests: Sequence[ImageRequest], contexts: Contexts, decoder: Offer, setting: Setting, *, has_choice: bool
) -> Flow[_Denoised]:
    model, canary = Component.DIFFUSION_MODEL, setting.canary
    if canary is not None:
        try:
            offer = yield from look(setting.memory, model, canary.version, Variant.CANARY)
            target = Target(offer, Variant.CANARY, canary.version)
            return (yield from _denoise_at(target, requests, contexts, decoder, setting, has_choice=has_choice))
        except (VersionGoneError, ServerUnreachableError) as error:
            # Promoted or given up since, the canary leaves the picture to the other one.
            if error.component is not model:
                raise
    target = Target((yield from look(setting.memory, model)))
    return (yield from _denoise_at(target, requests, contexts, decoder, setting, has_choice=has_choice))


def _denoise_at(
    target: Target,
    requests: Sequence[ImageRequest],
    contexts: Contexts,
    decoder: Offer,
    setting: Setting,
    *,
    has_choice: bool,
) -> Flow[_Denoised]:
    first = requests[0]
    require_suitable(first, target.offer, has_choice=has_choice)
    size = chosen_size(first.size, target.offer, decoder)
    start = None
    if first.source is not None:
        if size is None:
            raise InvalidRequestError("the models don't tell which size they draw in: give a size")
        start = yield from from_picture(first.source, size, setting.memory)
    drawing = _drawing(requests, contexts, start, size)
    drawn = yield from draw(drawing, target, decoder, setting.memory, setting.stride)
    return _Denoised(drawing, drawn, target.variant, takes_choices(target.offer))


def _drawing(requests: Sequence[ImageRequest], contexts: Contexts, start: Start | None, size: Size | None) -> Drawing:
    first = requests[0]
    # A single row is one for all pictures.
    counts = [request.images for request in requests]
    spread = (lambda rows: rows) if len(requests) == 1 else (lambda rows: np.repeat(rows, counts, axis=0))
    scale = first.guidance_scale
    return Drawing(
        context=spread(contexts.context),
        unconditional=spread(contexts.unconditional),
        seeds=tuple(seed for request in requests for seed in request.seeds),
        steps=first.steps,
        steps_to_take=first.steps_to_take,
        guidance_scale=default_guidance_scale(contexts.context.shape[-1]) if scale is None else scale,
        sampler=first.sampler or Sampler.DDIM,
        schedule=first.schedule or Schedule.LINSPACE,
        start=start,
        size=size,
    )


def _sorted_out(
    requests: Sequence[ImageRequest],
    contexts: Contexts,
    denoised: _Denoised,
    decoded: Decoded,
    source: SourceReceipt | None,
    seconds: Mapping[Stage, float],
) -> Iterator[Generation]:
    """Yields each request's own part of a batch."""
    drawing = denoised.drawing
    _, height, width, _ = denoised.drawn.latent.shape
    versions = {
        Component.TEXT_ENCODER: contexts.version,
        Component.DIFFUSION_MODEL: denoised.drawn.version,
        Component.DECODER: decoded.version,
    }
    if drawing.start is not None:
        versions[Component.IMAGE_ENCODER] = drawing.start.version
    at = 0
    for row, request in enumerate(requests):
        pictures = decoded.pictures.part(at, at + request.images)
        at += request.images
        receipt = Receipt(
            prompt=request.prompt,
            negative_prompt=request.negative_prompt,
            images=request.images,
            seed=request.seed if denoised.is_chosen else None,
            steps=request.steps,
            guidance_scale=drawing.guidance_scale if denoised.is_chosen else None,
            sampler=drawing.sampler,
            schedule=drawing.schedule,
            width=width * LATENT_FACTOR,
            height=height * LATENT_FACTOR,
            source=source,
            variant=denoised.variant,
            models={component: ModelReceipt(version=version) for component, version in versions.items()},
        )
        yield Generation(pictures, receipt, contexts.cut_off[row], contexts.negative_cut_off[row], seconds)


class _Stopwatch:
    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._marks: list[tuple[Stage, float]] = []

    def begin(self, stage: Stage) -> None:
        self._marks.append((stage, self._clock()))

    def end(self) -> Mapping[Stage, float]:
        starts = [start for _, start in self._marks]
        ends = [*starts[1:], self._clock()]
        return {stage: end - start for (stage, start), end in zip(self._marks, ends, strict=True)}
