import numpy as np
import pytest
import tensorflow as tf

from sdp_exporter.sampling import ddim

EVERY_NUM_STEPS = range(1, 1001)


@pytest.fixture(scope="module")
def timesteps_by_num_steps() -> dict[int, np.ndarray]:
    in_graph = tf.function(ddim.timesteps, input_signature=[tf.TensorSpec([], tf.int32)])
    return {n: in_graph(tf.constant(n)).numpy() for n in EVERY_NUM_STEPS}


def test_every_num_steps_visits_that_many_timesteps_within_the_schedule(
    timesteps_by_num_steps: dict[int, np.ndarray],
) -> None:
    for num_steps, timesteps in timesteps_by_num_steps.items():
        assert timesteps.shape == (num_steps,)
        assert timesteps.min() >= 0
        assert timesteps.max() == 999, f"{num_steps} steps do not start at the noisiest"
        assert (np.diff(timesteps) > 0).all(), f"{num_steps} steps are not in order"


def test_two_and_more_steps_are_those_of_kerascv(timesteps_by_num_steps: dict[int, np.ndarray]) -> None:
    for num_steps in EVERY_NUM_STEPS[1:]:
        kerascv = (np.arange(num_steps) * (999 / (num_steps - 1))).round().astype(np.int64)
        np.testing.assert_array_equal(timesteps_by_num_steps[num_steps], kerascv)


def test_a_step_to_the_clean_latent_takes_out_exactly_the_noise() -> None:
    clean, noise = tf.random.stateless_normal([2, 3, 4, 4, 4], seed=[1, 2], dtype=tf.float32)
    alpha = tf.constant(0.3)
    noisy = tf.sqrt(alpha) * clean + tf.sqrt(1 - alpha) * noise
    np.testing.assert_allclose(ddim.step(noisy, noise, alpha, tf.constant(1.0)), clean, atol=1e-5)


def test_a_step_leads_to_the_same_noise_at_the_next_level() -> None:
    clean, noise = tf.random.stateless_normal([2, 3, 4, 4, 4], seed=[3, 4], dtype=tf.float32)

    def noisy(alpha: float) -> tf.Tensor:
        return alpha**0.5 * clean + (1 - alpha) ** 0.5 * noise

    stepped = ddim.step(noisy(0.1), noise, tf.constant(0.1), tf.constant(0.6))
    np.testing.assert_allclose(stepped, noisy(0.6), atol=1e-5)
