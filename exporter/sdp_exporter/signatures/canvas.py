"""What pictures are drawn on: their size, their latents and the mask over these, checked."""

from typing import Final

import tensorflow as tf

from sdp_exporter.signatures.checks import for_batch, require
from sdp_exporter.signatures.pictures import SEEDS
from sdp_serving.contract.image_sizes import SIZE_STEP, ImageSizes
from sdp_serving.contract.signatures import LATENT_CHANNELS, LATENT_FACTOR

_RGB: Final = 3
_NEARLY: Final = 1e-3
"""Of a step: what float32's 0.7 lacks of 7 steps in 10."""


def latent_shape(height: tf.Tensor, width: tf.Tensor, sizes: ImageSizes) -> tf.Tensor:
    """The shape of a latent, int32 [3], for a picture of int32 scalars `height` and `width` in pixels.

    Raises:
        tf.errors.InvalidArgumentError: when the graph runs, if the model does not draw that size.
    """
    size = tf.stack([height, width])
    drawn = require(_are_drawn(size, sizes), f"height and width are {{}}; {_remedy(sizes)}", size)
    with tf.control_dependencies([drawn]):
        return tf.concat([size // LATENT_FACTOR, [LATENT_CHANNELS]], axis=0)


def valid_latent(name: str, latent: tf.Tensor, pictures: tf.Tensor, sizes: ImageSizes) -> tf.Tensor:
    """A latent for each of `pictures` (int32 scalar), which is one for all where there is but one.

    Args:
        name: the input's name, for the message.
        latent: float32 [pictures or 1, h/8, w/8, 4].
        pictures: how many there are.
        sizes: of pictures that the model draws.

    Raises:
        tf.errors.InvalidArgumentError: when the graph runs, if it is not of such a picture, or not of finite numbers.
    """
    latent = drawn_latent(name, latent, sizes)
    finite = require(tf.reduce_all(tf.math.is_finite(latent)), f"{name} has values that are NaN or infinite")
    with tf.control_dependencies([finite]):
        return for_batch(name, latent, pictures, said_by=SEEDS)


def drawn_latent(name: str, latent: tf.Tensor, sizes: ImageSizes) -> tf.Tensor:
    """`latent`, float32 [rows, h/8, w/8, 4], certain to be of pictures of one of `sizes`.

    Raises:
        tf.errors.InvalidArgumentError: when the graph runs, if it is not.
    """
    shape = tf.shape(latent)
    drawn = require(
        _are_drawn(shape[1:3] * LATENT_FACTOR, sizes) & (shape[3] == LATENT_CHANNELS),
        f"{name} has the shape {{}}, not [rows, height / {LATENT_FACTOR}, width / {LATENT_FACTOR}, {LATENT_CHANNELS}];"
        f" {_remedy(sizes)}",
        shape,
    )
    with tf.control_dependencies([drawn]):
        return tf.identity(latent)


def drawn_images(name: str, images: tf.Tensor, sizes: ImageSizes) -> tf.Tensor:
    """`images`, [rows, height, width, 3], certain to be of one of `sizes`.

    Raises:
        tf.errors.InvalidArgumentError: when the graph runs, if they are not.
    """
    shape = tf.shape(images)
    drawn = require(
        _are_drawn(shape[1:3], sizes) & (shape[3] == _RGB),
        f"{name} has the shape {{}}, not [rows, height, width, {_RGB}]; {_remedy(sizes)}",
        shape,
    )
    with tf.control_dependencies([drawn]):
        return tf.identity(images)


def valid_mask(mask: tf.Tensor, init_latent: tf.Tensor) -> tf.Tensor:
    """A mask for each row of `init_latent`, which is one for all where there is but one.

    Raises:
        tf.errors.InvalidArgumentError: when the graph runs, if it is not of the latent's cells and from 0 to 1.
    """
    shape, latent = tf.shape(mask), tf.shape(init_latent)
    of_cells = require(
        tf.reduce_all(shape[1:] == tf.concat([latent[1:3], [1]], axis=0)),
        "mask has the shape {} and init_latent {}: give the mask a value for each of the latent's cells, [rows, height"
        f" / {LATENT_FACTOR}, width / {LATENT_FACTOR}, 1]",
        shape,
        latent,
    )
    with tf.control_dependencies([of_cells]):
        in_range = require(
            tf.reduce_all((mask >= 0) & (mask <= 1)),
            "mask has a value outside 0 (keep) to 1 (draw anew): divide bytes by 255",
        )
    with tf.control_dependencies([in_range]):
        return for_batch("mask", mask, latent[0], said_by=SEEDS)


def first_step(num_steps: tf.Tensor, strength: tf.Tensor) -> tf.Tensor:
    """The step to start with: of `num_steps` the last `strength` share is taken, rounded down to whole steps.

    Args:
        num_steps: int32 [pictures].
        strength: float32 scalar from 0 (no step) to 1 (all).

    Returns:
        int32 [pictures], from 0 to num_steps.

    Raises:
        tf.errors.InvalidArgumentError: when the graph runs, if the strength is out of its range.
    """
    possible = require(
        (strength >= 0) & (strength <= 1),
        "strength is {}; it must be from 0 (the image as it is) to 1 (nothing of it)",
        strength,
    )
    with tf.control_dependencies([possible]):
        taken = tf.floor(tf.cast(num_steps, tf.float32) * strength + _NEARLY)
    return num_steps - tf.cast(taken, tf.int32)


def _are_drawn(pixels: tf.Tensor, sizes: ImageSizes) -> tf.Tensor:
    if not sizes.are_several:
        return tf.reduce_all(pixels == sizes.smallest)
    return tf.reduce_all((pixels >= sizes.smallest) & (pixels <= sizes.largest) & (pixels % SIZE_STEP == 0))


def _remedy(sizes: ImageSizes) -> str:
    if not sizes.are_several:
        return f"this model is for {sizes.smallest}x{sizes.smallest} pixels only"
    return f"give a height and a width in multiples of {SIZE_STEP} from {sizes.smallest} to {sizes.largest}"
