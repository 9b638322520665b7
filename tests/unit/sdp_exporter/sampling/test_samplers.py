"""The samplers on a model whose exact answer is known, against others written from their papers in NumPy."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import product
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from tests.support import gaussian_model
from tests.support.numpy_sampling import NumpySampling

from sdp_exporter.sampling import noise
from sdp_exporter.sampling.codes import code_of
from sdp_exporter.sampling.loop import denoise
from sdp_exporter.sampling.schedule import alphas_cumprod, log_sigmas
from sdp_exporter.sampling.steps import Prediction, plan
from sdp_serving.contract.sampling import Sampler, Schedule

NUM_STEPS = (1, 2, 3, 7, 20, 25, 30, 50, 333, 1000)
SHAPE = (2, 3, 4)
REFERENCE = NumpySampling(alphas_cumprod())


@dataclass(frozen=True)
class Row:
    sampler: Sampler
    schedule: Schedule
    num_steps: int


Run = Callable[..., tuple[np.ndarray, np.ndarray]]


def runner(prediction: Prediction, predict: Any, table: np.ndarray = gaussian_model.TABLE) -> Run:
    """Takes steps of several pictures at once, in one graph for all that can be chosen."""

    def take(schedule: Any, sampler: Any, num_steps: Any, state: Any, pictures: Any, steps: Any, mask: Any) -> Any:
        first = tf.zeros_like(num_steps)
        plans = plan(
            tf.constant(table), prediction, schedule=schedule, sampler=sampler, num_steps=num_steps, first=first
        )
        return denoise(
            predict,
            plans,
            *tf.unstack(state),
            pictures=pictures,
            init_latent=tf.ones([1, 1, 1, 4]),
            mask=mask,
            from_step=steps[0],
            to_step=steps[1],
        )

    numbers = tf.TensorSpec([None], tf.int32)
    latents = tf.TensorSpec([2, None, *SHAPE], tf.float32)
    in_graph = tf.function(
        take,
        input_signature=[
            *[numbers] * 3,
            latents,
            tf.TensorSpec([None, 2], tf.int64),
            tf.TensorSpec([2], tf.int32),
            tf.TensorSpec([None, None, None, 1], tf.float32),
        ],
    )

    def run(
        rows: Sequence[Row],
        latent: np.ndarray,
        *,
        denoised: np.ndarray | None = None,
        steps: tuple[int, int] | None = None,
        mask: float = 1.0,
    ) -> tuple[np.ndarray, np.ndarray]:
        after = in_graph(
            tf.constant([code_of(row.schedule) for row in rows]),
            tf.constant([code_of(row.sampler) for row in rows]),
            tf.constant([row.num_steps for row in rows]),
            tf.constant(np.stack([latent, np.zeros_like(latent) if denoised is None else denoised])),
            keys(len(rows)),
            tf.constant(steps or (0, max(row.num_steps for row in rows))),
            tf.fill([1, 1, 1, 1], mask),
        )
        return after[0].numpy(), after[1].numpy()

    return run


def keys(rows: int) -> tf.Tensor:
    return noise.keys(tf.constant(7, tf.int64), tf.constant(rows))


def starts(rows: int) -> np.ndarray:
    return np.asarray(noise.initial(keys(rows), tf.constant(SHAPE)))


@pytest.fixture(scope="module")
def run() -> Run:
    return runner("epsilon", gaussian_model.predict)


def rows_of(*samplers: Sampler) -> list[Row]:
    return [Row(*choice) for choice in product(samplers, Schedule, NUM_STEPS)]


DETERMINISTIC = [Sampler.DDIM, Sampler.EULER, Sampler.DPM_SOLVER_PP_2M]


@pytest.fixture(scope="module")
def sampled(run: Run) -> dict[Row, np.ndarray]:
    """In one batch, in which each has its own sampler, schedule and number of steps."""
    rows = rows_of(*DETERMINISTIC)
    return dict(zip(rows, run(rows, starts(len(rows)))[0], strict=True))


def reference(row: Row, start: np.ndarray, noises: Sequence[np.ndarray] = ()) -> np.ndarray:
    return REFERENCE.sample(
        row.sampler,
        lambda latent, timestep: gaussian_model.noise(latent, REFERENCE.sigma(timestep)),
        start.astype(np.float64),
        REFERENCE.levels(row.schedule, row.num_steps),
        noises,
    )


@pytest.mark.parametrize("sampler", DETERMINISTIC)
def test_every_sampler_is_that_of_its_paper_for_any_number_of_steps(
    sampled: dict[Row, np.ndarray], sampler: Sampler
) -> None:
    for (row, latent), start in zip(sampled.items(), starts(len(sampled)), strict=True):
        if row.sampler is sampler:
            np.testing.assert_allclose(latent, reference(row, start), atol=2e-4, err_msg=str(row))


def test_the_ancestral_sampler_is_its_authors_for_any_number_of_steps(run: Run) -> None:
    rows = rows_of(Sampler.EULER_ANCESTRAL)
    draw = tf.function(lambda step: noise.of_step(keys(len(rows)), tf.constant(SHAPE), step))
    noises = [draw(tf.constant(step)).numpy() for step in range(max(NUM_STEPS))]
    latents, _ = run(rows, starts(len(rows)))
    for index, (row, start) in enumerate(zip(rows, starts(len(rows)), strict=True)):
        expected = reference(row, start, [each[index] for each in noises])
        np.testing.assert_allclose(latents[index], expected, atol=2e-4, err_msg=str(row))


def test_a_model_of_v_draws_what_one_of_the_noise_draws(sampled: dict[Row, np.ndarray]) -> None:
    latents, _ = runner("v", gaussian_model.predict_v)(list(sampled), starts(len(sampled)))
    np.testing.assert_allclose(latents, np.stack(list(sampled.values())), atol=2e-4)


def test_pictures_are_drawn_from_a_timestep_at_which_nothing_but_noise_is_left() -> None:
    alphas = alphas_cumprod(zero_terminal_snr=True)
    table, numpys = log_sigmas(alphas), NumpySampling(alphas)
    rows = [Row(*choice) for choice in product(DETERMINISTIC, (Schedule.LINSPACE, Schedule.TRAILING), (2, 20))]

    latents, _ = runner("v", partial(gaussian_model.predict_v, table=table), table)(rows, starts(len(rows)))

    for row, latent, start in zip(rows, latents, starts(len(rows)), strict=True):
        expected = numpys.sample(
            row.sampler,
            lambda latent, timestep: gaussian_model.noise(latent, numpys.sigma(timestep)),
            start.astype(np.float64),
            numpys.levels(row.schedule, row.num_steps),
            (),
        )
        np.testing.assert_allclose(latent, expected, atol=1e-3, err_msg=str(row))


@pytest.mark.parametrize(("sampler", "order"), [(Sampler.DDIM, 1), (Sampler.EULER, 1), (Sampler.DPM_SOLVER_PP_2M, 2)])
def test_a_sampler_converges_to_the_exact_solution_with_its_order(run: Run, sampler: Sampler, order: int) -> None:
    counts = [16, 32, 64, 128]
    errors = []
    for num_steps in counts:
        start = starts(1)
        _, sigmas = REFERENCE.levels("karras", num_steps)
        # Up to the last level with noise: the step from there to none is exact in no number of steps.
        latent, _ = run([Row(sampler, Schedule.KARRAS, num_steps)], start, steps=(0, num_steps - 1))
        errors.append(np.abs(latent - gaussian_model.exact(start, sigmas[0], sigmas[-2])).max())
    slope = -np.polyfit(np.log(counts), np.log(errors), 1)[0]
    assert slope == pytest.approx(order, abs=0.15), errors


def test_the_ancestral_sampler_draws_from_the_models_distribution(run: Run) -> None:
    rows = [Row(Sampler.EULER_ANCESTRAL, Schedule.KARRAS, 100)] * 100
    latent, _ = run(rows, starts(len(rows)))
    assert latent.mean() == pytest.approx(gaussian_model.MEAN, abs=0.03)
    assert latent.std() == pytest.approx(gaussian_model.DEVIATION, abs=0.03)


@pytest.mark.parametrize("mask", [1.0, 0.4])
def test_any_split_of_the_steps_is_one_call_bit_for_bit(run: Run, mask: float) -> None:
    rows = [Row(*choice) for choice in product(Sampler, Schedule, (5, 6))]
    start = starts(len(rows))
    whole, preview = run(rows, start, mask=mask)
    for split in range(7):
        latent, denoised = run(rows, start, steps=(0, split), mask=mask)
        latent, denoised = run(rows, latent, denoised=denoised, steps=(split, 6), mask=mask)
        np.testing.assert_array_equal(latent, whole)
        np.testing.assert_array_equal(denoised, preview)


def test_a_picture_is_the_same_alone_and_beside_others_with_more_steps(
    run: Run, sampled: dict[Row, np.ndarray]
) -> None:
    for (row, latent), start in zip(sampled.items(), starts(len(sampled)), strict=True):
        if row.num_steps in (1, 7, 20):
            np.testing.assert_array_equal(run([row], start[np.newaxis])[0][0], latent)
