"""Arrays to the wire's tensors and back."""

import math
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

import numpy as np

from sdp_serving.generation.calls import Array
from sdp_serving.servers import predict_pb2 as pb

# The wire is little-endian.
_DTYPES: Final[Mapping[int, np.dtype[Any]]] = MappingProxyType(
    {
        pb.DT_FLOAT: np.dtype("<f4"),
        pb.DT_INT32: np.dtype("<i4"),
        pb.DT_INT64: np.dtype("<i8"),
        pb.DT_UINT8: np.dtype("u1"),
    }
)
_CODES: Final = MappingProxyType({dtype: pb.DataType.ValueType(code) for code, dtype in _DTYPES.items()})


def to_tensor(array: Array) -> pb.Tensor:
    """An array of float32, int32, int64 or uint8, or of bytes (dtype object), as a tensor.

    Raises:
        KeyError: for another dtype.
    """
    shape = pb.TensorShape(dim=[pb.TensorShape.Dim(size=size) for size in array.shape])
    if array.dtype == object:
        return pb.Tensor(dtype=pb.DT_STRING, tensor_shape=shape, string_val=array.ravel().tolist())
    little = np.asarray(array, dtype=array.dtype.newbyteorder("<"), order="C")
    return pb.Tensor(dtype=_CODES[little.dtype], tensor_shape=shape, tensor_content=little.tobytes())


def to_array(tensor: pb.Tensor) -> Array:
    """A tensor as an array of its dtype, read-only.

    Raises:
        ValueError: when the dtype is none of the contract's, or the values do not fill the shape.
    """
    shape = [dim.size for dim in tensor.tensor_shape.dim]
    if any(size < 0 for size in shape):
        raise ValueError(f"a tensor of the shape {shape}")
    if tensor.dtype == pb.DT_STRING:
        return _strings(tensor.string_val, shape)
    dtype = _DTYPES.get(tensor.dtype)
    if dtype is None:
        raise ValueError(f"a tensor of type {tensor.dtype}")
    flat = _content(tensor, dtype, math.prod(shape))
    array = flat.reshape(shape)
    array.flags.writeable = False
    return array


def _strings(values: Sequence[bytes], shape: Sequence[int]) -> Array:
    if len(values) != math.prod(shape):
        raise ValueError(f"{len(values)} strings for {math.prod(shape)} elements")
    # Made empty first: NumPy would take the bytes apart, or cut off nulls at their end.
    array = np.empty(len(values), dtype=object)
    array[:] = values
    return array.reshape(shape)


def _content(tensor: pb.Tensor, dtype: np.dtype[Any], size: int) -> Array:
    if tensor.tensor_content:
        if len(tensor.tensor_content) != size * dtype.itemsize:
            raise ValueError(f"{len(tensor.tensor_content)} bytes for {size} elements of {dtype}")
        return np.frombuffer(tensor.tensor_content, dtype)
    match tensor.dtype:
        case pb.DT_FLOAT:
            values = np.array(tensor.float_val, dtype)
        case pb.DT_INT64:
            values = np.array(tensor.int64_val, dtype)
        case _:
            values = np.array(tensor.int_val, dtype)
    if len(values) > size:
        raise ValueError(f"{len(values)} values for {size} elements")
    # TensorProto: the last value stands for all that are missing, and zero when there is none.
    fill = values[-1] if len(values) else dtype.type(0)
    return np.concatenate([values, np.full(size - len(values), fill, dtype)])
