"""What servers say of their models, read from gRPC's messages and REST's JSON."""

from typing import Any

import pytest

from sdp_serving.contract.signatures import Signature, TensorSpec
from sdp_serving.servers import predict_pb2 as pb
from sdp_serving.servers.offers import offer_of_json, offer_of_message

OFFERED = {
    "serving_default": Signature(
        inputs={
            "tokens": TensorSpec(dtype="int32", shape=None),
            "batch_size": TensorSpec(dtype="int32", shape=()),
        },
        outputs={"context": TensorSpec(dtype="float32", shape=(None, 77, 768))},
    ),
    "encode_prompts": Signature(inputs={"prompts": TensorSpec(dtype="string", shape=(None,))}, outputs={}),
}


def tensor(dtype: int, *sizes: int, unknown_rank: bool = False) -> pb.TensorInfo:
    dims = [pb.TensorShape.Dim(size=size) for size in sizes]
    shape = pb.TensorShape(dim=dims, unknown_rank=unknown_rank)
    return pb.TensorInfo(dtype=pb.DataType.ValueType(dtype), tensor_shape=shape)


def message() -> pb.GetModelMetadataResponse:
    default = pb.SignatureDef(
        inputs={"tokens": tensor(pb.DT_INT32, unknown_rank=True), "batch_size": tensor(pb.DT_INT32)},
        outputs={"context": tensor(pb.DT_FLOAT, -1, 77, 768)},
    )
    encode = pb.SignatureDef(inputs={"prompts": tensor(pb.DT_STRING, -1)})
    double = pb.SignatureDef(inputs={"x": tensor(2)})
    signatures = {"serving_default": default, "encode_prompts": encode, "of_doubles": double}
    response = pb.GetModelMetadataResponse()
    response.model_spec.version.value = 9
    response.metadata["signature_def"].value = pb.SignatureDefMap(signature_def=signatures).SerializeToString()
    return response


def test_grpcs_answer_is_read_without_what_nobody_could_call() -> None:
    offer = offer_of_message(message())
    assert offer.version == 9
    assert offer.signatures == OFFERED


def rest(**signatures: Any) -> dict[str, Any]:
    return {
        "model_spec": {"name": "text-encoder", "signature_name": "", "version": "9"},
        "metadata": {"signature_def": {"signature_def": signatures}},
    }


def info(dtype: str, *sizes: int, unknown_rank: bool = False) -> dict[str, Any]:
    dim = [{"size": str(size), "name": ""} for size in sizes]
    return {"dtype": dtype, "tensor_shape": {"dim": dim, "unknown_rank": unknown_rank}, "name": "x:0"}


def test_rests_answer_says_the_same() -> None:
    default = {
        "inputs": {"tokens": info("DT_INT32", unknown_rank=True), "batch_size": info("DT_INT32")},
        "outputs": {"context": info("DT_FLOAT", -1, 77, 768)},
        "method_name": "tensorflow/serving/predict",
    }
    encode = {"inputs": {"prompts": info("DT_STRING", -1)}, "outputs": {}, "method_name": ""}
    double = {"inputs": {"x": info("DT_DOUBLE")}, "outputs": {}, "method_name": ""}
    offer = offer_of_json(rest(serving_default=default, encode_prompts=encode, of_doubles=double))
    assert (offer.version, offer.signatures) == (9, OFFERED)


@pytest.mark.parametrize("content", [{}, {"model_spec": {"version": "x"}}, {"error": "no"}, None, rest(a=3)])
def test_what_is_no_metadata_is_told(content: Any) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        offer_of_json(content)


def test_a_message_without_metadata_is_told() -> None:
    with pytest.raises(ValueError, match="no signature_def"):
        offer_of_message(pb.GetModelMetadataResponse())
