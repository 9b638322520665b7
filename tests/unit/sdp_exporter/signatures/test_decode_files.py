"""The decoder's other forms of an image, run as TensorFlow Serving runs them."""

import io
from typing import Any

import numpy as np
import PIL.Image
import pytest
from tests.support import toy_models
from tests.support.served import serve
from tests.support.toy_models import IMAGE_SIZE

from sdp_serving.contract.components import Component
from sdp_serving.contract.signatures import SignatureName

LATENT = np.random.default_rng(0).normal(size=(3, IMAGE_SIZE // 8, IMAGE_SIZE // 8, 4)).astype(np.float32)


@pytest.fixture(scope="module")
def functions() -> Any:
    return toy_models.build(Component.DECODER).signatures()


@pytest.fixture(scope="module")
def images(functions: Any) -> np.ndarray:
    return serve(functions[SignatureName.DEFAULT], latent=LATENT)["images"]


def opened(files: np.ndarray, kind: str) -> np.ndarray:
    pictures = [PIL.Image.open(io.BytesIO(file)) for file in files]
    assert {picture.format for picture in pictures} == {kind}
    return np.stack([np.asarray(picture) for picture in pictures])


def test_floats_are_the_images_between_minus_one_and_one(functions: Any, images: np.ndarray) -> None:
    floats = serve(functions[SignatureName.DECODE_FLOATS], latent=LATENT)["images"]
    assert np.abs(floats).max() == 1  # The latent goes beyond.
    np.testing.assert_array_equal(np.rint((floats + 1) * 127.5), images)


def test_a_png_holds_the_very_image_of_its_row(functions: Any, images: np.ndarray) -> None:
    files = serve(functions[SignatureName.DECODE_PNG], latent=LATENT)["image_bytes"]
    np.testing.assert_array_equal(opened(files, "PNG"), images)


def test_a_jpeg_holds_nearly_the_image_of_its_row(functions: Any, images: np.ndarray) -> None:
    files = serve(functions[SignatureName.DECODE_JPEG], latent=LATENT)["image_bytes"]
    np.testing.assert_allclose(opened(files, "JPEG"), images, atol=8)


@pytest.mark.parametrize("name", [SignatureName.DECODE_PNG, SignatureName.DECODE_JPEG])
def test_no_latents_are_no_files(functions: Any, name: SignatureName) -> None:
    assert serve(functions[name], latent=LATENT[:0])["image_bytes"].shape == (0,)
