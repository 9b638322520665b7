import numpy as np
import pytest
import tensorflow as tf
from tests.support.numpy_sampling import NumpySampling

from sdp_exporter.sampling import noise
from sdp_exporter.sampling.codes import code_of
from sdp_exporter.sampling.guidance import Guidance, Predict, guide
from sdp_exporter.sampling.loop import denoise
from sdp_exporter.sampling.schedule import alphas_cumprod, log_sigmas
from sdp_exporter.sampling.steps import plan
from sdp_serving.contract.sampling import Sampler, Schedule

SHAPE = (2, 4, 4, 4)
START = np.random.default_rng(1).normal(size=SHAPE).astype(np.float32)
INIT = np.random.default_rng(2).normal(size=SHAPE).astype(np.float32)
MASK = (np.arange(16) % 3 == 0).astype(np.float32).reshape(1, 4, 4, 1)
CONTEXT = np.ones((2, 77, 8), np.float32)
KEYS = noise.keys(tf.constant(3, tf.int64), tf.constant(2))
REFERENCE = NumpySampling(alphas_cumprod())


def sample(
    num_steps: int, guidance_scale: float, guidance: Guidance = "separate", mask: np.ndarray | None = None
) -> tuple[list[float], np.ndarray]:
    """The timesteps that a model is asked for, and the latent when its noise is the context's first value."""
    visited: list[float] = []

    def remember(timestep: np.ndarray) -> None:
        visited.append(float(timestep[0]))

    def predict_for(context: tf.Tensor) -> Predict:
        def predict(latent: tf.Tensor, timestep: tf.Tensor) -> tf.Tensor:
            with tf.control_dependencies([tf.numpy_function(remember, [timestep], [])]):
                return tf.zeros_like(latent) + context[:, :1, :1, tf.newaxis]

        return predict

    def run() -> tf.Tensor:
        scale = tf.fill([2], guidance_scale)
        steps = plan(
            tf.constant(log_sigmas(alphas_cumprod())),
            "epsilon",
            schedule=tf.fill([2], code_of(Schedule.LINSPACE)),
            sampler=tf.fill([2], code_of(Sampler.DDIM)),
            num_steps=tf.fill([2], num_steps),
            first=tf.zeros([2], tf.int32),
        )
        return denoise(
            guide(predict_for, tf.constant(2 * CONTEXT), tf.constant(CONTEXT), scale, guidance),
            steps,
            tf.constant(START),
            tf.zeros(SHAPE),
            pictures=KEYS,
            init_latent=tf.constant(INIT),
            mask=tf.ones([1, 1, 1, 1]) if mask is None else tf.constant(mask),
            from_step=tf.constant(0),
            to_step=tf.constant(num_steps),
        )

    latent, _ = tf.function(run)()
    return visited, latent.numpy()


@pytest.mark.parametrize("num_steps", [1, 2, 30])
@pytest.mark.parametrize(("guidance", "calls"), [("separate", 2), ("batched", 1)])
def test_the_model_is_asked_in_every_step_from_the_noisiest_timestep_down(
    num_steps: int, guidance: Guidance, calls: int
) -> None:
    visited, _ = sample(num_steps, guidance_scale=3.0, guidance=guidance)
    assert len(visited) == calls * num_steps
    assert visited[0] == 999
    assert visited == sorted(visited, reverse=True)


@pytest.mark.parametrize("guidance", ["separate", "batched"])
def test_guidance_goes_from_the_unconditional_noise_through_the_conditional(guidance: Guidance) -> None:
    _, latent = sample(1, guidance_scale=3.0, guidance=guidance)
    alpha = alphas_cumprod()[999]
    guided_noise = 1 + 3 * (2 - 1)
    np.testing.assert_allclose(latent, (START - np.sqrt(1 - alpha) * guided_noise) / np.sqrt(alpha), rtol=1e-3)


@pytest.mark.parametrize("num_steps", [1, 2, 7, 25])
def test_what_is_masked_out_is_kept_as_in_kerascvs_inpaint(num_steps: int) -> None:
    # KerasCV 0.6 to 0.8, `inpaint` with num_resamples=1, for the noise that is drawn here.
    def blend(index: int, alpha: float, latent: np.ndarray) -> np.ndarray:
        fresh = np.asarray(noise.of_step(KEYS, tf.constant(SHAPE[1:]), tf.constant(index)))
        known = np.sqrt(alpha) * INIT + np.sqrt(1 - alpha) * fresh
        return np.asarray(MASK * latent + (1 - MASK) * known)

    expected = REFERENCE.ddim(
        lambda latent, _: np.full_like(latent, 4.0),
        START.astype(np.float64),
        *REFERENCE.levels("linspace", num_steps),
        after=blend,
    )
    _, latent = sample(num_steps, guidance_scale=3.0, mask=MASK)
    np.testing.assert_allclose(latent, expected, atol=1e-3)
    np.testing.assert_array_equal(latent * (1 - MASK), INIT * (1 - MASK))
