"""A model's warm-up requests, answered before any other; one that fails keeps the model from being loaded."""

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from google.protobuf.message import DecodeError
from tensorflow.python.framework import errors
from tensorflow.python.lib.io import tf_record
from tensorflow_serving.apis import prediction_log_pb2

from sdp_serving.contract.artifact import WARM_UP_REQUESTS
from sdp_serving.standin.errors import Code, ServingError, invalid_argument
from sdp_serving.standin.servable import Servable
from sdp_serving.standin.tensor_protos import to_arrays

_log = logging.getLogger(__name__)
_MOST: Final = 1000


def warm_up(servable: Servable, folder: Path) -> None:
    """Run the requests that the SavedModel in `folder` brings along, if any.

    Raises:
        ServingError: there are more than 1000, or one cannot be read, or fails.
    """
    path = folder / WARM_UP_REQUESTS
    if not path.is_file():
        return
    count = 0
    for count, record in enumerate(_records(path), 1):
        if count > _MOST:
            raise invalid_argument(f"Number of warmup records exceeds the maximum ({_MOST}) at {path}")
        _run(servable, _parse(record, path))
    _log.info("Finished reading warmup data for model at %s. Number of warmup records read: %d.", path, count)


def _records(path: Path) -> Iterator[bytes]:
    try:
        yield from tf_record.tf_record_iterator(str(path))
    except errors.OpError as error:
        raise ServingError(
            Code(error.error_code), f"{error.message}. Please verify your warmup data is in TFRecord format."
        ) from error


def _parse(record: bytes, path: Path) -> Any:
    try:
        return prediction_log_pb2.PredictionLog.FromString(record)
    except DecodeError as error:
        raise invalid_argument(f"Failed to parse warmup record: {record!r} from {path}") from error


def _run(servable: Servable, log: Any) -> None:
    kind = log.WhichOneof("log_type")
    if kind is None:
        return
    if kind != "predict_log":
        raise ServingError(Code.UNIMPLEMENTED, f"Unsupported log_type for warmup: {kind}")
    request = log.predict_log.request
    signature = servable.signature(request.model_spec.signature_name)
    inputs = to_arrays(request.inputs, signature)
    servable.run(signature, inputs, signature.chosen_outputs(request.output_filter), timeout_ms=0)
