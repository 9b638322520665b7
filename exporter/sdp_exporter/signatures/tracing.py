"""Functions traced once, and stored as they were traced."""

from collections.abc import Callable, Sequence

import tensorflow as tf

from sdp_exporter.stages import Stage, enter


def trace(function: Callable[..., object], specs: Sequence[tf.TensorSpec]) -> tf.types.experimental.ConcreteFunction:
    """The graph of `function` for inputs of `specs`.

    Saving a polymorphic function would trace it again, which doubles the time of an export. AutoGraph is off: the
    graphs have no Python control flow to convert.
    """
    enter(Stage.TRACE)
    return tf.function(function, input_signature=specs, autograph=False).get_concrete_function()
