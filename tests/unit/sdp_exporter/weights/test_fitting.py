from pathlib import Path

import h5py
import pytest
from tests.support.small_stable_diffusion import SMALL_V1
from tests.support.weights_files import write_header

from sdp_exporter.errors import UnusableWeightsError
from sdp_exporter.models.keras_cv.anatomy import V1, V2
from sdp_exporter.weights.files import open_file
from sdp_exporter.weights.fitting import Fit, fit, holds
from sdp_exporter.weights.layout import Layout, layout
from sdp_serving.contract.components import Component

UNET = layout(Component.DIFFUSION_MODEL, V1)


def fitted(path: Path, component: Component, tensors: Layout) -> Fit:
    with open_file(path) as file:
        assert holds(file, component, tensors)
        return fit(file, component, tensors, path)


@pytest.mark.parametrize("component", Component)
def test_a_component_is_found_under_diffusers_names(component: Component, tmp_path: Path) -> None:
    tensors = layout(component, V2)
    path = write_header(tmp_path / "x.safetensors", {tensor.name: tensor.shape for tensor in tensors})

    found = fitted(path, component, tensors)

    assert {name: tensor.name for name, tensor in found.items()} == {tensor.name: tensor.name for tensor in tensors}


def test_all_components_are_found_in_a_checkpoint_of_one_file(tmp_path: Path) -> None:
    prefixes = {
        Component.TEXT_ENCODER: "cond_stage_model.transformer.",
        Component.DIFFUSION_MODEL: "model.diffusion_model.",
        Component.DECODER: "first_stage_model.",
        Component.IMAGE_ENCODER: "first_stage_model.",
    }
    shapes = {
        prefix + (tensor.aliases or (tensor.name,))[-1]: tensor.shape
        for component, prefix in prefixes.items()
        for tensor in layout(component, V1)
    }
    extra = {
        "alphas_cumprod": (1000,),
        "model_ema.decay": (),
        "cond_stage_model.transformer.text_model.embeddings.position_ids": (1, 77),
    }
    path = write_header(tmp_path / "x.safetensors", {**shapes, **extra})

    for component in Component:
        tensors = layout(component, V1)
        assert list(fitted(path, component, tensors).values()) == list(tensors)


def test_an_attentions_matrices_may_be_convolutions_of_one_pixel_and_the_reverse(tmp_path: Path) -> None:
    tensors = layout(Component.DECODER, V1)
    shapes = {tensor.name: tensor.shape[:2] if "attentions" in tensor.name else tensor.shape for tensor in tensors}
    path = write_header(tmp_path / "x.safetensors", shapes)

    assert len(fitted(path, Component.DECODER, tensors)) == len(tensors)


def test_the_first_tensors_that_do_not_fit_are_named(tmp_path: Path) -> None:
    shapes = {tensor.name: tensor.shape for tensor in UNET}
    for name in ("conv_in.bias", "conv_in.weight", "conv_out.bias", "conv_out.weight"):
        del shapes[name]
    shapes |= {"time_embedding.linear_1.weight": (1280, 321), "surprise.weight": (1,)}
    path = write_header(tmp_path / "x.safetensors", shapes)

    with pytest.raises(UnusableWeightsError) as caught:
        fitted(path, Component.DIFFUSION_MODEL, UNET)

    assert str(caught.value) == (
        f"{path} does not hold the weights of a diffusion-model of this version of Stable Diffusion:"
        " missing: conv_in.weight, conv_in.bias, conv_out.weight, and 1 more;"
        " of another shape: time_embedding.linear_1.weight [1280, 321] instead of [1280, 320];"
        " unexpected: surprise.weight. Give the version that they are of, or other weights"
    )


def test_weights_of_another_version_are_refused(tmp_path: Path) -> None:
    path = write_header(tmp_path / "x.safetensors", {tensor.name: tensor.shape for tensor in UNET})

    with pytest.raises(UnusableWeightsError, match=r"attn2\.to_k\.weight \[320, 768\] instead of \[320, 1024\]"):
        fitted(path, Component.DIFFUSION_MODEL, layout(Component.DIFFUSION_MODEL, V2))


def test_a_tensor_under_two_of_its_names_is_refused(tmp_path: Path) -> None:
    tensors = layout(Component.DECODER, V1)
    shapes = {tensor.name: tensor.shape for tensor in tensors}
    older = "decoder.mid_block.attentions.0.query.bias"
    path = write_header(tmp_path / "x.safetensors", {**shapes, older: (512,)})

    with pytest.raises(UnusableWeightsError, match=f"stored twice: .*{older}"):
        fitted(path, Component.DECODER, tensors)


def test_a_file_without_a_component_does_not_hold_it(tmp_path: Path) -> None:
    path = write_header(tmp_path / "x.safetensors", {tensor.name: tensor.shape for tensor in UNET})

    with open_file(path) as file:
        held = [component for component in Component if holds(file, component, layout(component, V1))]

    assert held == [Component.DIFFUSION_MODEL]


@pytest.mark.parametrize("component", Component)
def test_keras_files_are_fitted_by_path_and_by_order(component: Component, tmp_path: Path) -> None:
    tensors = layout(component, SMALL_V1)
    with h5py.File(tmp_path / "x.weights.h5", "w") as file:
        for tensor in tensors:
            file.create_dataset(tensor.keras_path, tensor.keras_shape)
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file.attrs["layer_names"] = [b"all"]
        group = file.create_group("all")
        group.attrs["weight_names"] = [f"{index}".encode() for index in range(len(tensors))]
        for index, tensor in enumerate(tensors):
            group.create_dataset(f"{index}", tensor.keras_shape)

    by_path = fitted(tmp_path / "x.weights.h5", component, tensors)
    by_order = fitted(tmp_path / "x.h5", component, tensors)

    assert {name: tensor.keras_path for name, tensor in by_path.items()} == {
        tensor.keras_path: tensor.keras_path for tensor in tensors
    }
    assert list(by_order.values()) == list(tensors)


def test_keras_2_weights_in_another_order_are_refused(tmp_path: Path) -> None:
    tensors = layout(Component.DECODER, SMALL_V1)
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file.attrs["layer_names"] = [b"all"]
        group = file.create_group("all")
        group.attrs["weight_names"] = [f"{index}".encode() for index in range(len(tensors))]
        for index, tensor in enumerate(reversed(tensors)):
            group.create_dataset(f"{index}", tensor.keras_shape)

    with pytest.raises(UnusableWeightsError, match=r"of another shape: all/0 \[3\] instead of"):
        fitted(tmp_path / "x.h5", Component.DECODER, tensors)
