"""The models that are served: ones of Stable Diffusion 1's shapes that compute next to nothing, and sd-tiny.

    python -m benchmarks.dataplane.models FOLDER

writes both below a folder. It is a process of its own, for it needs TensorFlow, which none that is measured has.
"""

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from benchmarks.common.machine import REPOSITORY
from sdp_serving.contract.components import DRAWING, Component

if TYPE_CHECKING:
    import tensorflow as tf

    from sdp_exporter.sources import Saveable

SHAPES: Final = "shapes"
TINY: Final = "tiny"
"""Folders, each with a folder for each component."""

_VERSION: Final = "1"
_WIDTH: Final = 768
_SIZE: Final = 512
_GUIDANCE_SCALE: Final = 7.5

_OCTAVES: Final[Mapping[int, float]] = MappingProxyType({4: 34.0, 8: 26.0, 16: 19.0, 32: 14.0, 64: 11.0})
"""Cells along a side, and by how many of 256 levels they differ: the picture's forms, taken from the latent."""
_GRAIN: Final[Mapping[int, float]] = MappingProxyType({128: 9.0, 256: 5.0, 512: 2.5})
"""The same of its fine detail. Files are as large as those of photographs; see README.md."""


class ExportError(Exception):
    """The models could not be written; the text says why."""


def write_models(folder: Path) -> None:
    """Write all models below a folder, in a process of its own.

    Raises:
        ExportError: that process failed.
    """
    command = [sys.executable, "-m", "benchmarks.dataplane.models", str(folder)]
    ended = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    if ended.returncode:
        raise ExportError(f"the models could not be written:\n{ended.stderr[-2000:]}")


def main() -> None:
    """Write them to the folder that the command line names."""
    from sdp_exporter.sources.tiny import sources

    folder = Path(sys.argv[1])
    for component in DRAWING:
        _save(_of_shape(component), folder / SHAPES / component)
    for source in sources("base", DRAWING):
        _save(source.build(), folder / TINY / source.component)


def _save(model: "Saveable", folder: Path) -> None:
    import tensorflow as tf

    tf.saved_model.save(model, str(folder / _VERSION), signatures=model.signatures())


def _of_shape(component: Component) -> "Saveable":
    """A component whose inputs and outputs are Stable Diffusion 1's at 512x512, and full of digits as its are."""
    import keras
    import tensorflow as tf

    from sdp_exporter.signatures.decoder import Decoder
    from sdp_exporter.signatures.diffusion_model import DiffusionModel
    from sdp_exporter.signatures.text_encoder import TextEncoder

    class Encoding(keras.Model):  # type: ignore[misc]  # Keras has no types.
        def call(self, tokens: tf.Tensor) -> tf.Tensor:
            places = tf.range(tokens.shape[1], dtype=tf.float32)[:, tf.newaxis]
            waves = tf.range(_WIDTH, dtype=tf.float32) + 1.0
            return tf.math.sin(tf.cast(tokens, tf.float32)[..., tf.newaxis] * waves / 7.0 + places)

    class Noise(keras.Model):  # type: ignore[misc]  # Keras has no types.
        def keys_and_values(self, context: tf.Tensor) -> tf.Tensor:
            return tf.reduce_mean(context, axis=[1, 2])

        def call(self, latent: tf.Tensor, timestep: tf.Tensor, mean: tf.Tensor) -> tf.Tensor:
            del timestep
            return tf.math.tanh(latent + mean[:, tf.newaxis, tf.newaxis, tf.newaxis])

    class Scenery(keras.Model):  # type: ignore[misc]  # Keras has no types.
        def call(self, latent: tf.Tensor) -> tf.Tensor:
            return _picture(latent)

    latent = tf.zeros([1, _SIZE // 8, _SIZE // 8, 4])
    match component:
        case Component.TEXT_ENCODER:
            encoder = Encoding()
            encoder(tf.zeros([1, 77], tf.int32))
            return TextEncoder(encoder)
        case Component.DIFFUSION_MODEL:
            noise = Noise()
            noise(latent, tf.zeros([1], tf.int32), tf.zeros([1]))
            alphas = tf.linspace(0.999, 0.005, 1000).numpy().astype("float32")
            return DiffusionModel(noise, alphas=alphas, width=_WIDTH, image_size=_SIZE, guidance_scale=_GUIDANCE_SCALE)
        case _:
            decoder = Scenery()
            decoder(latent)
            return Decoder(decoder, image_size=_SIZE)


def _picture(latent: "tf.Tensor") -> "tf.Tensor":
    """A picture, float32 [n, 512, 512, 3] in [-1, 1], of a photograph's spectrum: cells of all sizes over each other.

    The forms are those of the latent, so that pictures of other seeds are others; the grain is the same in all.
    """
    import tensorflow as tf

    def enlarged(cells: tf.Tensor) -> tf.Tensor:
        return tf.image.resize(cells, [_SIZE, _SIZE], method="bicubic")

    def even(cells: tf.Tensor) -> tf.Tensor:
        return cells / (tf.math.reduce_std(cells, axis=[1, 2], keepdims=True) + 1e-6)

    # Mostly grey, as pictures are: the channels differ by a third.
    grey = latent[..., :1]
    colours = grey + 0.35 * latent[..., 1:4]
    levels: Any = 0.0
    for cells, contrast in _OCTAVES.items():
        levels += contrast * enlarged(even(tf.image.resize(colours, [cells, cells], method="area")))
    for cells, contrast in _GRAIN.items():
        grains = tf.random.stateless_normal([1, cells, cells, 1], seed=[cells, 1])
        hues = tf.random.stateless_normal([1, cells, cells, 3], seed=[cells, 2])
        levels += contrast * enlarged(even(grains + 0.35 * hues))
    return levels / 128.0


if __name__ == "__main__":
    main()
