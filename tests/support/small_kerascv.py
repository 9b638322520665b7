"""KerasCV's own networks at a few channels: its constructors, run with layers that are narrower than they ask for."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from types import FunctionType, SimpleNamespace
from typing import Any, Final

import keras

from sdp_exporter.models.keras_cv import package
from sdp_exporter.models.keras_cv.anatomy import V1, V2, Anatomy, AutoencoderAnatomy
from sdp_serving.contract.components import Component
from sdp_serving.contract.signatures import LATENT_FACTOR, TOKENS

_UNET: Final = 10
_AUTOENCODER: Final = 4
_TEXT: Final = 8
"""By which the numbers of channels are divided."""
_TIMESTEP: Final = 320
_CHANNELS: Final = tuple(channels // _UNET for channels in V1.unet.channels)

ANATOMIES: Final = {
    "v1": Anatomy(
        replace(V1.text, width=V1.text.width // _TEXT),
        replace(V1.unet, channels=_CHANNELS),
        AutoencoderAnatomy(tuple(channels // _AUTOENCODER for channels in V1.autoencoder.channels)),
    ),
    "v2": Anatomy(
        replace(V2.text, width=V2.text.width // _TEXT),
        replace(V2.unet, channels=_CHANNELS, heads=tuple(heads // 5 for heads in V2.unet.heads)),
        AutoencoderAnatomy(tuple(channels // _AUTOENCODER for channels in V2.autoencoder.channels)),
    ),
}
"""Ours of the same sizes."""


def network(component: Component, version: str, height: int, width: int) -> keras.Model:
    """KerasCV's network of `component` for pictures of `height` and `width` in pixels."""
    modules, suffix = package.modules(), "" if version == "v1" else "V2"
    match component:
        case Component.TEXT_ENCODER:
            cls = getattr(modules["text_encoder"], f"TextEncoder{suffix}")
            return _narrower(cls, _text_layers(modules["text_encoder"]), TOKENS)
        case Component.DIFFUSION_MODEL:
            cls = getattr(modules["diffusion_model"], f"DiffusionModel{suffix}")
            return _narrower(cls, _unet_layers(modules["diffusion_model"]), height, width, TOKENS)
        case Component.DECODER:
            module = modules["decoder"]
            return _narrower(module.Decoder, _autoencoder_layers(module), height, width)
        case Component.IMAGE_ENCODER:
            module = modules["image_encoder"]
            return _narrower(module.ImageEncoder, _autoencoder_layers(module))


def timestep_embedding(timestep: int, batch_size: int) -> Any:
    """KerasCV's, which it computes outside of the network."""
    drawer = package.modules()["stable_diffusion"].StableDiffusionBase()
    return drawer._get_timestep_embedding(timestep, batch_size, dim=_TIMESTEP // _UNET)


def latent_shape(height: int, width: int) -> tuple[int, int, int]:
    return height // LATENT_FACTOR, width // LATENT_FACTOR, 4


def _narrower(cls: Any, layers: Mapping[str, Any], *arguments: Any) -> keras.Model:
    """An instance of `cls` whose constructor finds `layers` where it looks for its module's."""
    written = cls.__init__
    constructor = FunctionType(
        written.__code__,
        {**written.__globals__, **layers},
        written.__name__,
        written.__defaults__,
        written.__closure__,
    )
    return type(cls.__name__, (cls,), {"__init__": constructor})(*arguments, download_weights=False)


def _text_layers(module: Any) -> dict[str, Any]:
    return {
        "CLIPEmbedding": lambda vocabulary, width, length: module.CLIPEmbedding(vocabulary, width // _TEXT, length),
        "CLIPEncoderLayer": lambda width, heads, activation: module.CLIPEncoderLayer(
            width // _TEXT, heads, activation=activation
        ),
    }


def _unet_layers(module: Any) -> dict[str, Any]:
    def transformer(heads: int, size: int, fully_connected: bool) -> keras.layers.Layer:
        width = heads * size // _UNET
        # As few heads as the channels can be shared among.
        number = heads // 5 if fully_connected else heads
        return module.SpatialTransformer(number, width // number, fully_connected=fully_connected)

    layers = SimpleNamespace(
        Input=lambda shape, name: keras.layers.Input(
            (_TIMESTEP // _UNET,) if shape == (_TIMESTEP,) else shape, name=name
        ),
        Dense=lambda channels: keras.layers.Dense(channels // _UNET),
        Activation=keras.layers.Activation,
        Concatenate=keras.layers.Concatenate,
        GroupNormalization=keras.layers.GroupNormalization,
    )
    return {
        "keras": SimpleNamespace(layers=layers),
        "PaddedConv2D": _narrowed(module.PaddedConv2D, _UNET),
        "ResBlock": _narrowed(module.ResBlock, _UNET),
        "SpatialTransformer": transformer,
        "Upsample": _narrowed(module.Upsample, _UNET),
    }


def _autoencoder_layers(module: Any) -> dict[str, Any]:
    return {
        name: _narrowed(getattr(module, name), _AUTOENCODER)
        for name in ("PaddedConv2D", "ResnetBlock", "AttentionBlock")
    }


def _narrowed(layer: Any, divisor: int) -> Callable[..., keras.layers.Layer]:
    # Latents and pictures keep their few channels.
    return lambda channels, *others, **named: layer(
        channels // divisor if channels > LATENT_FACTOR else channels, *others, **named
    )
