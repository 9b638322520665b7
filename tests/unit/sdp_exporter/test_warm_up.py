"""Warm-up requests as TensorFlow Serving reads them."""

from pathlib import Path
from typing import Any

import pytest
import tensorflow as tf
from tensorflow_serving.apis import prediction_log_pb2

from sdp_exporter.warm_up import write_requests
from sdp_serving.contract.artifact import WARM_UP_REQUESTS
from sdp_serving.contract.components import Component
from sdp_serving.contract.exported import exported_signatures
from sdp_serving.contract.image_sizes import ImageSizes

IMAGE_SIZE = 512


def requests(folder: Path, component: Component, sizes: ImageSizes | None = None) -> dict[str, Any]:
    signatures = exported_signatures(component, width=768, image_size=IMAGE_SIZE, image_sizes=sizes)
    write_requests(folder, component, signatures, image_size=IMAGE_SIZE)
    records = tf.data.TFRecordDataset(str(folder / WARM_UP_REQUESTS)).as_numpy_iterator()
    logs = [prediction_log_pb2.PredictionLog.FromString(record) for record in records]
    return {log.predict_log.request.model_spec.signature_name: log.predict_log.request for log in logs}


@pytest.mark.parametrize("component", Component)
def test_each_request_has_the_inputs_of_its_signature(tmp_path: Path, component: Component) -> None:
    signatures = exported_signatures(component, width=768, image_size=IMAGE_SIZE)
    found = requests(tmp_path, component)
    assert found
    for name, request in found.items():
        assert request.inputs.keys() == signatures[name].inputs.keys()
        for tensor, spec in signatures[name].inputs.items():
            given = request.inputs[tensor]
            assert tf.as_dtype(given.dtype).name == spec.dtype
            if spec.shape is not None:
                assert tf.TensorShape(given.tensor_shape).is_compatible_with(spec.shape)


def test_the_diffusion_model_draws_one_image_in_one_step(tmp_path: Path) -> None:
    inputs = requests(tmp_path, Component.DIFFUSION_MODEL)["sample"].inputs
    assert int(tf.make_ndarray(inputs["num_steps"])) == 1
    assert int(tf.make_ndarray(inputs["batch_size"])) == 1
    assert tf.make_ndarray(inputs["context"]).shape == (1, 77, 768)


@pytest.mark.parametrize(
    ("component", "name", "shape"),
    [
        (Component.DECODER, "latent", (1, IMAGE_SIZE // 8, IMAGE_SIZE // 8, 4)),
        (Component.IMAGE_ENCODER, "images", (1, IMAGE_SIZE, IMAGE_SIZE, 3)),
    ],
)
def test_a_model_of_many_sizes_warms_up_in_the_size_of_requests_that_say_none(
    tmp_path: Path, component: Component, name: str, shape: tuple[int, ...]
) -> None:
    for request in requests(tmp_path, component, ImageSizes(smallest=256, largest=768)).values():
        assert tf.TensorShape(request.inputs[name].tensor_shape) == shape


def test_the_file_is_small_whatever_the_size_of_the_tensors(tmp_path: Path) -> None:
    for component in Component:
        requests(tmp_path, component)
        assert (tmp_path / WARM_UP_REQUESTS).stat().st_size < 2000
