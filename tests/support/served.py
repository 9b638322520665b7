"""A function of a SavedModel run as a model server runs it: past Python's own checks of its signature."""

from typing import Any

import numpy as np
import tensorflow as tf


def serve(function: Any, **inputs: Any) -> dict[str, np.ndarray]:
    """Run a concrete function with `inputs` by name, unchecked."""
    names = [tensor.op.name for tensor in function.inputs[: len(inputs)]]
    arguments = [tf.constant(inputs[name]) for name in names]
    outputs = tf.raw_ops.StatefulPartitionedCall(
        args=[*arguments, *function.captured_inputs], Tout=[tensor.dtype for tensor in function.outputs], f=function
    )
    keys = sorted(function.structured_outputs)
    return dict(zip(keys, (output.numpy() for output in outputs), strict=True))
