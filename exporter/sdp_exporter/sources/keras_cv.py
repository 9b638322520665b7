"""Stable Diffusion 1.x and 2.x as KerasCV defines it, with weights from wherever they are."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from sdp_exporter.errors import UnusableWeightsError
from sdp_exporter.models.keras_cv.anatomy import Anatomy, anatomy
from sdp_exporter.sources import Saveable, Source
from sdp_exporter.stages import Stage, enter
from sdp_exporter.weights import copies, places, scheduler
from sdp_exporter.weights.embeddings import Embedding, Learnt, learnt
from sdp_exporter.weights.files import is_torch, open_file, parts_of
from sdp_exporter.weights.fitting import fit, holds, stray_text_encoder
from sdp_exporter.weights.layout import layout
from sdp_exporter.weights.lora import Change, Lora, changes
from sdp_exporter.weights.published import Published, pretrained
from sdp_exporter.weights.scheduler import Training
from sdp_serving.contract.artifact import Precision
from sdp_serving.contract.components import Component
from sdp_serving.contract.image_sizes import ImageSizes
from sdp_serving.contract.versions import StableDiffusionVersion
from sdp_serving.contract.vocabulary import END

if TYPE_CHECKING:
    import keras

RANDOM: Final = "random"
"""As weights: none, but the same in every export; to try what surrounds the models."""
PRETRAINED: Final = "pretrained"
"""As weights: those that KerasCV downloads."""
VERSIONS: Final = tuple(version for version in StableDiffusionVersion if version is not StableDiffusionVersion.TINY)
"""Those that KerasCV has the networks of."""

_OPENCLIPS_PADDING: Final = 0
"""The token that OpenCLIP, with which version 2 was trained, fills short prompts up with."""
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
        WeightsOutOfReachError: if the weights can't be copied whole; those of `PRETRAINED` are when they are built.
    """
    wanted = tuple(dict.fromkeys(components or Component))
    parts = anatomy(version)
    published = pretrained(version, wanted) if weights == PRETRAINED else {}
    files = {component: file.path for component, file in published.items()}
    if weights in (RANDOM, PRETRAINED):
        chosen = list(wanted)
    else:
        files = dict(places.find(weights, wanted, downloads))
        chosen = _holding(files, parts, wanted if components else (), weights)
    layouts = {each: layout(each, parts) for each in (Component.TEXT_ENCODER, Component.DIFFUSION_MODEL)}
    merged = [changes(lora, layouts) for lora in loras]
    taught = learnt(embeddings, parts.text.width)
    for lora, changed in zip(loras, merged, strict=True):
        _require_use(lora.path, [component for component, found in changed.items() if found], chosen)
    for embedding in embeddings:
        _require_use(embedding.path, [Component.TEXT_ENCODER], chosen)
    training = _training(weights, options, downloads) if Component.DIFFUSION_MODEL in chosen else Training()
    found = []
    for component in chosen:
        recipe = _Recipe(
            component=component,
            anatomy=parts,
            file=files.get(component),
            published=published.get(component),
            changes=tuple(change for each in merged for change in each.get(component, ())),
            learnt=taught if component is Component.TEXT_ENCODER else Learnt(),
            padding=_padding(version, files.get(component)),
            options=options,
            training=training,
        )
        found.append(_source(version, weights, recipe, loras, embeddings))
    return found


@dataclass(frozen=True)
class _Recipe:
    component: Component
    anatomy: Anatomy
    file: Path | None
    """None for random weights."""
    published: Published | None
    """What `file` is, where KerasCV has published it: it may not be there yet."""
    changes: tuple[Change, ...]
    learnt: Learnt
    padding: int
    """The token that short prompts are filled up with."""
    options: Options
    training: Training


def _training(weights: str, options: Options, downloads: Path) -> Training:
    config = None if weights in (RANDOM, PRETRAINED) else places.scheduler(weights, downloads)
    if config is None:
        return Training(options.prediction or "epsilon")
    return scheduler.read(config, options.prediction)


def _padding(version: StableDiffusionVersion, file: Path | None) -> int:
    """What the weights were trained to find after the end of a short prompt, or tuned to.

    KerasCV fills prompts up with end tokens for both versions, in training too. Stability AI's programs and diffusers
    do for version 1 only: OpenCLIP's tokenizer, which version 2 was trained with, takes token 0.
    """
    from_kerascv = file is None or not is_torch(file)
    return END if from_kerascv or version.width == StableDiffusionVersion.V1_5.width else _OPENCLIPS_PADDING


def _holding(
    files: Mapping[Component, Path], parts: Anatomy, asked: Sequence[Component], weights: str
) -> list[Component]:
    """The components to export: those asked for, or those that there are weights of, all of which fit."""
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
            elif component is Component.TEXT_ENCODER and (stray := stray_text_encoder(file)):
                raise UnusableWeightsError(
                    f"{copies.public(weights)} has a text encoder that is none of this version of Stable Diffusion"
                    f" ({stray}): name the other components to leave it out, or give the version that it is of"
                )
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
        "training": recipe.training if diffusion else None,
        "guidance": recipe.options.guidance if diffusion else None,
        "loras": [lora.scale for lora in loras] if recipe.changes else [],
        "words": [embedding.words for embedding in embeddings] if recipe.learnt.rows else [],
        "padding": recipe.padding if recipe.component is Component.TEXT_ENCODER else None,
    }
    changing = (
        *([lora.path for lora in loras] if recipe.changes else []),
        *([embedding.path for embedding in embeddings] if recipe.learnt.rows else []),
    )
    return Source(
        component=recipe.component,
        sd_version=version,
        width=recipe.anatomy.text.width,
        image_size=recipe.options.image_size,
        image_sizes=None if recipe.component is Component.TEXT_ENCODER else recipe.options.image_sizes,
        name=_name(version, weights, changing),
        weights=(*(parts_of(recipe.file) if recipe.file else ()), *changing),
        precision=recipe.options.precision,
        jit_compile=diffusion and recipe.options.jit_compile,
        settings=repr(settings),
        build=partial(_build, recipe),
        digests={} if recipe.published is None else {recipe.published.path: recipe.published.sha256},
        words=recipe.learnt.words,
    )


def _name(version: StableDiffusionVersion, weights: str, changing: Sequence[Path]) -> str:
    """Such as `sd-1.5/random` or `sd-1.5/my-unet.safetensors+style.safetensors`."""
    base = weights if weights in (RANDOM, PRETRAINED) else Path(copies.public(weights)).name
    return "+".join([f"sd-{version}/{base}", *(path.name for path in changing)])


def _build(recipe: _Recipe) -> Saveable:
    # Each loads TensorFlow.
    model, options = _model(recipe), recipe.options
    match recipe.component:
        case Component.TEXT_ENCODER:
            from sdp_exporter.signatures.text_encoder import TextEncoder

            return TextEncoder(model, words=recipe.learnt.words, padding=recipe.padding)
        case Component.DIFFUSION_MODEL:
            from sdp_exporter.sampling.schedule import alphas_cumprod
            from sdp_exporter.signatures.diffusion_model import DiffusionModel

            return DiffusionModel(
                model,
                alphas=alphas_cumprod(zero_terminal_snr=recipe.training.zero_terminal_snr),
                width=recipe.anatomy.unet.width,
                image_size=options.image_size,
                image_sizes=options.image_sizes,
                guidance_scale=_GUIDANCE_SCALE,
                prediction=recipe.training.prediction,
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
    text = replace(recipe.anatomy.text, vocabulary=recipe.learnt.vocabulary)
    with building_in(recipe.options.precision):
        model = fresh.model(recipe.component, replace(recipe.anatomy, text=text))
    if recipe.published is not None:
        enter(Stage.FETCH)
        recipe.published.bring()
    its_layout = layout(recipe.component, recipe.anatomy)
    loading.load(model, recipe.component, its_layout, recipe.file, recipe.changes)
    loading.teach(model, its_layout, recipe.learnt.rows)
    return model
