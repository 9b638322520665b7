"""The layouts against the names and shapes of diffusers 0.32's own models, which data/diffusers.json.gz lists.

They are the state dictionaries of UNet2DConditionModel, CLIPTextModel and AutoencoderKL, made on PyTorch's device
"meta" with the published configurations of runwayml/stable-diffusion-v1-5 and stabilityai/stable-diffusion-2-1-base.
"""

import gzip
import json
from pathlib import Path

import pytest

from sdp_exporter.models.keras_cv.anatomy import V1, V2, Anatomy
from sdp_exporter.weights.fitting import same
from sdp_exporter.weights.layout import layout
from sdp_serving.contract.components import Component

DIFFUSERS: dict[str, dict[str, list[int]]] = json.loads(
    gzip.decompress((Path(__file__).parent / "data/diffusers.json.gz").read_bytes())
)
ANATOMIES = pytest.mark.parametrize(("version", "anatomy"), [("v1", V1), ("v2", V2)])


@ANATOMIES
@pytest.mark.parametrize(
    ("component", "folder"), [(Component.TEXT_ENCODER, "text_encoder"), (Component.DIFFUSION_MODEL, "unet")]
)
def test_every_tensor_of_diffusers_models_is_used_once(
    version: str, anatomy: Anatomy, component: Component, folder: str
) -> None:
    ours = {tensor.name: tensor.shape for tensor in layout(component, anatomy)}

    assert ours == {name: tuple(shape) for name, shape in DIFFUSERS[f"{version}/{folder}"].items()}
    assert len(ours) == len(layout(component, anatomy))


@ANATOMIES
def test_the_decoder_and_the_image_encoder_share_out_diffusers_autoencoder(version: str, anatomy: Anatomy) -> None:
    tensors = [*layout(Component.DECODER, anatomy), *layout(Component.IMAGE_ENCODER, anatomy)]

    assert {tensor.name for tensor in tensors} == DIFFUSERS["vae"].keys()
    assert len(tensors) == len(DIFFUSERS["vae"])
    assert all(same(tensor.shape, tuple(DIFFUSERS["vae"][tensor.name])) for tensor in tensors)


@ANATOMIES
@pytest.mark.parametrize("component", Component)
def test_no_name_stands_for_two_tensors(version: str, anatomy: Anatomy, component: Component) -> None:
    tensors = layout(component, anatomy)
    names = [name for tensor in tensors for name in {tensor.name, *tensor.aliases}]

    assert len(set(names)) == len(names)
    assert len({tensor.keras_path for tensor in tensors}) == len(tensors)


@pytest.mark.parametrize(
    ("component", "name", "other"),
    [
        ("diffusion-model", "time_embedding.linear_2", "time_embed.2"),
        ("diffusion-model", "down_blocks.2.resnets.0.conv_shortcut", "input_blocks.7.0.skip_connection"),
        ("diffusion-model", "down_blocks.1.downsamplers.0.conv", "input_blocks.6.0.op"),
        ("diffusion-model", "mid_block.attentions.0.proj_in", "middle_block.1.proj_in"),
        ("diffusion-model", "up_blocks.0.upsamplers.0.conv", "output_blocks.2.1.conv"),
        ("diffusion-model", "up_blocks.1.upsamplers.0.conv", "output_blocks.5.2.conv"),
        ("decoder", "decoder.up_blocks.3.resnets.2.norm1", "decoder.up.0.block.2.norm1"),
        ("decoder", "decoder.mid_block.attentions.0.to_out.0", "decoder.mid_block.attentions.0.proj_attn"),
        ("image-encoder", "encoder.mid_block.attentions.0.to_q", "encoder.mid.attn_1.q"),
        ("image-encoder", "encoder.down_blocks.1.resnets.0.conv_shortcut", "encoder.down.1.block.0.nin_shortcut"),
    ],
)
def test_other_names_are_known(component: str, name: str, other: str) -> None:
    (tensor,) = (tensor for tensor in layout(Component(component), V1) if tensor.name == f"{name}.bias")

    assert f"{other}.bias" in tensor.aliases
