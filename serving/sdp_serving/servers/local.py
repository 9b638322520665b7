"""A SavedModel's folder in place of a server: the model runs in this process, which needs TensorFlow for it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from sdp_serving.contract.artifact import SAVED_MODEL
from sdp_serving.contract.components import Component
from sdp_serving.contract.signatures import Signature, TensorSpec
from sdp_serving.generation.calls import Answer, Array, Call, Look, Offer
from sdp_serving.generation.errors import PipelineError, RequestRefusedError
from sdp_serving.servers.transport import checked, of_component, one_line


class NoLocalModelError(PipelineError):
    """A folder can't be used in place of a server."""


class LocalTransport:
    """Models of folders."""

    def __init__(self, folders: Mapping[Component, Path]) -> None:
        """Load the models.

        Args:
            folders: of each component: a SavedModel, or one with a folder for each version, of which the highest is
                taken.

        Raises:
            NoLocalModelError: when there is none, or TensorFlow is missing.
        """
        self._models = {component: _Model(component, folder) for component, folder in folders.items()}

    def predict(self, call: Call) -> Answer:
        """Run one signature."""
        model = of_component(call.component, self._models)
        return checked(call, Answer(model.run(call), model.version))

    def look(self, look: Look) -> Offer:
        """What a model can do."""
        return of_component(look.component, self._models).offer

    def close(self) -> None:
        """Let go of the models."""
        self._models = {}


def model_folder(component: Component, folder: Path) -> Path:
    """The SavedModel that a folder is, or its highest version.

    Raises:
        NoLocalModelError: when it holds none.
    """
    if (folder / SAVED_MODEL).is_file():
        return folder
    versions = [
        one for one in (folder.iterdir() if folder.is_dir() else ())
        if one.name.isdecimal() and (one / SAVED_MODEL).is_file()
    ]  # fmt: skip
    if not versions:
        raise NoLocalModelError(
            f"the folder {folder} holds no SavedModel for the {component}: give the folder that has a {SAVED_MODEL},"
            " or versions with one"
        )
    return max(versions, key=lambda one: int(one.name))


class _Model:
    def __init__(self, component: Component, folder: Path) -> None:
        at = model_folder(component, folder)
        try:
            import tensorflow as tf
        except ModuleNotFoundError as error:
            raise NoLocalModelError(
                f"the {component} of the folder {folder} runs in this process, which needs TensorFlow: run `pip install"
                " tensorflow`"
            ) from error
        self._tf: Any = tf
        try:
            # Kept: the functions don't keep its variables alive.
            self._loaded = tf.saved_model.load(str(at))
        except (OSError, ValueError, tf.errors.OpError) as error:
            raise NoLocalModelError(
                f"the folder {at} holds no SavedModel that can be loaded ({one_line(str(error))}): give another"
            ) from error
        self._functions: Mapping[str, Any] = self._loaded.signatures
        self.version = int(at.name) if at.name.isdecimal() else 1
        self.offer = Offer(self.version, {name: _signature(one) for name, one in self._functions.items()})

    def run(self, call: Call) -> dict[str, Array]:
        inputs = {name: self._tf.constant(array) for name, array in call.inputs.items()}
        try:
            outputs = self._functions[call.signature](**inputs)
        except (self._tf.errors.OpError, TypeError, ValueError, KeyError) as error:
            raise RequestRefusedError(
                call.component, f"the local {call.component} refused the request: {one_line(str(error))}"
            ) from error
        return {name: np.asarray(tensor.numpy()) for name, tensor in outputs.items()}


def _signature(function: Any) -> Signature:
    _, inputs = function.structured_input_signature
    return Signature(inputs=_specs(inputs), outputs=_specs(function.structured_outputs))


def _specs(tensors: Mapping[str, Any]) -> dict[str, TensorSpec]:
    return {
        name: TensorSpec(dtype=one.dtype.name, shape=None if one.shape.rank is None else tuple(one.shape.as_list()))
        for name, one in tensors.items()
    }
