import math
from typing import Any

import numpy as np
import pytest

from sdp_serving.generation.errors import InvalidRequestError
from sdp_serving.generation.request import SEEDS, ImageRequest, Size, Source

PICTURE = np.zeros((8, 16, 3), np.uint8)


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ({"images": 0}, "0 images are asked for: ask for 1 to 1024"),
        ({"images": 1025}, "ask for 1 to 1024"),
        ({"steps": 0}, "steps is 0: give a number from 1 to 1000"),
        ({"steps": 10_000}, "from 1 to 1000"),
        ({"seed": -1}, "the seed is -1"),
        ({"seed": SEEDS}, "the seed is"),
        ({"seed": SEEDS - 1, "images": 2}, f"give a number from 0 to {SEEDS - 2}"),
        ({"guidance_scale": math.nan}, "the guidance scale is nan: give a number such as 7.5"),
        ({"guidance_scale": math.inf}, "the guidance scale is inf"),
        ({"guidance_scale": 1e39}, "the guidance scale is"),
        ({"prompt": "\ud83d"}, "the prompt holds half a character"),
        ({"negative_prompt": "\udc00"}, "the negative prompt holds half a character"),
    ],
)
def test_what_no_model_could_do_is_refused_in_a_sentence(asked: dict[str, Any], sentence: str) -> None:
    with pytest.raises(InvalidRequestError, match=sentence):
        ImageRequest(**{"prompt": "x", **asked})


@pytest.mark.parametrize("prompt", ["", "x" * 10_000, "🦊", "مرحبا", "a\0b"])
def test_any_text_is_a_prompt(prompt: str) -> None:
    assert ImageRequest(prompt=prompt).prompt == prompt


def test_each_picture_has_the_next_seed() -> None:
    assert ImageRequest(prompt="x", images=3, seed=SEEDS - 3).seeds == (SEEDS - 3, SEEDS - 2, SEEDS - 1)


@pytest.mark.parametrize("side", [0, -64, 100, 8200])
def test_a_size_that_no_latent_has_is_refused(side: int) -> None:
    with pytest.raises(InvalidRequestError, match="in multiples of 8, such as 512x512"):
        Size(512, side)


@pytest.mark.parametrize(
    ("source", "sentence"),
    [
        ({"image": PICTURE[..., :1]}, r"the image is uint8 \[8, 16, 1\]: give uint8 \[height, width, 3\]"),
        ({"image": PICTURE.astype(np.float32)}, "the image is float32"),
        ({"image": PICTURE[:0]}, "the image is uint8"),
        ({"image": PICTURE, "mask": PICTURE}, r"the mask is uint8 \[8, 16, 3\]: give uint8 \[8, 16\]"),
        ({"image": PICTURE, "mask": np.zeros((16, 8), np.uint8)}, "as large as the image"),
        ({"image": PICTURE, "mask": np.zeros((8, 16), bool)}, "the mask is bool"),
        ({"image": PICTURE, "strength": 1.1}, "the strength is 1.1: give one from 0"),
        ({"image": PICTURE, "strength": math.nan}, "the strength is nan"),
    ],
)
def test_what_is_no_picture_to_start_from_is_refused_in_a_sentence(source: dict[str, Any], sentence: str) -> None:
    with pytest.raises(InvalidRequestError, match=sentence):
        Source(**source)
