"""Weights on disk: one .npz of half-precision arrays a model, named by the variables' paths; no pickle."""

from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

import keras
import numpy as np
import numpy.typing as npt

from sdp_exporter.stages import Stage, enter

Arrays = Mapping[str, npt.NDArray[np.generic]]


def collect(model: keras.Model) -> Arrays:
    """Returns a model's variables by their paths, in half precision."""
    return {variable.path: variable.numpy().astype(np.float16) for variable in model.variables}


def write(arrays: Arrays, path: Path) -> None:
    """Writes arrays to `path`; what stood there is replaced only by a whole file."""
    partial = path.with_name(f".{path.name}.partial")
    with partial.open("wb") as file:
        np.savez(file, allow_pickle=False, **arrays)
    partial.replace(path)


def read(path: Path) -> Arrays:
    """Returns the arrays that `write` wrote."""
    with np.load(path, allow_pickle=False) as arrays:
        return dict(arrays)


_Model = TypeVar("_Model", bound=keras.Model)


def assign(arrays: Arrays, model: _Model) -> _Model:
    """Sets all variables of a built model, and returns it.

    Raises:
        ValueError: The names or the shapes are not those of the model's variables.
    """
    enter(Stage.LOAD)
    differing = {variable.path for variable in model.variables} ^ set(arrays)
    if differing:
        raise ValueError(f"These are not the weights of a {model.name}: {sorted(differing)[:3]} differ.")
    for variable in model.variables:
        variable.assign(arrays[variable.path].astype(np.float32))
    return model
