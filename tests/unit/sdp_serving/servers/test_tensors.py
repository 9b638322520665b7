from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from sdp_serving.servers import predict_pb2 as pb
from sdp_serving.servers.tensors import to_array, to_tensor

DTYPES = ("float32", "int32", "int64", "uint8")
arrays = st.sampled_from(DTYPES).flatmap(
    lambda dtype: hnp.arrays(dtype, hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4))
)


@given(arrays)
def test_an_array_survives_the_wire(array: np.ndarray[Any, Any]) -> None:
    sent = to_tensor(array).SerializeToString()

    got = to_array(pb.Tensor.FromString(sent))

    assert got.dtype == array.dtype
    assert np.array_equal(got, array, equal_nan=array.dtype == np.float32)


@given(hnp.arrays(object, hnp.array_shapes(min_dims=0, max_dims=2, min_side=0), elements=st.binary(max_size=9)))
def test_strings_survive_the_wire(array: np.ndarray[Any, Any]) -> None:
    got = to_array(pb.Tensor.FromString(to_tensor(array).SerializeToString()))
    assert got.dtype == object
    assert got.shape == array.shape
    assert got.tolist() == array.tolist()


def test_an_array_in_another_byte_order_keeps_its_values() -> None:
    array = np.array([[1, 2], [3, 4]], ">i4").T
    assert to_array(to_tensor(array)).tolist() == [[1, 3], [2, 4]]


VALUES: dict[str, tuple[int, str, list[float]]] = {
    "float32": (pb.DT_FLOAT, "float_val", [0.5, 1.5]),
    "int32": (pb.DT_INT32, "int_val", [-1, 7]),
    "uint8": (pb.DT_UINT8, "int_val", [3, 255]),
    "int64": (pb.DT_INT64, "int64_val", [-(1 << 40), 2]),
}


@pytest.mark.parametrize("dtype", DTYPES)
def test_typed_values_are_read_and_the_last_one_repeats(dtype: str) -> None:
    code, field, values = VALUES[dtype]
    shape = pb.TensorShape(dim=[pb.TensorShape.Dim(size=size) for size in (2, 2)])
    tensor = pb.Tensor(dtype=pb.DataType.ValueType(code), tensor_shape=shape)
    getattr(tensor, field).extend(values)

    got = to_array(tensor)

    assert got.dtype == np.dtype(dtype)
    assert got.tolist() == [values, [values[1], values[1]]]


def test_no_values_at_all_are_zeros() -> None:
    shape = pb.TensorShape(dim=[pb.TensorShape.Dim(size=3)])
    assert to_array(pb.Tensor(dtype=pb.DT_FLOAT, tensor_shape=shape)).tolist() == [0, 0, 0]


@pytest.mark.parametrize(
    "tensor",
    [
        pb.Tensor(dtype=pb.DT_INVALID),
        pb.Tensor(dtype=pb.DT_INT32, tensor_content=b"123"),
        pb.Tensor(dtype=pb.DT_STRING, string_val=[b"a", b"b"]),
        pb.Tensor(dtype=pb.DT_INT32, int_val=[1, 2]),
        pb.Tensor(dtype=pb.DT_INT32, tensor_shape=pb.TensorShape(dim=[pb.TensorShape.Dim(size=-1)])),
    ],
)
def test_a_tensor_that_does_not_fit_its_shape_is_refused(tensor: pb.Tensor) -> None:
    with pytest.raises(ValueError, match=r"tensor|bytes|values|strings"):
        to_array(tensor)
