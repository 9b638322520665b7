"""The noise of sampling, the same on every device (Philox).

A picture's noise depends on its key alone, which is a seed and a number, int64 [2]: not on its place in a batch, nor on
how many pictures there are.
"""

from collections.abc import Callable

import tensorflow as tf


def keys(seed: tf.Tensor, batch_size: tf.Tensor) -> tf.Tensor:
    """The keys of the pictures of one seed: int64 [batch_size, 2].

    Args:
        seed: int64 scalar.
        batch_size: int32 scalar.
    """
    number = tf.range(tf.cast(batch_size, tf.int64))
    return tf.stack([tf.fill([batch_size], seed), number], axis=1)


def keys_of_seeds(seeds: tf.Tensor) -> tf.Tensor:
    """The keys of pictures with a seed each, int64 [pictures]: each is the first picture of its seed."""
    return tf.stack([seeds, tf.zeros_like(seeds)], axis=1)


def initial(pictures: tf.Tensor, shape: tf.Tensor) -> tf.Tensor:
    """Draw the standard normal noise that sampling starts from.

    Args:
        pictures: int64 [batch, 2], the keys.
        shape: int32 [3]: height, width and channels of a latent.

    Returns:
        float32 [batch, height, width, channels].
    """
    return _draw(pictures, shape, lambda key: key)


def of_step(pictures: tf.Tensor, shape: tf.Tensor, step: tf.Tensor) -> tf.Tensor:
    """Draw the standard normal noise that a step adds, for each step (int32 scalar) anew; otherwise as `initial`."""
    number = tf.cast(step, tf.int64)
    return _draw(pictures, shape, lambda key: tf.random.experimental.stateless_fold_in(key, number, alg="philox"))


def random_seed() -> tf.Tensor:
    """Draw a seed, anew at every call of the graph, whatever seed was set when it was traced: int64 scalar."""
    # tf.random.uniform would write tf.random.set_seed's seed into the SavedModel.
    return tf.raw_ops.RandomUniformInt(
        shape=tf.constant([], tf.int32),
        minval=tf.constant(0, tf.int64),
        maxval=tf.constant(tf.int64.max, tf.int64),
        seed=0,
        seed2=0,
    )


def _draw(pictures: tf.Tensor, shape: tf.Tensor, key_of: Callable[[tf.Tensor], tf.Tensor]) -> tf.Tensor:
    return tf.map_fn(
        lambda key: tf.random.stateless_normal(shape, seed=key_of(key), alg="philox"),
        pictures,
        fn_output_signature=tf.TensorSpec([None, None, None], tf.float32),
    )
