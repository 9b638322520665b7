import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf
from tests.support.small_stable_diffusion import SMALL_V1, SMALL_V2

from sdp_exporter.models.keras_cv import fresh
from sdp_exporter.models.keras_cv.anatomy import Anatomy
from sdp_serving.contract.components import Component

ANATOMIES = pytest.mark.parametrize("anatomy", [SMALL_V1, SMALL_V2], ids=["v1", "v2"])


def seeded(component: Component, anatomy: Anatomy) -> keras.Model:
    """A model whose every variable is random: that two are swapped would show."""
    model, random = fresh.model(component, anatomy), np.random.default_rng(0)
    for variable in model.variables:
        variable.assign(random.normal(0, 0.05, variable.shape))
    return model


def copy(source: keras.layers.Layer, target: keras.layers.Layer) -> None:
    assert [tuple(variable.shape) for variable in source.variables] == [
        tuple(variable.shape) for variable in target.variables
    ]
    for variable, copied in zip(source.variables, target.variables, strict=True):
        copied.assign(variable)


@ANATOMIES
def test_a_diffusion_model_takes_latents_of_a_size_known_when_it_runs(anatomy: Anatomy) -> None:
    model, random = seeded(Component.DIFFUSION_MODEL, anatomy), np.random.default_rng(1)
    specs = [
        tf.TensorSpec([None, None, None, 4]),
        tf.TensorSpec([None], tf.float32),
        tf.TensorSpec([None, 77, anatomy.unet.width]),
    ]
    traced = tf.function(model.__call__, input_signature=specs, autograph=False)

    for height, width in ((8, 8), (8, 16)):
        latent = random.normal(size=[2, height, width, 4]).astype(np.float32)
        context = random.normal(size=[2, 77, anatomy.unet.width]).astype(np.float32)
        predicted = traced(latent, tf.constant([0.0, 999.0]), context)
        np.testing.assert_allclose(predicted, model(latent, tf.constant([0, 999]), context), atol=1e-5)
        assert predicted.shape == latent.shape
        assert not np.allclose(predicted[0], predicted[1])


@ANATOMIES
def test_what_depends_on_the_context_alone_is_computed_apart_of_the_steps(anatomy: Anatomy) -> None:
    model, random = seeded(Component.DIFFUSION_MODEL, anatomy), np.random.default_rng(1)
    latent = tf.constant(random.normal(size=[2, 8, 8, 4]), tf.float32)
    context = tf.constant(random.normal(size=[2, 77, anatomy.unet.width]), tf.float32)
    timestep = tf.constant([421.0, 7.5])
    look = tf.function(model.keys_and_values, autograph=False).get_concrete_function(context)
    looked = look(context)
    predict = tf.function(model.__call__, autograph=False).get_concrete_function(latent, timestep, looked)

    predicted = predict(latent, timestep, looked)

    np.testing.assert_allclose(predicted, model(latent, timestep, context), atol=1e-5)
    # Each transformer has a kernel of its keys and one of its values.
    assert len(look.captured_inputs) == 2 * len(looked)
    assert len(predict.captured_inputs) == len(model.variables) - len(look.captured_inputs)


@ANATOMIES
def test_a_token_does_not_change_the_context_before_it(anatomy: Anatomy) -> None:
    encoder = seeded(Component.TEXT_ENCODER, anatomy)
    tokens = np.full((2, 77), 320, np.int32)
    tokens[1, 40] = 736

    before, after = encoder(tokens).numpy()

    assert before.shape == (77, anatomy.text.width)
    np.testing.assert_allclose(before[:40], after[:40], atol=1e-5)
    assert not np.allclose(before[40:], after[40:])


def test_the_autoencoder_works_at_an_eighth_of_the_pictures_sides() -> None:
    latent = seeded(Component.IMAGE_ENCODER, SMALL_V1)(tf.ones([1, 64, 128, 3]))

    images = seeded(Component.DECODER, SMALL_V1)(latent)

    assert latent.shape == (1, 8, 16, 4)
    assert images.shape == (1, 64, 128, 3)


def test_the_autoencoder_takes_pictures_of_a_size_known_when_it_runs() -> None:
    random = np.random.default_rng(1)
    for component, channels in ((Component.DECODER, 4), (Component.IMAGE_ENCODER, 3)):
        model = seeded(component, SMALL_V1)
        traced = tf.function(
            model.__call__, input_signature=[tf.TensorSpec([None, None, None, channels])], autograph=False
        )
        for height, width in ((16, 16), (16, 32)):
            given = random.normal(size=[2, height, width, channels]).astype(np.float32)
            np.testing.assert_allclose(traced(given), model(given), atol=1e-4)


def test_importing_kerascvs_modules_leaves_nothing_that_stands_in_for_kerascv() -> None:
    program = """
import sys
from sdp_exporter.models.keras_cv import package
assert package.modules()["decoder"].Decoder.__name__ == "Decoder"
assert package.modules() is package.modules()
sys.exit(", ".join(name for name in sys.modules if name.startswith("keras_cv")) or 0)
"""
    subprocess.run([sys.executable, "-c", program], check=True, env={"PYTHONPATH": ":".join(sys.path)})
