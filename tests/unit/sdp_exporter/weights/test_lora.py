from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file
from tests.support.small_stable_diffusion import SMALL_V1

from sdp_exporter.errors import UnusableWeightsError
from sdp_exporter.weights.layout import layout
from sdp_exporter.weights.lora import Lora, changes
from sdp_serving.contract.components import Component

LAYOUTS = {each: layout(each, SMALL_V1) for each in (Component.TEXT_ENCODER, Component.DIFFUSION_MODEL)}
QUERY = "down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q"
OUT = "down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_out.0"
CONVOLUTION = "down_blocks.1.resnets.0.conv1"
WORDS = "text_model.encoder.layers.1.self_attn.q_proj"
DOWN = np.arange(2 * 32, dtype=np.float32).reshape(2, 32)
UP = np.arange(32 * 2, dtype=np.float32).reshape(32, 2) / 100


def written(tensors: Mapping[str, np.ndarray], folder: Path, scale: float = 1.0) -> Lora:
    save_file(dict(tensors), folder / "style.safetensors")
    return Lora(folder / "style.safetensors", scale)


@pytest.mark.parametrize(
    ("module", "down", "up"),
    [
        ("lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn1_to_q.", "lora_down.weight", "lora_up.weight"),
        (f"unet.{QUERY}.", "lora_A.weight", "lora_B.weight"),
        (f"unet.{QUERY}.", "lora.down.weight", "lora.up.weight"),
        (f"base_model.model.{QUERY}.", "lora_A.weight", "lora_B.weight"),
        (f"base_model.model.{QUERY}.", "lora_A.default.weight", "lora_B.default.weight"),
        (f"unet.{QUERY}".replace(".to_q", ".processor.to_q_"), "lora.down.weight", "lora.up.weight"),
    ],
)
def test_every_trainers_names_lead_to_the_matrix(module: str, down: str, up: str, tmp_path: Path) -> None:
    found = changes(written({module + down: DOWN, module + up: UP}, tmp_path), LAYOUTS)

    (change,) = found[Component.DIFFUSION_MODEL]
    assert found[Component.TEXT_ENCODER] == []
    assert change.tensor.name == f"{QUERY}.weight"
    np.testing.assert_allclose(change.value(), (UP @ DOWN).T, rtol=1e-6)


@pytest.mark.parametrize(
    "module",
    [
        "lora_unet_" + OUT.replace(".", "_") + ".",
        f"unet.{OUT}.",
        f"unet.{OUT}".replace("to_out.0", "processor.to_out_"),
    ],
)
def test_the_projection_behind_an_attention_is_found_with_and_without_its_place(module: str, tmp_path: Path) -> None:
    found = changes(written({f"{module}lora.down.weight": DOWN, f"{module}lora.up.weight": UP}, tmp_path), LAYOUTS)

    assert [change.tensor.name for change in found[Component.DIFFUSION_MODEL]] == [f"{OUT}.weight"]


@pytest.mark.parametrize(
    ("module", "down", "up"),
    [
        ("lora_te_" + WORDS.replace(".", "_"), ".lora_down.weight", ".lora_up.weight"),
        (f"text_encoder.{WORDS}", ".lora_A.weight", ".lora_B.weight"),
        (f"text_encoder.{WORDS}", ".lora_linear_layer.down.weight", ".lora_linear_layer.up.weight"),
    ],
)
def test_the_text_encoders_changes_are_the_text_encoders(module: str, down: str, up: str, tmp_path: Path) -> None:
    tensors = {module + down: np.ones((2, 24), np.float32), module + up: np.ones((24, 2), np.float32)}

    found = changes(written(tensors, tmp_path), LAYOUTS)

    assert [change.tensor.name for change in found[Component.TEXT_ENCODER]] == [f"{WORDS}.weight"]
    assert found[Component.DIFFUSION_MODEL] == []


def test_a_change_is_scaled_by_alpha_over_its_rank_and_by_what_the_user_says(tmp_path: Path) -> None:
    module = "lora_unet_" + QUERY.replace(".", "_")
    alpha = np.array([1.0], np.float32)
    tensors: dict[str, np.ndarray] = {
        f"{module}.lora_down.weight": DOWN,
        f"{module}.lora_up.weight": UP,
        f"{module}.alpha": alpha,
    }

    ((change,), _) = (changes(written(tensors, tmp_path, 0.5), LAYOUTS)[each] for each in reversed(LAYOUTS))

    np.testing.assert_allclose(change.value(), 0.5 * (1 / 2) * (UP @ DOWN).T, rtol=1e-6)


def test_convolutions_are_changed_as_convolutions(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    down = random.normal(size=(4, 32, 3, 3)).astype(np.float16)
    up = random.normal(size=(64, 4, 1, 1)).astype(np.float16)
    module = "lora_unet_" + CONVOLUTION.replace(".", "_")

    found = changes(written({f"{module}.lora_down.weight": down, f"{module}.lora_up.weight": up}, tmp_path), LAYOUTS)

    (change,) = found[Component.DIFFUSION_MODEL]
    expected = np.einsum("or,rihw->hwio", up[..., 0, 0].astype(np.float32), down.astype(np.float32))
    np.testing.assert_allclose(change.value(), expected, atol=1e-5)


@pytest.mark.parametrize(
    ("tensors", "message"),
    [
        ({"lora_unet_nowhere.lora_down.weight": DOWN}, r"unexpected lora_unet_nowhere\.lora_down\.weight"),
        ({f"unet.{QUERY}.hada_w1_a": DOWN}, "LoHa, LoKr and DoRA must be merged by their own tools"),
        ({"lora_te1_text_model_x.lora_down.weight": DOWN}, "is a LoRA of Stable Diffusion XL"),
        ({f"unet.{QUERY}.lora_A.weight": DOWN}, r"has only unet\..*lora_A\.weight of a pair"),
        ({f"unet.{QUERY}.lora_A.weight": DOWN[:, :31], f"unet.{QUERY}.lora_B.weight": UP}, r"does not fit: .*2, 31\]"),
        ({f"unet.{QUERY}.lora_A.weight": DOWN[:1], f"unet.{QUERY}.lora_B.weight": UP}, r"does not fit: .*\[32, 2\]"),
    ],
)
def test_what_cannot_be_merged_is_named(tensors: Mapping[str, np.ndarray], message: str, tmp_path: Path) -> None:
    with pytest.raises(UnusableWeightsError, match=message):
        changes(written(tensors, tmp_path), LAYOUTS)


def test_a_pickle_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnusableWeightsError, match="is a pickle"):
        changes(Lora(tmp_path / "style.pt"), LAYOUTS)
