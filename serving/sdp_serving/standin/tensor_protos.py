"""Tensors as gRPC carries them: TensorProto, with the values in typed fields or as raw content."""

from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from tensorflow.core.framework import tensor_pb2
from tensorflow.python.framework import dtypes, tensor_util

from sdp_serving.standin.errors import invalid_argument
from sdp_serving.standin.servable import dtype_name
from sdp_serving.standin.signature import Signature

_FIELDS: Final[Mapping[str, str]] = {
    "float32": "float_val",
    "float64": "double_val",
    "int8": "int_val",
    "uint8": "int_val",
    "int16": "int_val",
    "uint16": "int_val",
    "int32": "int_val",
    "int64": "int64_val",
    "bool": "bool_val",
    "uint32": "uint32_val",
    "uint64": "uint64_val",
}


def to_arrays(protos: Mapping[str, Any], signature: Signature) -> dict[str, NDArray[Any]]:
    """The arrays that a request's TensorProtos hold, by the input's name.

    Raises:
        ServingError: INVALID_ARGUMENT when they are not the signature's inputs, or values do not fill their shape.
    """
    signature.check_inputs(protos)
    for index, (name, info) in enumerate(sorted(signature.inputs.items())):
        given = dtype_name(protos[name].dtype)
        if given != info.dtype:
            raise invalid_argument(f"Expects arg[{index}] to be {info.dtype} but {given} is provided")
    return {name: _to_array(name, proto) for name, proto in protos.items()}


def as_fields(value: NDArray[Any]) -> Any:
    """A TensorProto with each value in its dtype's own field: TensorFlow Serving's default."""
    field = _FIELDS.get(value.dtype.name)
    if field is None:
        # Strings are the same in both forms; the 16-bit floats' bit patterns are left to TensorFlow.
        return as_content(value)
    proto = tensor_pb2.TensorProto(dtype=dtypes.as_dtype(value.dtype).as_datatype_enum)
    for size in value.shape:
        proto.tensor_shape.dim.add(size=size)
    getattr(proto, field).extend(value.ravel().tolist())
    return proto


def as_content(value: NDArray[Any]) -> Any:
    """A TensorProto with the values as raw bytes in `tensor_content`; strings in `string_val`."""
    return tensor_util.make_tensor_proto(value)


def _to_array(alias: str, proto: Any) -> NDArray[Any]:
    try:
        return np.asarray(tensor_util.MakeNdarray(proto))
    except (TypeError, ValueError) as error:
        raise invalid_argument(f"tensor parsing error: {alias}") from error


Encoder = Callable[[NDArray[Any]], Any]
