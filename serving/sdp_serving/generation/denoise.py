"""Contexts to latents."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from sdp_serving.contract.components import Component
from sdp_serving.contract.routes import Variant
from sdp_serving.contract.sampling import Sampler, Schedule
from sdp_serving.contract.signatures import LATENT_CHANNELS, LATENT_FACTOR, SignatureName
from sdp_serving.generation.ask import Flow, Progress, Stage, ask, offers, output, tell
from sdp_serving.generation.calls import Answer, Array, Call, Offer
from sdp_serving.generation.decode import preview_call
from sdp_serving.generation.errors import (
    BatchesOnlyError,
    NotOfferedError,
    UnexpectedAnswerError,
    VersionGoneError,
)
from sdp_serving.generation.memory import Memory
from sdp_serving.generation.request import Size
from sdp_serving.generation.sizes import own_size
from sdp_serving.generation.start import Start

_MODEL: Final = Component.DIFFUSION_MODEL
_BEGINNINGS: Final = 3
"""So often it begins, when the model is replaced between two ranges of steps, and then takes them all in one call."""


@dataclass(frozen=True)
class Target:
    """Which diffusion model to ask.

    Attributes:
        offer: what it can do.
        variant: as of a Call.
        version: as of a Call.
    """

    offer: Offer
    variant: Variant = Variant.STABLE
    version: int | None = None


@dataclass(frozen=True)
class Drawing:
    """Pictures to draw.

    Attributes:
        context: float32 [pictures, 77, width], or one row for all.
        unconditional: like `context`.
        seeds: one for each picture.
        steps: of the whole schedule.
        steps_to_take: the last of them that are taken.
        guidance_scale: how strongly the prompts lead.
        sampler: given or the model's own.
        schedule: given or the model's own.
        start: what to start from; None for noise.
        size: of the pictures; None for a model that has but its own.
    """

    context: Array
    unconditional: Array
    seeds: tuple[int, ...]
    steps: int
    steps_to_take: int
    guidance_scale: float
    sampler: Sampler
    schedule: Schedule
    start: Start | None
    size: Size | None


@dataclass(frozen=True)
class Drawn:
    """Latents, float32 [pictures, h/8, w/8, 4], and the version of the model that drew them."""

    latent: Array
    version: int


def draw(drawing: Drawing, target: Target, decoder: Offer, memory: Memory, stride: int | None) -> Flow[Drawn]:
    """Draw the latents.

    Args:
        drawing: of pictures that the target can draw.
        target: which model draws.
        decoder: what the decoder offers, for previews.
        memory: what is remembered.
        stride: how many steps a call may take; None for all, so that nothing is told meanwhile. Models that can't take
            some steps only take all.

    Raises:
        VersionGoneError: when the version that the target names is not served any more.
        NotOfferedError: when the model's server batches, and so can't draw this.
    """
    size = drawing.size
    if size is None or not offers(target.offer, _whole(drawing)):
        return (yield from _one_by_one(drawing, target, decoder, memory))
    try:
        return (yield from _freely(drawing, size, target, decoder, memory, stride))
    except BatchesOnlyError:
        return (yield from _by_rows(drawing, size, target, memory))


def _freely(
    drawing: Drawing, size: Size, target: Target, decoder: Offer, memory: Memory, stride: int | None
) -> Flow[Drawn]:
    if stride is not None and offers(target.offer, SignatureName.PREPARE_LATENT, SignatureName.DENOISE_RANGE):
        for _ in range(_BEGINNINGS):
            try:
                return (yield from _by_ranges(drawing, size, target, decoder, memory, stride))
            except VersionGoneError:
                if target.version is not None:
                    raise
    return (yield from _at_once(drawing, size, target, memory))


def _whole(drawing: Drawing) -> SignatureName:
    match drawing.start:
        case None:
            return SignatureName.TEXT_TO_IMAGE
        case Start(mask=None):
            return SignatureName.IMAGE_TO_IMAGE
        case _:
            return SignatureName.INPAINT


def _by_ranges(
    drawing: Drawing, size: Size, target: Target, decoder: Offer, memory: Memory, stride: int
) -> Flow[Drawn]:
    choices, origin = _choices(drawing), _origin(drawing.start, size)
    scheduled = {name: choices[name] for name in ("seeds", "num_steps", "schedule")}
    prepare = _call(SignatureName.PREPARE_LATENT, {**scheduled, **origin}, target, target.version)
    prepared = yield from ask(memory, prepare)
    latent = denoised = output(prepared, prepare, "latent", (len(drawing.seeds), *origin["init_latent"].shape[1:]))
    mask = _mask(drawing.start, latent)
    # All steps of a picture are to be of one model.
    version, total = prepared.version, drawing.steps_to_take
    yield from tell(Progress(Stage.DENOISING, 0, total))
    for first in range(0, total, stride):
        last = min(first + stride, total)
        so_far = {"mask": mask, "latent": latent, "denoised": denoised}
        steps = {"from_step": np.array(first, np.int32), "to_step": np.array(last, np.int32)}
        call = _call(SignatureName.DENOISE_RANGE, {**choices, **origin, **so_far, **steps}, target, version)
        answer = yield from ask(memory, call)
        latent = _finite(output(answer, call, "latent", latent.shape))
        denoised = output(answer, call, "denoised", latent.shape)
        yield from tell(Progress(Stage.DENOISING, last, total, preview_call(denoised, decoder)))
    return Drawn(latent, version)


def _at_once(drawing: Drawing, size: Size, target: Target, memory: Memory) -> Flow[Drawn]:
    total = drawing.steps_to_take
    yield from tell(Progress(Stage.DENOISING, 0, total))
    inputs = _choices(drawing)
    if drawing.start is not None:
        inputs |= _origin(drawing.start, size)
        if drawing.start.mask is not None:
            inputs["mask"] = drawing.start.mask
    else:
        inputs |= {"height": np.array(size.height, np.int32), "width": np.array(size.width, np.int32)}
    call = _call(_whole(drawing), inputs, target, target.version)
    answer = yield from ask(memory, call)
    yield from tell(Progress(Stage.DENOISING, total, total))
    return _drawn(answer, call, size, len(drawing.seeds))


def _by_rows(drawing: Drawing, size: Size, target: Target, memory: Memory) -> Flow[Drawn]:
    """As models draw whose server batches: only from text, and in their own size."""
    own = own_size(target.offer)
    if drawing.start is not None or size != own or not offers(target.offer, SignatureName.SAMPLE_BATCH):
        raise NotOfferedError(
            _MODEL,
            f"the server of the diffusion-model batches, and so draws from prompts alone and in {own} pixels only: ask"
            " for that, or remove `batching` from the pipeline's spec",
        )
    count, one = len(drawing.seeds), _choices(drawing)
    inputs = {
        "context": _rows(drawing.context, count),
        "unconditional_context": _rows(drawing.unconditional, count),
        "seed": one["seeds"],
        **{name: _rows(one[name], count) for name in ("num_steps", "guidance_scale", "sampler", "schedule")},
    }
    call = _call(SignatureName.SAMPLE_BATCH, inputs, target, target.version)
    return _drawn((yield from ask(memory, call)), call, size, count)


def _rows(value: Array, count: int) -> Array:
    """A row for each picture, of a single one that is for all."""
    return np.broadcast_to(value, (count, *(value.shape[1:] if value.ndim else ())))


def _one_by_one(drawing: Drawing, target: Target, decoder: Offer, memory: Memory) -> Flow[Drawn]:
    """As models draw that take one seed: a picture a call, so that each is of its own seed."""
    total = drawing.steps * len(drawing.seeds)
    yield from tell(Progress(Stage.DENOISING, 0, total))
    name = SignatureName.SAMPLE if offers(target.offer, SignatureName.SAMPLE) else SignatureName.DEFAULT
    latents: list[Array] = []
    version = target.version
    for index, seed in enumerate(drawing.seeds):
        row = slice(None) if len(drawing.context) == 1 else slice(index, index + 1)
        inputs = {
            "context": drawing.context[row],
            "unconditional_context": drawing.unconditional[row],
            "num_steps": np.array(drawing.steps, np.int32),
            "batch_size": np.array(1, np.int32),
        }
        if name is SignatureName.SAMPLE:
            inputs["seed"] = np.array(seed, np.int64)
            inputs["guidance_scale"] = np.array(drawing.guidance_scale, np.float32)
        call = _call(name, inputs, target, target.version)
        answer = yield from ask(memory, call)
        one = _drawn(answer, call, drawing.size, 1)
        version = one.version
        latents.append(one.latent)
        so_far = np.concatenate(latents)
        yield from tell(Progress(Stage.DENOISING, drawing.steps * len(latents), total, preview_call(so_far, decoder)))
    assert version is not None, "there is a seed for every picture, and at least one"
    return Drawn(np.concatenate(latents), version)


def _choices(drawing: Drawing) -> dict[str, Array]:
    return {
        "context": drawing.context,
        "unconditional_context": drawing.unconditional,
        "seeds": np.array(drawing.seeds, np.int64),
        "num_steps": np.array(drawing.steps, np.int32),
        "schedule": np.array(drawing.schedule.value.encode(), dtype=object),
        "sampler": np.array(drawing.sampler.value.encode(), dtype=object),
        "guidance_scale": np.array(drawing.guidance_scale, np.float32),
    }


def _origin(start: Start | None, size: Size) -> dict[str, Array]:
    if start is None:
        shape = (1, size.height // LATENT_FACTOR, size.width // LATENT_FACTOR, LATENT_CHANNELS)
        latent, strength = np.zeros(shape, np.float32), 1.0
    else:
        latent, strength = start.init_latent, start.strength
    return {"init_latent": latent, "strength": np.array(strength, np.float32)}


def _mask(start: Start | None, latent: Array) -> Array:
    if start is None or start.mask is None:
        return np.ones((1, *latent.shape[1:3], 1), np.float32)
    return start.mask


def _call(name: SignatureName, inputs: Mapping[str, Array], target: Target, version: int | None) -> Call:
    return Call(_MODEL, name, inputs, version=version, variant=target.variant)


def _drawn(answer: Answer, call: Call, size: Size | None, pictures: int) -> Drawn:
    sides = (None, None) if size is None else (size.height // LATENT_FACTOR, size.width // LATENT_FACTOR)
    return Drawn(_finite(output(answer, call, "latent", (pictures, *sides, LATENT_CHANNELS))), answer.version)


def _finite(latent: Array) -> Array:
    # Decoded, it would be a black picture.
    if not np.isfinite(latent).all():
        raise UnexpectedAnswerError(
            _MODEL,
            "the diffusion-model drew what is no number: ask for a lower guidance scale, or serve one that was exported"
            " in float32",
        )
    return latent
