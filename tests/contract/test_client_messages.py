"""The client's messages are TensorFlow Serving's on the wire."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from sdp_serving.servers import predict_pb2 as pb
from sdp_serving.servers.tensors import to_array, to_tensor

SERVING = Path(pb.__file__).parents[2]


@pytest.mark.skipif(importlib.util.find_spec("tensorflow_serving") is None, reason="needs the extra standin")
def test_the_messages_are_tensorflow_servings_on_the_wire_and_live_beside_them() -> None:
    # In a process of its own: TensorFlow takes long to load, and both sets of messages must fit into one process.
    program = """
import sys
import numpy as np
from sdp_serving.servers import predict_pb2 as ours
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2 as theirs
request = theirs.PredictRequest.FromString(sys.stdin.buffer.read())
assert request.model_spec.name == "m" and request.model_spec.signature_name == "s", request
assert tf.make_ndarray(request.inputs["x"]).tolist() == [[1.5], [2.5]], request
response = theirs.PredictResponse()
response.model_spec.version.value = 17
response.outputs["y"].CopyFrom(tf.make_tensor_proto([[7, 7, 7]], tf.int32))
response.outputs["z"].CopyFrom(tf.make_tensor_proto(np.arange(6, dtype=np.float32)))
sys.stdout.buffer.write(response.SerializeToString())
"""
    request = pb.PredictRequest(model_spec=pb.ModelSpec(name="m", signature_name="s"))
    request.inputs["x"].CopyFrom(to_tensor(np.array([[1.5], [2.5]], np.float32)))
    run = subprocess.run(
        [sys.executable, "-c", program],
        input=request.SerializeToString(),
        env={**os.environ, "PYTHONPATH": str(SERVING), "TF_CPP_MIN_LOG_LEVEL": "3"},
        capture_output=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr.decode()
    response = pb.PredictResponse.FromString(run.stdout)
    assert response.model_spec.version.value == 17
    assert to_array(response.outputs["y"]).tolist() == [[7, 7, 7]]
    assert to_array(response.outputs["z"]).tolist() == [0, 1, 2, 3, 4, 5]
