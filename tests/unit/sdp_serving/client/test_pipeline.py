import random
from collections.abc import Mapping
from math import sqrt
from typing import Any

import numpy as np
import pytest

from sdp_serving.client.errors import ServerUnreachableError, UnexpectedAnswerError, VersionGoneError
from sdp_serving.client.pipeline import Pipeline, Stage, default_guidance_scale
from sdp_serving.client.transport import Answer, Array
from sdp_serving.contract.components import DRAWING, Component
from sdp_serving.contract.routes import Canary, Variant
from sdp_serving.contract.signatures import SignatureName, signatures

ENCODER, DIFFUSION, DECODER = DRAWING


class Tokens:
    def encode(self, prompt: str) -> list[int]:
        return [49406, *map(ord, prompt), *[49407] * (76 - len(prompt))]


class Servers:
    """Answers as models of the given sizes would, and remembers what it was asked."""

    def __init__(
        self, width: int = 96, faults: Mapping[str, Array] | None = None, gone: frozenset[int] = frozenset()
    ) -> None:
        self.versions: list[int | None] = []
        """Those that were asked of the diffusion model."""
        self._gone = gone
        self.is_away = False
        self.asked: dict[Component, tuple[SignatureName, Mapping[str, Array]]] = {}
        self._width = width
        self._faults = faults or {}

    def predict(
        self, component: Component, signature: SignatureName, inputs: Mapping[str, Array], *, version: int | None = None
    ) -> Answer:
        if self.is_away:
            raise ServerUnreachableError("nothing answers there")
        if component is DIFFUSION:
            self.versions.append(version)
        if version in self._gone:
            raise VersionGoneError(f"no version {version}")
        self.asked[component] = (signature, inputs)
        batch = int(inputs["batch_size"]) if "batch_size" in inputs else len(inputs["latent"])
        outputs = {
            name: np.ones([size or batch for size in spec.shape or ()], spec.dtype)
            for name, spec in signatures(component, width=self._width, image_size=64)[signature].outputs.items()
        }
        faults = {name: fault for name, fault in self._faults.items() if name in outputs}
        return Answer({**outputs, **faults}, version=version or list(Component).index(component) + 1)

    def close(self) -> None:
        pass


def test_each_model_is_asked_what_the_contract_says() -> None:
    servers = Servers()

    made = Pipeline(servers, tokenizer=Tokens()).generate("red", images=3, steps=9, seed=5)

    assert made.images.shape == (3, 64, 64, 3)
    assert made.images.dtype == np.uint8
    assert made.versions == {ENCODER: 1, DIFFUSION: 2, DECODER: 3}
    for component, (signature, inputs) in servers.asked.items():
        expected = signatures(component, width=96, image_size=64)[signature].inputs
        assert inputs.keys() == expected.keys()
        assert {name: str(array.dtype) for name, array in inputs.items()} == {
            name: spec.dtype for name, spec in expected.items()
        }
    signature, inputs = servers.asked[DIFFUSION]
    assert signature is SignatureName.SAMPLE
    scalars = {name: inputs[name].item() for name in ("num_steps", "batch_size", "seed", "guidance_scale")}
    assert scalars == {"num_steps": 9, "batch_size": 3, "seed": 5, "guidance_scale": 3.0}
    assert servers.asked[ENCODER][1]["tokens"].tolist() == Tokens().encode("red")


@pytest.mark.parametrize(("width", "scale"), [(96, 3.0), (768, 7.5), (1024, 7.5)])
def test_the_guidance_scale_suits_the_model_unless_it_is_given(width: int, scale: float) -> None:
    pipeline = Pipeline(Servers(width), tokenizer=Tokens())

    assert default_guidance_scale(width) == scale
    assert pipeline.generate("x").guidance_scale == scale
    assert pipeline.generate("x", guidance_scale=0.0).guidance_scale == 0.0


def test_a_seed_is_chosen_anew_unless_it_is_given() -> None:
    pipeline = Pipeline(Servers(), tokenizer=Tokens())

    assert pipeline.generate("x", seed=0).seed == 0
    assert len({pipeline.generate("x").seed for _ in range(5)}) > 1


def test_each_stage_is_announced_in_turn_and_timed() -> None:
    stages: list[Stage] = []

    made = Pipeline(Servers(), tokenizer=Tokens()).generate("x", on_stage=stages.append)

    assert stages == [Stage.ENCODING, Stage.DENOISING, Stage.DECODING]
    assert list(made.seconds) == stages
    assert all(seconds >= 0 for seconds in made.seconds.values())


CANARY = Canary(version=9, percent=10, model="gs://b/unet")


def test_a_canary_makes_its_part_of_the_pictures() -> None:
    servers, pictures, part = Servers(), 1000, 0.1
    pipeline = Pipeline(servers, tokenizer=Tokens(), canary=CANARY, draw=random.Random(2).random)

    made = [pipeline.generate("x") for _ in range(pictures)]

    found = [generation.variant for generation in made].count(Variant.CANARY)
    assert abs(found - pictures * part) < 4 * sqrt(pictures * part * (1 - part))
    assert servers.versions.count(9) == found
    assert servers.versions.count(None) == pictures - found
    assert all((one.versions[DIFFUSION] == 9) == (one.variant is Variant.CANARY) for one in made)


@pytest.mark.parametrize("variant", Variant)
def test_the_variant_can_be_chosen(variant: Variant) -> None:
    pipeline = Pipeline(Servers(), tokenizer=Tokens(), canary=CANARY, variant=variant)

    assert {pipeline.generate("x").variant for _ in range(20)} == {variant}


def test_a_canary_that_is_gone_fails_nobody() -> None:
    servers = Servers(gone=frozenset({9}))
    pipeline = Pipeline(servers, tokenizer=Tokens(), canary=CANARY, variant=Variant.CANARY)

    assert pipeline.generate("x").variant is Variant.STABLE
    assert servers.versions == [9, None]


ALONE = Canary(host="sd-canary.art.svc", percent=100, model="gs://b/unet")


def test_a_canary_with_a_server_of_its_own_is_asked_there_and_nowhere_when_it_is_away() -> None:
    servers, own = Servers(), Servers()
    pipeline = Pipeline(servers, tokenizer=Tokens(), canary=ALONE, canary_transport=own)

    assert pipeline.generate("x").variant is Variant.CANARY
    assert (servers.versions, own.versions) == ([], [None])
    own.is_away = True
    assert pipeline.generate("x").variant is Variant.STABLE
    assert servers.versions == [None]


FAULTS: dict[str, Any] = {
    "context": np.ones((1, 76, 96), np.float32),
    "unconditional_context": np.ones((1, 77, 95), np.float32),
    "latent": np.ones((2, 8, 8, 4), np.float32),
    "images": np.ones((1, 64, 64), np.uint8),
}


@pytest.mark.parametrize("name", FAULTS)
def test_an_output_of_a_wrong_shape_is_named(name: str) -> None:
    with pytest.raises(UnexpectedAnswerError, match=f"the output {name} has the shape"):
        Pipeline(Servers(faults={name: FAULTS[name]}), tokenizer=Tokens()).generate("x")
