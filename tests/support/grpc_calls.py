"""Requests over gRPC as TensorFlow Serving's own clients send them."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import grpc
from tests.support.standin import StandIn

if TYPE_CHECKING:
    import numpy as np


def predict(server: StandIn, model: str, signature: str, inputs: Mapping[str, Any]) -> "dict[str, np.ndarray]":
    """The outputs of a function of a model."""
    from tensorflow import make_ndarray, make_tensor_proto
    from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

    request = predict_pb2.PredictRequest()
    request.model_spec.name, request.model_spec.signature_name = model, signature
    for name, value in inputs.items():
        request.inputs[name].CopyFrom(make_tensor_proto(value))
    with grpc.insecure_channel(f"127.0.0.1:{server.grpc_port}") as channel:
        response = prediction_service_pb2_grpc.PredictionServiceStub(channel).Predict(request, timeout=30)
    return {name: make_ndarray(tensor) for name, tensor in response.outputs.items()}
