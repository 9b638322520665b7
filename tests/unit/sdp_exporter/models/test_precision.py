from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from tests.support.small_stable_diffusion import SMALL_V1

from sdp_exporter.models import tiny
from sdp_exporter.models.keras_cv import fresh
from sdp_exporter.models.precision import building_in
from sdp_serving.contract.artifact import Precision
from sdp_serving.contract.components import Component

WEIGHTS: dict[Precision, str] = {"mixed_float16": "float32", "bfloat16": "bfloat16"}
"""Each kind of numbers, with and without weights of float32."""
TINY: dict[Component, Callable[[], keras.Model]] = {
    Component.TEXT_ENCODER: tiny.text_encoder,
    Component.DIFFUSION_MODEL: tiny.diffusion_model,
    Component.DECODER: tiny.decoder,
    Component.IMAGE_ENCODER: tiny.image_encoder,
}


def question(component: Component, width: int) -> tuple[Any, ...]:
    random = np.random.default_rng(1)
    latent = random.normal(size=[2, 8, 8, 4]).astype(np.float32)
    match component:
        case Component.TEXT_ENCODER:
            return (random.integers(0, 49407, [2, 77]).astype(np.int32),)
        case Component.DIFFUSION_MODEL:
            # Timesteps that bfloat16 does not have.
            timesteps = np.array([3, 731], np.float32)
            return latent, timesteps, random.normal(size=[2, 77, width]).astype(np.float32)
        case Component.DECODER:
            return (latent,)
        case Component.IMAGE_ENCODER:
            return (random.uniform(-1, 1, [1, 64, 64, 3]).astype(np.float32),)


def assert_nearly(answer: tf.Tensor, exact: tf.Tensor) -> None:
    assert answer.dtype == tf.float32
    assert np.corrcoef(np.ravel(answer), np.ravel(exact))[0, 1] > 0.999
    np.testing.assert_allclose(answer, exact, atol=0.15 * np.std(exact))


@pytest.mark.parametrize("component", Component)
def test_half_the_precision_gives_nearly_the_same_as_float32(component: Component) -> None:
    asked = question(component, SMALL_V1.unet.width)
    model = fresh.model(component, SMALL_V1)
    exact = model(*asked)
    for precision, weights in WEIGHTS.items():
        with building_in(precision):
            other = fresh.model(component, SMALL_V1)
        for variable, same in zip(model.variables, other.variables, strict=True):
            same.assign(variable.numpy())
        assert {variable.dtype for variable in other.variables} == {weights}
        assert_nearly(other(*asked), exact)


@pytest.mark.parametrize("component", Component)
def test_sd_tiny_does_so_too(component: Component) -> None:
    asked = question(component, tiny.WIDTH)
    exact = TINY[component]()(*asked)
    with building_in("bfloat16"):
        model = TINY[component]()
    assert {variable.dtype for variable in model.variables} == {"bfloat16"}
    assert_nearly(model(*asked), exact)


def test_what_is_built_afterwards_is_of_the_precision_before() -> None:
    with pytest.raises(ValueError, match="anything"), building_in("bfloat16"):
        raise ValueError("anything")

    assert keras.config.dtype_policy().name == "float32"
