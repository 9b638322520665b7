"""LoRA: low-rank changes of a model's matrices, added to them (Hu et al. 2021, https://arxiv.org/abs/2106.09685).

A change of the matrix W is W + scale * alpha / rank * up @ down; without an alpha it is the rank. Trainers name a pair
after its module in diffusers, each in their own way:

| | module | pair |
|---|---|---|
| kohya | `lora_unet_` or `lora_te_`, dots as underscores | `.lora_down.weight`, `.lora_up.weight`, `.alpha` |
| diffusers, peft | `unet.`, `text_encoder.` or `base_model.model.`, dots | `.lora_A.weight`, `.lora_B.weight` |
| diffusers before 0.21 | the same, `.processor.` within | `_lora.down.weight`, `.lora_linear_layer.down.weight` |
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import numpy as np
import numpy.typing as npt

from sdp_exporter.errors import UnusableWeightsError
from sdp_exporter.weights.files import open_torch
from sdp_exporter.weights.layout import Kind, Layout, Tensor
from sdp_exporter.weights.safetensors import SafeTensors
from sdp_serving.contract.components import Component

_Role = Literal["down", "up", "alpha"]

_SUFFIXES: Final[Mapping[str, _Role]] = {
    ".lora_down.weight": "down",
    ".lora_up.weight": "up",
    ".alpha": "alpha",
    ".lora_A.weight": "down",
    ".lora_B.weight": "up",
    ".lora_A.default.weight": "down",
    ".lora_B.default.weight": "up",
    ".lora.down.weight": "down",
    ".lora.up.weight": "up",
    ".lora_linear_layer.down.weight": "down",
    ".lora_linear_layer.up.weight": "up",
    "_lora.down.weight": "down",
    "_lora.up.weight": "up",
}
_OWNERS: Final = {
    "lora_unet_": Component.DIFFUSION_MODEL,
    "unet_": Component.DIFFUSION_MODEL,
    "lora_te_": Component.TEXT_ENCODER,
    "text_encoder_": Component.TEXT_ENCODER,
}


@dataclass(frozen=True)
class Lora:
    """A file of changes, and the scale to add them at: 1 for as trained."""

    path: Path
    scale: float = 1.0


@dataclass(frozen=True)
class Change:
    """The change of one tensor."""

    tensor: Tensor
    file: SafeTensors
    down: str
    up: str
    alpha: str | None
    scale: float

    def value(self) -> npt.NDArray[np.float32]:
        """What to add to the variable, in Keras's layout."""
        down, up = (self.file.read(name).astype(np.float32) for name in (self.down, self.up))
        rank = down.shape[0]
        alpha = float(rank) if self.alpha is None else float(self.file.read(self.alpha).reshape(()).astype(np.float32))
        delta = (up.reshape(up.shape[0], rank) @ down.reshape(rank, -1)).reshape(self.tensor.shape)
        scaled: npt.NDArray[np.float32] = np.float32(self.scale * alpha / rank) * delta
        return scaled.transpose(self.tensor.kind.axes)


def changes(lora: Lora, layouts: Mapping[Component, Layout]) -> Mapping[Component, list[Change]]:
    """The changes that a file holds, by the component that each is of.

    Args:
        lora: the file.
        layouts: of the text encoder and the diffusion model.

    Raises:
        UnusableWeightsError: naming the first tensors that no change is made of, or whose shapes fit no matrix.
    """
    file = open_torch(lora.path)
    modules = {
        (component, tensor.name.removesuffix(".weight").replace(".", "_")): tensor
        for component, layout in layouts.items()
        for tensor in layout
        if tensor.kind is not Kind.AS_IT_IS
    }
    pairs: dict[tuple[Component, str], dict[_Role, str]] = {}
    unknown = []
    for name in file.shapes:
        key, role = _parse(name)
        owner = next((owner for owner in _owners(key) if owner in modules), None)
        if role is None or owner is None:
            unknown.append(name)
        else:
            pairs.setdefault(owner, {})[role] = name
    if unknown or not pairs:
        raise UnusableWeightsError(_not_ours(lora.path, unknown))
    found: dict[Component, list[Change]] = {component: [] for component in layouts}
    for owner, roles in pairs.items():
        if "down" not in roles or "up" not in roles:
            raise UnusableWeightsError(
                f"{lora.path} has only {', '.join(roles.values())} of a pair: copy or download it again"
            )
        change = Change(modules[owner], file, roles["down"], roles["up"], roles.get("alpha"), lora.scale)
        _check_shapes(change, lora.path)
        found[owner[0]].append(change)
    return found


def _parse(name: str) -> tuple[str, _Role | None]:
    """The module, dots as underscores, and which part of its change the tensor is."""
    for suffix, role in _SUFFIXES.items():
        if name.endswith(suffix):
            module = name.removesuffix(suffix).removeprefix("base_model.model.").replace(".processor", "")
            return module.replace(".", "_"), role
    return name, None


def _owners(module: str) -> Iterator[tuple[Component, str]]:
    """The component and the module that a name may mean."""
    # The old processors named the projection without its place in a sequence.
    modules = (module, f"{module}_0")
    for name in modules:
        for prefix, component in _OWNERS.items():
            if name.startswith(prefix):
                yield component, name.removeprefix(prefix)
        # peft names a model's modules without the model.
        yield Component.DIFFUSION_MODEL, name
        yield Component.TEXT_ENCODER, name


def _check_shapes(change: Change, path: Path) -> None:
    down, up = (change.file.shapes[name] for name in (change.down, change.up))
    outputs, inputs = change.tensor.shape[0], int(np.prod(change.tensor.shape[1:]))
    fits = len(up) >= 2 and up[0] == outputs and up[1] == down[0] and int(np.prod(down[1:])) == inputs
    if not fits or int(np.prod(up)) != up[0] * up[1]:
        raise UnusableWeightsError(
            f"{path} does not fit: {change.down} {list(down)} and {change.up} {list(up)} give no change of"
            f" {change.tensor.name} {list(change.tensor.shape)}; it was made for another version of Stable Diffusion"
        )


def _not_ours(path: Path, unknown: list[str]) -> str:
    if any(name.startswith(("lora_te1_", "lora_te2_", "text_encoder_2.")) for name in unknown):
        return f"{path} is a LoRA of Stable Diffusion XL, which is not exported: give one of version 1 or 2"
    shown = f"unexpected {', '.join(unknown[:3])}" if unknown else "it holds no tensor"
    return (
        f"{path} is no LoRA that can be merged: {shown}. Give one of this version of Stable Diffusion, in kohya's or"
        " diffusers' form; LoHa, LoKr and DoRA must be merged by their own tools first"
    )
