"""Model servers made of arithmetic: they check each call against the contract, and draw so that every input counts."""

import io
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

import numpy as np
from PIL import Image

from sdp_serving.contract.components import Component
from sdp_serving.contract.exported import exported_signatures
from sdp_serving.contract.image_sizes import ImageSizes
from sdp_serving.contract.signatures import TOKENS, SignatureName, TensorSpec, signatures
from sdp_serving.generation.calls import Answer, Array, Call, Look, Offer
from sdp_serving.generation.errors import BatchesOnlyError, NotOfferedError, RequestRefusedError, VersionGoneError

WIDTH: Final = 6
SIDE: Final = 64
VERSIONS: Final = MappingProxyType({component: 11 + index for index, component in enumerate(Component)})

Offers = Mapping[Component, Offer]


def exported(
    sizes: ImageSizes | None = None, *, decoder_side: int = SIDE, width: int = WIDTH
) -> dict[Component, Offer]:
    """What models offer that our exporter wrote.

    Args:
        sizes: that the diffusion model draws; the others are of one size each.
        decoder_side: pixels along one side that the decoder is made for.
        width: of the contexts.
    """
    sides = {component: decoder_side if component is Component.DECODER else SIDE for component in Component}
    several = {Component.DIFFUSION_MODEL: sizes}
    return {
        component: Offer(
            VERSIONS[component],
            exported_signatures(
                component, width=width, image_size=sides[component], image_sizes=several.get(component)
            ),
        )
        for component in Component
    }


def plain(*, has_sample: bool = True, width: int = WIDTH) -> dict[Component, Offer]:
    """What models offer that somebody else made."""
    offers = {}
    for component in (Component.TEXT_ENCODER, Component.DIFFUSION_MODEL, Component.DECODER):
        found = dict(signatures(component, width=width, image_size=SIDE))
        if not has_sample:
            found.pop(SignatureName.SAMPLE, None)
        offers[component] = Offer(VERSIONS[component], found)
    return offers


class ScriptedServers:
    """A Transport to such servers."""

    def __init__(self, offers: Offers | None = None) -> None:
        self.offers = dict(exported() if offers is None else offers)
        self.asked: list[Call | Look] = []
        self.batching: frozenset[Component] = frozenset()
        """Those whose server batches, and so takes no single values."""
        self.before: Callable[[Call | Look], None] = lambda _: None
        """Called before each answer; it may change what is offered, or raise."""

    def predict(self, call: Call) -> Answer:
        self.asked.append(call)
        self.before(call)
        offer = self._offer(call)
        signature = offer.signatures.get(call.signature)
        if signature is None:
            raise RequestRefusedError(call.component, f"no signature {call.signature}")
        assert call.inputs.keys() == signature.inputs.keys()
        for name, spec in signature.inputs.items():
            assert fits(call.inputs[name], spec), f"{name} is {call.inputs[name].dtype} {call.inputs[name].shape}"
        if call.component in self.batching and any(array.ndim == 0 for array in call.inputs.values()):
            raise BatchesOnlyError(call.component, "Batching Run() input tensors must have at least one dimension")
        outputs = _FUNCTIONS[call.component, call.signature](call.inputs, offer.version)
        return Answer({name: outputs[name] for name in call.outputs or outputs}, offer.version)

    def look(self, look: Look) -> Offer:
        self.asked.append(look)
        self.before(look)
        return self._offer(look)

    def close(self) -> None:
        pass

    def calls(self, component: Component | None = None) -> list[Call]:
        """Those that were made."""
        return [one for one in self.asked if isinstance(one, Call) and component in (None, one.component)]

    def names(self) -> list[SignatureName]:
        """What was called, in order."""
        return [call.signature for call in self.calls()]

    def replace(self, component: Component, version: int, offer: Offer | None = None) -> None:
        """Serve another version from now on."""
        self.offers[component] = Offer(version, (offer or self.offers[component]).signatures)

    def _offer(self, asked: Call | Look) -> Offer:
        offer = self.offers.get(asked.component)
        if offer is None:
            raise NotOfferedError(asked.component, f"there is no {asked.component}")
        if asked.version not in (None, offer.version):
            raise VersionGoneError(asked.component, f"no version {asked.version}")
        return offer


def fits(array: Array, spec: TensorSpec) -> bool:
    """Whether an array is what a signature takes."""
    dtype = np.dtype(object) if spec.dtype == "string" else np.dtype(spec.dtype)
    if array.dtype != dtype:
        return False
    if spec.shape is None:
        return True
    return len(array.shape) == len(spec.shape) and all(
        want in (None, have) for have, want in zip(array.shape, spec.shape, strict=True)
    )


Inputs = Mapping[str, Array]


def _context(text: bytes, version: int) -> Array:
    value = (sum((place + 1) * byte for place, byte in enumerate(text)) % 997) / 997 + version
    return np.full((TOKENS, WIDTH), value, np.float32)


def _encode_prompts(inputs: Inputs, version: int) -> dict[str, Array]:
    prompts, negatives = inputs["prompts"], inputs["negative_prompts"]
    return {
        "context": np.stack([_context(one, version) for one in prompts]),
        "unconditional_context": np.stack([_context(one, version) for one in negatives]),
        "tokens_cut_off": np.array([max(0, len(one) - 75) for one in prompts], np.int32),
        "negative_tokens_cut_off": np.array([max(0, len(one) - 75) for one in negatives], np.int32),
    }


def tokens_of(prompt: str) -> list[int]:
    """Tokens of which `serving_default` makes the context that `encode_prompts` makes of the prompt."""
    data = prompt.encode()[: TOKENS - 1]
    return [len(data), *data, *[0] * (TOKENS - 1 - len(data))]


def _encode_tokens(inputs: Inputs, version: int) -> dict[str, Array]:
    tokens = inputs["tokens"]
    text = bytes(tokens[1 : 1 + tokens[0]].tolist())
    rows = int(inputs["batch_size"])
    return {
        "context": np.stack([_context(text, version)] * rows),
        "unconditional_context": np.stack([_context(b"", version)] * rows),
    }


def _noise(seed: int, shape: tuple[int, ...]) -> Array:
    return np.random.default_rng(seed).standard_normal(shape, np.float32)


def _prepare(inputs: Inputs, version: int) -> dict[str, Array]:
    shape = inputs["init_latent"].shape[1:]
    noise = np.stack([_noise(seed, shape) for seed in inputs["seeds"].tolist()])
    strength = inputs["strength"]
    return {"latent": (strength * noise + (1 - strength) * inputs["init_latent"]).astype(np.float32)}


def _denoise(inputs: Inputs, version: int) -> dict[str, Array]:
    latent, denoised = inputs["latent"].copy(), inputs["denoised"].copy()
    scale, names = inputs["guidance_scale"], (inputs["sampler"].item(), inputs["schedule"].item())
    for step in range(int(inputs["from_step"]), int(inputs["to_step"])):
        means = [inputs[name].mean(axis=(1, 2), dtype=np.float32) for name in ("context", "unconditional_context")]
        push = (means[1] + scale * (means[0] - means[1]))[:, np.newaxis, np.newaxis, np.newaxis]
        clean = np.tanh(latent * np.float32(0.5) + push + np.float32(len(names[0]) + len(names[1])))
        previous = denoised if step else clean
        following = np.float32(0.7) * latent + np.float32(0.2) * clean + np.float32(0.1) * previous
        mask = inputs["mask"]
        latent = (mask * following + (1 - mask) * inputs["init_latent"]).astype(np.float32)
        denoised = clean.astype(np.float32)
    return {"latent": latent, "denoised": denoised}


def steps_taken(num_steps: int, strength: float) -> int:
    """As the exported graph reckons."""
    return int(np.floor(np.float32(num_steps) * np.float32(strength) + np.float32(1e-3)))


def _draw(inputs: Inputs, version: int) -> dict[str, Array]:
    """All kinds of request, by way of ranges."""
    given = dict(inputs)
    if "height" in given:
        given["init_latent"] = np.zeros((1, int(given["height"]) // 8, int(given["width"]) // 8, 4), np.float32)
    given.setdefault("strength", np.array(1, np.float32))
    given.setdefault("mask", np.ones((1, *given["init_latent"].shape[1:3], 1), np.float32))
    latent = _prepare(given, version)["latent"]
    taken = steps_taken(int(given["num_steps"]), float(given["strength"]))
    steps = {"from_step": np.array(0), "to_step": np.array(taken)}
    return {"latent": _denoise({**given, "latent": latent, "denoised": latent, **steps}, version)["latent"]}


def _sample(inputs: Inputs, version: int) -> dict[str, Array]:
    rows = int(inputs["batch_size"])
    seed = int(inputs.get("seed", np.array(4)))
    contexts = {name: inputs[name] for name in ("context", "unconditional_context")}
    request = {
        **{name: np.repeat(each, rows // len(each), axis=0) for name, each in contexts.items()},
        "seeds": np.array([seed + 1000 * row for row in range(rows)]),
        "num_steps": inputs["num_steps"],
        "guidance_scale": inputs.get("guidance_scale", np.array(2, np.float32)),
        "sampler": np.array(b"ddim", dtype=object),
        "schedule": np.array(b"linspace", dtype=object),
        "height": np.array(SIDE),
        "width": np.array(SIDE),
    }
    return _draw(request, version)


def _sample_batch(inputs: Inputs, version: int) -> dict[str, Array]:
    drawn = []
    for row in range(len(inputs["seed"])):
        names = ("num_steps", "guidance_scale", "sampler", "schedule")
        request = {
            **{name: inputs[name][row : row + 1] for name in ("context", "unconditional_context")},
            **{name: np.array(inputs[name][row]) for name in names},
            "seeds": inputs["seed"][row : row + 1],
            "height": np.array(SIDE),
            "width": np.array(SIDE),
        }
        drawn.append(_draw(request, version)["latent"])
    return {"latent": np.concatenate(drawn)}


def _pixels(latent: Array) -> Array:
    enlarged = latent[..., :3].repeat(8, axis=1).repeat(8, axis=2)
    pixels: Array = np.clip(enlarged * 40 + 128, 0, 255).astype(np.uint8)
    return pixels


def _files(latent: Array, form: str) -> dict[str, Array]:
    files = np.empty(len(latent), dtype=object)
    for index, pixels in enumerate(_pixels(latent)):
        buffer = io.BytesIO()
        Image.fromarray(pixels).save(buffer, format=form)
        files[index] = buffer.getvalue()
    return {"image_bytes": files}


def _encode_images(inputs: Inputs, version: int) -> dict[str, Array]:
    images = inputs["images"]
    assert np.abs(images).max() <= 1
    cells = images[:, ::8, ::8]
    return {"latent": np.concatenate([cells, cells[..., :1]], axis=-1)}


_Function = Callable[[Inputs, int], dict[str, Any]]
_FUNCTIONS: Final[Mapping[tuple[Component, str], _Function]] = {
    (Component.TEXT_ENCODER, SignatureName.ENCODE_PROMPTS): _encode_prompts,
    (Component.TEXT_ENCODER, SignatureName.DEFAULT): _encode_tokens,
    (Component.DIFFUSION_MODEL, SignatureName.PREPARE_LATENT): _prepare,
    (Component.DIFFUSION_MODEL, SignatureName.DENOISE_RANGE): _denoise,
    (Component.DIFFUSION_MODEL, SignatureName.TEXT_TO_IMAGE): _draw,
    (Component.DIFFUSION_MODEL, SignatureName.IMAGE_TO_IMAGE): _draw,
    (Component.DIFFUSION_MODEL, SignatureName.INPAINT): _draw,
    (Component.DIFFUSION_MODEL, SignatureName.SAMPLE): _sample,
    (Component.DIFFUSION_MODEL, SignatureName.DEFAULT): _sample,
    (Component.DIFFUSION_MODEL, SignatureName.SAMPLE_BATCH): _sample_batch,
    (Component.DECODER, SignatureName.DEFAULT): lambda inputs, _: {"images": _pixels(inputs["latent"])},
    (Component.DECODER, SignatureName.DECODE_PNG): lambda inputs, _: _files(inputs["latent"], "PNG"),
    (Component.DECODER, SignatureName.DECODE_JPEG): lambda inputs, _: _files(inputs["latent"], "JPEG"),
    (Component.IMAGE_ENCODER, SignatureName.DEFAULT): _encode_images,
}
