import json
from typing import Any

import numpy as np
import pytest

from sdp_serving.standin.errors import Code, ServingError
from sdp_serving.standin.json_tensors import Format, JsonRequest, answer
from sdp_serving.standin.signature import Signature, TensorInfo


def read(value: Any, dtype: str) -> Any:
    signature = Signature({"x": TensorInfo("x:0", dtype)}, {})
    return JsonRequest.parse(json.dumps({"inputs": {"x": value}}).encode()).tensors(signature)["x"]


@pytest.mark.parametrize(
    ("value", "dtype", "expected"),
    [
        (1, "float", np.float32(1)),
        ([1, 2.5], "float", np.array([1, 2.5], np.float32)),
        ([[1], [2]], "int32", np.array([[1], [2]], np.int32)),
        ([], "int64", np.zeros([0], np.int64)),
        (2**63 - 1, "int64", np.int64(2**63 - 1)),
        (2**64 - 1, "uint64", np.uint64(2**64 - 1)),
        ([255, 256], "uint8", np.array([255, 0], np.uint8)),
        ([True, False], "bool", np.array([True, False])),
        (2**24 - 1, "float", np.float32(2**24 - 1)),
        (float("inf"), "float", np.float32("inf")),
    ],
)
def test_a_value_becomes_a_tensor_of_its_inputs_dtype(value: Any, dtype: str, expected: Any) -> None:
    tensor = read(value, dtype)

    assert tensor.dtype == expected.dtype
    np.testing.assert_array_equal(tensor, expected)


@pytest.mark.parametrize(
    ("value", "dtype"),
    [
        (True, "int32"),
        (True, "float"),
        (1, "bool"),
        (1.0, "int32"),
        (-1, "uint32"),
        (2**31, "uint8"),
        (2**63, "int64"),
        (None, "float"),
        ("1", "int32"),
        ({"a": 1}, "float"),
        (1, "string"),
        ({"b64": 1}, "string"),
        (1e39, "float"),
        (2**53, "double"),
        (10**400, "double"),
        (10**400, "int64"),
        ([[1, 2], [3]], "int32"),
        ([1, [2]], "int32"),
        ([[1], 2], "int32"),
    ],
)
def test_a_value_that_does_not_fit_is_refused(value: Any, dtype: str) -> None:
    with pytest.raises(ServingError) as raised:
        read(value, dtype)

    assert raised.value.code is Code.INVALID_ARGUMENT


def test_a_dtype_that_json_cannot_carry_is_unimplemented() -> None:
    with pytest.raises(ServingError) as raised:
        read(1, "half")

    assert raised.value.code is Code.UNIMPLEMENTED


def test_json_that_is_nested_without_end_is_refused() -> None:
    with pytest.raises(ServingError, match="JSON Parse error"):
        JsonRequest.parse(b'{"inputs":' + b"[" * 100_000)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (np.float32(0.1), "0.1"),
        (np.float32(2), "2.0"),
        (np.float32("nan"), "NaN"),
        (np.float32("-inf"), "-Infinity"),
        (np.float16(0.5), "0.5"),
        (np.uint8(7), "7"),
        (np.array([[True], [False]]), "[[true], [false]]"),
        (np.zeros([0, 2], np.int32), "[]"),
    ],
)
def test_an_output_is_written_in_the_fewest_digits(value: Any, text: str) -> None:
    assert answer({"y": np.asarray(value)}, Format.COLUMNAR) == f'{{"outputs": {text}}}'.encode()


def test_a_string_output_that_is_no_text_goes_out_as_it_is() -> None:
    assert answer({"y": np.array(b"\xff", object)}, Format.COLUMNAR) == b'{"outputs": "\xff"}'


def test_float32_comes_back_exactly_from_what_is_written() -> None:
    values = np.random.default_rng(1).standard_normal(1000).astype(np.float32)

    written = json.loads(answer({"y": values}, Format.COLUMNAR))["outputs"]

    np.testing.assert_array_equal(np.array(written, np.float32), values)


def test_rows_need_outputs_with_as_many_rows() -> None:
    with pytest.raises(ServingError, match="inconsistent batch size: 3 expecting: 2"):
        answer({"a": np.zeros(2), "b": np.zeros(3)}, Format.ROW)
