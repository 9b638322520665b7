"""Requests to the signatures, run past Python's own checks of a signature: as TensorFlow Serving runs them."""

from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from tests.support import toy_models
from tests.support.signature_calls import serve
from tests.support.toy_models import GUIDANCE_SCALE, IMAGE_SIZE, WIDTH

from sdp_serving.contract.components import Component
from sdp_serving.contract.exported import exported_signatures
from sdp_serving.contract.image_sizes import ImageSizes
from sdp_serving.contract.signatures import SignatureName

CONTEXT = np.linspace(0, 1, 77 * WIDTH, dtype=np.float32).reshape(1, 77, WIDTH)


@pytest.fixture(scope="module")
def text_encoder() -> Any:
    return toy_models.build(Component.TEXT_ENCODER).signatures()[SignatureName.DEFAULT]


@pytest.fixture(scope="module")
def diffusion() -> Any:
    return toy_models.build(Component.DIFFUSION_MODEL).signatures()


@pytest.fixture(scope="module")
def sample(diffusion: Any) -> Any:
    return diffusion[SignatureName.SAMPLE]


@pytest.fixture(scope="module")
def decoder() -> Any:
    return toy_models.build(Component.DECODER).signatures()[SignatureName.DEFAULT]


@pytest.fixture(scope="module")
def image_encoder() -> Any:
    return toy_models.build(Component.IMAGE_ENCODER).signatures()[SignatureName.DEFAULT]


def encode(function: Any, tokens: Any, batch_size: int) -> dict[str, np.ndarray]:
    return serve(function, tokens=np.asarray(tokens, np.int32), batch_size=np.int32(batch_size))


def draw(function: Any, **changes: Any) -> np.ndarray:
    request = {
        "context": CONTEXT,
        "unconditional_context": CONTEXT,
        "num_steps": np.int32(3),
        "batch_size": np.int32(2),
        "seed": np.int64(1),
        "guidance_scale": np.float32(GUIDANCE_SCALE),
    }
    return serve(function, **{**request, **changes})["latent"]


def test_one_prompt_is_encoded_for_every_image(text_encoder: Any) -> None:
    tokens = np.arange(77)
    answer = encode(text_encoder, tokens, 3)
    assert answer["context"].shape == answer["unconditional_context"].shape == (3, 77, WIDTH)
    np.testing.assert_array_equal(answer["context"][:, :, 0], [tokens] * 3)


def test_a_batch_of_prompts_is_encoded_in_order(text_encoder: Any) -> None:
    tokens = np.arange(2 * 77).reshape(2, 77)
    np.testing.assert_array_equal(encode(text_encoder, tokens, 2)["context"][:, :, 0], tokens)


def test_the_unconditional_context_is_the_empty_prompts(text_encoder: Any) -> None:
    empty = [49406] + [49407] * 76
    answer = encode(text_encoder, np.zeros(77), 2)
    np.testing.assert_array_equal(answer["unconditional_context"], encode(text_encoder, empty, 2)["context"])


@pytest.mark.parametrize(
    ("tokens", "batch_size", "sentence"),
    [
        (np.zeros(76), 1, r"tokens has the shape \[76\]; give \[77\] or \[batch_size, 77\]"),
        (np.zeros((1, 1, 77)), 1, r"tokens has the shape \[1 1 77\]; give"),
        (0, 1, r"tokens has the shape \[\]; give"),
        (np.zeros((3, 77)), 2, "tokens has 3 rows but batch_size is 2: give as many"),
        (np.zeros((0, 77)), 2, "tokens has 0 rows but batch_size is 2: give as many"),
        (np.full(77, 49408), 1, "tokens has a value outside 0 to 49407"),
        (np.full(77, -1), 1, "tokens has a value outside 0 to 49407"),
        (np.zeros(77), 0, "batch_size is 0; it must be at least 1"),
    ],
)
def test_bad_tokens_are_refused_with_a_sentence(text_encoder: Any, tokens: Any, batch_size: int, sentence: str) -> None:
    with pytest.raises(tf.errors.InvalidArgumentError, match=sentence):
        encode(text_encoder, tokens, batch_size)


def test_a_seed_gives_the_same_latent_again_in_a_batch_of_any_size(sample: Any) -> None:
    two, three = draw(sample), draw(sample, batch_size=np.int32(3))
    side = IMAGE_SIZE // 8
    assert three.shape == (3, side, side, 4)
    np.testing.assert_array_equal(two, three[:2])
    assert not np.array_equal(two[0], two[1])
    assert not np.array_equal(two, draw(sample, seed=np.int64(2)))


def test_one_context_serves_every_image_as_repeating_it_does(sample: Any) -> None:
    repeated = np.repeat(CONTEXT, 2, axis=0)
    np.testing.assert_array_equal(draw(sample), draw(sample, context=repeated, unconditional_context=repeated))


def test_the_default_signature_draws_new_noise_every_time(diffusion: Any) -> None:
    function = diffusion[SignatureName.DEFAULT]
    request = {
        "context": CONTEXT,
        "unconditional_context": CONTEXT,
        "num_steps": np.int32(2),
        "batch_size": np.int32(1),
    }
    first, second = (serve(function, **request)["latent"] for _ in range(2))
    assert not np.array_equal(first, second)


def test_the_default_signature_uses_the_models_guidance_scale(
    diffusion: Any, sample: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sdp_exporter.sampling.noise.random_seed", lambda: tf.constant(1, tf.int64))
    function = toy_models.build(Component.DIFFUSION_MODEL).signatures()[SignatureName.DEFAULT]
    request = {
        "context": 2 * CONTEXT,
        "unconditional_context": CONTEXT,
        "num_steps": np.int32(2),
        "batch_size": np.int32(1),
    }
    latent = serve(function, **request)["latent"]
    np.testing.assert_array_equal(latent, draw(sample, **request, guidance_scale=np.float32(GUIDANCE_SCALE)))
    assert not np.allclose(latent, draw(sample, **request, guidance_scale=np.float32(GUIDANCE_SCALE + 1)))


@pytest.mark.parametrize("num_steps", [-1, 0, 1001])
def test_a_num_steps_outside_the_schedule_is_refused(sample: Any, num_steps: int) -> None:
    with pytest.raises(tf.errors.InvalidArgumentError, match=f"num_steps is {num_steps}; it must be from 1 to 1000"):
        draw(sample, num_steps=np.int32(num_steps))


@pytest.mark.parametrize("name", ["context", "unconditional_context"])
@pytest.mark.parametrize(
    ("context", "sentence"),
    [
        (np.zeros((3, 77, WIDTH), np.float32), "has 3 rows but batch_size is 2: give as many rows as images"),
        (np.zeros((1, 77, WIDTH + 1), np.float32), rf"has rows of the shape \[77 {WIDTH + 1}\], not \[77, {WIDTH}\]"),
        (np.zeros((1, 76, WIDTH), np.float32), r"has rows of the shape \[76"),
    ],
)
def test_a_context_that_does_not_fit_is_refused_by_its_name(
    sample: Any, name: str, context: np.ndarray, sentence: str
) -> None:
    with pytest.raises(tf.errors.InvalidArgumentError, match=rf"\[{name} {sentence}"):
        draw(sample, **{name: context})


def test_an_empty_batch_is_refused(sample: Any) -> None:
    with pytest.raises(tf.errors.InvalidArgumentError, match="batch_size is 0; it must be at least 1"):
        draw(sample, batch_size=np.int32(0))


def test_images_are_rounded_to_whole_pixels_and_cut_at_black_and_white(decoder: Any) -> None:
    values = np.array([[-2.0, -1.0], [0.0, 1.5]], np.float32)
    latent = np.zeros((1, 2, 2, 4), np.float32)
    latent[0, :, :, 0] = values
    images = serve(decoder, latent=latent)["images"]
    assert images.shape == (1, IMAGE_SIZE, IMAGE_SIZE, 3)
    np.testing.assert_array_equal(images[0, ::8, ::8, 0], [[0, 0], [128, 255]])


def test_a_latent_of_another_size_is_refused(decoder: Any) -> None:
    with pytest.raises(
        tf.errors.InvalidArgumentError,
        match=r"latent has the shape \[1 4 4 4\], .*; this model is for 16x16 pixels only",
    ):
        serve(decoder, latent=np.zeros((1, 4, 4, 4), np.float32))


def test_images_are_encoded_in_order(image_encoder: Any) -> None:
    images = np.zeros((2, IMAGE_SIZE, IMAGE_SIZE, 3), np.float32)
    images[0], images[1] = -1, 1
    latent = serve(image_encoder, images=images)["latent"]
    assert latent.shape == (2, IMAGE_SIZE // 8, IMAGE_SIZE // 8, 4)
    np.testing.assert_array_equal(latent[:, 0, 0, 0], [-1, 1])


@pytest.mark.parametrize("value", [255.0, -1.01, np.nan])
def test_images_that_are_not_scaled_are_refused(image_encoder: Any, value: float) -> None:
    images = np.zeros((1, IMAGE_SIZE, IMAGE_SIZE, 3), np.float32)
    images[0, 1, 2, 0] = value
    with pytest.raises(tf.errors.InvalidArgumentError, match="images has a value outside -1 to 1: divide bytes"):
        serve(image_encoder, images=images)


def test_images_of_another_size_are_refused(image_encoder: Any) -> None:
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"images has the shape \[1 8 8 3\], not \["):
        serve(image_encoder, images=np.zeros((1, 8, 8, 3), np.float32))


MANY_SIZES = ImageSizes(smallest=64, largest=192)


@pytest.fixture(scope="module")
def decoder_of_many_sizes() -> Any:
    return toy_models.build(Component.DECODER, image_sizes=MANY_SIZES).signatures()


@pytest.fixture(scope="module")
def image_encoder_of_many_sizes() -> Any:
    return toy_models.build(Component.IMAGE_ENCODER, image_sizes=MANY_SIZES).signatures()


@pytest.mark.parametrize(("height", "width"), [(64, 64), (128, 192)])
def test_pictures_are_decoded_and_encoded_in_any_size_of_the_exported_range(
    decoder_of_many_sizes: Any, image_encoder_of_many_sizes: Any, height: int, width: int
) -> None:
    latent = np.repeat(np.linspace(-1, 1, height * width // 64).reshape(1, height // 8, width // 8, 1), 4, axis=-1)
    images = serve(decoder_of_many_sizes[SignatureName.DECODE_FLOATS], latent=latent.astype(np.float32))["images"]
    assert images.shape == (1, height, width, 3)
    encoded = serve(image_encoder_of_many_sizes[SignatureName.DEFAULT], images=images)["latent"]
    np.testing.assert_allclose(encoded, latent, atol=1e-6)


@pytest.mark.parametrize("row", [(4, 8, 4), (8, 9, 4), (8, 32, 4), (8, 8, 3)])
def test_latents_outside_the_range_are_refused_with_it(decoder_of_many_sizes: Any, row: tuple[int, ...]) -> None:
    for function in decoder_of_many_sizes.values():
        with pytest.raises(tf.errors.InvalidArgumentError, match="in multiples of 64 from 64 to 192"):
            serve(function, latent=np.zeros((1, *row), np.float32))


@pytest.mark.parametrize("row", [(32, 64, 3), (64, 72, 3), (64, 256, 3), (64, 64, 4)])
def test_images_outside_the_range_are_refused_with_it(image_encoder_of_many_sizes: Any, row: tuple[int, ...]) -> None:
    function = image_encoder_of_many_sizes[SignatureName.DEFAULT]
    with pytest.raises(tf.errors.InvalidArgumentError, match="in multiples of 64 from 64 to 192"):
        serve(function, images=np.zeros((1, *row), np.float32))


@pytest.mark.parametrize("component", [Component.DECODER, Component.IMAGE_ENCODER])
def test_the_signatures_of_many_sizes_are_the_contracts(
    decoder_of_many_sizes: Any, image_encoder_of_many_sizes: Any, component: Component
) -> None:
    traced = decoder_of_many_sizes if component is Component.DECODER else image_encoder_of_many_sizes
    contract = exported_signatures(component, width=WIDTH, image_size=64, image_sizes=MANY_SIZES)
    outputs = {
        name: {each: tuple(tensor.shape.as_list()) for each, tensor in function.structured_outputs.items()}
        for name, function in traced.items()
    }
    assert outputs == {
        name: {each: spec.shape for each, spec in signature.outputs.items()} for name, signature in contract.items()
    }
