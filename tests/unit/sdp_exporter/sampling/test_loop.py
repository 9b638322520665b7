from collections.abc import Callable

import numpy as np
import pytest
import tensorflow as tf

from sdp_exporter.sampling import loop
from sdp_exporter.sampling.schedule import alphas_cumprod

SHAPE = (2, 4, 4, 4)
CLEAN = np.random.default_rng(0).normal(size=SHAPE).astype(np.float32)
START = np.random.default_rng(1).normal(size=SHAPE).astype(np.float32)
CONTEXT = np.ones((2, 77, 8), np.float32)


@pytest.fixture(scope="module")
def sample_with_a_perfect_model() -> Callable[[int], np.ndarray]:
    """Samples with a model that always names the exact noise between the latent and CLEAN."""
    alphas = tf.constant(alphas_cumprod())

    def exact_noise(latent: tf.Tensor, timestep: tf.Tensor, _context: tf.Tensor) -> tf.Tensor:
        alpha = tf.gather(alphas, timestep)[:, tf.newaxis, tf.newaxis, tf.newaxis]
        return (latent - tf.sqrt(alpha) * CLEAN) / tf.sqrt(1 - alpha)

    def sample(num_steps: tf.Tensor) -> tf.Tensor:
        latent, context = tf.constant(START), tf.constant(CONTEXT)
        return loop.sample(exact_noise, alphas, latent, context, context, num_steps, tf.constant(7.5))

    in_graph = tf.function(sample, input_signature=[tf.TensorSpec([], tf.int32)])
    return lambda num_steps: in_graph(tf.constant(num_steps)).numpy()


@pytest.mark.parametrize("num_steps", [*range(1, 52), 75, 99, 100, 101, 250, 333, 499, 500, 501, 999, 1000])
def test_a_perfect_model_brings_any_noise_to_the_clean_latent(
    sample_with_a_perfect_model: Callable[[int], np.ndarray], num_steps: int
) -> None:
    np.testing.assert_allclose(sample_with_a_perfect_model(num_steps), CLEAN, atol=2e-3)


def record_calls(num_steps: int, guidance_scale: float) -> tuple[list[int], np.ndarray]:
    """The timesteps that a model is asked for, and the latent when its noise is the context's first value."""
    visited: list[int] = []

    def remember(timestep: np.ndarray) -> None:
        visited.append(int(timestep[0]))

    def predict(latent: tf.Tensor, timestep: tf.Tensor, context: tf.Tensor) -> tf.Tensor:
        with tf.control_dependencies([tf.numpy_function(remember, [timestep], [])]):
            return tf.zeros_like(latent) + context[:, :1, :1, tf.newaxis]

    sample = tf.function(
        lambda: loop.sample(
            predict,
            tf.constant(alphas_cumprod()),
            tf.constant(START),
            tf.constant(2 * CONTEXT),
            tf.constant(CONTEXT),
            tf.constant(num_steps),
            tf.constant(guidance_scale),
        )
    )
    return visited, sample().numpy()


@pytest.mark.parametrize("num_steps", [1, 2, 30])
def test_the_model_is_asked_twice_a_step_from_the_noisiest_timestep_down(num_steps: int) -> None:
    visited, _ = record_calls(num_steps, guidance_scale=3.0)
    assert len(visited) == 2 * num_steps
    assert visited[0] == 999
    assert visited == sorted(visited, reverse=True)


def test_guidance_goes_from_the_unconditional_noise_through_the_conditional() -> None:
    _, latent = record_calls(1, guidance_scale=3.0)
    alpha = alphas_cumprod()[999]
    guided_noise = 1 + 3 * (2 - 1)
    np.testing.assert_allclose(latent, (START - np.sqrt(1 - alpha) * guided_noise) / np.sqrt(alpha), rtol=1e-3)
