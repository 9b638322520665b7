"""A diffusion model that XLA compiles, in a server that lets it and in one that doesn't."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.support.toy_models import IMAGE_SIZE, WIDTH, build, toy_source

from sdp_serving.contract.components import Component
from sdp_serving.contract.signatures import SignatureName
from sdp_serving.standin.errors import Code, ServingError
from sdp_serving.standin.servable import Servable

MODEL = Component.DIFFUSION_MODEL
CONTEXT = np.linspace(0, 1, 77 * WIDTH, dtype=np.float32).reshape(1, 77, WIDTH)
REQUEST: Mapping[str, Any] = {
    "context": CONTEXT,
    "unconditional_context": CONTEXT / 2,
    "num_steps": np.int32(3),
    "batch_size": np.int32(2),
    "seed": np.int64(7),
    "guidance_scale": np.float32(3),
}
START: Mapping[str, Any] = {
    "seeds": np.array([7]),
    "num_steps": np.int32(3),
    "schedule": np.array(b"linspace", object),
    "init_latent": np.zeros([1, IMAGE_SIZE // 8, IMAGE_SIZE // 8, 4], np.float32),
    "strength": np.float32(1),
}


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from sdp_exporter import saved_model

    folder = tmp_path_factory.mktemp("exported")
    source = toy_source(MODEL, folder / "weights")
    saved_model.write(replace(source, build=lambda: build(MODEL, jit_compile=True), jit_compile=True), folder / "1")
    return folder / "1"


def asked(servable: Servable, name: SignatureName, inputs: Mapping[str, Any]) -> np.ndarray:
    answer = servable.run(servable.signature(name), inputs, ["latent"], timeout_ms=0)
    return np.asarray(answer["latent"])


def test_it_draws_what_it_draws_uncompiled(exported: Path) -> None:
    import tensorflow as tf

    plain = build(MODEL).signatures()[SignatureName.SAMPLE]
    expected = plain(**{name: tf.constant(value) for name, value in REQUEST.items()})["latent"]

    drawn = asked(Servable(exported, None, compiling=True), SignatureName.SAMPLE, REQUEST)

    np.testing.assert_allclose(drawn, expected, atol=1e-5)


def test_a_server_without_xla_refuses_what_would_be_compiled_and_nothing_else(exported: Path) -> None:
    server = Servable(exported, None)

    assert asked(server, SignatureName.PREPARE_LATENT, START).shape == START["init_latent"].shape
    with pytest.raises(ServingError, match="XLA compilation disabled") as refused:
        asked(server, SignatureName.SAMPLE, REQUEST)
    assert refused.value.code is Code.INTERNAL
