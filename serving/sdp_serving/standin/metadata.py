"""What GetModelMetadata says of a loaded model, for gRPC and REST alike."""

from typing import Any

from google.protobuf import json_format
from tensorflow_serving.apis import get_model_metadata_pb2

from sdp_serving.standin.inference import ModelSpec
from sdp_serving.standin.manager import ModelManager
from sdp_serving.standin.servable import Servable


def metadata(manager: ModelManager[Servable], spec: ModelSpec) -> Any:
    """The GetModelMetadataResponse with the model's signatures.

    Raises:
        ServingError: NOT_FOUND when the model is not available.
    """
    response = get_model_metadata_pb2.GetModelMetadataResponse()
    with manager.lease(spec.name, spec.version, spec.label) as lease:
        response.model_spec.name = spec.name
        response.model_spec.version.value = lease.version
        response.metadata["signature_def"].Pack(_signature_defs(lease.servable))
    return response


def metadata_json(manager: ModelManager[Servable], spec: ModelSpec) -> dict[str, Any]:
    """The same as REST writes it.

    Raises:
        ServingError: NOT_FOUND when the model is not available.
    """
    with manager.lease(spec.name, spec.version, spec.label) as lease:
        signatures = json_format.MessageToDict(
            _signature_defs(lease.servable),
            preserving_proto_field_name=True,
            always_print_fields_with_no_presence=True,
        )
        return {
            "model_spec": {"name": spec.name, "signature_name": "", "version": str(lease.version)},
            "metadata": {"signature_def": signatures},
        }


def _signature_defs(servable: Servable) -> Any:
    return get_model_metadata_pb2.SignatureDefMap(signature_def=servable.signature_defs)
