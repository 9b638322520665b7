"""What a SavedModel says of itself, read without TensorFlow."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from google.protobuf.message import DecodeError

from sdp_serving.puller import saved_model_pb2 as pb

_SERVED: Final = "serve"
"""The tag of the graph that TensorFlow Serving loads."""


@dataclass(frozen=True)
class Tensor:
    """A tensor's dtype, such as `float32`, and its shape: None where a size, or the whole shape, may be any."""

    dtype: str
    shape: tuple[int | None, ...] | None

    def __str__(self) -> str:
        """Such as `float32 [?, 77, 768]`."""
        sizes = ["..."] if self.shape is None else ["?" if size is None else str(size) for size in self.shape]
        return f"{self.dtype} [{', '.join(sizes)}]"


@dataclass(frozen=True)
class Function:
    """One function that can be called: its tensors by name."""

    inputs: Mapping[str, Tensor]
    outputs: Mapping[str, Tensor]


@dataclass(frozen=True)
class SavedModel:
    """The TensorFlow that wrote it, and its functions by the name of their signature."""

    tensorflow: str
    functions: Mapping[str, Function]


def read_saved_model(raw: bytes) -> SavedModel | None:
    """Read the content of a saved_model.pb; None when it is none that TensorFlow Serving loads."""
    try:
        graphs = pb.SavedModel.FromString(raw).meta_graphs
    except DecodeError:
        return None
    served = next((graph for graph in graphs if _SERVED in graph.meta_info_def.tags), None)
    if served is None:
        return None
    functions = {
        name: Function(inputs=_tensors(signature.inputs), outputs=_tensors(signature.outputs))
        for name, signature in served.signature_def.items()
    }
    return SavedModel(tensorflow=served.meta_info_def.tensorflow_version, functions=functions)


def _tensors(infos: Mapping[str, pb.TensorInfo]) -> Mapping[str, Tensor]:
    return {name: Tensor(_dtype(info.dtype), _shape(info.tensor_shape)) for name, info in infos.items()}


def _dtype(code: int) -> str:
    return _DTYPES.get(code, f"type {code}")


def _shape(shape: pb.TensorShape) -> tuple[int | None, ...] | None:
    return None if shape.unknown_rank else tuple(dim.size if dim.size >= 0 else None for dim in shape.dim)


_DTYPES: Final[Mapping[int, str]] = {
    pb.DT_FLOAT: "float32",
    pb.DT_DOUBLE: "float64",
    pb.DT_HALF: "float16",
    **{
        code: pb.DataType.Name(code).removeprefix("DT_").lower()
        for code in pb.DataType.values()
        if code not in (pb.DT_FLOAT, pb.DT_DOUBLE, pb.DT_HALF)
    },
}
