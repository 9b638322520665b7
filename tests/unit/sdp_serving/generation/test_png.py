import io
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from sdp_serving.generation.png import NotPngError, read_text, with_text

PIXELS = np.arange(48, dtype=np.uint8).reshape(4, 4, 3)


def png(info: PngInfo | None = None) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(PIXELS).save(buffer, format="PNG", pnginfo=info)
    return buffer.getvalue()


@given(st.dictionaries(st.sampled_from(["prompt", "seed", "café"]), st.text(st.characters(exclude_categories=["Cs"]))))
def test_texts_are_read_as_they_were_put_in_by_us_and_by_others(texts: dict[str, str]) -> None:
    file = with_text(png(), texts)

    written = {keyword: text.replace("\0", "\ufffd") for keyword, text in texts.items()}
    assert {keyword: read_text(file, keyword) for keyword in texts} == written
    assert read_text(file, "sampler") is None
    with Image.open(io.BytesIO(file)) as image:
        image.verify()
    with Image.open(io.BytesIO(file)) as image:
        assert image.info == written
        assert np.array_equal(np.asarray(image), PIXELS)


def test_compressed_text_of_others_is_read() -> None:
    info = PngInfo()
    info.add_itxt("prompt", "a red circle" * 20, zip=True)
    assert read_text(png(info), "prompt") == "a red circle" * 20


def test_only_the_text_that_is_asked_for_is_unpacked_and_no_more_than_a_megabyte_of_it() -> None:
    info = PngInfo()
    info.add_itxt("bomb", "x" * (32 << 20), zip=True)
    info.add_itxt("prompt", "a red circle", zip=True)
    file = png(info)

    tracemalloc.start()
    try:
        assert read_text(file, "prompt") == "a red circle"
        with pytest.raises(NotPngError, match="a text of more than a megabyte"):
            read_text(file, "bomb")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 8 << 20


@pytest.mark.parametrize("file", [b"", b"GIF89a", png()[:20], png()[:-6], png()[:8]])
def test_what_is_no_whole_png_is_told(file: bytes) -> None:
    with pytest.raises(NotPngError):
        read_text(file, "prompt")
    if file != png()[:-6]:
        with pytest.raises(NotPngError):
            with_text(file, {})
