"""A pipeline as a function from a prompt to images."""

import random
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from sdp_serving.client.errors import ServerUnreachableError, UnexpectedAnswerError, VersionGoneError
from sdp_serving.client.transport import Answer, Array, Transport
from sdp_serving.contract.components import Component
from sdp_serving.contract.routes import Canary, Variant, choose
from sdp_serving.contract.signatures import TOKENS, SignatureName
from sdp_serving.contract.tokenizer import Tokenizer

DEFAULT_STEPS: Final = 25
SEEDS: Final = 1 << 32
"""Seeds are chosen below this, so that one can be typed again; the model takes any 64-bit integer."""

_SMALLEST_CLIP_WIDTH: Final = 768


class Stage(StrEnum):
    """What the pipeline is at; the value is the word for it."""

    ENCODING = "encoding"
    DENOISING = "denoising"
    DECODING = "decoding"


class Encoder(Protocol):
    """Turns a prompt into 77 token ids."""

    def encode(self, prompt: str) -> Sequence[int]:
        """The ids."""


@dataclass(frozen=True)
class Generation:
    """Images, and all that it takes to make them again.

    Attributes:
        images: uint8 [n, height, width, 3], RGB.
        prompt: as given.
        steps: how many denoising steps were made.
        seed: of the initial noise, given or chosen.
        guidance_scale: given or chosen.
        versions: the version of each component's model that took part.
        variant: of the diffusion model.
        seconds: what each stage took.
    """

    images: NDArray[np.uint8]
    prompt: str
    steps: int
    seed: int
    guidance_scale: float
    versions: Mapping[Component, int]
    variant: Variant
    seconds: Mapping[Stage, float]


class Pipeline:
    """Three model servers, used in turn."""

    def __init__(
        self,
        transport: Transport,
        *,
        tokenizer: Encoder | None = None,
        canary: Canary | None = None,
        canary_transport: Transport | None = None,
        variant: Variant | None = None,
        draw: Callable[[], float] = random.random,
    ) -> None:
        """Use the servers that `transport` leads to; `connect` opens one for a pipeline in a cluster.

        Args:
            transport: the way to the servers.
            tokenizer: what turns prompts into tokens; CLIP's when left out.
            canary: a second diffusion model, which takes a part of the requests.
            canary_transport: the way to its own server; left out where it is in the other one's.
            variant: the diffusion model that takes all of them instead.
            draw: gives a number from 0 up to 1, evenly spread.
        """
        self._transport = transport
        self._canary = canary
        self._canary_transport = transport if canary_transport is None else canary_transport
        self._variant = variant
        self._draw = draw
        self._tokenizer = Tokenizer() if tokenizer is None else tokenizer

    def generate(
        self,
        prompt: str,
        *,
        images: int = 1,
        steps: int = DEFAULT_STEPS,
        seed: int | None = None,
        guidance_scale: float | None = None,
        on_stage: Callable[[Stage], None] = lambda _: None,
    ) -> Generation:
        """Make `images` images of a prompt. Equal arguments give equal images from equal models.

        Args:
            prompt: what to show; CLIP reads no more than its first 75 tokens.
            images: how many, at least 1.
            steps: denoising steps, at least 1.
            seed: of the noise that the images start from; a random one when left out.
            guidance_scale: how strongly the prompt leads; `default_guidance_scale` when left out.
            on_stage: called as each stage begins.

        Raises:
            ServerError: one of its kinds.
        """
        seed = secrets.randbelow(SEEDS) if seed is None else seed
        stopwatch = _Stopwatch(on_stage)
        batch_size = np.array(images, np.int32)

        stopwatch.begin(Stage.ENCODING)
        tokens = np.array(self._tokenizer.encode(prompt), np.int32)
        encoded = self._transport.predict(
            Component.TEXT_ENCODER, SignatureName.DEFAULT, {"tokens": tokens, "batch_size": batch_size}
        )
        context = _output(encoded, "context", (images, TOKENS, None))
        guidance = default_guidance_scale(context.shape[-1]) if guidance_scale is None else guidance_scale

        stopwatch.begin(Stage.DENOISING)
        denoised, variant = self._denoise(
            {
                "context": context,
                "unconditional_context": _output(encoded, "unconditional_context", context.shape),
                "num_steps": np.array(steps, np.int32),
                "batch_size": batch_size,
                "seed": np.array(seed, np.int64),
                "guidance_scale": np.array(guidance, np.float32),
            },
        )

        stopwatch.begin(Stage.DECODING)
        latent = _output(denoised, "latent", (images, None, None, None))
        decoded = self._transport.predict(Component.DECODER, SignatureName.DEFAULT, {"latent": latent})
        pixels = _output(decoded, "images", (images, None, None, 3))
        seconds = stopwatch.end()

        return Generation(
            images=pixels,
            prompt=prompt,
            steps=steps,
            seed=seed,
            guidance_scale=guidance,
            versions={
                Component.TEXT_ENCODER: encoded.version,
                Component.DIFFUSION_MODEL: denoised.version,
                Component.DECODER: decoded.version,
            },
            variant=variant,
            seconds=seconds,
        )

    def _denoise(self, inputs: Mapping[str, Array]) -> tuple[Answer, Variant]:
        unet, sample = Component.DIFFUSION_MODEL, SignatureName.SAMPLE
        if self._canary is not None and choose(self._canary, self._variant, self._draw) is Variant.CANARY:
            try:
                answer = self._canary_transport.predict(unet, sample, inputs, version=self._canary.version)
            except (VersionGoneError, ServerUnreachableError):
                pass  # It was promoted or given up since: the other one serves.
            else:
                return answer, Variant.CANARY
        return self._transport.predict(unet, sample, inputs), Variant.STABLE


def default_guidance_scale(width: int) -> float:
    """The guidance scale that suits a model, judged by the width of its text encoder's context.

    7.5 is Stable Diffusion's customary one (widths 768 and up); sd-tiny's colours saturate beyond 4, and 3 suits it.
    """
    return 7.5 if width >= _SMALLEST_CLIP_WIDTH else 3.0


def _output(answer: Answer, name: str, shape: tuple[int | None, ...]) -> Array:
    """One output, whose shape must be `shape` where that is not None."""
    array = answer.outputs[name]
    fits = array.ndim == len(shape) and all(want in (None, have) for have, want in zip(array.shape, shape, strict=True))
    if not fits:
        wanted = ", ".join("?" if size is None else str(size) for size in shape)
        raise UnexpectedAnswerError(
            f"the output {name} has the shape {list(array.shape)} instead of [{wanted}]: serve models that"
            " `sdpipeline export` wrote for one pipeline"
        )
    return array


class _Stopwatch:
    def __init__(self, on_stage: Callable[[Stage], None]) -> None:
        self._on_stage = on_stage
        self._marks: list[tuple[Stage, float]] = []

    def begin(self, stage: Stage) -> None:
        self._marks.append((stage, time.monotonic()))
        self._on_stage(stage)

    def end(self) -> Mapping[Stage, float]:
        starts = [start for _, start in self._marks]
        ends = [*starts[1:], time.monotonic()]
        return {stage: end - start for (stage, start), end in zip(self._marks, ends, strict=True)}
