"""Files that no program should read whose source it does not trust."""

from pathlib import PurePosixPath
from typing import Final

from sdp_exporter.errors import UnusableWeightsError

_SUFFIXES: Final = frozenset({".ckpt", ".pt", ".pth", ".bin"})


def refuse_pickle(location: str) -> None:
    """Refuse a file by its name, before it is read or even fetched.

    Args:
        location: its path or URI, as messages tell it.

    Raises:
        UnusableWeightsError: if it is a pickle.
    """
    if PurePosixPath(location).suffix in _SUFFIXES:
        raise UnusableWeightsError(
            f"{location} is a pickle, which can run any program when it is read: convert it to .safetensors where you"
            " trust it, as docs/exporting.md shows"
        )
