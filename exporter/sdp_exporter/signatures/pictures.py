"""What is asked of each picture of a request, checked."""

from typing import Final, NamedTuple

import tensorflow as tf

from sdp_exporter.sampling import noise
from sdp_exporter.sampling.schedule import TRAINING_STEPS
from sdp_exporter.signatures.checks import as_declared, for_batch, require
from sdp_exporter.signatures.choices import codes
from sdp_serving.contract.sampling import Sampler, Schedule

SEEDS: Final = "the number of seeds is"
"""What says how many pictures are wanted, for messages."""


class Pictures(NamedTuple):
    """A row for each picture."""

    context: tf.Tensor
    """float32 [pictures, 77, width]."""
    unconditional_context: tf.Tensor
    keys: tf.Tensor
    """int64 [pictures, 2], of its noise."""
    schedule: tf.Tensor
    """int32 [pictures], its place in `Schedule`."""
    sampler: tf.Tensor
    """int32 [pictures], its place in `Sampler`."""
    num_steps: tf.Tensor
    """int32 [pictures]."""
    guidance_scale: tf.Tensor
    """float32 [pictures]."""


def pictures_of_request(
    context: tf.Tensor,
    unconditional_context: tf.Tensor,
    seeds: tf.Tensor,
    num_steps: tf.Tensor,
    schedule: tf.Tensor,
    sampler: tf.Tensor,
    guidance_scale: tf.Tensor,
) -> Pictures:
    """A picture for each seed, with all else the same.

    Args:
        context: float32 [seeds, 77, width], or one row for all.
        unconditional_context: like `context`.
        seeds: int64 [seeds].
        num_steps: int32 scalar from 1 to 1000.
        schedule: string scalar of `Schedule`.
        sampler: string scalar of `Sampler`.
        guidance_scale: float32 scalar, a finite number.

    Raises:
        tf.errors.InvalidArgumentError: when the graph runs, if they are not that.
    """
    count = number_of(seeds)

    def for_each(value: tf.Tensor) -> tf.Tensor:
        return tf.fill([count], value)

    return Pictures(
        context=for_batch("context", as_declared("context", context), count, said_by=SEEDS),
        unconditional_context=for_batch(
            "unconditional_context",
            as_declared("unconditional_context", unconditional_context),
            count,
            said_by=SEEDS,
        ),
        keys=noise.keys_of_seeds(seeds),
        schedule=for_each(codes("schedule", schedule, Schedule)),
        sampler=for_each(codes("sampler", sampler, Sampler)),
        num_steps=for_each(valid_num_steps(num_steps)),
        guidance_scale=for_each(valid_guidance_scale(guidance_scale)),
    )


def pictures_of_rows(
    context: tf.Tensor,
    unconditional_context: tf.Tensor,
    seed: tf.Tensor,
    num_steps: tf.Tensor,
    schedule: tf.Tensor,
    sampler: tf.Tensor,
    guidance_scale: tf.Tensor,
) -> Pictures:
    """As `pictures_of_request`, with a row a picture in every input.

    Raises:
        tf.errors.InvalidArgumentError: when the graph runs, if they are not that.
    """
    count = number_of(seed)

    def row_each(name: str, rows: tf.Tensor) -> tf.Tensor:
        given = tf.shape(rows)[0]
        fits = require(
            given == count, f"{name} has {{}} rows and seed {{}}: every input must have a row a picture", given, count
        )
        with tf.control_dependencies([fits]):
            return tf.identity(rows)

    return Pictures(
        context=row_each("context", as_declared("context", context)),
        unconditional_context=row_each(
            "unconditional_context", as_declared("unconditional_context", unconditional_context)
        ),
        keys=noise.keys_of_seeds(seed),
        schedule=row_each("schedule", codes("schedule", schedule, Schedule)),
        sampler=row_each("sampler", codes("sampler", sampler, Sampler)),
        num_steps=row_each("num_steps", valid_num_steps(num_steps)),
        guidance_scale=row_each("guidance_scale", valid_guidance_scale(guidance_scale)),
    )


def number_of(seeds: tf.Tensor) -> tf.Tensor:
    """The number of pictures, int32 scalar, of [pictures] seeds.

    Raises:
        tf.errors.InvalidArgumentError: when the graph runs, if there is none.
    """
    shaped = require(
        tf.reduce_all(tf.shape(seeds) > 0) & (tf.rank(seeds) == 1),
        "the seeds have the shape {}; give a list of one or more, one for each picture",
        tf.shape(seeds),
    )
    with tf.control_dependencies([shaped]):
        return tf.shape(seeds)[0]


def valid_num_steps(num_steps: tf.Tensor) -> tf.Tensor:
    """`num_steps`, int32 of any shape, certain to be from 1 to 1000.

    Raises:
        tf.errors.InvalidArgumentError: when the graph runs, if not.
    """
    possible = require(
        tf.reduce_all((num_steps >= 1) & (num_steps <= TRAINING_STEPS)),
        f"num_steps is {{}}; it must be from 1 to {TRAINING_STEPS}",
        num_steps,
    )
    with tf.control_dependencies([possible]):
        return tf.identity(num_steps)


def valid_guidance_scale(guidance_scale: tf.Tensor) -> tf.Tensor:
    """`guidance_scale`, float32 of any shape, certain to be finite.

    Raises:
        tf.errors.InvalidArgumentError: when the graph runs, if not.
    """
    finite = require(
        tf.reduce_all(tf.math.is_finite(guidance_scale)),
        "guidance_scale is {}; it must be a finite number, such as 7.5",
        guidance_scale,
    )
    with tf.control_dependencies([finite]):
        return tf.identity(guidance_scale)
