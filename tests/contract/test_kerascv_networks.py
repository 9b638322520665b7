"""The exporter's networks against those that KerasCV itself builds, with the weights that KerasCV itself writes.

`python -m benchmarks.equality` does the same at full size, and draws.
"""

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from tests.support import small_kerascv

from sdp_exporter.models.keras_cv import fresh
from sdp_exporter.weights.layout import layout
from sdp_exporter.weights.loading import load
from sdp_serving.contract.components import Component

HEIGHT, WIDTH = 64, 128
TIMESTEP = 421


def fill(network: keras.Model) -> None:
    """Random variables: that two are swapped would show."""
    random = np.random.default_rng(0)
    for variable in network.variables:
        middle = 1.0 if variable.name in ("gamma", "scale") else 0.0
        variable.assign(random.normal(middle, 0.05, variable.shape))


def questions(component: Component, width: int) -> tuple[Any, tuple[Any, ...]]:
    """What KerasCV's network is asked, and the same for ours."""
    random = np.random.default_rng(1)
    latent = random.normal(size=[2, *small_kerascv.latent_shape(HEIGHT, WIDTH)]).astype(np.float32)
    match component:
        case Component.TEXT_ENCODER:
            tokens = random.integers(0, 49407, [2, 77]).astype(np.int32)
            return [tokens, np.tile(np.arange(77, dtype=np.int32), [2, 1])], (tokens,)
        case Component.DIFFUSION_MODEL:
            context = random.normal(size=[2, 77, width]).astype(np.float32)
            embedding = np.asarray(small_kerascv.timestep_embedding(TIMESTEP, 2))
            return [latent, embedding, context], (latent, tf.constant([TIMESTEP, TIMESTEP], tf.float32), context)
        case Component.DECODER:
            return latent, (latent,)
        case Component.IMAGE_ENCODER:
            images = random.uniform(-1, 1, [2, HEIGHT, WIDTH, 3]).astype(np.float32)
            return images, (images,)


@pytest.mark.filterwarnings("ignore:__array__ implementation")  # Of TensorFlow's, where Keras writes weights.
@pytest.mark.parametrize(
    ("component", "version"),
    [
        (Component.TEXT_ENCODER, "v1"),
        (Component.TEXT_ENCODER, "v2"),
        (Component.DIFFUSION_MODEL, "v1"),
        (Component.DIFFUSION_MODEL, "v2"),
        # The same in both.
        (Component.DECODER, "v1"),
        (Component.IMAGE_ENCODER, "v1"),
    ],
)
def test_a_network_answers_as_kerascvs_whose_weights_it_was_given(
    component: Component, version: str, tmp_path: Path
) -> None:
    anatomy = small_kerascv.ANATOMIES[version]
    kerascvs = small_kerascv.network(component, version, HEIGHT, WIDTH)
    fill(kerascvs)
    kerascvs.save_weights(tmp_path / "kerascvs.weights.h5")
    theirs, same = questions(component, anatomy.unet.width)
    expected = np.asarray(kerascvs(theirs))
    ours = fresh.model(component, anatomy)

    load(ours, component, layout(component, anatomy), tmp_path / "kerascvs.weights.h5")

    answer = np.asarray(ours(*same))
    assert expected.std() > 0.01
    np.testing.assert_allclose(answer, expected, atol=2e-5 * np.abs(expected).max())
