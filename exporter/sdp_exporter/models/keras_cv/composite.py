"""Layers that are made of layers."""

import keras


class Composite(keras.layers.Layer):  # type: ignore[misc]  # Keras has no types.
    """A layer without variables of its own, whose parts make theirs when they are first called.

    Without a `build`, Keras would trace every layer once more, to find out what its parts are called with.
    """

    def build(self, *_: object) -> None:
        """Nothing is left to make."""
        self.built = True
