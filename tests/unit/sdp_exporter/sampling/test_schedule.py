from collections.abc import Callable

import numpy as np
import pytest
import tensorflow as tf
from tests.support.numpy_sampling import NumpySampling

from sdp_exporter.sampling.codes import code_of
from sdp_exporter.sampling.schedule import alphas_cumprod, levels, log_sigmas
from sdp_serving.contract.sampling import Schedule

EVERY_NUM_STEPS = range(1, 1001)
REFERENCE = NumpySampling(alphas_cumprod())

Levels = Callable[[Schedule, int], tuple[np.ndarray, np.ndarray]]


def test_with_a_zero_terminal_snr_the_signal_falls_by_the_same_shares_to_next_to_nothing() -> None:
    plain, rescaled = (np.sqrt(alphas_cumprod(zero_terminal_snr=zero).astype(np.float64)) for zero in (False, True))

    assert rescaled[0] == pytest.approx(plain[0])
    assert rescaled[-1] == 2.0**-12
    np.testing.assert_allclose(
        (rescaled[0] - rescaled[:-1]) / rescaled[0], (plain[0] - plain[:-1]) / (plain[0] - plain[-1]), atol=1e-6
    )


@pytest.fixture(scope="module")
def levels_of() -> Levels:
    """The timesteps and the logarithms of sigma that a schedule visits."""

    def in_graph(schedule: tf.Tensor, num_steps: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        index = tf.range(num_steps[0])[:, tf.newaxis]
        return levels(tf.constant(log_sigmas(alphas_cumprod())), schedule, num_steps, index)

    function = tf.function(in_graph, input_signature=[tf.TensorSpec([None], tf.int32)] * 2)

    def run(schedule: Schedule, num_steps: int) -> tuple[np.ndarray, np.ndarray]:
        timesteps, logs = function(tf.constant([code_of(schedule)]), tf.constant([num_steps]))
        return timesteps.numpy()[:, 0], logs.numpy()[:, 0]

    return run


def test_the_schedule_has_the_values_that_kerascv_lists() -> None:
    alphas = alphas_cumprod()

    np.testing.assert_allclose(alphas[:4], [0.99915, 0.998296, 0.9974381, 0.9965762], rtol=1e-6)
    np.testing.assert_allclose(alphas[-3:], [0.004773902, 0.004716699, 0.0046600983], rtol=1e-5)


def test_the_schedule_falls_over_a_thousand_steps() -> None:
    alphas = alphas_cumprod()

    assert alphas.shape == (1000,)
    assert alphas.dtype == np.float32
    assert (np.diff(alphas) < 0).all()


@pytest.mark.parametrize("schedule", Schedule)
def test_every_num_steps_visits_that_many_levels_from_the_noisiest_down(levels_of: Levels, schedule: Schedule) -> None:
    for num_steps in EVERY_NUM_STEPS:
        timesteps, logs = levels_of(schedule, num_steps)
        assert timesteps.shape == (num_steps,)
        assert timesteps[0] == pytest.approx(999, abs=1e-9)
        assert timesteps.min() >= -1e-9
        assert (np.diff(timesteps) < 0).all()
        assert (np.diff(logs) < 0).all()


@pytest.mark.parametrize("schedule", Schedule)
def test_every_num_steps_visits_the_levels_of_the_schedules_author(levels_of: Levels, schedule: Schedule) -> None:
    for num_steps in EVERY_NUM_STEPS:
        expected_timesteps, expected_sigmas = REFERENCE.levels(schedule, num_steps)
        timesteps, logs = levels_of(schedule, num_steps)
        np.testing.assert_allclose(timesteps, expected_timesteps, rtol=0, atol=1e-9)
        np.testing.assert_allclose(np.exp(logs), expected_sigmas[:-1], rtol=1e-12)
