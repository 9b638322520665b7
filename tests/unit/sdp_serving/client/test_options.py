import numpy as np
import pytest
from PIL import Image

from sdp_serving.client.options import Options, request_of
from sdp_serving.contract.sampling import Sampler, Schedule
from sdp_serving.generation.errors import InvalidRequestError
from sdp_serving.generation.request import ImageRequest, Size

PIXELS = np.random.default_rng(0).integers(0, 256, (8, 16, 3), np.uint8)


def test_a_prompt_will_do() -> None:
    assert request_of("x", {}) == ImageRequest(prompt="x")


def test_all_that_is_said_is_asked_for() -> None:
    options: Options = {
        "negative_prompt": "blue", "images": 2, "seed": 3, "steps": 4, "guidance_scale": 5.0, "size": (64, 128),
        "sampler": "euler", "schedule": Schedule.KARRAS, "image": PIXELS, "mask": PIXELS[..., 0], "strength": 0.5,
    }  # fmt: skip
    made = request_of("x", options)
    assert (made.negative_prompt, made.images, made.seed, made.steps, made.guidance_scale) == ("blue", 2, 3, 4, 5.0)
    assert (made.size, made.sampler, made.schedule) == (Size(64, 128), Sampler.EULER, Schedule.KARRAS)
    assert made.source is not None
    assert made.source.strength == 0.5


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "P", "CMYK"])
def test_pillows_pictures_are_taken_in_any_mode(mode: str) -> None:
    made = request_of("x", {"image": Image.new(mode, (16, 8)), "mask": Image.new("1", (16, 8), 1)}).source
    assert made is not None
    assert made.mask is not None
    assert (made.image.shape, made.mask.min()) == ((8, 16, 3), 255)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"mask": PIXELS[..., 0]}, "a mask and a strength are of an image: give the image too"),
        ({"strength": 0.5}, "a mask and a strength are of an image"),
        ({"sampler": "plms"}, "there is no sampler 'plms': choose among ddim, dpm_solver_pp_2m"),
        ({"schedule": "cosine"}, "there is no schedule 'cosine': choose among linspace"),
        ({"size": (100, 64)}, "the size is 100x64"),
    ],
)
def test_what_cannot_be_is_told(options: Options, sentence: str) -> None:
    with pytest.raises(InvalidRequestError, match=sentence):
        request_of("x", options)
