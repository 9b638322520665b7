from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from sdp_serving.client.pipeline import Generation
from sdp_serving.client.png import write_png
from sdp_serving.contract.components import DRAWING
from sdp_serving.contract.routes import Variant


def made(prompt: str = "a red circle", count: int = 3) -> Generation:
    return Generation(
        images=np.random.default_rng(0).integers(0, 256, (count, 8, 8, 3), np.uint8),
        prompt=prompt,
        steps=25,
        seed=42,
        guidance_scale=7.5,
        versions=dict(zip(DRAWING, (1, 2, 3), strict=True)),
        variant=Variant.STABLE,
        seconds={},
    )


def test_the_png_holds_the_pixels_and_all_that_makes_them_again(tmp_path: Path) -> None:
    write_png(made(), tmp_path / "out.png")

    with Image.open(tmp_path / "out.png") as image:
        assert image.size == (16, 16)
        assert np.array_equal(np.asarray(image)[:8, 8:], made().images[1])
        assert image.info == {
            "Software": "sdpipeline",
            "prompt": "a red circle",
            "images": "3",
            "seed": "42",
            "steps": "25",
            "guidance-scale": "7.5",
            "text-encoder-version": "1",
            "diffusion-model-version": "2",
            "decoder-version": "3",
        }


def test_the_name_of_the_file_need_not_end_in_png(tmp_path: Path) -> None:
    write_png(made(), tmp_path / "out")

    with Image.open(tmp_path / "out") as image:
        assert image.format == "PNG"


@given(prompt=st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=60))
def test_any_prompt_can_be_read_back(tmp_path_factory: pytest.TempPathFactory, prompt: str) -> None:
    path = tmp_path_factory.getbasetemp() / "prompt.png"
    write_png(made(prompt, count=1), path)
    with Image.open(path) as image:
        assert image.info["prompt"] == prompt
