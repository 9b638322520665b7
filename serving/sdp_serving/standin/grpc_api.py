"""The gRPC API: PredictionService and ModelService of tensorflow-serving-api, and gRPC's health service."""

import logging
import os
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import grpc
from tensorflow_serving.apis import (
    get_model_status_pb2,
    model_management_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
)

from sdp_serving.standin import model_config
from sdp_serving.standin.errors import ServingError, invalid_argument
from sdp_serving.standin.inference import Inference, ModelSpec
from sdp_serving.standin.manager import ModelManager
from sdp_serving.standin.metadata import metadata
from sdp_serving.standin.servable import Servable
from sdp_serving.standin.tensor_protos import Encoder, to_arrays

_log = logging.getLogger(__name__)
_STATUS_CODES: Final[Mapping[int, grpc.StatusCode]] = {each.value[0]: each for each in grpc.StatusCode}
_MAX_MESSAGE_BYTES: Final = 2**31 - 1
_HEALTH: Final = "grpc.health.v1.Health"
_SERVING: Final = b"\x08\x01"
"""A HealthCheckResponse whose status is SERVING."""
_HEALTHY: Final = frozenset({b"", b"\n\x0cModelService", b"\n\x11PredictionService"})
"""The HealthCheckRequests that are answered: for the server, and for its two services by name."""

Context = grpc.ServicerContext


def start(
    port: int,
    manager: ModelManager[Servable],
    inference: Inference,
    encode: Encoder,
    *,
    max_threads: int,
    health: bool,
) -> grpc.Server:
    """Open the port on all addresses and serve.

    Args:
        port: TCP port.
        manager: holds the models.
        inference: runs them.
        encode: makes the TensorProto of an output.
        max_threads: requests at the same time; 0 for four a core.
        health: whether to offer gRPC's health service.

    Raises:
        RuntimeError: the port is not to be had.
    """
    server = grpc.server(
        ThreadPoolExecutor(max_workers=max_threads or 4 * (os.cpu_count() or 1), thread_name_prefix="grpc"),
        options=[
            ("grpc.max_receive_message_length", _MAX_MESSAGE_BYTES),
            ("grpc.max_send_message_length", _MAX_MESSAGE_BYTES),
            # Else a second server on the port would start too and take a part of the requests.
            ("grpc.so_reuseport", 0),
        ],
    )
    prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(
        PredictionService(manager, inference, encode), server
    )
    model_service_pb2_grpc.add_ModelServiceServicer_to_server(ModelService(manager), server)
    if health:
        check: grpc.RpcMethodHandler[bytes, bytes] = grpc.unary_unary_rpc_method_handler(_check_health)
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(_HEALTH, {"Check": check}),))
    server.add_insecure_port(f"0.0.0.0:{port}")
    server.start()
    return server


class PredictionService(prediction_service_pb2_grpc.PredictionServiceServicer):  # type: ignore[misc] # it has no types
    """Predict and GetModelMetadata; Classify, Regress and MultiInference answer UNIMPLEMENTED."""

    def __init__(self, manager: ModelManager[Servable], inference: Inference, encode: Encoder) -> None:
        self._manager = manager
        self._inference = inference
        self._encode = encode

    def Predict(self, request: Any, context: Context) -> Any:  # noqa: N802 - the protocol's name
        """Run a model until the client's deadline."""
        return _answer(context, lambda: self._predict(request, context))

    def GetModelMetadata(self, request: Any, context: Context) -> Any:  # noqa: N802 - the protocol's name
        """Tell a model's signatures."""
        return _answer(context, lambda: self._metadata(request))

    def _predict(self, request: Any, context: Context) -> Any:
        remaining = context.time_remaining()
        prediction = self._inference.predict(
            _spec(request.model_spec),
            request.model_spec.signature_name,
            lambda signature: to_arrays(request.inputs, signature),
            wanted=request.output_filter,
            # At least 1: with 0 the model would run without end.
            timeout_ms=0 if remaining is None else max(1, int(remaining * 1000)),
            entrypoint="GRPC",
        )
        response = predict_pb2.PredictResponse()
        response.model_spec.name = request.model_spec.name
        response.model_spec.version.value = prediction.version
        response.model_spec.signature_name = prediction.signature_name
        for name, value in prediction.outputs.items():
            response.outputs[name].CopyFrom(self._encode(value))
        return response

    def _metadata(self, request: Any) -> Any:
        if not request.metadata_field:
            raise invalid_argument("GetModelMetadataRequest must specify at least one metadata_field")
        for field in request.metadata_field:
            if field != "signature_def":
                raise invalid_argument(f"Metadata field {field} is not supported")
        return metadata(self._manager, _spec(request.model_spec))


class ModelService(model_service_pb2_grpc.ModelServiceServicer):  # type: ignore[misc] # it has no types
    """GetModelStatus and HandleReloadConfigRequest."""

    def __init__(self, manager: ModelManager[Servable]) -> None:
        self._manager = manager

    def GetModelStatus(self, request: Any, context: Context) -> Any:  # noqa: N802 - the protocol's name
        """Tell the state of each version of a model."""
        return _answer(context, lambda: self._status(request))

    def HandleReloadConfigRequest(self, request: Any, context: Context) -> Any:  # noqa: N802 - the protocol's name
        """Replace the list of models; wait for the new names only."""
        response = model_management_pb2.ReloadConfigResponse()
        try:
            self._manager.configure(model_config.from_proto(request.config))
        except ServingError as error:
            _log.error("reload of the configuration: %s", error)
            response.status.error_code = error.code
            response.status.error_message = error.message
            context.set_code(_STATUS_CODES[error.code])
            context.set_details(error.message)
        return response

    def _status(self, request: Any) -> Any:
        spec = _spec(request.model_spec)
        response = get_model_status_pb2.GetModelStatusResponse()
        for version, status in self._manager.statuses(spec.name, spec.version, spec.label).items():
            entry = response.model_version_status.add(
                version=version, state=get_model_status_pb2.ModelVersionStatus.State.Value(status.state)
            )
            entry.status.error_code = status.code
            entry.status.error_message = status.message
        return response


def _answer(context: Context, make: Callable[[], Any]) -> Any:
    try:
        return make()
    except ServingError as error:
        context.abort(_STATUS_CODES[error.code], error.message)


def _spec(model_spec: Any) -> ModelSpec:
    if not model_spec.name:
        raise invalid_argument("ModelSpec has no name specified.")
    match model_spec.WhichOneof("version_choice"):
        case "version":
            return ModelSpec(model_spec.name, version=model_spec.version.value)
        case "version_label":
            return ModelSpec(model_spec.name, label=model_spec.version_label)
        case _:
            return ModelSpec(model_spec.name)


def _check_health(request: bytes, context: Context) -> bytes:
    if request not in _HEALTHY:
        context.abort(grpc.StatusCode.NOT_FOUND, "")
    return _SERVING
