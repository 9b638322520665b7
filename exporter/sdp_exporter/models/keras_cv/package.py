"""KerasCV's modules of Stable Diffusion, without the rest of KerasCV.

Importing the package imports its data sets, its metrics and its augmentations, which need tensorflow-datasets, dm-tree
and keras-core: 250 MB that no network here uses. The packages above the modules are therefore stood in for while the
modules are imported (20 ms), and forgotten afterwards: a later `import keras_cv` finds nothing of it.
"""

import importlib
import importlib.util
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Final

from sdp_exporter.models.keras_cv.composite import Composite

_PACKAGE: Final = "keras_cv.src.models.stable_diffusion"
_MODULES: Final = (
    "attention_block",
    "decoder",
    "diffusion_model",
    "image_encoder",
    "padded_conv2d",
    "resnet_block",
    "stable_diffusion",
    "text_encoder",
)
_COMPOSITES: Final = (
    ("attention_block", "AttentionBlock"),
    ("diffusion_model", "GEGLU"),
    ("diffusion_model", "Upsample"),
    ("padded_conv2d", "PaddedConv2D"),
    ("text_encoder", "CLIPAttention"),
    ("text_encoder", "CLIPEmbedding"),
    ("text_encoder", "CLIPEncoderLayer"),
)
"""Layers of layers that do not say how they are built: Keras would trace each, which takes longer than all else."""


@cache
def modules() -> Mapping[str, ModuleType]:
    """KerasCV's modules of Stable Diffusion by their names, such as `diffusion_model`; TensorFlow is loaded."""
    with _without_initialisation():
        loaded = {name: importlib.import_module(f"{_PACKAGE}.{name}") for name in _MODULES}
    for module, layer in _COMPOSITES:
        # Nobody else has these classes.
        getattr(loaded[module], layer).build = Composite.build
    return loaded


@contextmanager
def _without_initialisation() -> Iterator[None]:
    before = {name: module for name, module in sys.modules.items() if _is_keras_cv(name)}
    for name in before:
        del sys.modules[name]
    try:
        for name, folder in _packages():
            package = ModuleType(name)
            package.__path__ = [str(folder)]
            sys.modules[name] = package
        yield
    finally:
        for name in [name for name in sys.modules if _is_keras_cv(name)]:
            del sys.modules[name]
        sys.modules.update(before)


def _packages() -> Iterator[tuple[str, Path]]:
    spec = importlib.util.find_spec("keras_cv")
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError("No module named 'keras_cv'", name="keras_cv")
    folder, name = Path(spec.origin).parent, "keras_cv"
    yield name, folder
    for part in _PACKAGE.split(".")[1:]:
        folder, name = folder / part, f"{name}.{part}"
        yield name, folder


def _is_keras_cv(name: str) -> bool:
    return name.partition(".")[0] == "keras_cv"
