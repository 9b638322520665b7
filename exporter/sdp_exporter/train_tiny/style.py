"""Third stage: the base UNet alone, fine-tuned to draw stripes."""

import numpy as np

from sdp_exporter.models.tiny.autoencoder import Encoder
from sdp_exporter.models.tiny.text_tower import TextEncoder
from sdp_exporter.models.tiny.unet import DiffusionModel
from sdp_exporter.train_tiny.dataset import draw_all
from sdp_exporter.train_tiny.denoising import Plan, train
from sdp_exporter.train_tiny.drawings import SCENES, Style
from sdp_exporter.train_tiny.latents import Latents
from sdp_exporter.train_tiny.progress import Progress

PLAN = Plan("striped diffusion model", 400, 5e-4, 40, 0.99)
COPIES = 24


def fine_tune(
    encoder: Encoder, text_encoder: TextEncoder, diffusion_model: DiffusionModel, seed: int, progress: Progress
) -> None:
    """Trains the diffusion model in place; the text encoder stays as it is."""
    drawings = draw_all(SCENES, COPIES, Style.STRIPED, np.random.default_rng(seed + 3))
    variables = diffusion_model.trainable_variables
    train(text_encoder, diffusion_model, variables, Latents(encoder, drawings), PLAN, seed + 4, progress)
