"""Functions traced once, and stored as they were traced."""

from collections.abc import Callable, Sequence

import tensorflow as tf

from sdp_exporter.stages import Stage, enter


def trace(
    function: Callable[..., object], specs: Sequence[tf.TensorSpec], *, jit_compile: bool = False
) -> tf.types.experimental.ConcreteFunction:
    """The graph of `function` for inputs of `specs`.

    Saving a polymorphic function would trace it again, which doubles the time of an export. AutoGraph is off: the
    graphs have no Python control flow to convert.

    Args:
        function: what to trace.
        specs: of its inputs.
        jit_compile: whether XLA compiles it, when it runs, for the shapes that the inputs then have.
    """
    enter(Stage.TRACE)
    return tf.function(
        function, input_signature=specs, autograph=False, jit_compile=jit_compile or None
    ).get_concrete_function()
