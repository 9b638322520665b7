"""The stages of the training, each skipped where its weights are there, so that a broken-off training goes on."""

from pathlib import Path
from typing import Final

import keras

from sdp_exporter.models import tiny
from sdp_exporter.models.tiny import arrays, fresh
from sdp_exporter.train_tiny import autoencoder, base, style, word
from sdp_exporter.train_tiny.progress import Progress
from sdp_serving.contract.components import Component

SEED: Final = 0


def train_all(folder: Path, progress: Progress) -> None:
    """Trains sd-tiny and both fine-tuned parts, and writes the weights to `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    decoder = tiny.weights_path(Component.DECODER, "base", folder)
    image_encoder = tiny.weights_path(Component.IMAGE_ENCODER, "base", folder)
    text_encoder = tiny.weights_path(Component.TEXT_ENCODER, "base", folder)
    diffusion_model = tiny.weights_path(Component.DIFFUSION_MODEL, "base", folder)
    striped = tiny.weights_path(Component.DIFFUSION_MODEL, "striped", folder)
    sks = tiny.weights_path(Component.TEXT_ENCODER, "sks", folder)
    # Of two files, the one that is looked for is written last.
    if not decoder.exists():
        _train_autoencoder(image_encoder, decoder, progress)
    if not diffusion_model.exists():
        _train_base(folder, text_encoder, diffusion_model, progress)
    if not striped.exists():
        _train_style(folder, striped, progress)
    if not sks.exists():
        _train_word(folder, text_encoder, sks, progress)


def _train_autoencoder(image_encoder_path: Path, decoder_path: Path, progress: Progress) -> None:
    keras.utils.set_random_seed(SEED)
    image_encoder, decoder = fresh.image_encoder(), fresh.decoder()
    autoencoder.train(image_encoder, decoder, SEED, progress)
    arrays.write(arrays.collect(image_encoder), image_encoder_path)
    arrays.write(arrays.collect(decoder), decoder_path)


def _train_base(folder: Path, text_encoder_path: Path, diffusion_model_path: Path, progress: Progress) -> None:
    keras.utils.set_random_seed(SEED)
    text_encoder, diffusion_model = base.train_base(tiny.image_encoder("base", folder), SEED, progress)
    arrays.write(text_encoder, text_encoder_path)
    arrays.write(diffusion_model, diffusion_model_path)


def _train_style(folder: Path, path: Path, progress: Progress) -> None:
    diffusion_model = tiny.diffusion_model("base", folder)
    style.fine_tune(
        tiny.image_encoder("base", folder), tiny.text_encoder("base", folder), diffusion_model, SEED, progress
    )
    arrays.write(arrays.collect(diffusion_model), path)


def _train_word(folder: Path, text_encoder_path: Path, path: Path, progress: Progress) -> None:
    row = word.learn(
        tiny.image_encoder("base", folder),
        tiny.text_encoder("base", folder),
        tiny.diffusion_model("base", folder),
        SEED,
        progress,
    )
    arrays.write(word.add_row(arrays.read(text_encoder_path), row), path)
