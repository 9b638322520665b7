"""Weights into the variables of a model, one tensor at a time: there is never a second copy of them."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

import keras
import numpy as np

from sdp_exporter.stages import Stage, enter
from sdp_exporter.weights import embeddings, lora
from sdp_exporter.weights.files import SafeTensors, open_file
from sdp_exporter.weights.fitting import fit
from sdp_exporter.weights.layout import Layout
from sdp_serving.contract.components import Component

_TOKEN_TABLE: Final = "text_model.embeddings.token_embedding.weight"  # noqa: S105  # No secret: the token is a word's.


def load(model: keras.Model, component: Component, layout: Layout, path: Path) -> None:
    """Set all variables of `model` to the weights in the file `path`.

    Args:
        model: built; its variables are in the order of `layout`.
        component: which one it is.
        layout: the component's.
        path: of weights that `fit` accepts.
    """
    enter(Stage.LOAD)
    variables = dict(zip(layout, model.variables, strict=True))
    with open_file(path) as file:
        torch = isinstance(file, SafeTensors)
        for name, tensor in fit(file, component, layout, path).items():
            array = file.read(name).astype(np.float32, copy=False)
            if torch:
                array = array.reshape(tensor.shape).transpose(tensor.kind.axes or range(len(tensor.shape)))
            variables[tensor].assign(array.reshape(tensor.keras_shape))


def merge(model: keras.Model, layout: Layout, changes: Iterable[lora.Change]) -> None:
    """Add LoRA's changes to the variables of `model`."""
    variables = dict(zip(layout, model.variables, strict=True))
    for change in changes:
        variables[change.tensor].assign_add(change.value())


def teach(model: keras.Model, layout: Layout, learnt: Sequence[embeddings.Rows]) -> None:
    """Give words the rows that were learnt for them."""
    variables = {tensor.name: variable for tensor, variable in zip(layout, model.variables, strict=True)}
    for rows in learnt:
        table = variables[_TOKEN_TABLE]
        changed = table.numpy()
        changed[list(rows.tokens)] = rows.value()
        table.assign(changed)
