"""The noise schedule that Stable Diffusion was trained on, and which of its levels sampling visits.

A level of noise is a timestep t or a sigma, the noise's share over the signal's: with alpha the cumulative product of
(1 - beta) at t, a latent is sqrt(alpha) clean + sqrt(1 - alpha) noise, and sigma is sqrt((1 - alpha) / alpha).
"""

from typing import Final

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from sdp_exporter.sampling.codes import code_of
from sdp_serving.contract.sampling import MOST_STEPS, Schedule

TRAINING_STEPS: Final = MOST_STEPS
"""Steps of the noise schedule that the model was trained on: timesteps are 0 (little noise) to 999 (only noise)."""
_FIRST_BETA = 0.00085
_LAST_BETA = 0.012
_RHO = 7.0
_LEAST_ALPHA: Final = 2.0**-24
"""In place of zero, which has no sigma; diffusers' Euler scheduler takes the same."""


def alphas_cumprod(*, zero_terminal_snr: bool = False) -> npt.NDArray[np.float32]:
    """Returns the cumulative product of (1 - beta) by timestep, float32 [1000], falling from 0.9991 to 0.0047.

    The betas are "scaled linear", evenly spaced in their square roots, as in CompVis' v1-inference.yaml and
    `make_beta_schedule` (https://github.com/CompVis/stable-diffusion). KerasCV's `_ALPHAS_CUMPROD` lists these values.

    Args:
        zero_terminal_snr: whether the last is next to zero, the others being moved with it (Lin et al. 2024,
            https://arxiv.org/abs/2305.08891, algorithm 1).
    """
    betas = np.linspace(_FIRST_BETA**0.5, _LAST_BETA**0.5, TRAINING_STEPS) ** 2
    alphas = np.cumprod(1 - betas)
    if zero_terminal_snr:
        first, *_, last = signals = np.sqrt(alphas)
        alphas = np.maximum(((signals - last) * first / (first - last)) ** 2, _LEAST_ALPHA)
    return alphas.astype(np.float32)


def log_sigmas(alphas: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    """The logarithm of sigma by timestep, [1000], growing."""
    exact = alphas.astype(np.float64)
    return np.asarray(np.log((1 - exact) / exact) / 2)


def levels(
    table: tf.Tensor, schedule: tf.Tensor, num_steps: tf.Tensor, index: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    """The noise levels that some steps start from, for each of several pictures (rows).

    Args:
        table: float64 [1000], `log_sigmas`.
        schedule: int32 [rows], the place in `Schedule` of each picture's.
        num_steps: int32 [rows], from 1 to 1000.
        index: int32 [steps, rows], from 0 (the noisiest) to num_steps - 1.

    Returns:
        The timestep, between two of the training's under `Schedule.KARRAS`, and the logarithm of sigma: float64
        [steps, rows].
    """
    place, count = tf.cast(index, tf.float64), tf.cast(num_steps, tf.float64)
    whole = tf.where(schedule == code_of(Schedule.LINSPACE), _linspace(place, count), _trailing(place, count))
    karras = _karras(table, place, count)
    is_karras = schedule == code_of(Schedule.KARRAS)
    return (
        tf.where(is_karras, _timestep_of(table, karras), whole),
        tf.where(is_karras, karras, tf.gather(table, tf.cast(whole, tf.int32))),
    )


def _linspace(place: tf.Tensor, count: tf.Tensor) -> tf.Tensor:
    """As KerasCV since 0.9 (`StableDiffusionBase.generate_image`): round(i * 999 / (num_steps - 1)), halves to even.

    It differs for one step: KerasCV takes it at timestep 0, where the model expects a nearly clean latent and leaves
    the noise in; here it is taken at 999, which is what the initial latent is.
    """
    last = tf.constant(TRAINING_STEPS - 1, tf.float64)
    spread = tf.round((count - 1 - place) * (last / tf.maximum(count - 1, 1)))
    return tf.where(count == 1, last, spread)


def _trailing(place: tf.Tensor, count: tf.Tensor) -> tf.Tensor:
    """Lin et al. 2024 (https://arxiv.org/abs/2305.08891), table 2: round(1000 - i * 1000 / num_steps) - 1."""
    return tf.round(TRAINING_STEPS - place * TRAINING_STEPS / count) - 1


def _karras(table: tf.Tensor, place: tf.Tensor, count: tf.Tensor) -> tf.Tensor:
    """The logarithm of sigma by Karras et al. 2022 (https://arxiv.org/abs/2206.00364), equation 5."""
    largest, smallest = tf.exp(table[-1] / _RHO), tf.exp(table[0] / _RHO)
    share = place / tf.maximum(count - 1, 1)
    return _RHO * tf.math.log(largest + share * (smallest - largest))


def _timestep_of(table: tf.Tensor, log_sigma: tf.Tensor) -> tf.Tensor:
    """The timestep of a level, linear in the logarithm of sigma between two of the training's."""
    above = tf.searchsorted(table, tf.reshape(log_sigma, [-1]), side="right")
    below = tf.reshape(tf.clip_by_value(above - 1, 0, TRAINING_STEPS - 2), tf.shape(log_sigma))
    low, high = tf.gather(table, below), tf.gather(table, below + 1)
    return tf.cast(below, tf.float64) + (log_sigma - low) / (high - low)
