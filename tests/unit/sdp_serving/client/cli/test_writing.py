from pathlib import Path

import pytest

from sdp_serving.client.cli.outputs import Each, Folder, Output, Stdout, Together
from sdp_serving.client.cli.writing import encoding_to_ask
from sdp_serving.generation.decode import Encoding

JPEG, PNG = Encoding.JPEG, Encoding.PNG


@pytest.mark.parametrize(
    ("outputs", "pictures", "expected"),
    [
        ([Together(Path("x.jpg"), JPEG)], 1, JPEG),
        ([Each("{seed}.jpg", JPEG)], 4, JPEG),
        ([Each("{seed}.jpg", JPEG), Together(Path("x.jpg"), JPEG)], 1, JPEG),
        # A grid is encoded anew: of pictures that have lost nothing yet.
        ([Together(Path("x.jpg"), JPEG)], 2, PNG),
        ([Each("{seed}.jpg", JPEG), Stdout()], 1, PNG),
        ([Each("{seed}.jpg", JPEG), Folder(Path("x"))], 1, PNG),
        ([Together(Path("x.webp"), Encoding.WEBP)], 1, PNG),
        ([Together(Path("x.png"), PNG)], 1, PNG),
    ],
)
def test_the_decoder_sends_jpeg_where_nothing_else_is_wanted(
    outputs: list[Output], pictures: int, expected: Encoding
) -> None:
    assert encoding_to_ask(outputs, pictures) is expected
