"""Calls of a SavedModel's functions as TensorFlow Serving makes them: past Python's own checks of a signature."""

from typing import Any

import numpy as np


def serve(function: Any, **inputs: Any) -> dict[str, np.ndarray]:
    """Run a function with `inputs` by name, unchecked."""
    import tensorflow as tf

    names = [tensor.op.name for tensor in function.inputs[: len(inputs)]]
    arguments = [tf.constant(inputs[name]) for name in names]
    outputs = tf.raw_ops.StatefulPartitionedCall(
        args=[*arguments, *function.captured_inputs], Tout=[tensor.dtype for tensor in function.outputs], f=function
    )
    keys = sorted(function.structured_outputs)
    return dict(zip(keys, (output.numpy() for output in outputs), strict=True))
