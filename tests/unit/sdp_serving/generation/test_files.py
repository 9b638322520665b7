import contextlib
import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from sdp_serving.contract.components import Component
from sdp_serving.contract.sampling import Sampler, Schedule
from sdp_serving.generation.decode import Encoding, Pictures
from sdp_serving.generation.errors import InvalidRequestError
from sdp_serving.generation.files import encoded, read_receipt, with_receipt
from sdp_serving.generation.generation import Generation
from sdp_serving.generation.receipt import ModelReceipt, Receipt, SourceReceipt, digest_of

PIXELS = np.random.default_rng(0).integers(0, 256, (3, 8, 8, 3), np.uint8)
DIGEST = f"sha256:{'a' * 64}"


def receipt(prompt: str = "a red circle", images: int = 1) -> Receipt:
    return Receipt(
        prompt=prompt,
        negative_prompt="blue <&> \U0001f98a",
        images=images,
        seed=42,
        steps=25,
        guidance_scale=7.5,
        sampler=Sampler.DDIM,
        schedule=Schedule.LINSPACE,
        width=8,
        height=8,
        source=SourceReceipt(image=DIGEST, strength=0.5),
        models={
            Component.TEXT_ENCODER: ModelReceipt(version=1),
            Component.DECODER: ModelReceipt(version=3, uri="gs://b/decoder/3", digest=DIGEST),
        },
    )


@pytest.mark.parametrize("encoding", Encoding)
def test_a_file_holds_its_receipt(encoding: Encoding) -> None:
    file = encoded(PIXELS[0], encoding, receipt())

    assert read_receipt(file) == receipt()
    with Image.open(io.BytesIO(file)) as image:
        assert image.format == encoding.upper()


@given(prompt=st.text(st.characters(exclude_categories=["Cs"]), max_size=60), encoding=st.sampled_from(Encoding))
def test_any_prompt_can_be_read_back(prompt: str, encoding: Encoding) -> None:
    assert read_receipt(encoded(PIXELS[0], encoding, receipt(prompt))).prompt == prompt


@pytest.mark.parametrize("encoding", [Encoding.PNG, Encoding.JPEG])
def test_a_receipt_put_into_a_file_leaves_its_pixels(encoding: Encoding) -> None:
    buffer = io.BytesIO()
    Image.fromarray(PIXELS[0]).save(buffer, format=encoding)

    file = with_receipt(buffer.getvalue(), encoding, receipt())

    assert read_receipt(file) == receipt()
    with Image.open(io.BytesIO(file)) as after, Image.open(buffer) as before:
        assert np.array_equal(np.asarray(after), np.asarray(before))
    assert len(file) - len(buffer.getvalue()) < 3000


def test_people_find_in_a_png_what_it_was_made_from() -> None:
    with Image.open(io.BytesIO(encoded(PIXELS[0], Encoding.PNG, receipt()))) as image:
        told = {keyword: text for keyword, text in image.info.items() if keyword != "sdpipeline"}
    assert told == {
        "Software": "sdpipeline",
        "prompt": "a red circle",
        "negative-prompt": "blue <&> \U0001f98a",
        "images": "1",
        "seed": "42",
        "steps": "25",
        "guidance-scale": "7.5",
        "sampler": "ddim",
        "schedule": "linspace",
        "size": "8x8",
        "text-encoder-version": "1",
        "decoder-version": "3",
        "decoder-digest": DIGEST,
    }


def test_a_jpeg_goes_without_a_receipt_that_is_too_long_for_it() -> None:
    buffer = io.BytesIO()
    Image.fromarray(PIXELS[0]).save(buffer, format="JPEG")
    assert with_receipt(buffer.getvalue(), Encoding.JPEG, receipt("x" * 70_000)) == buffer.getvalue()
    assert encoded(PIXELS[0], Encoding.JPEG, receipt("x" * 70_000))


def _without_receipt(encoding: Encoding) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(PIXELS[0]).save(buffer, format=encoding)
    return buffer.getvalue()


@pytest.mark.parametrize(
    "file",
    [b"", b"no picture", *map(_without_receipt, Encoding), encoded(PIXELS[0], Encoding.PNG, receipt())[:300]],
)
def test_a_file_without_a_receipt_is_told(file: bytes) -> None:
    with pytest.raises(InvalidRequestError, match="holds no receipt"):
        read_receipt(file)


@given(st.data())
def test_a_damaged_file_is_told_or_read(data: st.DataObject) -> None:
    file = bytearray(encoded(PIXELS[0], data.draw(st.sampled_from(Encoding)), receipt()))
    file[data.draw(st.integers(0, len(file) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(InvalidRequestError):
        read_receipt(bytes(file))


def test_each_picture_of_a_generation_has_its_own_receipt() -> None:
    generation = Generation(Pictures(PIXELS), receipt(images=3), None, None, {})
    for index in range(3):
        file = generation.file(index)
        assert read_receipt(file) == generation.receipt.of_picture(index)
        assert read_receipt(file).seed == 42 + index
        with Image.open(io.BytesIO(file)) as image:
            assert np.array_equal(np.asarray(image), PIXELS[index])


def test_the_quality_can_be_chosen() -> None:
    generation = Generation(Pictures(PIXELS.repeat(8, axis=1).repeat(8, axis=2)), receipt(images=3), None, None, {})
    assert len(generation.file(0, Encoding.JPEG, 20)) < len(generation.file(0, Encoding.JPEG))


def test_a_digest_is_of_shape_and_pixels() -> None:
    assert digest_of(PIXELS) == digest_of(PIXELS.copy(order="F"))
    assert len({digest_of(one) for one in (PIXELS, PIXELS.reshape(3, 8, 24), PIXELS[:2])}) == 3
