"""Warm-up requests of a model, run or refused as TensorFlow Serving does."""

from pathlib import Path
from typing import Any

import pytest
import tensorflow as tf
from tensorflow.core.protobuf import config_pb2
from tensorflow_serving.apis import prediction_log_pb2
from tests.support.small_models import save_add

from sdp_serving.standin.errors import Code, ServingError
from sdp_serving.standin.servable import Servable
from sdp_serving.standin.warm_up import warm_up


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    save_add(tmp_path, 1)
    (tmp_path / "1" / "assets.extra").mkdir()
    return tmp_path / "1"


@pytest.fixture
def servable(folder: Path) -> Any:
    loaded = Servable(folder, config_pb2.ConfigProto())
    yield loaded
    loaded.close()


def addition(signature: str = "", **inputs: float) -> bytes:
    log = prediction_log_pb2.PredictionLog()
    log.predict_log.request.model_spec.signature_name = signature
    for name, value in inputs.items():
        log.predict_log.request.inputs[name].CopyFrom(tf.make_tensor_proto(value, tf.float32))
    return log.SerializeToString()  # type: ignore[no-any-return]


def bring(folder: Path, *records: bytes) -> None:
    with tf.io.TFRecordWriter(str(folder / "assets.extra" / "tf_serving_warmup_requests")) as writer:
        for record in records:
            writer.write(record)


def test_a_model_without_requests_is_warm_enough(servable: Any, folder: Path) -> None:
    warm_up(servable, folder)


def test_every_request_is_run(servable: Any, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ran = []
    run = servable.run
    monkeypatch.setattr(servable, "run", lambda *args, **kwargs: ran.append(run(*args, **kwargs)))
    bring(folder, addition(a=1, b=2), addition("serving_default", a=3, b=4))
    warm_up(servable, folder)
    assert [float(answer["sum"]) for answer in ran] == [3, 7]


@pytest.mark.parametrize(
    ("record", "code", "message"),
    [
        (addition(a=1), Code.INVALID_ARGUMENT, "input size does not match signature"),
        (addition("other", a=1, b=2), Code.INVALID_ARGUMENT, '"other" not found in signature def'),
        (b"\x32\x05\x01", Code.INVALID_ARGUMENT, "Failed to parse warmup record"),
        (b"\x2a\x00", Code.UNIMPLEMENTED, "Unsupported log_type for warmup: session_run_log"),
    ],
    ids=["input missing", "no such signature", "no record", "another log"],
)
def test_a_request_that_fails_is_the_models_failure(
    servable: Any, folder: Path, record: bytes, code: Code, message: str
) -> None:
    bring(folder, record)
    with pytest.raises(ServingError, match=message) as caught:
        warm_up(servable, folder)
    assert caught.value.code == code


def test_a_request_that_cannot_be_batched_is_the_models_failure_where_requests_are(folder: Path) -> None:
    bring(folder, addition(a=1, b=2))
    loaded = Servable(folder, config_pb2.ConfigProto(), batching=True)
    with pytest.raises(ServingError, match="must have at least one dimension"):
        warm_up(loaded, folder)
    loaded.close()


def test_a_file_of_something_else_is_the_models_failure(servable: Any, folder: Path) -> None:
    (folder / "assets.extra" / "tf_serving_warmup_requests").write_bytes(b"no TFRecord, and long enough to be read")
    with pytest.raises(ServingError, match="Please verify your warmup data is in TFRecord format") as caught:
        warm_up(servable, folder)
    assert caught.value.code == Code.DATA_LOSS


def test_more_than_a_thousand_requests_are_refused(
    servable: Any, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(servable, "run", lambda *args, **kwargs: {})
    bring(folder, *[addition(a=1, b=2)] * 1001)
    with pytest.raises(ServingError, match=r"exceeds the maximum \(1000\)"):
        warm_up(servable, folder)
