"""Files of weights, written for tests of what reads them."""

import json
import struct
from collections.abc import Callable, Mapping
from pathlib import Path

import keras
import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save_file

from sdp_exporter.weights.layout import Layout, Shape, Tensor


def write_header(path: Path, shapes: Mapping[str, Shape]) -> Path:
    """A `.safetensors` file of full size that takes no room: its tensors are a hole, read as zeros."""
    entries, end = {}, 0
    for name, shape in shapes.items():
        size = 2 * int(np.prod(shape, dtype=np.int64))
        entries[name] = {"dtype": "F16", "shape": shape, "data_offsets": [end, end + size]}
        end += size
    header = json.dumps(entries).encode()
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(header)) + header)
        file.truncate(8 + len(header) + end)
    return path


def in_torch(model: keras.Model, layout: Layout) -> dict[str, NDArray[np.float32]]:
    """The weights of a model as diffusers stores them."""
    return {
        tensor.name: _to_torch(variable.numpy(), tensor)
        for tensor, variable in zip(layout, model.variables, strict=True)
    }


def write_safetensors(
    model: keras.Model, layout: Layout, path: Path, name: Callable[[Tensor], str] = lambda tensor: tensor.name
) -> Path:
    """The weights of a model as diffusers stores them, or under other names."""
    path.parent.mkdir(parents=True, exist_ok=True)
    tensors = in_torch(model, layout)
    save_file({name(tensor): tensors[tensor.name] for tensor in layout}, path)
    return path


def _to_torch(array: NDArray[np.float32], tensor: Tensor) -> NDArray[np.float32]:
    axes = tensor.kind.axes
    return np.ascontiguousarray(array.transpose(np.argsort(axes)) if axes else array)
