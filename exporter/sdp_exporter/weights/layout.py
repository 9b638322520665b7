"""Every tensor of a component: its name in each kind of weights file, and its shape there.

The tensors are listed in the order of KerasCV's variables, which is also that of a Keras 2 `.h5`. Beside it stand

- diffusers' name (https://github.com/huggingface/diffusers), in PyTorch's layout;
- other names for it: CompVis' (https://github.com/CompVis/stable-diffusion), which checkpoints of a single file use,
  and those of diffusers' attention before version 0.17;
- KerasCV's path in a `.weights.h5` and a `.keras`, in Keras's layout.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Final

from sdp_exporter.models.keras_cv.anatomy import (
    BLOCKS_A_LEVEL,
    Anatomy,
    AutoencoderAnatomy,
    TextAnatomy,
    UNetAnatomy,
)
from sdp_serving.contract.components import Component
from sdp_serving.contract.signatures import LATENT_CHANNELS, TOKENS

Shape = tuple[int, ...]


class Kind(Enum):
    """How a tensor of PyTorch's becomes one of Keras's."""

    CONVOLUTION = "output, input, height, width -> height, width, input, output"
    DENSE = "output, input -> input, output"
    AS_IT_IS = "the same"

    def to_keras(self, shape: Shape) -> Shape:
        """The shape in Keras of a tensor of `shape` in PyTorch."""
        return tuple(shape[axis] for axis in self.axes) if self.axes else shape

    @property
    def axes(self) -> tuple[int, ...]:
        """The transposition from PyTorch's layout; empty for none."""
        match self:
            case Kind.CONVOLUTION:
                return (2, 3, 1, 0)
            case Kind.DENSE:
                return (1, 0)
            case Kind.AS_IT_IS:
                return ()


@dataclass(frozen=True)
class Tensor:
    """One tensor of a component."""

    name: str
    """In diffusers, such as `conv_in.weight`."""
    kind: Kind
    shape: Shape
    """In PyTorch's layout."""
    keras_path: str
    """In KerasCV's `.weights.h5`."""
    aliases: tuple[str, ...] = ()

    @property
    def keras_shape(self) -> Shape:
        """The shape of the variable."""
        return self.kind.to_keras(self.shape)


Layout = tuple[Tensor, ...]


def layout(component: Component, anatomy: Anatomy) -> Layout:
    """Every tensor of the component, in the order of its model's variables."""
    match component:
        case Component.TEXT_ENCODER:
            return tuple(_text_encoder(anatomy.text))
        case Component.DIFFUSION_MODEL:
            return tuple(_unet(anatomy.unet))
        case Component.DECODER:
            return tuple(_decoder(anatomy.autoencoder))
        case Component.IMAGE_ENCODER:
            return tuple(_image_encoder(anatomy.autoencoder))


@dataclass(frozen=True)
class _Part:
    """A part of a network, by its name in diffusers, its path in Keras and its other names."""

    name: str
    keras: str
    others: tuple[str, ...] = ()

    def child(self, name: str, keras: str, *others: str) -> "_Part":
        """A part of this one; its name in CompVis' networks is `name` unless `others` gives it."""
        return _Part(
            f"{self.name}.{name}",
            f"{self.keras}/{keras}",
            tuple(f"{parent}.{child}" for parent in self.others for child in others or (name,)),
        )

    def weight(self, kind: Kind, *shape: int) -> Tensor:
        return self._tensor("weight", kind, shape, 0)

    def bias(self, size: int) -> Tensor:
        return self._tensor("bias", Kind.AS_IT_IS, (size,), 1)

    def _tensor(self, tensor: str, kind: Kind, shape: Shape, number: int) -> Tensor:
        aliases = tuple(f"{other}.{tensor}" for other in self.others)
        return Tensor(f"{self.name}.{tensor}", kind, shape, f"{self.keras}/vars/{number}", aliases)


class _KerasLayers:
    """Paths of a model's layers: Keras numbers those of each class."""

    def __init__(self) -> None:
        self._seen: Counter[str] = Counter()

    def __call__(self, name: str, keras_class: str, *others: str) -> _Part:
        number = self._seen[keras_class]
        self._seen[keras_class] += 1
        return _Part(name, f"layers/{keras_class}_{number}" if number else f"layers/{keras_class}", others)


_PADDED: Final = "padded_conv2d"


def _convolution(part: _Part, inputs: int, outputs: int, size: int = 3) -> Iterator[Tensor]:
    """KerasCV's PaddedConv2D."""
    part = _Part(part.name, f"{part.keras}/conv2d", part.others)
    yield part.weight(Kind.CONVOLUTION, outputs, inputs, size, size)
    yield part.bias(outputs)


def _dense(part: _Part, inputs: int, outputs: int, *, bias: bool = True) -> Iterator[Tensor]:
    yield part.weight(Kind.DENSE, outputs, inputs)
    if bias:
        yield part.bias(outputs)


def _normalisation(part: _Part, channels: int) -> Iterator[Tensor]:
    yield part.weight(Kind.AS_IT_IS, channels)
    yield part.bias(channels)


def _text_encoder(anatomy: TextAnatomy) -> Iterator[Tensor]:
    width, layers = anatomy.width, _KerasLayers()
    embedding = layers("text_model.embeddings", "clip_embedding")
    yield embedding.child("token_embedding", "token_embedding").weight(Kind.AS_IT_IS, anatomy.vocabulary, width)
    yield embedding.child("position_embedding", "position_embedding").weight(Kind.AS_IT_IS, TOKENS, width)
    for index in range(anatomy.layers):
        layer = layers(f"text_model.encoder.layers.{index}", "clip_encoder_layer")
        yield from _normalisation(layer.child("layer_norm1", "layer_norm1"), width)
        for projection in ("q_proj", "k_proj", "v_proj", "out_proj"):
            yield from _dense(layer.child(f"self_attn.{projection}", f"clip_attn/{projection}"), width, width)
        yield from _normalisation(layer.child("layer_norm2", "layer_norm2"), width)
        yield from _dense(layer.child("mlp.fc1", "fc1"), width, 4 * width)
        yield from _dense(layer.child("mlp.fc2", "fc2"), 4 * width, width)
    yield from _normalisation(layers("text_model.final_layer_norm", "layer_normalization"), width)


def _unet(anatomy: UNetAnatomy) -> Iterator[Tensor]:
    layers, channels, time = _KerasLayers(), anatomy.channels, anatomy.time_width
    last = len(channels) - 1
    blocks = BLOCKS_A_LEVEL
    yield from _dense(layers("time_embedding.linear_1", "dense", "time_embed.0"), channels[0], time)
    yield from _convolution(layers("conv_in", _PADDED, "input_blocks.0.0"), LATENT_CHANNELS, channels[0])
    yield from _dense(layers("time_embedding.linear_2", "dense", "time_embed.2"), time, time)

    def residual(name: str, other: str, inputs: int, level: int) -> Iterator[Tensor]:
        yield from _unet_residual(layers(name, "res_block", other), inputs, channels[level], time)

    def transformer(name: str, other: str, level: int) -> Iterator[Tensor]:
        yield from _transformer(layers(name, "spatial_transformer", other), anatomy, level)

    features = channels[0]
    left = [features]
    for level in range(last + 1):
        block = f"down_blocks.{level}"
        for index in range(blocks):
            # CompVis numbers the blocks through, downsampling included.
            other = f"input_blocks.{(blocks + 1) * level + index + 1}"
            yield from residual(f"{block}.resnets.{index}", f"{other}.0", features, level)
            features = channels[level]
            if level < last:
                yield from transformer(f"{block}.attentions.{index}", f"{other}.1", level)
            left.append(features)
        if level < last:
            other = f"input_blocks.{(blocks + 1) * (level + 1)}.0.op"
            yield from _convolution(layers(f"{block}.downsamplers.0.conv", _PADDED, other), features, features)
            left.append(features)

    yield from residual("mid_block.resnets.0", "middle_block.0", features, last)
    yield from transformer("mid_block.attentions.0", "middle_block.1", last)
    yield from residual("mid_block.resnets.1", "middle_block.2", features, last)

    for step, level in enumerate(reversed(range(last + 1))):
        block = f"up_blocks.{step}"
        for index in range(blocks + 1):
            other = f"output_blocks.{(blocks + 1) * step + index}"
            yield from residual(f"{block}.resnets.{index}", f"{other}.0", features + left.pop(), level)
            features = channels[level]
            if level < last:
                yield from transformer(f"{block}.attentions.{index}", f"{other}.1", level)
        if level > 0:
            # It stands after the transformer, where there is one.
            upsample = layers(f"{block}.upsamplers.0", "upsample", f"{other}.{2 if level < last else 1}")
            yield from _convolution(upsample.child("conv", "conv"), features, features)

    yield from _normalisation(layers("conv_norm_out", "group_normalization", "out.0"), features)
    yield from _convolution(layers("conv_out", _PADDED, "out.2"), features, LATENT_CHANNELS)


def _unet_residual(part: _Part, inputs: int, outputs: int, time: int) -> Iterator[Tensor]:
    yield from _normalisation(part.child("norm1", "entry_flow/group_normalization", "in_layers.0"), inputs)
    yield from _convolution(part.child("conv1", f"entry_flow/{_PADDED}", "in_layers.2"), inputs, outputs)
    yield from _dense(part.child("time_emb_proj", "embedding_flow/dense", "emb_layers.1"), time, outputs)
    yield from _normalisation(part.child("norm2", "exit_flow/group_normalization", "out_layers.0"), outputs)
    yield from _convolution(part.child("conv2", f"exit_flow/{_PADDED}", "out_layers.3"), outputs, outputs)
    if inputs != outputs:
        shortcut = part.child("conv_shortcut", "residual_projection", "skip_connection")
        yield from _convolution(shortcut, inputs, outputs, 1)


def _transformer(part: _Part, anatomy: UNetAnatomy, level: int) -> Iterator[Tensor]:
    channels = anatomy.channels[level]

    def projection(name: str, keras: str) -> Iterator[Tensor]:
        if anatomy.linear_projections:
            return _dense(part.child(name, keras), channels, channels)
        return _convolution(part.child(name, keras), channels, channels, 1)

    yield from _normalisation(part.child("norm", "norm"), channels)
    yield from projection("proj_in", "proj1")
    block = part.child("transformer_blocks.0", "transformer_block")
    for index, sequence in ((1, channels), (2, anatomy.width)):
        yield from _normalisation(block.child(f"norm{index}", f"norm{index}"), channels)
        attention = block.child(f"attn{index}", f"attn{index}")
        yield from _dense(attention.child("to_q", "to_q"), channels, channels, bias=False)
        yield from _dense(attention.child("to_k", "to_k"), sequence, channels, bias=False)
        yield from _dense(attention.child("to_v", "to_v"), sequence, channels, bias=False)
        yield from _dense(attention.child("to_out.0", "out_proj"), channels, channels)
    yield from _normalisation(block.child("norm3", "norm3"), channels)
    # GEGLU: values and gates in one.
    yield from _dense(block.child("ff.net.0.proj", "geglu/dense"), channels, 2 * 4 * channels)
    yield from _dense(block.child("ff.net.2", "dense"), 4 * channels, channels)
    yield from projection("proj_out", "proj2")


def _decoder(anatomy: AutoencoderAnatomy) -> Iterator[Tensor]:
    layers, features = _KerasLayers(), anatomy.channels[-1]
    yield from _convolution(layers("post_quant_conv", _PADDED, "post_quant_conv"), LATENT_CHANNELS, LATENT_CHANNELS, 1)
    yield from _convolution(layers("decoder.conv_in", _PADDED, "decoder.conv_in"), LATENT_CHANNELS, features)
    yield from _middle(layers, "decoder", features)
    for step, level in enumerate(reversed(range(len(anatomy.channels)))):
        block, other = f"decoder.up_blocks.{step}", f"decoder.up.{level}"
        for index in range(BLOCKS_A_LEVEL + 1):
            part = layers(f"{block}.resnets.{index}", "resnet_block", f"{other}.block.{index}")
            yield from _residual(part, features, anatomy.channels[level])
            features = anatomy.channels[level]
        if level > 0:
            upsample = layers(f"{block}.upsamplers.0.conv", _PADDED, f"{other}.upsample.conv")
            yield from _convolution(upsample, features, features)
    yield from _normalisation(layers("decoder.conv_norm_out", "group_normalization", "decoder.norm_out"), features)
    yield from _convolution(layers("decoder.conv_out", _PADDED, "decoder.conv_out"), features, 3)


def _image_encoder(anatomy: AutoencoderAnatomy) -> Iterator[Tensor]:
    layers, features = _KerasLayers(), anatomy.channels[0]
    last = len(anatomy.channels) - 1
    yield from _convolution(layers("encoder.conv_in", _PADDED, "encoder.conv_in"), 3, features)
    for level, channels in enumerate(anatomy.channels):
        block, other = f"encoder.down_blocks.{level}", f"encoder.down.{level}"
        for index in range(BLOCKS_A_LEVEL):
            part = layers(f"{block}.resnets.{index}", "resnet_block", f"{other}.block.{index}")
            yield from _residual(part, features, channels)
            features = channels
        if level < last:
            downsample = layers(f"{block}.downsamplers.0.conv", _PADDED, f"{other}.downsample.conv")
            yield from _convolution(downsample, features, features)
    yield from _middle(layers, "encoder", features)
    moments = 2 * LATENT_CHANNELS
    yield from _normalisation(layers("encoder.conv_norm_out", "group_normalization", "encoder.norm_out"), features)
    yield from _convolution(layers("encoder.conv_out", _PADDED, "encoder.conv_out"), features, moments)
    yield from _convolution(layers("quant_conv", _PADDED, "quant_conv"), moments, moments, 1)


def _middle(layers: _KerasLayers, half: str, channels: int) -> Iterator[Tensor]:
    first = layers(f"{half}.mid_block.resnets.0", "resnet_block", f"{half}.mid.block_1")
    yield from _residual(first, channels, channels)
    # Under both of diffusers' names, of which the older is another one for the parts.
    name, older = f"{half}.mid_block.attentions.0", f"{half}.mid.attn_1"
    attention = layers(name, "attention_block", name, older)
    yield from _normalisation(attention.child("group_norm", "norm", "group_norm", "norm"), channels)
    for part, keras, old, compvis in (
        ("to_q", "q", "query", "q"),
        ("to_k", "k", "key", "k"),
        ("to_v", "v", "value", "v"),
        ("to_out.0", "proj_out", "proj_attn", "proj_out"),
    ):
        yield from _convolution(attention.child(part, keras, old, compvis), channels, channels, 1)
    second = layers(f"{half}.mid_block.resnets.1", "resnet_block", f"{half}.mid.block_2")
    yield from _residual(second, channels, channels)


def _residual(part: _Part, inputs: int, outputs: int) -> Iterator[Tensor]:
    yield from _normalisation(part.child("norm1", "norm1"), inputs)
    yield from _convolution(part.child("conv1", "conv1"), inputs, outputs)
    yield from _normalisation(part.child("norm2", "norm2"), outputs)
    yield from _convolution(part.child("conv2", "conv2"), outputs, outputs)
    if inputs != outputs:
        yield from _convolution(part.child("conv_shortcut", "residual_projection", "nin_shortcut"), inputs, outputs, 1)
