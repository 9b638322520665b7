"""One SavedModel, loaded into a TensorFlow session of its own, as TensorFlow Serving does.

A session, not `tf.saved_model.load`: it can be given up in the middle of a run when the time is over, it is freed when
closed, and it needs only a part of TensorFlow to be imported.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from tensorflow.core.framework import types_pb2
from tensorflow.core.protobuf import config_pb2
from tensorflow.python.client import session
from tensorflow.python.framework import errors, ops
from tensorflow.python.saved_model import loader_impl

from sdp_serving.standin.compiled import compiled_signatures
from sdp_serving.standin.errors import Code, ServingError, invalid_argument
from sdp_serving.standin.signature import DEFAULT_SIGNATURE, Signature, TensorInfo

_SERVING_TAG: Final = "serve"


class Servable:
    """A loaded SavedModel."""

    def __init__(self, folder: Path, config: Any, *, batching: bool = False, compiling: bool = False) -> None:
        """Load it.

        Args:
            folder: holds `saved_model.pb`.
            config: the session's ConfigProto.
            batching: whether to refuse single numbers, as TensorFlow Serving does where it batches: in whatever asks,
                warm-up requests too.
            compiling: whether XLA may compile; without, TensorFlow Serving refuses requests that it would have to
                compile for.

        Raises:
            ServingError: there is no SavedModel, or it cannot be loaded.
        """
        if not _has_saved_model(folder):
            raise ServingError(
                Code.NOT_FOUND,
                f"Could not find SavedModel .pb or .pbtxt at supplied export directory path: {folder}. Check that the "
                "directory exists and that you have the right permissions for accessing it.",
            )
        graph = ops.Graph()
        self._session = session.Session(graph=graph, config=config)
        try:
            with graph.as_default():
                meta_graph = loader_impl.SavedModelLoader(str(folder)).load(self._session, [_SERVING_TAG])
        except errors.OpError as error:
            self._session.close()
            raise _translate(error) from error
        except Exception as error:  # a damaged file fails in any way at all
            self._session.close()
            raise ServingError(Code.INTERNAL, f"{folder} cannot be loaded: {error}") from error
        self._batching = batching
        self.signature_defs: Mapping[str, Any] = dict(meta_graph.signature_def)
        self._signatures = {name: _signature(each) for name, each in self.signature_defs.items()}
        refused = frozenset() if compiling else compiled_signatures(meta_graph)
        self._refused = [self._signatures[name] for name in refused]

    def signature(self, name: str) -> Signature:
        """The signature of that name; of the default one when it is empty.

        Raises:
            ServingError: INVALID_ARGUMENT when there is none.
        """
        try:
            return self._signatures[name or DEFAULT_SIGNATURE]
        except KeyError:
            raise invalid_argument(
                f'Serving signature name: "{name or DEFAULT_SIGNATURE}" not found in signature def'
            ) from None

    def run(
        self,
        signature: Signature,
        inputs: Mapping[str, NDArray[Any]],
        outputs: Sequence[str],
        timeout_ms: int,
    ) -> dict[str, NDArray[Any]]:
        """Compute `outputs` from `inputs`, both by their names in the signature.

        Args:
            signature: the function.
            inputs: one array for each of its inputs, of that input's dtype.
            outputs: names of the outputs to compute.
            timeout_ms: milliseconds after which to give up; 0 for never.

        Raises:
            ServingError: the model or its batching refused the values, XLA would have to compile and may not
                (INTERNAL), or the time was over (DEADLINE_EXCEEDED).
        """
        if self._batching and any(value.ndim == 0 for value in inputs.values()):
            raise invalid_argument("Batching Run() input tensors must have at least one dimension")
        if signature in self._refused:
            raise ServingError(Code.INTERNAL, "XLA compilation disabled")
        feeds = {signature.inputs[name].name: value for name, value in inputs.items()}
        fetches = {name: signature.outputs[name].name for name in outputs}
        try:
            results = self._session.run(fetches, feeds, options=config_pb2.RunOptions(timeout_in_ms=timeout_ms))
        except errors.OpError as error:
            raise _translate(error) from error
        except (ValueError, TypeError) as error:
            raise invalid_argument(str(error)) from error
        return {name: np.asarray(value) for name, value in results.items()}

    def close(self) -> None:
        """Free the session and its variables."""
        self._session.close()


def _has_saved_model(folder: Path) -> bool:
    try:
        return (folder / "saved_model.pb").is_file()
    except PermissionError:
        return False


def _signature(definition: Any) -> Signature:
    return Signature(_tensors(definition.inputs), _tensors(definition.outputs))


def _tensors(infos: Mapping[str, Any]) -> dict[str, TensorInfo]:
    return {alias: TensorInfo(info.name, dtype_name(info.dtype)) for alias, info in infos.items()}


def dtype_name(dtype: int) -> str:
    """TensorFlow's name of a DataType of the protocol, such as `float` for DT_FLOAT."""
    return str(types_pb2.DataType.Name(dtype)).removeprefix("DT_").lower()


def _translate(error: Any) -> ServingError:
    # Python's session wraps the runtime's error into one with a trace of the graph; a client wants the runtime's own.
    original = error.__context__ if isinstance(error.__context__, errors.OpError) else error
    return ServingError(Code(original.error_code), original.message)
