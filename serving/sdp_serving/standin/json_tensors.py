"""Tensors as REST writes them, in rows (`instances`, `predictions`) or columns (`inputs`, `outputs`) of JSON; pure."""

import base64
import binascii
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from sdp_serving.standin.errors import Code, ServingError, invalid_argument
from sdp_serving.standin.signature import Signature

_INTEGERS: Final[Mapping[str, tuple[type[np.integer[Any]], int, int]]] = {
    # The JSON value must fit 32 bits and is then cut to size, as in TensorFlow Serving.
    "int8": (np.int8, -(2**31), 2**31 - 1),
    "uint8": (np.uint8, -(2**31), 2**31 - 1),
    "int16": (np.int16, -(2**31), 2**31 - 1),
    "int32": (np.int32, -(2**31), 2**31 - 1),
    "int64": (np.int64, -(2**63), 2**63 - 1),
    "uint32": (np.uint32, 0, 2**32 - 1),
    "uint64": (np.uint64, 0, 2**64 - 1),
}
_FLOATS: Final[Mapping[str, type[np.floating[Any]]]] = {"float": np.float32, "double": np.float64}
_BYTES_SUFFIX: Final = "_bytes"


class Format(Enum):
    """How a request and its answer are laid out."""

    ROW = "row"
    COLUMNAR = "columnar"


@dataclass(frozen=True)
class JsonRequest:
    """The body of a predict request, before its values are tensors."""

    format: Format
    signature_name: str
    values: Any

    @classmethod
    def parse(cls, body: bytes) -> "JsonRequest":
        """Read the body.

        Raises:
            ServingError: INVALID_ARGUMENT when it is no JSON object with either `instances` or `inputs`.
        """
        document = _parse_json(body)
        if not isinstance(document, dict):
            raise invalid_argument(f"JSON Value: {_show(document)} Is not object")
        signature_name = document.get("signature_name", "")
        if not isinstance(signature_name, str):
            raise invalid_argument(
                f"JSON Value: {_show(document)} not formatted correctly. 'signature_name' key must be a string value."
            )
        if "instances" in document and "inputs" in document:
            raise invalid_argument(
                f"JSON Value: {_show(document)} Not formatted correctly expecting only one of 'inputs' or 'instances' "
                "keys to exist "
            )
        if "inputs" in document:
            return cls(Format.COLUMNAR, signature_name, document["inputs"])
        if "instances" not in document:
            raise invalid_argument("Missing 'inputs' or 'instances' key")
        instances = document["instances"]
        if not isinstance(instances, list):
            raise invalid_argument(f"JSON Value: {_show(document)} Excepting 'instances' to be an list/array")
        if not instances:
            raise invalid_argument(f"JSON Value: {_show(document)} No values in 'instances' array")
        return cls(Format.ROW, signature_name, instances)

    def tensors(self, signature: Signature) -> dict[str, NDArray[Any]]:
        """The inputs as arrays, by name.

        Raises:
            ServingError: INVALID_ARGUMENT when a value does not fit the signature.
        """
        if self.format is Format.ROW:
            return _from_rows(self.values, signature)
        return _from_columns(self.values, signature)


def answer(outputs: Mapping[str, NDArray[Any]], layout: Format) -> bytes:
    """The body of the answer. A single output loses its name.

    Raises:
        ServingError: INVALID_ARGUMENT when rows are asked for and the outputs' first dimensions differ, or a dtype has
            no JSON form.
    """
    if layout is Format.COLUMNAR:
        columns = {name: _to_json(name, value) for name, value in outputs.items()}
        return _dump({"outputs": columns if len(columns) > 1 else next(iter(columns.values()))})
    _check_rows(outputs)
    columns = {name: _to_json(name, value) for name, value in outputs.items()}
    if len(columns) == 1:
        return _dump({"predictions": next(iter(columns.values()))})
    rows = zip(*columns.values(), strict=True)
    return _dump({"predictions": [dict(zip(columns, row, strict=True)) for row in rows]})


def _parse_json(body: bytes) -> Any:
    if not body:
        raise invalid_argument("JSON Parse error: The document is empty")
    try:
        return json.loads(body)
    except json.JSONDecodeError as error:
        raise invalid_argument(f"JSON Parse error: {error.msg} at offset: {error.pos}") from error
    except (ValueError, RecursionError) as error:
        raise invalid_argument(f"JSON Parse error: {error}") from error


def _from_columns(values: Any, signature: Signature) -> dict[str, NDArray[Any]]:
    if not isinstance(values, dict) or _is_base64(values):
        if len(signature.inputs) > 1:
            raise invalid_argument(
                "inputs is a plain value/list, but expecting an object as multiple input tensors required as per "
                "tensorinfo_map"
            )
        return {name: _to_array(values, info.dtype) for name, info in signature.inputs.items()}
    # An input that the signature does not know is passed over, as in TensorFlow Serving; gRPC refuses it.
    for name in signature.inputs:
        if name not in values:
            raise invalid_argument(f"Missing named input: {name} in 'inputs' object.")
    return {name: _to_array(values[name], info.dtype) for name, info in signature.inputs.items()}


def _from_rows(instances: list[Any], signature: Signature) -> dict[str, NDArray[Any]]:
    if not isinstance(instances[0], dict) and len(signature.inputs) > 1:
        raise invalid_argument(
            "instances is a plain list, but expecting list of objects as multiple input tensors required as per "
            "tensorinfo_map"
        )
    named = _is_named(instances[0])
    rows = [_row(index, instance, named, signature) for index, instance in enumerate(instances)]
    for index, row in enumerate(rows):
        for name, value in row.items():
            if value.shape != rows[0][name].shape:
                raise invalid_argument(
                    f"Failed to process element: {index} of 'instances' list. Error: INVALID_ARGUMENT: Expecting shape "
                    f"{list(rows[0][name].shape)} but got: {list(value.shape)}"
                )
    return {name: np.stack([row[name] for row in rows]) for name in signature.inputs}


def _row(index: int, instance: Any, named: bool, signature: Signature) -> dict[str, NDArray[Any]]:
    if named and not _is_named(instance):
        raise invalid_argument(f"Expecting object but got list at item {index} of input list")
    if not named and _is_named(instance):
        raise invalid_argument(f"Expecting value/list but got object at item {index} of input list")
    values = instance if named else {next(iter(signature.inputs)): instance}
    if values.keys() != signature.inputs.keys():
        raise invalid_argument(
            f"Failed to process element: {index} of 'instances' list. JSON object: {_show(instance)} keys must be "
            f"equal to: {','.join(sorted(signature.inputs))}"
        )
    try:
        return {name: _to_array(value, signature.inputs[name].dtype) for name, value in values.items()}
    except ServingError as error:
        raise invalid_argument(f"Failed to process element: {index} of 'instances' list. Error: {error}") from error


def _to_array(value: Any, dtype: str) -> NDArray[Any]:
    shape = _shape(value)
    flat: list[Any] = []
    _collect(value, 0, shape, dtype, flat)
    return np.array(flat, dtype=_numpy_dtype(dtype)).reshape(shape)


def _shape(value: Any) -> tuple[int, ...]:
    shape = []
    while isinstance(value, list):
        shape.append(len(value))
        if not value:
            break
        value = value[0]
    return tuple(shape)


def _collect(value: Any, level: int, shape: tuple[int, ...], dtype: str, flat: list[Any]) -> None:
    if not isinstance(value, list):
        if level != len(shape):
            raise invalid_argument(
                f"JSON Value: {_show(value)} found at incorrect level: {level + 1} in the JSON DOM. Expected at level: "
                f"{len(shape)}"
            )
        flat.append(_element(value, dtype))
        return
    if level >= len(shape):
        raise invalid_argument(f"Encountered list at unexpected level: {level} expected < {len(shape)}")
    if len(value) != shape[level]:
        raise invalid_argument(
            f"Encountered list at unexpected size: {len(value)} at level: {level} expected size: {shape[level]}"
        )
    for each in value:
        _collect(each, level + 1, shape, dtype, flat)


def _element(value: Any, dtype: str) -> Any:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if dtype in _FLOATS and number:
        return _checked_float(value, dtype)
    if dtype in _INTEGERS and number and isinstance(value, int):
        kind, low, high = _INTEGERS[dtype]
        if low <= value <= high:
            # NumPy refuses to cut a Python integer to size, but does so with one of its own.
            return np.int64(value).astype(kind) if kind is not np.uint64 else value
    if dtype == "bool" and isinstance(value, bool):
        return value
    if dtype == "string" and isinstance(value, str):
        return value.encode()
    if dtype == "string" and isinstance(value, dict):
        return _decode_base64(value)
    if dtype not in {*_FLOATS, *_INTEGERS, "bool", "string"}:
        raise ServingError(Code.UNIMPLEMENTED, f"Conversion of JSON Value: {_show(value)} to type: {dtype}")
    raise invalid_argument(f"JSON Value: {_show(value)} Type: {_json_type(value)} is not of expected type: {dtype}")


def _checked_float(value: float, dtype: str) -> float:
    limits = np.finfo(_FLOATS[dtype])
    if isinstance(value, int):
        fits = abs(value) < 2 ** (limits.nmant + 1)
    else:
        fits = abs(value) <= float(limits.max) or not math.isfinite(value)
    if not fits:
        raise invalid_argument(f"Cannot convert JSON value: {_show(value)} to {dtype} without loss of precision.")
    return value


def _numpy_dtype(dtype: str) -> Any:
    if dtype in _FLOATS:
        return _FLOATS[dtype]
    if dtype in _INTEGERS:
        return _INTEGERS[dtype][0]
    return np.bool_ if dtype == "bool" else np.object_


def _is_named(value: Any) -> bool:
    return isinstance(value, dict) and not _is_base64(value)


def _is_base64(value: dict[str, Any]) -> bool:
    return value.keys() == {"b64"} and isinstance(value["b64"], str)


def _decode_base64(value: dict[str, Any]) -> bytes:
    if not _is_base64(value):
        raise invalid_argument(f"JSON Value: {_show(value)} not formatted correctly for base64 data")
    text = value["b64"]
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError) as error:
        raise invalid_argument("Unable to base64 decode") from error


def _check_rows(outputs: Mapping[str, NDArray[Any]]) -> None:
    size: int | None = None
    for name, value in outputs.items():
        if not value.shape:
            raise invalid_argument(f"Tensor name: {name} has no shape information ")
        if size is not None and size != value.shape[0]:
            raise invalid_argument(
                f"Tensor name: {name} has inconsistent batch size: {value.shape[0]} expecting: {size}"
            )
        size = value.shape[0]


def _to_json(name: str, value: NDArray[Any]) -> Any:
    match value.dtype.kind:
        case "b" | "i" | "u":
            return value.tolist()
        case "f":
            # By way of text: the shortest decimals that give the same float32 back, 0.1 and not 0.10000000149011612.
            return value.astype(np.str_).astype(np.float64).tolist()
        case "O" | "S" | "U":
            return _map_nested(value.tolist(), _bytes_to_json if name.endswith(_BYTES_SUFFIX) else _text_to_json)
        case _:
            raise invalid_argument(f"Failed to write JSON value for tensor type: {value.dtype}")


def _map_nested(value: Any, convert: Any) -> Any:
    return [_map_nested(each, convert) for each in value] if isinstance(value, list) else convert(value)


def _bytes_to_json(value: bytes) -> dict[str, str]:
    return {"b64": base64.b64encode(value).decode()}


def _text_to_json(value: bytes) -> str:
    return value.decode(errors="surrogateescape")


def _dump(document: Any) -> bytes:
    # A string output that is no text goes out as the bytes it is, as TensorFlow Serving's does.
    return json.dumps(document, ensure_ascii=False).encode(errors="surrogateescape")


def _show(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _json_type(value: Any) -> str:
    match value:
        case None:
            return "Null"
        case bool():
            return str(value)
        case int() | float():
            return "Number"
        case str():
            return "String"
        case list():
            return "Array"
        case _:
            return "Object"
