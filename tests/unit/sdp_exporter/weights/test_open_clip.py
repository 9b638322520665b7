"""The text encoder of a checkpoint of 2.x in a single file."""

from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file
from tests.support.weights_files import write_header

from sdp_exporter.errors import UnusableWeightsError
from sdp_exporter.models.keras_cv.anatomy import V2
from sdp_exporter.weights.files import open_file
from sdp_exporter.weights.fitting import fit, holds
from sdp_exporter.weights.layout import Shape, layout
from sdp_exporter.weights.open_clip import in_clips_names
from sdp_exporter.weights.safetensors import open_safetensors
from sdp_serving.contract.components import Component

TENSORS = layout(Component.TEXT_ENCODER, V2)
WIDTH = V2.text.width
LAYERS = 24
"""Of ViT-H's tower; the last is not used."""


def tower() -> dict[str, Shape]:
    """As open_clip_torch's ViT-H-14 names and shapes its text tower, within Stability AI's checkpoints."""
    block: dict[str, Shape] = {
        "attn.in_proj_weight": (3 * WIDTH, WIDTH),
        "attn.in_proj_bias": (3 * WIDTH,),
        "attn.out_proj.weight": (WIDTH, WIDTH),
        "attn.out_proj.bias": (WIDTH,),
        "mlp.c_fc.weight": (4 * WIDTH, WIDTH),
        "mlp.c_fc.bias": (4 * WIDTH,),
        "mlp.c_proj.weight": (WIDTH, 4 * WIDTH),
        "mlp.c_proj.bias": (WIDTH,),
        **{f"{norm}.{tensor}": (WIDTH,) for norm in ("ln_1", "ln_2") for tensor in ("weight", "bias")},
    }
    outside: dict[str, Shape] = {
        "positional_embedding": (77, WIDTH),
        "text_projection": (WIDTH, WIDTH),
        "logit_scale": (),
        "token_embedding.weight": (49408, WIDTH),
        "ln_final.weight": (WIDTH,),
        "ln_final.bias": (WIDTH,),
    }
    blocks = {
        f"transformer.resblocks.{number}.{name}": shape for number in range(LAYERS) for name, shape in block.items()
    }
    return {f"cond_stage_model.model.{name}": shape for name, shape in {**outside, **blocks}.items()}


def test_every_tensor_is_found_and_the_layer_that_is_not_used_left_out(tmp_path: Path) -> None:
    path = write_header(tmp_path / "v2-1_512-ema-pruned.safetensors", tower())

    with open_file(path) as file:
        assert holds(file, Component.TEXT_ENCODER, TENSORS)
        assert set(fit(file, Component.TEXT_ENCODER, TENSORS, path).values()) == set(TENSORS)


def test_queries_keys_and_values_are_a_third_each(tmp_path: Path) -> None:
    block = "cond_stage_model.model.transformer.resblocks.5.attn"
    fused = np.arange(18, dtype=np.float32).reshape(6, 3)
    save_file(
        {f"{block}.in_proj_weight": fused, f"{block}.in_proj_bias": fused[:, 0].copy()}, tmp_path / "x.safetensors"
    )

    file = in_clips_names(open_safetensors(tmp_path / "x.safetensors"))

    attention = "cond_stage_model.transformer.text_model.encoder.layers.5.self_attn"
    for place, name in enumerate(("q_proj", "k_proj", "v_proj")):
        np.testing.assert_array_equal(file.read(f"{attention}.{name}.weight"), fused[2 * place : 2 * place + 2])
        np.testing.assert_array_equal(file.read(f"{attention}.{name}.bias"), fused[2 * place : 2 * place + 2, 0])
    assert len(file.shapes) == 6


@pytest.mark.parametrize(
    ("spoilt", "message"),
    [
        ({"transformer.resblocks.7.ln_1.gain": (WIDTH,)}, r"unexpected: .*encoder\.layers\.7\.ln_1\.gain"),
        ({"visual.proj": (8, 8)}, r"unexpected: .*visual\.proj"),
        ({"transformer.resblocks.0.attn.in_proj_bias": (7,)}, r"missing: .*layers\.0\.self_attn\.q_proj\.bias"),
        ({"positional_embedding": (77, 8)}, r"position_embedding\.weight \[77, 8\] instead of \[77, 1024\]"),
    ],
)
def test_a_tower_that_is_another_is_refused(spoilt: dict[str, Shape], message: str, tmp_path: Path) -> None:
    named = {f"cond_stage_model.model.{name}": shape for name, shape in spoilt.items()}
    path = write_header(tmp_path / "x.safetensors", tower() | named)

    with pytest.raises(UnusableWeightsError, match=message), open_file(path) as file:
        fit(file, Component.TEXT_ENCODER, TENSORS, path)
