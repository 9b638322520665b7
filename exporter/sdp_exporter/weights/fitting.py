"""Which tensor of a file is which of a component's, or why they don't fit."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

from sdp_exporter.errors import UnusableWeightsError
from sdp_exporter.weights.files import KerasWeights, LegacyWeights
from sdp_exporter.weights.layout import Layout, Shape, Tensor
from sdp_exporter.weights.safetensors import SafeTensors
from sdp_serving.contract.components import Component

Fit = Mapping[str, Tensor]
"""The tensors of a component by their names in a file, each once."""

_SHOWN: Final = 3
"""How many tensors an error names of each sort."""

_PREFIXES: Final[Mapping[Component, tuple[str, ...]]] = {
    Component.TEXT_ENCODER: ("", "cond_stage_model.transformer."),
    Component.DIFFUSION_MODEL: ("", "model.diffusion_model."),
    Component.DECODER: ("", "first_stage_model."),
    Component.IMAGE_ENCODER: ("", "first_stage_model."),
}
"""What stands before a component's names: nothing in a file of its own, the others in a file of the whole pipeline."""

_TEXT_ENCODERS: Final = ("cond_stage_model.", "conditioner.", "text_encoder", "te.", "te1.", "te2.")
"""Beginnings of a text encoder's names in a file of the whole pipeline, of whatever version and tool."""

_OTHERS: Final[Mapping[Component, tuple[str, ...]]] = {
    # A buffer of positions and one of the mask, and what only comparing texts with pictures needs.
    Component.TEXT_ENCODER: ("text_model.embeddings.position_ids", "attn_mask", "text_projection", "logit_scale"),
    Component.DIFFUSION_MODEL: (),
    # The other half of the autoencoder, and what only its training needs.
    Component.DECODER: ("encoder.", "quant_conv.", "loss.", "model_ema."),
    Component.IMAGE_ENCODER: ("decoder.", "post_quant_conv.", "loss.", "model_ema."),
}
"""Beginnings of names that may stand beside a component's own."""


def holds(file: SafeTensors | KerasWeights, component: Component, layout: Layout) -> bool:
    """Whether the file is meant to have the component's weights.

    Any tensor of a `.safetensors` says so. Keras names layers alike in all components: there only all of them do.
    """
    match file:
        case LegacyWeights():
            return len(file.shapes) == len(layout)
        case KerasWeights():
            return all(tensor.keras_path in file.shapes for tensor in layout)
        case SafeTensors():
            return any(_known(file.shapes, prefix, layout) for prefix in _PREFIXES[component])


def fit(file: SafeTensors | KerasWeights, component: Component, layout: Layout, path: Path) -> Fit:
    """Find every tensor of `layout`, and nothing else.

    Args:
        file: the opened file.
        component: whose weights it has.
        layout: the component's.
        path: the file's, for messages.

    Raises:
        UnusableWeightsError: naming the first tensors that are missing, unexpected or of another shape.
    """
    match file:
        case LegacyWeights():
            found = dict(zip(file.shapes, layout, strict=False))
            return _checked(found, file, list(file.shapes)[len(layout) :], layout, component, path)
        case KerasWeights():
            known = {tensor.keras_path: tensor for tensor in layout}
            found = {name: known[name] for name in file.shapes if name in known}
            unexpected = [name for name in file.shapes if name not in found]
            return _checked(found, file, unexpected, layout, component, path)
        case SafeTensors():
            prefix = max(_PREFIXES[component], key=lambda prefix: len(_known(file.shapes, prefix, layout)))
            found = _known(file.shapes, prefix, layout)
            others = tuple(prefix + name for name in (*_OTHERS[component], _last_layer(layout)))
            unexpected = [
                name
                for name in file.shapes
                if name.startswith(prefix) and name not in found and not name.startswith(others)
            ]
            return _checked(found, file, unexpected, layout, component, path)


def stray_text_encoder(file: SafeTensors | KerasWeights) -> str | None:
    """A tensor of a text encoder within a file of the whole pipeline, of whatever kind; None where there is none."""
    if isinstance(file, KerasWeights):
        return None
    return next((name for name in file.shapes if name.startswith(_TEXT_ENCODERS)), None)


def _last_layer(layout: Layout) -> str:
    """The beginning of the names in the layer after the last that is used: version 2 leaves the tower's last out."""
    layers = sum(tensor.name.endswith(".layer_norm1.weight") for tensor in layout)
    return f"text_model.encoder.layers.{layers}."


def _known(names: Iterable[str], prefix: str, layout: Layout) -> dict[str, Tensor]:
    index = {prefix + name: tensor for tensor in layout for name in (tensor.name, *tensor.aliases)}
    return {name: index[name] for name in names if name in index}


def _checked(
    found: Fit,
    file: SafeTensors | KerasWeights,
    unexpected: Sequence[str],
    layout: Layout,
    component: Component,
    path: Path,
) -> Fit:
    uses = Counter(found.values())
    missing = [tensor.name for tensor in layout if tensor not in uses]
    twice = [name for name, tensor in found.items() if uses[tensor] > 1]
    torch = isinstance(file, SafeTensors)
    shapes = [
        f"{name} {list(file.shapes[name])} instead of {list(expected)}"
        for name, tensor in found.items()
        if not same(file.shapes[name], expected := tensor.shape if torch else tensor.keras_shape)
    ]
    faults = [
        *_listed("missing", missing),
        *_listed("of another shape", shapes),
        *_listed("unexpected", unexpected),
        *_listed("stored twice", twice),
    ]
    if faults:
        raise UnusableWeightsError(
            f"{path} does not hold the weights of a {component} of this version of Stable Diffusion:"
            f" {'; '.join(faults)}. Give the version that they are of, or other weights"
        )
    return found


def same(shape: Shape, expected: Shape) -> bool:
    """Whether they hold the same, as a convolution of one pixel does whether stored as one or as a matrix."""
    return _squeezed(shape) == _squeezed(expected)


def _squeezed(shape: Shape) -> Shape:
    return tuple(side for side in shape if side != 1)


def _listed(what: str, names: Sequence[str]) -> list[str]:
    if not names:
        return []
    more = f", and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return [f"{what}: {', '.join(names[:_SHOWN])}{more}"]
