"""What a server says of its model's signatures, as an Offer."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, ValidationError

from sdp_serving.contract.signatures import Signature, TensorSpec
from sdp_serving.generation.calls import Offer
from sdp_serving.servers import predict_pb2 as pb

METADATA_FIELD: Final = "signature_def"

_DTYPES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "DT_FLOAT": "float32",
        "DT_INT32": "int32",
        "DT_INT64": "int64",
        "DT_UINT8": "uint8",
        "DT_STRING": "string",
    }
)


class _Dim(BaseModel):
    model_config = ConfigDict(extra="ignore")
    size: int = 0


class _Shape(BaseModel):
    model_config = ConfigDict(extra="ignore")
    dim: list[_Dim] = []
    unknown_rank: bool = False


class _Tensor(BaseModel):
    model_config = ConfigDict(extra="ignore")
    dtype: str
    tensor_shape: _Shape = _Shape()


class _Signature(BaseModel):
    model_config = ConfigDict(extra="ignore")
    inputs: dict[str, _Tensor] = {}
    outputs: dict[str, _Tensor] = {}


class _Spec(BaseModel):
    model_config = ConfigDict(extra="ignore")
    version: int


class _Signatures(BaseModel):
    signature_def: dict[str, _Signature]


class _Metadata(BaseModel):
    signature_def: _Signatures


class _Answer(BaseModel):
    model_config = ConfigDict(extra="ignore")
    model_spec: _Spec
    metadata: _Metadata


def offer_of_json(content: Any) -> Offer:
    """Reads what REST answers to `GET .../metadata`.

    Raises:
        ValueError: when it is not that.
    """
    answer = _Answer.model_validate(content)
    return _offer(answer.model_spec.version, answer.metadata.signature_def.signature_def)


def offer_of_message(response: pb.GetModelMetadataResponse) -> Offer:
    """Reads what gRPC's GetModelMetadata answers.

    Raises:
        ValueError: when it is not that.
    """
    if METADATA_FIELD not in response.metadata:
        raise ValueError(f"no {METADATA_FIELD}")
    # The type that the Any names is TensorFlow Serving's; ours is the same on the wire.
    content = pb.SignatureDefMap.FromString(response.metadata[METADATA_FIELD].value)
    signatures = {
        name: _Signature(inputs=_tensors(one.inputs), outputs=_tensors(one.outputs))
        for name, one in content.signature_def.items()
    }
    return _offer(response.model_spec.version.value, signatures)


def _tensors(infos: Mapping[str, pb.TensorInfo]) -> dict[str, _Tensor]:
    return {name: _tensor(info) for name, info in infos.items()}


def _tensor(info: pb.TensorInfo) -> _Tensor:
    known = info.dtype in pb.DataType.values()
    shape = _Shape(
        dim=[_Dim(size=dim.size) for dim in info.tensor_shape.dim], unknown_rank=info.tensor_shape.unknown_rank
    )
    return _Tensor(dtype=pb.DataType.Name(info.dtype) if known else "", tensor_shape=shape)


def _offer(version: int, found: Mapping[str, _Signature]) -> Offer:
    offered = {}
    for name, signature in found.items():
        try:
            offered[name] = Signature(inputs=_specs(signature.inputs), outputs=_specs(signature.outputs))
        except (ValidationError, KeyError):
            continue  # Of a dtype or shape that the contract has no place for: nobody here could call it.
    return Offer(version, offered)


def _specs(tensors: Mapping[str, _Tensor]) -> dict[str, TensorSpec]:
    return {
        name: TensorSpec.model_validate({"dtype": _DTYPES[one.dtype], "shape": _shape(one.tensor_shape)})
        for name, one in tensors.items()
    }


def _shape(shape: _Shape) -> tuple[int | None, ...] | None:
    if shape.unknown_rank:
        return None
    return tuple(None if dim.size < 0 else dim.size for dim in shape.dim)
