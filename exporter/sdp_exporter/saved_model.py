"""A SavedModel on disk: written, and its signatures read back."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import tensorflow as tf
from tensorflow.core.protobuf import meta_graph_pb2, saved_model_pb2

from sdp_exporter.errors import BrokenExportError, DiskFullError
from sdp_exporter.sources import Source
from sdp_exporter.stages import Stage, enter
from sdp_exporter.warm_up import write_requests
from sdp_serving.contract.artifact import SAVED_MODEL
from sdp_serving.contract.exported import exported_signatures
from sdp_serving.contract.signatures import Signature, TensorSpec, differences

_INITIALISER: Final = "__saved_model_init_op"
"""An entry among the signatures that TensorFlow itself writes."""


def write(source: Source, folder: Path) -> Mapping[str, Signature]:
    """Build `source`'s model and save it in the empty `folder`, with requests for servers to warm up by.

    Returns:
        The signatures that the written SavedModel has.

    Raises:
        DiskFullError: if there is no room for it.
        BrokenExportError: if they are not the contract's.
    """
    tf.get_logger().setLevel("ERROR")
    enter(Stage.BUILD)
    module = source.build()
    signatures = module.signatures()
    enter(Stage.SAVE)
    try:
        tf.saved_model.save(module, str(folder), signatures=signatures)
    except tf.errors.ResourceExhaustedError:
        raise DiskFullError(
            f"there is no room for the SavedModel in {folder.parent}: make some, or name another folder in TMPDIR"
        ) from None
    written = read_signatures(folder)
    expected = exported_signatures(
        source.component, width=source.width, image_size=source.image_size, image_sizes=source.image_sizes
    )
    if wrong := differences(expected, written):
        raise BrokenExportError(f"the exported {source.component} breaks the contract, report this: {'; '.join(wrong)}")
    write_requests(folder, source.component, written, image_size=source.image_size)
    return written


def read_signatures(folder: Path) -> Mapping[str, Signature]:
    """The signatures of the SavedModel in `folder`."""
    model = saved_model_pb2.SavedModel.FromString((folder / SAVED_MODEL).read_bytes())
    (graph,) = model.meta_graphs
    return {
        name: Signature(inputs=_tensors(signature.inputs), outputs=_tensors(signature.outputs))
        for name, signature in graph.signature_def.items()
        if name != _INITIALISER
    }


def _tensors(infos: Mapping[str, meta_graph_pb2.TensorInfo]) -> dict[str, TensorSpec]:
    return {
        name: TensorSpec.model_validate(
            {
                "dtype": tf.as_dtype(info.dtype).name,
                "shape": None
                if info.tensor_shape.unknown_rank
                else [None if dimension.size < 0 else dimension.size for dimension in info.tensor_shape.dim],
            }
        )
        for name, info in infos.items()
    }
