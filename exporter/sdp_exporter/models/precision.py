"""What numbers a model computes with, and what its weights are."""

from collections.abc import Iterator
from contextlib import contextmanager

import keras

from sdp_serving.contract.artifact import Precision


@contextmanager
def building_in(precision: Precision) -> Iterator[None]:
    """Let the layers that are made meanwhile have the precision, which is a dtype policy of Keras's."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(precision)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)
