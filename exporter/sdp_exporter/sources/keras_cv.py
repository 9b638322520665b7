"""Stable Diffusion 1.x and 2.x as KerasCV defines it, with weights from wherever they are."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from sdp_exporter.errors import UnusableWeightsError
from sdp_exporter.models.keras_cv.anatomy import Anatomy, anatomy
from sdp_exporter.sources import Saveable, Source
from sdp_exporter.weights import copies, places
from sdp_exporter.weights.embeddings import Embedding, Rows, rows
from sdp_exporter.weights.files import open_file
from sdp_exporter.weights.fitting import fit, holds
from sdp_exporter.weights.layout import layout
from sdp_exporter.weights.lora import Change, Lora, changes
from sdp_serving.contract.artifact import Precision
from sdp_serving.contract.components import Component
from sdp_serving.contract.image_sizes import ImageSizes
from sdp_serving.contract.versions import StableDiffusionVersion

if TYPE_CHECKING:
    import keras

RANDOM: Final = "random"
"""As weights: none, but the same in every export; to try what surrounds the models."""
PRETRAINED: Final = "pretrained"
"""As weights: those that KerasCV downloads."""
VERSIONS: Final = tuple(version for version in StableDiffusionVersion if version is not StableDiffusionVersion.TINY)
"""Those that KerasCV has the networks of."""

_GUIDANCE_SCALE: Final = 7.5
_SEED: Final = 0


@dataclass(frozen=True)
class Options:
    """How the models are to be exported, beside their weights."""

    image_size: int = 512
    """Pixels along one side of a picture, where a request does not say it."""
    image_sizes: ImageSizes | None = None
    """What requests may ask for; None for `image_size` only."""
    prediction: Literal["epsilon", "v"] | None = None
    """What the model predicts; None for what the scheduler beside the weights says, without one the noise (epsilon).
    Of Stable Diffusion, only the models of 2.0 and 2.1 for 768 pixels predict v."""
    guidance: Literal["separate", "batched"] = "separate"
    """How the model is called for the prompt and for what to move away from."""
    jit_compile: bool = False
    """Whether XLA compiles the model."""
    precision: Precision = "float32"
    """What the models compute with: of all components, not of the diffusion model alone."""


def sources(
    version: StableDiffusionVersion,
    weights: str,
    components: Sequence[Component] = (),
    *,
    downloads: Path,
    options: Options = Options(),
    loras: Sequence[Lora] = (),
    embeddings: Sequence[Embedding] = (),
) -> list[Source]:
    """The components of Stable Diffusion with these weights, all of whose names and shapes are known to fit.

    TensorFlow is not loaded.

    Args:
        version: one of `VERSIONS`.
        weights: `RANDOM`, `PRETRAINED`, the path, gs:// or https:// URI of a file (.safetensors, or KerasCV's .h5,
            .weights.h5 or .keras), or the path or gs:// URI of a folder as diffusers writes it.
        components: those wanted; none for all that `weights` holds.
        downloads: a folder for copies, to be kept until the sources are built.
        options: how to export the diffusion model.
        loras: changes to merge into the text encoder and the diffusion model, in this order.
        embeddings: new meanings of words, for the text encoder.

    Raises:
        UnusableWeightsError: naming what does not fit.
        StoreError: if a bucket can't be read.
        WeightsOutOfReachError: if the weights can't be copied whole.
    """
    wanted = tuple(dict.fromkeys(components or Component))
    parts = anatomy(version)
    files = _files(version, weights, wanted, downloads)
    chosen = _holding(files, parts, wanted if components else (), weights)
    layouts = {each: layout(each, parts) for each in (Component.TEXT_ENCODER, Component.DIFFUSION_MODEL)}
    merged = [changes(lora, layouts) for lora in loras]
    taught = [rows(embedding, parts.text.width) for embedding in embeddings]
    for lora, changed in zip(loras, merged, strict=True):
        _require_use(lora.path, [component for component, found in changed.items() if found], chosen)
    for embedding in embeddings:
        _require_use(embedding.path, [Component.TEXT_ENCODER], chosen)
    predicted = options.prediction
    if predicted is None and weights not in (RANDOM, PRETRAINED) and Component.DIFFUSION_MODEL in chosen:
        predicted = places.prediction(weights, downloads)
    found = []
    for component in chosen:
        recipe = _Recipe(
            component=component,
            anatomy=parts,
            file=files.get(component),
            changes=tuple(change for each in merged for change in each.get(component, ())),
            rows=tuple(taught) if component is Component.TEXT_ENCODER else (),
            options=options,
            prediction=predicted or "epsilon",
        )
        found.append(_source(version, weights, recipe, loras, embeddings))
    return found


@dataclass(frozen=True)
class _Recipe:
    component: Component
    anatomy: Anatomy
    file: Path | None
    """None for random weights."""
    changes: tuple[Change, ...]
    rows: tuple[Rows, ...]
    options: Options
    prediction: Literal["epsilon", "v"]


def _files(
    version: StableDiffusionVersion, weights: str, components: Sequence[Component], downloads: Path
) -> Mapping[Component, Path]:
    if weights == RANDOM:
        return {}
    if weights == PRETRAINED:
        return places.pretrained(version, components)
    return places.find(weights, components, downloads)


def _holding(
    files: Mapping[Component, Path], parts: Anatomy, asked: Sequence[Component], weights: str
) -> list[Component]:
    """The components to export: those asked for, or those that there are weights of, all of which fit."""
    if weights == RANDOM:
        return list(asked or Component)
    missing = [component for component in asked if component not in files]
    if missing:
        raise UnusableWeightsError(
            f"{copies.public(weights)} holds no weights of the {missing[0]}: leave the component out, or give other"
            " weights"
        )
    chosen = []
    for component, path in files.items():
        its_layout = layout(component, parts)
        with open_file(path) as file:
            if asked or holds(file, component, its_layout):
                fit(file, component, its_layout, path)
                chosen.append(component)
    if not chosen:
        raise UnusableWeightsError(
            f"{copies.public(weights)} holds the whole weights of no component of this version of Stable Diffusion:"
            " give the version that they are of, or name the component to learn what is amiss"
        )
    return chosen


def _require_use(path: Path, changed: Sequence[Component], chosen: Sequence[Component]) -> None:
    if not set(changed) & set(chosen):
        raise UnusableWeightsError(
            f"{path} changes the {' and the '.join(changed)}, not the {' and the '.join(chosen)}: leave it out, or"
            " export what it changes"
        )


def _source(
    version: StableDiffusionVersion,
    weights: str,
    recipe: _Recipe,
    loras: Sequence[Lora],
    embeddings: Sequence[Embedding],
) -> Source:
    diffusion = recipe.component is Component.DIFFUSION_MODEL
    settings = {
        "prediction": recipe.prediction if diffusion else None,
        "guidance": recipe.options.guidance if diffusion else None,
        "loras": [lora.scale for lora in loras] if recipe.changes else [],
        "words": [embedding.words for embedding in embeddings] if recipe.rows else [],
    }
    files = (
        *([recipe.file] if recipe.file else []),
        *([lora.path for lora in loras] if recipe.changes else []),
        *([embedding.path for embedding in embeddings] if recipe.rows else []),
    )
    return Source(
        component=recipe.component,
        sd_version=version,
        width=recipe.anatomy.text.width,
        image_size=recipe.options.image_size,
        image_sizes=None if recipe.component is Component.TEXT_ENCODER else recipe.options.image_sizes,
        name=_name(version, weights, files),
        weights=files,
        precision=recipe.options.precision,
        jit_compile=diffusion and recipe.options.jit_compile,
        settings=repr(settings),
        build=partial(_build, recipe),
    )


def _name(version: StableDiffusionVersion, weights: str, files: Sequence[Path]) -> str:
    """Such as `sd-1.5/random` or `sd-1.5/my-unet.safetensors+style.safetensors`."""
    if weights in (RANDOM, PRETRAINED):
        changed = files if weights == RANDOM else files[1:]
        return "+".join([f"sd-{version}/{weights}", *(path.name for path in changed)])
    base = Path(copies.public(weights)).name
    return "+".join([f"sd-{version}/{base}", *(path.name for path in files[1:])])


def _build(recipe: _Recipe) -> Saveable:
    # Each loads TensorFlow.
    model, options = _model(recipe), recipe.options
    match recipe.component:
        case Component.TEXT_ENCODER:
            from sdp_exporter.signatures.text_encoder import TextEncoder

            return TextEncoder(model)
        case Component.DIFFUSION_MODEL:
            from sdp_exporter.sampling.schedule import alphas_cumprod
            from sdp_exporter.signatures.diffusion_model import DiffusionModel

            return DiffusionModel(
                model,
                alphas=alphas_cumprod(),
                width=recipe.anatomy.unet.width,
                image_size=options.image_size,
                image_sizes=options.image_sizes,
                guidance_scale=_GUIDANCE_SCALE,
                prediction=recipe.prediction,
                guidance=options.guidance,
                jit_compile=options.jit_compile,
            )
        case Component.DECODER:
            from sdp_exporter.signatures.decoder import Decoder

            return Decoder(model, image_size=options.image_size, image_sizes=options.image_sizes)
        case Component.IMAGE_ENCODER:
            from sdp_exporter.signatures.image_encoder import ImageEncoder

            return ImageEncoder(model, image_size=options.image_size, image_sizes=options.image_sizes)


def _model(recipe: _Recipe) -> "keras.Model":
    import keras

    from sdp_exporter.models.keras_cv import fresh
    from sdp_exporter.models.precision import building_in
    from sdp_exporter.weights import loading

    keras.utils.set_random_seed(_SEED)
    with building_in(recipe.options.precision):
        model = fresh.model(recipe.component, recipe.anatomy)
    its_layout = layout(recipe.component, recipe.anatomy)
    if recipe.file is not None:
        loading.load(model, recipe.component, its_layout, recipe.file)
    loading.merge(model, its_layout, recipe.changes)
    loading.teach(model, its_layout, recipe.rows)
    return model
