"""A diffusion model without weights: exact for pictures whose every value is drawn from one normal distribution."""

from typing import Any, Final

import numpy as np
import tensorflow as tf

from sdp_exporter.sampling.schedule import alphas_cumprod, log_sigmas

MEAN: Final = 0.7
DEVIATION: Final = 0.5
TABLE: Final = log_sigmas(alphas_cumprod())


def noise(latent: np.ndarray, sigma: float) -> np.ndarray:
    """The expected noise in a latent of NumPy."""
    scaled = latent * np.sqrt(1 + sigma**2)
    return np.asarray((scaled - MEAN) * sigma / (DEVIATION**2 + sigma**2))


def exact(latent: np.ndarray, sigma: float, following: float) -> np.ndarray:
    """Where the probability flow ODE leads from one level to another, exactly."""
    scaled = latent * np.sqrt(1 + sigma**2)
    moved = MEAN + (scaled - MEAN) * np.sqrt((DEVIATION**2 + following**2) / (DEVIATION**2 + sigma**2))
    return np.asarray(moved / np.sqrt(1 + following**2))


def predict(latent: Any, timestep: Any) -> Any:
    """The expected noise in latents of TensorFlow, float32 [batch, h, w, c], at timesteps float32 [batch]."""
    sigma = _sigma(timestep)
    scaled = latent * tf.sqrt(1 + sigma**2)
    return (scaled - MEAN) * sigma / (DEVIATION**2 + sigma**2)


def predict_v(latent: Any, timestep: Any, table: np.ndarray = TABLE) -> Any:
    """As `predict`, for v, and for another `table` of sigmas."""
    sigma = _sigma(timestep, table)
    signal = tf.math.rsqrt(1 + sigma**2)
    # Where sigma is in the thousands, float32 has no digits left of the difference of latent and noise.
    deviation = latent - signal * MEAN
    share = DEVIATION**2 / (DEVIATION**2 + sigma**2)
    expected = (1 - share) * deviation / (sigma * signal)
    clean = MEAN + share * deviation / signal
    return signal * expected - sigma * signal * clean


def _sigma(timestep: Any, table: np.ndarray = TABLE) -> Any:
    exact_timestep = tf.cast(timestep, tf.float64)
    below = tf.clip_by_value(tf.floor(exact_timestep), 0, 998)
    low, high = (tf.gather(tf.constant(table), tf.cast(below, tf.int32) + more) for more in (0, 1))
    sigma = tf.exp(low + (exact_timestep - below) * (high - low))
    return tf.cast(sigma, tf.float32)[:, tf.newaxis, tf.newaxis, tf.newaxis]
