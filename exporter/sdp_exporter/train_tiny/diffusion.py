"""Second stage: the text encoder and the UNet, trained together to predict the noise in the drawings' latents."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final, NamedTuple

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf
from keras import optimizers

from sdp_exporter.models.tiny.autoencoder import Encoder
from sdp_exporter.models.tiny.unet import DiffusionModel
from sdp_exporter.sampling.ddim import TRAINING_STEPS
from sdp_exporter.sampling.schedule import alphas_cumprod
from sdp_exporter.train_tiny.captions import NULL_CAPTION, tokens
from sdp_exporter.train_tiny.dataset import Drawings, to_model
from sdp_exporter.train_tiny.drawings import Scene
from sdp_exporter.train_tiny.progress import Progress


@dataclass(frozen=True)
class Plan:
    """How long and how fast to train."""

    stage: str
    steps: int
    learning_rate: float
    warm_up: int
    average_decay: float
    """Of the moving average of the weights, which is what training leaves."""


BASE: Final = Plan("text encoder and diffusion model", 5000, 1.2e-3, 150, 0.999)

PROMPTS: Final = 16
PICTURES_A_PROMPT: Final = 2
BATCH: Final = PROMPTS * PICTURES_A_PROMPT
NULL_PART: Final = 0.1
SIZELESS_PART: Final = 0.15

_ENCODING_BATCH = 256
_CHECKPOINT_EVERY = 500


class Batch(NamedTuple):
    """What one step sees."""

    tokens: tf.Tensor
    """int32 [16, 77]: a prompt for each two latents."""
    latent: tf.Tensor
    """float32 [32, 8, 8, 4]."""
    timestep: tf.Tensor
    """int32 [32]."""
    noise: tf.Tensor
    """float32 like `latent`."""


class Latents:
    """The drawings' latents, from which batches are drawn at random."""

    def __init__(self, encoder: Encoder, drawings: Drawings, copies: int) -> None:
        """Encodes drawings of which the copies of each scene stand together."""
        pictures = np.array_split(drawings.pictures, max(1, len(drawings.pictures) // _ENCODING_BATCH))
        latents = np.concatenate([encoder(to_model(some)).numpy() for some in pictures])
        self._latents = latents.reshape(-1, copies, *latents.shape[1:])
        self._captions = _captions(drawings.scenes[::copies])

    def batch(self, random: np.random.Generator) -> Batch:
        """Draws prompts, two pictures of each, and for every picture noise and a timestep."""
        scenes = random.integers(len(self._latents), size=PROMPTS)
        copies = random.integers(self._latents.shape[1], size=(PROMPTS, PICTURES_A_PROMPT))
        latent = self._latents[scenes[:, np.newaxis], copies].reshape(BATCH, *self._latents.shape[2:])
        kinds = random.choice(3, p=[1 - NULL_PART - SIZELESS_PART, SIZELESS_PART, NULL_PART], size=PROMPTS)
        # Stratified: each batch holds timesteps from everywhere, which makes its loss less noisy.
        timestep = (random.permutation(BATCH) + random.random(BATCH)) * TRAINING_STEPS / BATCH
        return Batch(
            tf.constant(self._captions[kinds, scenes]),
            tf.constant(latent),
            tf.constant(timestep.astype(np.int32)),
            tf.constant(random.standard_normal(latent.shape, np.float32)),
        )


def train(
    context: Callable[[tf.Tensor], tf.Tensor],
    diffusion_model: DiffusionModel,
    variables: Sequence[keras.Variable],
    latents: Latents,
    plan: Plan,
    seed: int,
    progress: Progress,
    checkpoint: Callable[[], None],
) -> None:
    """Trains `variables`, those of the text encoder, of the diffusion model or of both, in place.

    Args:
        context: Tokens int32 [prompts, 77] to context float32 [prompts, 77, width].
        diffusion_model: Predicts the noise.
        variables: What to train.
        latents: What to train on.
        plan: How long and how fast.
        seed: Of the batches.
        progress: Shows the steps.
        checkpoint: Called every 500 steps while the variables hold their moving average.
    """
    random = np.random.default_rng(seed)
    alphas = tf.constant(alphas_cumprod())
    average = _Average(variables, plan.average_decay)
    optimizer = optimizers.AdamW(
        optimizers.schedules.CosineDecay(
            0.0, plan.steps - plan.warm_up, alpha=0.02, warmup_target=plan.learning_rate, warmup_steps=plan.warm_up
        ),
        beta_2=0.99,
        weight_decay=0.01,
        global_clipnorm=1.0,
    )
    optimizer.build(variables)

    @tf.function(jit_compile=True)
    def step(batch: Batch) -> tf.Tensor:
        alpha = tf.gather(alphas, batch.timestep)[:, tf.newaxis, tf.newaxis, tf.newaxis]
        noisy = tf.sqrt(alpha) * batch.latent + tf.sqrt(1 - alpha) * batch.noise
        with tf.GradientTape() as tape:
            contexts = tf.repeat(context(batch.tokens), PICTURES_A_PROMPT, axis=0)
            predicted = diffusion_model(noisy, batch.timestep, contexts)
            loss = tf.reduce_mean((predicted - batch.noise) ** 2)
        gradients = tape.gradient(loss, [variable.value for variable in variables])
        optimizer.apply([tf.convert_to_tensor(gradient) for gradient in gradients], variables)
        average.update()
        return loss

    for index in progress.steps(plan.stage, plan.steps):
        progress.loss(step(latents.batch(random)))
        if index % _CHECKPOINT_EVERY == _CHECKPOINT_EVERY - 1:
            with average.applied():
                checkpoint()
    average.apply()


class _Average:
    """An exponential moving average of variables."""

    def __init__(self, variables: Sequence[keras.Variable], decay: float) -> None:
        self._variables = variables
        self._averages = [tf.Variable(variable.value, trainable=False) for variable in variables]
        self._decay = decay

    def update(self) -> None:
        for variable, average in zip(self._variables, self._averages, strict=True):
            average.assign_add((variable.value - average) * (1 - self._decay))

    def apply(self) -> None:
        for variable, average in zip(self._variables, self._averages, strict=True):
            variable.assign(average)

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Lends the variables their averages."""
        present = [variable.numpy() for variable in self._variables]
        self.apply()
        yield
        for variable, value in zip(self._variables, present, strict=True):
            variable.assign(value)


def _captions(scenes: Sequence[Scene]) -> npt.NDArray[np.int32]:
    """Returns int32 [3, scenes, 77]: each scene's caption, the one without its size, and none."""
    kinds = (
        [scene.caption for scene in scenes],
        [scene.sizeless_caption for scene in scenes],
        [NULL_CAPTION for _ in scenes],
    )
    return np.stack([tokens(captions) for captions in kinds])
