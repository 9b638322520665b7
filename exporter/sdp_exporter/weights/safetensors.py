"""`.safetensors` files (https://huggingface.co/docs/safetensors), whole or in shards, read one tensor at a time."""

import json
import struct
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, Self

import numpy as np
import numpy.typing as npt

from sdp_exporter.errors import UnusableWeightsError
from sdp_exporter.weights.layout import Shape

Array = npt.NDArray[np.generic]

_INDEX: Final = ".safetensors.index."
_DTYPES: Final = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "I64": "<i8", "I32": "<i4", "U8": "u1", "BOOL": "?"}
_BFLOAT16: Final = "BF16"
_LONGEST_HEADER: Final = 100_000_000
"""Bytes, by the format's own limit."""


@dataclass(frozen=True)
class Entry:
    """A tensor in a file, in PyTorch's layout."""

    path: Path
    dtype: np.dtype[np.generic]
    shape: Shape
    start: int
    """Its first byte."""

    def rows(self, start: int, stop: int) -> Self:
        """Some of its rows."""
        row = self.dtype.itemsize * int(np.prod(self.shape[1:], dtype=np.int64))
        return replace(self, shape=(stop - start, *self.shape[1:]), start=self.start + start * row)

    def read(self) -> Array:
        """The tensor."""
        array = np.fromfile(self.path, self.dtype, int(np.prod(self.shape, dtype=np.int64)), offset=self.start)
        return array.reshape(self.shape)


@dataclass(frozen=True)
class SafeTensors:
    """Tensors in PyTorch's layout by their names.

    Read without mapping files into memory: mapped pages would count as the process's own, a second copy of the weights.
    """

    entries: Mapping[str, Entry]

    @property
    def shapes(self) -> Mapping[str, Shape]:
        """Every tensor's shape, in the file's order."""
        return {name: entry.shape for name, entry in self.entries.items()}

    def read(self, name: str) -> Array:
        """One tensor, of the file's own type."""
        return self.entries[name].read()


def is_index(name: str) -> bool:
    """Whether a file of this name says which tensors are in which shard."""
    return _INDEX in name and name.endswith(".json")


def shards(index: Path) -> list[str]:
    """The names of the files beside `index` that have the tensors.

    Raises:
        UnusableWeightsError: if it is no index, or one of files elsewhere.
    """
    try:
        names = sorted(set(json.loads(index.read_text())["weight_map"].values()))
        elsewhere = [name for name in names if Path(name).name != name or Path(name).suffix != ".safetensors"]
    except FileNotFoundError:
        raise UnusableWeightsError(f"{index} does not exist: correct the path of the weights") from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        raise damaged(index) from None
    if elsewhere:
        raise UnusableWeightsError(f"{index} names {elsewhere[0]}, which is no .safetensors file beside it: correct it")
    return names


def open_safetensors(path: Path) -> SafeTensors:
    """Open a `.safetensors` file, or all that an index names.

    Raises:
        UnusableWeightsError: if it is none.
    """
    if not is_index(path.name):
        return SafeTensors(_entries(path))
    found: dict[str, Entry] = {}
    for name in shards(path):
        shard = path.with_name(name)
        if not shard.exists():
            raise UnusableWeightsError(f"{path} names {name}, which is not beside it: copy it there too")
        found.update(_entries(shard))
    return SafeTensors(found)


def damaged(path: Path) -> UnusableWeightsError:
    """What to say of a file that can't be read."""
    return UnusableWeightsError(f"{path} is damaged or not what its name says: copy or download it again")


def _entries(path: Path) -> Mapping[str, Entry]:
    try:
        with path.open("rb") as file:
            size = path.stat().st_size
            (length,) = struct.unpack("<Q", file.read(8))
            if length > min(_LONGEST_HEADER, size - 8):
                raise damaged(path)
            header = json.loads(file.read(length))
            header.pop("__metadata__", None)
            return {name: _parse(name, described, path, 8 + length, size) for name, described in header.items()}
    except FileNotFoundError:
        raise UnusableWeightsError(f"{path} does not exist: correct the path of the weights") from None
    except OSError as error:
        raise UnusableWeightsError(f"{path} cannot be read: {(error.strerror or str(error)).lower()}") from None
    except (struct.error, ValueError, KeyError, TypeError, AttributeError):
        raise damaged(path) from None


def _parse(name: str, described: Mapping[str, Any], path: Path, data: int, size: int) -> Entry:
    """Read a header's entry; `data` is where its offsets count from, `size` the file's."""
    start, end = described["data_offsets"]
    dtype = _dtype(str(described["dtype"]))
    if dtype is None:
        raise UnusableWeightsError(
            f"{path} holds {name} as {described['dtype']}, which is quantised or of a type that is not read here: give"
            f" weights of {', '.join((*_DTYPES, _BFLOAT16))}, such as those that they were quantised from"
        )
    entry = Entry(path, dtype, tuple(described["shape"]), data + start)
    if end - start != int(np.prod(entry.shape, dtype=np.int64)) * entry.dtype.itemsize:
        raise ValueError(described)
    if start < 0 or data + end > size:
        raise ValueError(described)
    return entry


def _dtype(name: str) -> np.dtype[np.generic] | None:
    """NumPy's type of a type of safetensors; None where weights are not stored in it as they are."""
    if name == _BFLOAT16:
        # NumPy has no such type; TensorFlow brings the package that has.
        import ml_dtypes

        bfloat16: np.dtype[np.generic] = np.dtype(ml_dtypes.bfloat16)
        return bfloat16
    return np.dtype(_DTYPES[name]) if name in _DTYPES else None
