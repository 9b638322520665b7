"""Weights into the variables of a model, one tensor at a time: there is never a second copy of them."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from sdp_exporter.stages import Stage, enter
from sdp_exporter.weights import embeddings, lora
from sdp_exporter.weights.files import open_file
from sdp_exporter.weights.fitting import fit
from sdp_exporter.weights.layout import Layout, Tensor
from sdp_exporter.weights.safetensors import SafeTensors
from sdp_serving.contract.components import Component

_TOKEN_TABLE: Final = "text_model.embeddings.token_embedding.weight"  # noqa: S105  # No secret: the token is a word's.

_BLOCK: Final = 1 << 24
"""Bytes that are set at a time."""

Values = Iterator[tuple[Tensor, npt.NDArray[np.float32]]]


def load(
    model: keras.Model,
    component: Component,
    layout: Layout,
    path: Path | None,
    changes: Sequence[lora.Change] = (),
) -> None:
    """Set the variables of `model` to weights and changes of LoRAs added to them.

    Their sum is worked out in float32, and rounded once where a variable holds less.

    Args:
        model: built; its variables are in the order of `layout`, and its token table may have more rows.
        component: which one it is.
        layout: the component's.
        path: of weights that `fit` accepts; None for those that the model has.
        changes: of tensors of `layout`.
    """
    enter(Stage.LOAD)
    variables = dict(zip(layout, model.variables, strict=True))
    changed = {change.tensor for change in changes}
    weights = _own(variables, changed) if path is None else _read(component, layout, path)
    for tensor, array in weights:
        for change in changes:
            if change.tensor == tensor:
                array = array + change.value()
        _assign(variables[tensor].value, array)


def _assign(variable: tf.Variable, array: npt.NDArray[np.float32]) -> None:
    """Set the first rows of a variable; a token table may have room for further words after them."""
    # TensorFlow makes a copy of what it is given, and the token table is a third of the text encoder.
    rows = max(1, len(array) * _BLOCK // array.nbytes)
    for start in range(0, len(array), rows):
        block = array[start : start + rows]
        variable[start : start + len(block)].assign(tf.cast(block, variable.dtype))


def _own(variables: Mapping[Tensor, keras.Variable], wanted: Iterable[Tensor]) -> Values:
    for tensor in wanted:
        yield tensor, variables[tensor].numpy().astype(np.float32)


def _read(component: Component, layout: Layout, path: Path) -> Values:
    with open_file(path) as file:
        torch = isinstance(file, SafeTensors)
        for name, tensor in fit(file, component, layout, path).items():
            array = file.read(name).astype(np.float32, copy=False)
            if torch:
                array = array.reshape(tensor.shape).transpose(tensor.kind.axes or range(len(tensor.shape)))
            yield tensor, array.reshape(tensor.keras_shape)


def teach(model: keras.Model, layout: Layout, learnt: Sequence[embeddings.Rows]) -> None:
    """Give tokens the rows that were learnt for them."""
    variables = {tensor.name: variable for tensor, variable in zip(layout, model.variables, strict=True)}
    for rows in learnt:
        table = variables[_TOKEN_TABLE].value
        table.scatter_nd_update(np.array(rows.tokens)[:, np.newaxis], tf.cast(rows.value(), table.dtype))
