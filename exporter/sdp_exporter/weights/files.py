"""Files of weights, read one tensor at a time."""

import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np

from sdp_exporter.errors import UnusableWeightsError
from sdp_exporter.weights.layout import Shape
from sdp_exporter.weights.open_clip import in_clips_names
from sdp_exporter.weights.pickles import refuse_pickle
from sdp_exporter.weights.safetensors import Array, SafeTensors, damaged, is_index, open_safetensors, shards


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
    refuse_pickle(str(path))
    match path.suffix:
        case _ if is_torch(path):
            yield in_clips_names(open_torch(path))
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


def open_torch(path: Path) -> SafeTensors:
    """Open a `.safetensors` file, or the index of its shards.

    Raises:
        UnusableWeightsError: if it is none, or one that must not be read.
    """
    refuse_pickle(str(path))
    if not is_torch(path):
        raise UnusableWeightsError(f"{path} is no .safetensors file: convert it to one")
    return open_safetensors(path)


def is_torch(path: Path) -> bool:
    """Whether a file with this name holds tensors in PyTorch's layout."""
    return path.suffix == ".safetensors" or is_index(path.name)


def parts_of(path: Path) -> tuple[Path, ...]:
    """All files that the weights in `path` consist of: it, and the shards that it is an index of."""
    return (path, *(path.with_name(name) for name in shards(path))) if is_index(path.name) else (path,)


@contextmanager
def _hdf5(path: Path, shown: Path) -> Iterator[h5py.File]:
    try:
        file = h5py.File(path, "r")
    except FileNotFoundError:
        raise UnusableWeightsError(f"{shown} does not exist: correct the path of the weights") from None
    except OSError:
        raise damaged(shown) from None
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
        raise damaged(path) from None


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
