"""Files of weights, read one tensor at a time."""

import json
import struct
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import h5py
import numpy as np
import numpy.typing as npt

from sdp_exporter.errors import UnusableWeightsError
from sdp_exporter.weights.layout import Shape

Array = npt.NDArray[np.generic]

_PICKLES: Final = frozenset({".ckpt", ".pt", ".pth", ".bin"})
_DTYPES: Final = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "I64": "<i8", "I32": "<i4", "U8": "u1", "BOOL": "?"}
_LONGEST_HEADER: Final = 100_000_000
"""Bytes, by the format's own limit."""


@dataclass(frozen=True)
class SafeTensors:
    """A `.safetensors` file (https://huggingface.co/docs/safetensors): tensors in PyTorch's layout.

    Read without mapping it into memory: mapped pages would count as the process's own, a second copy of the weights.
    """

    path: Path
    entries: "Mapping[str, _Entry]"

    @property
    def shapes(self) -> Mapping[str, Shape]:
        """Every tensor's shape, in the file's order."""
        return {name: entry.shape for name, entry in self.entries.items()}

    def read(self, name: str) -> Array:
        """One tensor, of the file's own type."""
        entry = self.entries[name]
        dtype = _dtype(entry.dtype)
        array = np.fromfile(self.path, dtype, int(np.prod(entry.shape, dtype=np.int64)), offset=entry.start)
        return array.reshape(entry.shape)


@dataclass(frozen=True)
class KerasWeights:
    """A `.weights.h5` of Keras 3, or of Keras 2.12 and later: tensors in Keras's layout, by their variable's path."""

    datasets: Mapping[str, h5py.Dataset]

    @property
    def shapes(self) -> Mapping[str, Shape]:
        """Every tensor's shape, in the file's order."""
        return {name: tuple(dataset.shape) for name, dataset in self.datasets.items()}

    def read(self, name: str) -> Array:
        """One tensor, of the file's own type."""
        return np.asarray(self.datasets[name])


@dataclass(frozen=True)
class LegacyWeights(KerasWeights):
    """A `.h5` of Keras 2: tensors in the order of the model's layers."""


@contextmanager
def open_file(path: Path) -> "Iterator[SafeTensors | KerasWeights]":
    """Open a file of weights.

    Raises:
        UnusableWeightsError: if it is none, or one that must not be read.
    """
    _refuse_pickle(path)
    match path.suffix:
        case ".safetensors":
            yield open_safetensors(path)
        case ".h5":
            with _hdf5(path, path) as file:
                yield _by_path(file) if path.name.endswith(".weights.h5") else _in_order(file, path)
        case ".keras":
            with (
                tempfile.TemporaryDirectory(prefix="sdpipeline-weights-") as folder,
                _hdf5(_unpack(path, Path(folder)), path) as file,
            ):
                yield _by_path(file)
        case _:
            raise UnusableWeightsError(
                f"{path} is no file of weights that can be read: give .safetensors, .h5, .weights.h5 or .keras,"
                " or a folder as diffusers writes it"
            )


def open_safetensors(path: Path) -> SafeTensors:
    """Open a `.safetensors` file.

    Raises:
        UnusableWeightsError: if it is none.
    """
    _refuse_pickle(path)
    if path.suffix != ".safetensors":
        raise UnusableWeightsError(f"{path} is no .safetensors file: convert it to one")
    try:
        with path.open("rb") as file:
            size = path.stat().st_size
            (length,) = struct.unpack("<Q", file.read(8))
            if length > min(_LONGEST_HEADER, size - 8):
                raise _damaged(path)
            header = json.loads(file.read(length))
            header.pop("__metadata__", None)
            entries = {name: _Entry.parse(described, 8 + length, size) for name, described in header.items()}
    except FileNotFoundError:
        raise UnusableWeightsError(f"{path} does not exist: correct the path of the weights") from None
    except OSError as error:
        raise UnusableWeightsError(f"{path} cannot be read: {(error.strerror or str(error)).lower()}") from None
    except (struct.error, ValueError, KeyError, TypeError, AttributeError):
        raise _damaged(path) from None
    return SafeTensors(path, entries)


@dataclass(frozen=True)
class _Entry:
    dtype: str
    shape: Shape
    start: int

    @classmethod
    def parse(cls, described: Mapping[str, Any], data: int, size: int) -> "_Entry":
        """Read a header's entry; `data` is where its offsets count from, `size` the file's."""
        dtype, shape, (start, end) = described["dtype"], described["shape"], described["data_offsets"]
        entry = cls(dtype, tuple(shape), data + start)
        if end - start != int(np.prod(entry.shape, dtype=np.int64)) * _dtype(dtype).itemsize:
            raise ValueError(described)
        if start < 0 or data + end > size:
            raise ValueError(described)
        return entry


def _dtype(name: str) -> np.dtype[np.generic]:
    """NumPy's type of a type of safetensors.

    Raises:
        KeyError: if there is none that weights are stored in.
    """
    if name == "BF16":
        # NumPy has no such type; TensorFlow brings the package that has.
        import ml_dtypes

        bfloat16: np.dtype[np.generic] = np.dtype(ml_dtypes.bfloat16)
        return bfloat16
    return np.dtype(_DTYPES[name])


@contextmanager
def _hdf5(path: Path, shown: Path) -> Iterator[h5py.File]:
    try:
        file = h5py.File(path, "r")
    except FileNotFoundError:
        raise UnusableWeightsError(f"{shown} does not exist: correct the path of the weights") from None
    except OSError:
        raise _damaged(shown) from None
    with file:
        yield file


def _unpack(path: Path, folder: Path) -> Path:
    """The weights inside of a `.keras` archive."""
    try:
        with zipfile.ZipFile(path) as archive:
            return Path(archive.extract("model.weights.h5", folder))
    except FileNotFoundError:
        raise UnusableWeightsError(f"{path} does not exist: correct the path of the weights") from None
    except (zipfile.BadZipFile, KeyError):
        raise _damaged(path) from None


def _by_path(file: h5py.File) -> KerasWeights:
    datasets: dict[str, h5py.Dataset] = {}

    def collect(name: str, item: object) -> None:
        # An optimizer's state may lie beside the weights.
        if isinstance(item, h5py.Dataset) and not name.startswith("optimizer/"):
            # So Keras 2 called the layers.
            datasets[name.replace("_layer_checkpoint_dependencies/", "layers/", 1)] = item

    file.visititems(collect)
    return KerasWeights(datasets)


def _in_order(file: h5py.File, path: Path) -> LegacyWeights:
    # A whole model's file has the weights in a group.
    root = file.get("model_weights", file)
    layers = list(_names(root.attrs, "layer_names"))
    if not layers:
        raise UnusableWeightsError(
            f"{path} is no .h5 file of Keras 2: a file that Keras 3 wrote must be named .weights.h5, as Keras names it"
        )
    return LegacyWeights(
        {
            f"{layer}/{weight}": root[layer][weight]
            for layer in layers
            for weight in _names(root[layer].attrs, "weight_names")
        }
    )


def _names(attributes: h5py.AttributeManager, name: str) -> Iterator[str]:
    """A list of names, which HDF5 splits over several attributes where it is long."""
    parts = [name] if name in attributes else []
    while f"{name}{len(parts)}" in attributes:
        parts.append(f"{name}{len(parts)}")
    for part in parts:
        for value in attributes[part]:
            yield value.decode() if isinstance(value, bytes) else str(value)


def _refuse_pickle(path: Path) -> None:
    if path.suffix in _PICKLES:
        raise UnusableWeightsError(
            f"{path} is a pickle, which can run any program when it is read: convert it to .safetensors where you trust"
            " it, as docs/exporting.md shows"
        )


def _damaged(path: Path) -> UnusableWeightsError:
    return UnusableWeightsError(f"{path} is damaged or not what its name says: copy or download it again")
