"""The models before any weights are loaded, with their variables made."""

from typing import Final

import keras
import tensorflow as tf

from sdp_exporter.models.keras_cv.anatomy import Anatomy
from sdp_exporter.models.keras_cv.autoencoder import Decoder, ImageEncoder
from sdp_exporter.models.keras_cv.text_encoder import TextEncoder
from sdp_exporter.models.keras_cv.unet import DiffusionModel
from sdp_serving.contract.components import Component
from sdp_serving.contract.signatures import LATENT_CHANNELS, LATENT_FACTOR, TOKENS

_SIDE: Final = 8
"""Of the latent that the variables are made with; they do not depend on it."""


def model(component: Component, anatomy: Anatomy) -> keras.Model:
    """Returns the component with random weights."""
    latent = tf.zeros([1, _SIDE, _SIDE, LATENT_CHANNELS])
    built: keras.Model
    match component:
        case Component.TEXT_ENCODER:
            built = TextEncoder(anatomy.text)
            built(tf.zeros([1, TOKENS], tf.int32))
        case Component.DIFFUSION_MODEL:
            built = DiffusionModel(anatomy.unet)
            built(latent, tf.zeros([1], tf.int32), tf.zeros([1, TOKENS, anatomy.unet.width]))
        case Component.DECODER:
            built = Decoder(anatomy.autoencoder)
            built(latent)
        case Component.IMAGE_ENCODER:
            built = ImageEncoder(anatomy.autoencoder)
            built(tf.zeros([1, _SIDE * LATENT_FACTOR, _SIDE * LATENT_FACTOR, 3]))
    return built
