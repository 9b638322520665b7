"""SavedModels of a few operations, each with a trait that a model server must cope with."""

from pathlib import Path
from typing import Any


def save_add(base: Path, version: int, offset: float = 0.0) -> None:
    """Two float scalars in, their sum plus a variable out."""
    import tensorflow as tf

    scalar = tf.TensorSpec([], tf.float32)

    class Add(tf.Module):  # type: ignore[misc] # TensorFlow has no types
        def __init__(self) -> None:
            super().__init__()
            self.offset = tf.Variable(offset, dtype=tf.float32)

        @tf.function(input_signature=[scalar, scalar])  # type: ignore[untyped-decorator]
        def add(self, a: Any, b: Any) -> dict[str, Any]:
            return {"sum": a + b + self.offset}

    module = Add()
    _save(module, module.add, base, version)


def save_pair(base: Path, version: int) -> None:
    """Rows of int32 in; two outputs with as many rows, one float32 and one uint8."""
    import tensorflow as tf

    class Pair(tf.Module):  # type: ignore[misc]
        @tf.function(input_signature=[tf.TensorSpec([None, 2], tf.int32)])  # type: ignore[untyped-decorator]
        def split(self, rows: Any) -> dict[str, Any]:
            return {"half": tf.cast(rows, tf.float32) / 2, "byte": tf.cast(rows, tf.uint8)}

    module = Pair()
    _save(module, module.split, base, version)


def save_echo(base: Path, version: int) -> None:
    """A string in; out as text, as bytes, and its first dimension gone."""
    import tensorflow as tf

    class Echo(tf.Module):  # type: ignore[misc]
        @tf.function(input_signature=[tf.TensorSpec([None], tf.string)])  # type: ignore[untyped-decorator]
        def echo(self, data: Any) -> dict[str, Any]:
            return {"same": data, "same_bytes": data, "count": tf.size(data)}

    module = Echo()
    _save(module, module.echo, base, version)


def save_slow(base: Path, version: int) -> None:
    """A loop of as many steps as are asked for."""
    import tensorflow as tf

    class Slow(tf.Module):  # type: ignore[misc]
        @tf.function(input_signature=[tf.TensorSpec([], tf.int32)])  # type: ignore[untyped-decorator]
        def count(self, steps: Any) -> dict[str, Any]:
            done, _ = tf.while_loop(
                lambda step, _: step < steps,
                lambda step, value: (step + 1, tf.linalg.matmul(value, value)),
                (0, tf.eye(32)),
            )
            return {"done": done}

    module = Slow()
    _save(module, module.count, base, version)


def _save(module: Any, function: Any, base: Path, version: int) -> None:
    import tensorflow as tf

    tf.saved_model.save(module, str(base / str(version)), signatures={"serving_default": function})
