"""Stable Diffusion at a few channels: every kind of layer of the full-size networks, built in a second."""

from dataclasses import replace
from typing import Final

from sdp_exporter.models.keras_cv.anatomy import V1, V2, Anatomy, AutoencoderAnatomy

_CHANNELS: Final = (32, 64, 64)
_AUTOENCODER: Final = AutoencoderAnatomy((32, 64, 64, 64))

SMALL_V1: Final = Anatomy(
    replace(V1.text, width=24, layers=2, heads=2),
    replace(V1.unet, width=24, channels=_CHANNELS, heads=(2, 2, 2)),
    _AUTOENCODER,
)
SMALL_V2: Final = Anatomy(
    replace(V2.text, width=40, layers=3, heads=4),
    replace(V2.unet, width=40, channels=_CHANNELS, heads=(1, 2, 2)),
    _AUTOENCODER,
)
