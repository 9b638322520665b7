"""The models before any training, with their variables made."""

from typing import Final, TypeVar

import keras
import tensorflow as tf

from sdp_exporter.models.tiny import IMAGE_SIZE, WIDTH
from sdp_exporter.models.tiny.autoencoder import Decoder, Encoder
from sdp_exporter.models.tiny.text_tower import VOCABULARY, TextEncoder
from sdp_exporter.models.tiny.unet import DiffusionModel
from sdp_serving.contract.signatures import LATENT_CHANNELS, LATENT_FACTOR, TOKENS

_LATENT_SIDE: Final = IMAGE_SIZE // LATENT_FACTOR


def text_encoder(vocabulary: int = VOCABULARY) -> TextEncoder:
    """Returns a text encoder before any training, with a token table of `vocabulary` rows."""
    return _built(TextEncoder(vocabulary), tf.zeros([1, TOKENS], tf.int32))


def diffusion_model() -> DiffusionModel:
    """Returns a diffusion model before any training."""
    latent = tf.zeros([1, _LATENT_SIDE, _LATENT_SIDE, LATENT_CHANNELS])
    return _built(DiffusionModel(), latent, tf.zeros([1], tf.int32), tf.zeros([1, TOKENS, WIDTH]))


def decoder() -> Decoder:
    """Returns a decoder before any training."""
    return _built(Decoder(), tf.zeros([1, _LATENT_SIDE, _LATENT_SIDE, LATENT_CHANNELS]))


def image_encoder() -> Encoder:
    """Returns an image encoder before any training."""
    return _built(Encoder(), tf.zeros([1, IMAGE_SIZE, IMAGE_SIZE, 3]))


_Model = TypeVar("_Model", bound=keras.Model)


def _built(model: _Model, *inputs: tf.Tensor) -> _Model:
    """Makes the variables, which Keras does at the first call."""
    model(*inputs)
    return model
