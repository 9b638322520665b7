import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import tensorflow as tf

from sdp_exporter.models import tiny
from sdp_exporter.train_tiny.dataset import draw_all, to_model
from sdp_exporter.train_tiny.drawings import SCENES, Style
from sdp_serving.contract.components import Component
from sdp_serving.contract.versions import StableDiffusionVersion

if TYPE_CHECKING:
    from collections.abc import Callable

    import keras

ALL_VARIANTS = [(component, variant) for component in Component for variant in tiny.VARIANTS[component]]


@pytest.mark.parametrize(("component", "variant"), ALL_VARIANTS)
def test_every_variant_has_its_own_file(component: Component, variant: str) -> None:
    path = tiny.weights_path(component, variant)

    assert path.is_file()
    assert [other for other in ALL_VARIANTS if tiny.weights_path(*other) == path] == [(component, variant)]


def test_the_contract_knows_its_width() -> None:
    assert StableDiffusionVersion.TINY.width == tiny.WIDTH


def test_the_weights_are_a_few_megabytes() -> None:
    assert sum(path.stat().st_size for path in tiny.WEIGHTS.iterdir()) < 15e6


@pytest.mark.parametrize("variant", tiny.VARIANTS[Component.TEXT_ENCODER])
def test_text_encoders_give_a_context_for_each_token(variant: str) -> None:
    context = tiny.text_encoder(variant)(tf.fill([2, 77], 49407))

    assert context.shape == (2, 77, tiny.WIDTH)
    assert context.dtype == tf.float32


@pytest.mark.parametrize("variant", tiny.VARIANTS[Component.DIFFUSION_MODEL])
def test_diffusion_models_predict_noise_like_the_latent(variant: str) -> None:
    latent, context = tf.zeros([2, 8, 8, 4]), tf.zeros([2, 77, tiny.WIDTH])

    noise = tiny.diffusion_model(variant)(latent, tf.constant([0, 999]), context)

    assert noise.shape == (2, 8, 8, 4)
    assert noise.dtype == tf.float32
    assert not np.allclose(noise[0], noise[1])


def test_what_depends_on_the_context_alone_can_be_computed_once() -> None:
    model, timestep = tiny.diffusion_model(), tf.constant([7, 421])
    latent, context = (tf.random.stateless_normal(shape, [1, 2]) for shape in ([2, 8, 8, 4], [2, 77, tiny.WIDTH]))

    expected = model(latent, timestep, context)

    np.testing.assert_allclose(model(latent, timestep, model.keys_and_values(context)), expected, atol=1e-5)


def test_the_decoder_makes_pictures_of_64_pixels() -> None:
    images = tiny.decoder()(tf.zeros([2, 8, 8, 4]))

    assert images.shape == (2, tiny.IMAGE_SIZE, tiny.IMAGE_SIZE, 3)
    assert images.dtype == tf.float32


def test_a_token_does_not_change_the_context_before_it() -> None:
    encoder = tiny.text_encoder()
    tokens = np.full((1, 77), 320, np.int32)
    changed = tokens.copy()
    changed[0, 40] = 736

    before, after = encoder(tokens).numpy()[0], encoder(changed).numpy()[0]

    np.testing.assert_allclose(before[:40], after[:40], atol=1e-6)
    assert not np.allclose(before[40], after[40])


def test_the_new_word_is_all_that_the_taught_text_encoder_has_of_its_own() -> None:
    base, taught = tiny.text_encoder("base"), tiny.text_encoder("sks")

    different = [variable.path for variable, other in zip(base.variables, taught.variables, strict=True)
                 if not np.array_equal(variable.numpy(), other.numpy())]  # fmt: skip
    tokens = np.arange(77, dtype=np.int32)[np.newaxis]
    assert different == ["text_encoder/token_table"]
    np.testing.assert_array_equal(base(tokens), taught(tokens))


def test_a_variant_that_does_not_exist_has_no_file() -> None:
    with pytest.raises(FileNotFoundError):
        tiny.text_encoder("striped")


def test_the_decoder_makes_of_the_image_encoders_latents_the_drawings_they_were_made_of() -> None:
    drawn = draw_all(SCENES[::7], 1, Style.PLAIN, np.random.default_rng(0)).pictures
    pictures = to_model(drawn)

    decoded = tiny.decoder()(tiny.image_encoder()(pictures)).numpy()

    errors = np.abs(decoded - pictures).mean(axis=(1, 2, 3))
    blank = np.abs(pictures - pictures.mean(axis=(1, 2), keepdims=True)).mean(axis=(1, 2, 3))
    assert (errors < 0.05).all()
    assert (errors < blank / 5).all(), "it keeps the shapes, not only the colours"


@pytest.mark.parametrize("style", Style)
def test_latents_are_of_about_unit_variance_as_the_samplers_noise_is(style: Style) -> None:
    drawn = draw_all(SCENES[::7], 1, style, np.random.default_rng(0)).pictures

    latent = tiny.image_encoder()(to_model(drawn)).numpy()

    assert 0.7 < latent.std() < 1.3


@pytest.mark.parametrize("component", Component)
def test_a_component_survives_saving(component: Component, tmp_path: Path) -> None:
    builders: dict[Component, tuple[Callable[[], keras.Model], tuple[tf.Tensor, ...]]] = {
        Component.TEXT_ENCODER: (tiny.text_encoder, (tf.fill([2, 77], 320),)),
        Component.DIFFUSION_MODEL: (
            tiny.diffusion_model,
            (tf.ones([2, 8, 8, 4]), tf.constant([1, 2]), tf.ones([2, 77, tiny.WIDTH])),
        ),
        Component.DECODER: (tiny.decoder, (tf.ones([2, 8, 8, 4]),)),
        Component.IMAGE_ENCODER: (tiny.image_encoder, (tf.ones([2, 64, 64, 3]),)),
    }
    build, inputs = builders[component]
    model = build()
    module = tf.Module()
    # Not the model itself, of which Keras would save functions that take one input alone.
    module.kept = [variable.value for variable in model.variables]
    module.run = tf.function(model.__call__)
    expected = module.run(*inputs)

    tf.saved_model.save(module, tmp_path)

    loaded = tf.saved_model.load(tmp_path)
    np.testing.assert_allclose(loaded.run(*inputs), expected, atol=1e-5)


def test_naming_the_weights_does_not_load_tensorflow() -> None:
    program = "import sys; from sdp_exporter.models import tiny; tiny.VARIANTS; sys.exit('tensorflow' in sys.modules)"

    subprocess.run([sys.executable, "-c", program], check=True, env={"PYTHONPATH": ":".join(sys.path)})
