"""Images as a PNG that says how to make them again."""

from pathlib import Path

from sdp_serving.client.grid import grid
from sdp_serving.generation.decode import Encoding
from sdp_serving.generation.files import encoded
from sdp_serving.generation.generation import Generation


def write_png(generation: Generation, path: Path) -> None:
    """Write one image as its decoder encoded it, or a grid of several, with its receipt as text.

    Raises:
        OSError: of the file.
    """
    one = len(generation) == 1
    path.write_bytes(generation.file(0) if one else encoded(grid(generation.images), Encoding.PNG, generation.receipt))
