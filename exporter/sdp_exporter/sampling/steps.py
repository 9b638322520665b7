"""All samplers as one linear multistep method, of which each is a set of coefficients.

In sigma space (a latent divided by its signal's share), a step from sigma to sigma' is

    x' = r x + (1 - r) ((1 + w) d - w d_previous) + n z,    r = sqrt(sigma'^2 - n^2) / sigma

where d is the model's prediction of the clean latent, d_previous that of the step before and z standard normal noise.

- DDIM (Song et al. 2021, https://arxiv.org/abs/2010.02502, equation 12 with its sigma 0): w = n = 0. It is Euler's
  method for the probability flow ODE in sigma space (Karras et al. 2022, https://arxiv.org/abs/2206.00364,
  algorithm 1 without its correction).
- Euler ancestral (k-diffusion's): w = 0 and n^2 = sigma'^2 (sigma^2 - sigma'^2) / sigma^2.
- DPM-Solver++(2M) (Lu et al. 2022, https://arxiv.org/abs/2211.01095, algorithm 2): n = 0 and w = h / (2 h_previous),
  where h is the step in -log(sigma); w = 0 in the first step, which has none before it, and in the last, whose h is
  infinite.
"""

from typing import Literal, NamedTuple

import tensorflow as tf

from sdp_exporter.sampling.codes import code_of
from sdp_exporter.sampling.schedule import levels
from sdp_serving.contract.sampling import Sampler

Prediction = Literal["epsilon", "v"]
"""What the model predicts: the noise, or v = sqrt(alpha) noise - sqrt(1 - alpha) clean (Salimans and Ho 2022,
https://arxiv.org/abs/2202.00512), as Stable Diffusion 2.x for 768 pixels does."""


class Steps(NamedTuple):
    """What each step of each picture does, [steps, rows]; `plan` says in which tensors' terms."""

    active: tf.Tensor
    """bool: False after a picture's last step, in a batch in which another has more."""
    timestep: tf.Tensor
    clean_from_latent: tf.Tensor
    clean_from_prediction: tf.Tensor
    latent: tf.Tensor
    denoised: tf.Tensor
    previous_denoised: tf.Tensor
    noise: tf.Tensor
    signal: tf.Tensor
    """The clean latent's share in the latent after the step; 1 after the last."""
    spread: tf.Tensor
    """The noise's share there."""


def plan(
    table: tf.Tensor,
    prediction: Prediction,
    *,
    schedule: tf.Tensor,
    sampler: tf.Tensor,
    num_steps: tf.Tensor,
    first: tf.Tensor,
) -> Steps:
    """The coefficients of all steps, worked out in float64.

    With them the clean latent is predicted as `clean_from_latent` latent + `clean_from_prediction` prediction, and the
    next latent is `latent` latent + `denoised` clean + `previous_denoised` that of the step before + `noise` noise.

    Args:
        table: float64 [1000], the logarithms of sigma by timestep.
        prediction: what the model predicts.
        schedule: int32 [rows], the place in `Schedule` of each picture's.
        sampler: int32 [rows], the place in `Sampler` of each picture's.
        num_steps: int32 [rows], of the schedule; from 1 to 1000.
        first: int32 [rows], the step to start with, from 0 to num_steps.

    Returns:
        float32 [the most steps that a picture takes, rows].
    """
    taken = num_steps - first
    index = tf.range(tf.reduce_max(taken))[:, tf.newaxis]
    last_step = num_steps - 1
    step = tf.minimum(index + first, last_step)
    timestep, log_sigma = levels(table, schedule, num_steps, step)
    _, log_before = levels(table, schedule, num_steps, tf.maximum(step - 1, 0))
    _, log_after = levels(table, schedule, num_steps, tf.minimum(step + 1, last_step))

    is_last = step == last_step
    sigma, next_sigma = tf.exp(log_sigma), tf.where(is_last, tf.zeros_like(log_after), tf.exp(log_after))
    zero = tf.zeros_like(sigma)
    fresh = tf.sqrt(tf.maximum(sigma**2 - next_sigma**2, zero)) * next_sigma / sigma
    fresh = tf.where(sampler == code_of(Sampler.EULER_ANCESTRAL), fresh, zero)
    ratio = tf.sqrt(next_sigma**2 - fresh**2) / sigma
    extrapolates = (sampler == code_of(Sampler.DPM_SOLVER_PP_2M)) & (index > 0) & ~is_last
    weight = tf.where(extrapolates, (log_sigma - log_after) / (2 * (log_before - log_sigma)), zero)

    signal, next_signal = tf.math.rsqrt(1 + sigma**2), tf.math.rsqrt(1 + next_sigma**2)
    is_v = prediction == "v"
    exact = Steps(
        active=index < taken,
        timestep=timestep,
        clean_from_latent=signal if is_v else 1 / signal,
        clean_from_prediction=-sigma * signal if is_v else -sigma,
        latent=next_signal * ratio / signal,
        denoised=next_signal * (1 - ratio) * (1 + weight),
        previous_denoised=-next_signal * (1 - ratio) * weight,
        noise=next_signal * fresh,
        signal=next_signal,
        spread=next_sigma * next_signal,
    )
    return Steps(exact.active, *(tf.cast(coefficients, tf.float32) for coefficients in exact[1:]))


def start(
    table: tf.Tensor, *, schedule: tf.Tensor, num_steps: tf.Tensor, first: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    """The shares of a given latent and of noise in the latent that sampling starts from.

    It is noise alone where sampling starts with the first step, as in the `inpaint` that KerasCV had before 0.9, and
    the given latent where no step is left.

    Args:
        table: float64 [1000], the logarithms of sigma by timestep.
        schedule: int32 [rows], the place in `Schedule` of each picture's.
        num_steps: int32 [rows], from 1 to 1000.
        first: int32 [rows], the step to start with, from 0 to num_steps.

    Returns:
        The two, float32 [rows].
    """
    step = tf.minimum(first, num_steps - 1)[tf.newaxis]
    sigma = tf.exp(levels(table, schedule, num_steps, step)[1][0])
    sigma = tf.where(first == num_steps, tf.zeros_like(sigma), sigma)
    signal = tf.math.rsqrt(1 + sigma**2)
    is_whole = first == 0
    return (
        tf.cast(tf.where(is_whole, tf.zeros_like(signal), signal), tf.float32),
        tf.cast(tf.where(is_whole, tf.ones_like(signal), sigma * signal), tf.float32),
    )
