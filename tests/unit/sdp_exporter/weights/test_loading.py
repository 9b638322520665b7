"""Weights that come back from a file, in models of every kind of layer: outputs are equal only if every tensor is."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np
import pytest
import tensorflow as tf
from safetensors.numpy import save_file
from tests.support.small_stable_diffusion import SMALL_V1, SMALL_V2
from tests.support.weights_files import in_torch, write_safetensors

from sdp_exporter.models.keras_cv import fresh
from sdp_exporter.models.keras_cv.anatomy import Anatomy
from sdp_exporter.models.precision import building_in
from sdp_exporter.weights.embeddings import Embedding, learnt
from sdp_exporter.weights.layout import layout
from sdp_exporter.weights.loading import load, teach
from sdp_exporter.weights.lora import Lora, changes
from sdp_serving.contract.components import Component

ANATOMIES = {"v1": SMALL_V1, "v2": SMALL_V2}
CASES = [(component, version) for component in Component for version in ANATOMIES]
QUERY = "mid_block.attentions.0.transformer_blocks.0.attn2.to_k"


def inputs(component: Component, anatomy: Anatomy) -> tuple[Any, ...]:
    random = np.random.default_rng(1)
    latent = random.normal(size=[2, 8, 8, 4]).astype(np.float32)
    context = random.normal(size=[2, 77, anatomy.unet.width]).astype(np.float32)
    return {
        Component.TEXT_ENCODER: (random.integers(0, 49407, [2, 77]).astype(np.int32),),
        Component.DIFFUSION_MODEL: (latent, np.array([3, 731], np.float32), context),
        Component.DECODER: (latent,),
        Component.IMAGE_ENCODER: (random.uniform(-1, 1, [1, 64, 64, 3]).astype(np.float32),),
    }[component]


@pytest.fixture(scope="module")
def models() -> dict[tuple[Component, str], keras.Model]:
    """One of each, since building one takes seconds."""
    return {case: fresh.model(case[0], ANATOMIES[case[1]]) for case in CASES}


def fill(model: keras.Model, seed: int) -> None:
    random = np.random.default_rng(seed)
    for variable in model.variables:
        variable.assign(random.normal(0, 0.05, variable.shape))


@pytest.mark.parametrize(("component", "version"), CASES)
def test_a_model_answers_as_the_one_whose_weights_it_was_given(
    component: Component, version: str, models: dict[tuple[Component, str], keras.Model], tmp_path: Path
) -> None:
    model, tensors = models[component, version], layout(component, ANATOMIES[version])
    question = inputs(component, ANATOMIES[version])
    fill(model, 0)
    expected = model(*question)
    path = write_safetensors(model, tensors, tmp_path / "x.safetensors")
    fill(model, 1)
    assert not np.allclose(model(*question), expected, atol=1e-3)

    load(model, component, tensors, path)

    np.testing.assert_array_equal(model(*question), expected)


@pytest.mark.parametrize("name", ["x.weights.h5", "x.h5"])
def test_keras_files_are_loaded(name: str, models: dict[tuple[Component, str], keras.Model], tmp_path: Path) -> None:
    model, tensors = models[Component.IMAGE_ENCODER, "v1"], layout(Component.IMAGE_ENCODER, SMALL_V1)
    question = inputs(Component.IMAGE_ENCODER, SMALL_V1)
    fill(model, 0)
    expected = model(*question)
    with h5py.File(tmp_path / name, "w") as file:
        file.attrs["layer_names"] = ["layers"]
        paths = [tensor.keras_path for tensor in tensors]
        file.create_group("layers").attrs["weight_names"] = [path.removeprefix("layers/") for path in paths]
        for path, variable in zip(paths, model.variables, strict=True):
            file[path] = variable.numpy()
    fill(model, 1)

    load(model, Component.IMAGE_ENCODER, tensors, tmp_path / name)

    np.testing.assert_array_equal(model(*question), expected)


def test_attentions_stored_as_matrices_are_loaded(
    models: dict[tuple[Component, str], keras.Model], tmp_path: Path
) -> None:
    model, tensors = models[Component.DECODER, "v1"], layout(Component.DECODER, SMALL_V1)
    question = inputs(Component.DECODER, SMALL_V1)
    fill(model, 0)
    expected = model(*question)
    stored = in_torch(model, tensors)
    matrices = {
        name: array[:, :, 0, 0] if "attentions" in name and array.ndim == 4 else array for name, array in stored.items()
    }
    save_file({name: np.ascontiguousarray(array) for name, array in matrices.items()}, tmp_path / "x.safetensors")
    fill(model, 1)

    load(model, Component.DECODER, tensors, tmp_path / "x.safetensors")

    np.testing.assert_array_equal(model(*question), expected)


def test_a_lora_is_added_to_the_matrices_it_names_and_to_no_other(
    models: dict[tuple[Component, str], keras.Model], tmp_path: Path
) -> None:
    model, tensors = models[Component.DIFFUSION_MODEL, "v1"], layout(Component.DIFFUSION_MODEL, SMALL_V1)
    fill(model, 0)
    before = in_torch(model, tensors)
    random = np.random.default_rng(2)
    down, up = (random.normal(size=size).astype(np.float32) for size in ([4, 24], [64, 4]))
    module = "lora_unet_" + QUERY.replace(".", "_")
    save_file(
        {f"{module}.lora_down.weight": down, f"{module}.lora_up.weight": up, f"{module}.alpha": np.array(2.0)},
        tmp_path / "style.safetensors",
    )

    found = changes(Lora(tmp_path / "style.safetensors", 0.5), {Component.DIFFUSION_MODEL: tensors})
    load(model, Component.DIFFUSION_MODEL, tensors, None, found[Component.DIFFUSION_MODEL])

    after = in_torch(model, tensors)
    assert [name for name in before if not np.array_equal(before[name], after[name])] == [f"{QUERY}.weight"]
    np.testing.assert_allclose(
        after[f"{QUERY}.weight"] - before[f"{QUERY}.weight"], 0.5 * (2.0 / 4) * up @ down, atol=1e-5
    )


def test_a_taught_word_means_what_was_learnt_and_every_other_what_it_meant(
    models: dict[tuple[Component, str], keras.Model], tmp_path: Path
) -> None:
    model, tensors = models[Component.TEXT_ENCODER, "v1"], layout(Component.TEXT_ENCODER, SMALL_V1)
    fill(model, 0)
    other = tf.constant([[49406, *range(320, 395), 49407]])
    before, with_word = model(other), model(tf.constant([[49406, 48136, *[49407] * 75]]))
    save_file({"<my-style>": np.ones((1, 24), np.float32)}, tmp_path / "learnt.safetensors")

    teach(model, tensors, learnt([Embedding(("sks",), tmp_path / "learnt.safetensors")], 24).rows)

    np.testing.assert_array_equal(model(other), before)
    assert not np.allclose(model(tf.constant([[49406, 48136, *[49407] * 75]])), with_word)
    np.testing.assert_array_equal(in_torch(model, tensors)["text_model.embeddings.token_embedding.weight"][48136], 1)


@pytest.mark.parametrize("component", list(Component))
def test_where_no_word_is_taught_every_component_stays_as_it_is(
    component: Component, models: dict[tuple[Component, str], keras.Model]
) -> None:
    model, tensors = models[component, "v1"], layout(component, SMALL_V1)
    fill(model, 0)
    before = in_torch(model, tensors)
    teach(model, tensors, learnt([], 24).rows)
    np.testing.assert_equal(in_torch(model, tensors), before)


def test_new_words_are_rows_after_those_that_a_file_has(
    models: dict[tuple[Component, str], keras.Model], tmp_path: Path
) -> None:
    plain, tensors = models[Component.TEXT_ENCODER, "v1"], layout(Component.TEXT_ENCODER, SMALL_V1)
    fill(plain, 0)
    write_safetensors(plain, tensors, tmp_path / "x.safetensors")
    rows = np.arange(48, dtype=np.float32).reshape(2, 24)
    save_file({"<my-toy>": rows}, tmp_path / "learnt.safetensors")
    found = learnt([Embedding(("<my-toy>",), tmp_path / "learnt.safetensors")], 24)
    larger = replace(SMALL_V1, text=replace(SMALL_V1.text, vocabulary=found.vocabulary))
    model = fresh.model(Component.TEXT_ENCODER, larger)

    load(model, Component.TEXT_ENCODER, tensors, tmp_path / "x.safetensors")
    teach(model, tensors, found.rows)

    prompt = tf.constant([[49406, *range(320, 395), 49407]])
    np.testing.assert_array_equal(model(prompt), plain(prompt))
    np.testing.assert_array_equal(model.variables[0][49408:], rows)


def test_a_lora_in_bfloat16_is_rounded_once(tmp_path: Path) -> None:
    tensors = layout(Component.TEXT_ENCODER, SMALL_V1)
    with building_in("bfloat16"):
        model = fresh.model(Component.TEXT_ENCODER, SMALL_V1)
    changed = "text_model.encoder.layers.0.mlp.fc1.weight"
    place = [tensor.name for tensor in tensors].index(changed)
    # Both are lost in bfloat16, where 1 is followed by 1 + 2**-7, but not their sum.
    weights = {tensor.name: np.ones(tensor.shape, np.float32) for tensor in tensors}
    weights[changed] += 2**-9
    save_file(weights, tmp_path / "x.safetensors")
    module = "lora_te_" + changed.removesuffix(".weight").replace(".", "_")
    save_file(
        {
            f"{module}.lora_down.weight": np.ones((1, 24), np.float32),
            f"{module}.lora_up.weight": np.full((96, 1), 2**-9 + 2**-12, np.float32),
        },
        tmp_path / "style.safetensors",
    )
    found = changes(Lora(tmp_path / "style.safetensors"), {Component.TEXT_ENCODER: tensors})

    load(model, Component.TEXT_ENCODER, tensors, tmp_path / "x.safetensors", found[Component.TEXT_ENCODER])

    np.testing.assert_array_equal(tf.cast(model.variables[place], tf.float32), np.full((24, 96), 1 + 2**-7, np.float32))
