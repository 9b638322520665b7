"""The noise that sampling starts from."""

import tensorflow as tf


def initial_latent(seed: tf.Tensor, batch_size: tf.Tensor, shape: tuple[int, int, int]) -> tf.Tensor:
    """Draw standard normal noise; image i's depends on `seed` and i alone, not on how many images there are.

    Args:
        seed: int64 scalar.
        batch_size: int32 scalar.
        shape: height, width and channels of a latent.

    Returns:
        float32 [batch_size, *shape], the same on every device (Philox).
    """
    return tf.map_fn(
        lambda index: tf.random.stateless_normal(shape, seed=tf.stack([seed, index]), alg="philox"),
        tf.range(tf.cast(batch_size, tf.int64)),
        fn_output_signature=tf.TensorSpec(shape, tf.float32),
    )


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
