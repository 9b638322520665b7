"""Where the weights of each component lie: a file for all, a folder as diffusers writes it, or KerasCV's own."""

import json
import os
from collections.abc import Collection, Mapping
from pathlib import Path, PurePosixPath
from typing import Final, Literal

from sdp_exporter.errors import UnusableWeightsError
from sdp_exporter.weights import copies
from sdp_serving.contract.components import Component
from sdp_serving.contract.versions import StableDiffusionVersion

Files = Mapping[Component, Path]

_SUFFIXES: Final = (".safetensors", ".h5", ".keras", ".ckpt", ".pt", ".pth", ".bin")
_FOLDERS: Final = {
    Component.TEXT_ENCODER: "text_encoder",
    Component.DIFFUSION_MODEL: "unet",
    Component.DECODER: "vae",
    Component.IMAGE_ENCODER: "vae",
}
"""Of a pipeline that diffusers has saved."""
_NAMES: Final = tuple(
    f"{stem}{variant}.safetensors" for variant in ("", ".fp16") for stem in ("model", "diffusion_pytorch_model")
)
_SCHEDULER: Final = "scheduler/scheduler_config.json"
_PREDICTIONS: Final[Mapping[str, Literal["epsilon", "v"]]] = {"epsilon": "epsilon", "v_prediction": "v"}
"""What a model predicts, by diffusers' name for it."""

_VAE: Final = {
    Component.DECODER: (
        "https://huggingface.co/fchollet/stable-diffusion/resolve/main/kcv_decoder.h5",
        "ad350a65cc8bc4a80c8103367e039a3329b4231c2469a1093869a345f55b1962",
    ),
    Component.IMAGE_ENCODER: (
        "https://huggingface.co/fchollet/stable-diffusion/resolve/main/vae_encoder.h5",
        "c60fb220a40d090e0f86a6ab4c312d113e115c87c40ff75d11ffcf380aab7ebb",
    ),
}
_PRETRAINED: Final[Mapping[StableDiffusionVersion, Mapping[Component, tuple[str, str]]]] = {
    StableDiffusionVersion.V1_4: {
        Component.TEXT_ENCODER: (
            "https://huggingface.co/fchollet/stable-diffusion/resolve/main/kcv_encoder.h5",
            "4789e63e07c0e54d6a34a29b45ce81ece27060c499a709d556c7755b42bb0dc4",
        ),
        Component.DIFFUSION_MODEL: (
            "https://huggingface.co/fchollet/stable-diffusion/resolve/main/kcv_diffusion_model.h5",
            "8799ff9763de13d7f30a683d653018e114ed24a6a819667da4f5ee10f9e805fe",
        ),
        **_VAE,
    },
    StableDiffusionVersion.V2_1: {
        Component.TEXT_ENCODER: (
            "https://huggingface.co/ianstenbit/keras-sd2.1/resolve/main/text_encoder_v2_1.h5",
            "985002e68704e1c5c3549de332218e99c5b9b745db7171d5f31fcd9a6089f25b",
        ),
        Component.DIFFUSION_MODEL: (
            "https://huggingface.co/ianstenbit/keras-sd2.1/resolve/main/diffusion_model_v2_1.h5",
            "c31730e91111f98fe0e2dbde4475d381b5287ebb9672b1821796146a25c5132d",
        ),
        **_VAE,
    },
}
"""What KerasCV 0.9.0 downloads, with the SHA-256 of each; of version 2.1 the model of 512 pixels."""


def pretrained(version: StableDiffusionVersion, components: Collection[Component]) -> Files:
    """KerasCV's own weights: those in its cache, or downloaded to it.

    Raises:
        UnusableWeightsError: if KerasCV has none of this version.
        WeightsOutOfReachError: if they can't be downloaded.
    """
    if version not in _PRETRAINED:
        raise UnusableWeightsError(
            f"KerasCV has no pretrained weights of Stable Diffusion {version}, only of {' and '.join(_PRETRAINED)}:"
            " choose one of these, or give the weights' path or URI"
        )
    cache = Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras") / "datasets"
    files = {}
    for component in components:
        url, digest = _PRETRAINED[version][component]
        file = cache / PurePosixPath(url).name
        files[component] = file if file.is_file() else copies.copy_web(f"{url}#sha256={digest}", file)
    return files


def find(location: str, components: Collection[Component], downloads: Path) -> Files:
    """The files with the weights of `components`; copied to `downloads` if they are elsewhere.

    Args:
        location: the path, gs:// or https:// URI of a file, or the path or gs:// URI of a folder as diffusers writes
            it, which need not hold all components.
        components: whose weights are wanted.
        downloads: a folder.

    Raises:
        UnusableWeightsError: if there is nothing there, or only what must not be read.
        StoreError: if a bucket can't be read.
        WeightsOutOfReachError: if they can't be copied whole.
    """
    if location.startswith("https://"):
        return dict.fromkeys(components, fetch(location, downloads))
    if location.startswith("gs://"):
        return _in_bucket(location, components, downloads)
    path = Path(location)
    if path.is_dir():
        names = [file.relative_to(path).as_posix() for file in path.glob("*/*")]
        return {component: path / name for component, name in _of_folder(names, components, location).items()}
    if not path.exists():
        raise UnusableWeightsError(f"{path} does not exist: correct the path of the weights")
    return dict.fromkeys(components, path)


def fetch(location: str, downloads: Path) -> Path:
    """The file at a path, gs:// or https:// URI; copied to the folder `downloads` if it is elsewhere.

    Raises:
        UnusableWeightsError: if there is none at a URI.
        StoreError: if a bucket can't be read.
        WeightsOutOfReachError: if it can't be copied whole.
    """
    if location.startswith("https://"):
        return copies.copy_web(location, downloads / PurePosixPath(copies.public(location)).name)
    if location.startswith("gs://"):
        return copies.copy_bucket(location, downloads / PurePosixPath(location).name)
    return Path(location)


def prediction(location: str, downloads: Path) -> Literal["epsilon", "v"] | None:
    """What the diffusion model predicts, by the scheduler beside it; None where there is none."""
    if location.startswith("https://"):
        return None
    path = Path(location)
    if location.startswith("gs://"):
        if _is_file(location) or _SCHEDULER not in copies.list_bucket(location):
            return None
        path = copies.copy_bucket(f"{location.rstrip('/')}/{_SCHEDULER}", downloads / _SCHEDULER).parents[1]
    config = path / _SCHEDULER
    if not config.is_file():
        return None
    try:
        kind = json.loads(config.read_text()).get("prediction_type", "epsilon")
    except (OSError, ValueError, AttributeError):
        raise UnusableWeightsError(f"{config} is damaged: copy or download it again") from None
    if kind not in _PREDICTIONS:
        raise UnusableWeightsError(
            f"{config} says that the diffusion model predicts {kind!r}, which no sampler here takes: give one that"
            f" predicts {' or '.join(_PREDICTIONS)}, or say with --prediction what it does"
        )
    return _PREDICTIONS[kind]


def _in_bucket(location: str, components: Collection[Component], downloads: Path) -> Files:
    if _is_file(location):
        return dict.fromkeys(components, fetch(location, downloads))
    chosen = _of_folder(copies.list_bucket(location), components, location)
    copied = {
        name: copies.copy_bucket(f"{location.rstrip('/')}/{name}", downloads / name) for name in set(chosen.values())
    }
    return {component: copied[name] for component, name in chosen.items()}


def _is_file(location: str) -> bool:
    return PurePosixPath(location).suffix in _SUFFIXES


def _of_folder(names: Collection[str], components: Collection[Component], location: str) -> Mapping[Component, str]:
    """The file of each component that a folder with the files `names` holds."""
    chosen = {}
    for component in components:
        folder = _FOLDERS[component]
        there = [f"{folder}/{name}" for name in _NAMES if f"{folder}/{name}" in names]
        if there:
            chosen[component] = there[0]
        elif any(name.startswith(f"{folder}/") and name.endswith(".bin") for name in names):
            raise UnusableWeightsError(
                f"{location} has the weights in {folder} as a pickle only, which can run any program when it is read:"
                " save the pipeline anew with diffusers' save_pretrained(..., safe_serialization=True)"
            )
    if not chosen:
        raise UnusableWeightsError(
            f"{location} holds no weights: give a file, or a folder as diffusers writes it, with"
            f" {', '.join(sorted(set(_FOLDERS.values())))} in it"
        )
    return chosen
