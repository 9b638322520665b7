"""What is to be exported, as the options of the command line and the documents of a file say it."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final, Literal, get_args

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from sdp_exporter.export import Request
from sdp_exporter.models.tiny import IMAGE_SIZE
from sdp_exporter.sources import Source, keras_cv, tiny
from sdp_exporter.stores import open_store
from sdp_exporter.weights import places
from sdp_exporter.weights.embeddings import Embedding
from sdp_exporter.weights.lora import Lora
from sdp_exporter.weights.published import pretrained
from sdp_serving.contract.artifact import ModelUri, Precision, UnusableUriError
from sdp_serving.contract.components import Component
from sdp_serving.contract.image_sizes import ImageSizes
from sdp_serving.contract.versions import StableDiffusionVersion

SD_TINY: Final = "sd-tiny"
Model = Literal["sd-tiny", "1.4", "1.5", "2.0", "2.1"]

_OF_ANY: Final = ("image_sizes", "precision", "jit_compile")
_OF_KERAS_CV: Final = ("image_size", "prediction", "guidance")
_KERAS_CV_ONLY: Final = ("lora", "embedding", *_OF_KERAS_CV)
_LORA: Final = re.compile(r"(?P<location>.+?)(:(?P<scale>-?[0-9.]+))?")
_EMBEDDING: Final = re.compile(r"(?P<words>[^=]+)=(?P<location>.+)")
_IMAGE_SIZES: Final = re.compile(r"(?P<smallest>[0-9]+)-(?P<largest>[0-9]+)")


class ConfigError(ValueError):
    """What is asked for can't be.

    Attributes:
        field: which field is wrong; None when it is the file as a whole.
        text: what is wrong with it.
    """

    def __init__(self, field: str | None, text: str) -> None:
        super().__init__(text)
        self.field = field
        self.text = text


@dataclass(frozen=True)
class LoraAt:
    """A LoRA at a path, gs:// or https:// URI, and the scale to merge it at."""

    location: str
    scale: float


@dataclass(frozen=True)
class EmbeddingAt:
    """A textual inversion at a path, gs:// or https:// URI, and the words that get its rows."""

    words: tuple[str, ...]
    location: str


def _destination(text: object) -> ModelUri:
    try:
        uri = ModelUri.parse(str(text))
    except UnusableUriError as error:
        raise ValueError(str(error)) from None
    if uri.version is not None:
        raise ValueError(f"{uri} ends in a version: leave the version out, the export makes a new one")
    if uri.scheme not in ("gs", "file"):
        raise ValueError(f"{uri} can't be written to: give a folder such as gs://bucket/folder or file:///folder")
    return uri


def _written(model: object) -> object:
    """YAML takes `1.5` for a number."""
    return str(model) if isinstance(model, float) else model


def _lora(text: object) -> LoraAt:
    match = _LORA.fullmatch(str(text))
    if match is None:
        raise ValueError(f"{text!r} is no LoRA: give one such as style.safetensors or style.safetensors:0.8")
    try:
        return LoraAt(match["location"], float(match["scale"] or 1))
    except ValueError:
        raise ValueError(f"{match['scale']!r} is no scale: give one such as 0.8") from None


def _embedding(text: object) -> EmbeddingAt:
    match = _EMBEDDING.fullmatch(str(text))
    if match is None:
        raise ValueError(f"{text!r} is no textual inversion: give word and file, such as sks=learnt.safetensors")
    return EmbeddingAt(tuple(match["words"].split(",")), match["location"])


def _image_sizes(text: object) -> ImageSizes:
    match = _IMAGE_SIZES.fullmatch(str(text))
    if match is None:
        raise ValueError(f"{text!r} is no range: give the smallest and the largest size, such as 256-768")
    smallest, largest = int(match["smallest"]), int(match["largest"])
    if smallest % 64 or largest % 64 or not 0 < smallest <= largest:
        raise ValueError(f"{text!r} can't be: give two multiples of 64, the smaller first, such as 256-768")
    return ImageSizes(smallest=smallest, largest=largest)


class ExportConfig(BaseModel):
    """One model, some or all of its components, and where they are to go.

    Attributes:
        model: which Stable Diffusion.
        to: the folder that gets a folder for each component.
        weights: which weights; None for the model's own.
        component: the components; none for all that have such weights.
        lora: what to merge into the weights, each `FILE` or `FILE:SCALE`.
        embedding: textual inversions, each `WORD=FILE`, or `WORD,WORD=FILE` for one of several rows.
        image_size: pixels along one side of a picture where a request does not say it.
        image_sizes: what requests may ask for, as `SMALLEST-LARGEST`; None for `image_size` only.
        prediction: what the diffusion model predicts; None for what the weights say.
        guidance: how the diffusion model is called with and without the prompt.
        precision: what the models compute with.
        jit_compile: whether XLA compiles the diffusion model.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: Annotated[Model, BeforeValidator(_written)]
    to: Annotated[ModelUri, BeforeValidator(_destination)]
    weights: str | None = None
    component: tuple[Component, ...] = ()
    lora: tuple[Annotated[LoraAt, BeforeValidator(_lora)], ...] = ()
    embedding: tuple[Annotated[EmbeddingAt, BeforeValidator(_embedding)], ...] = ()
    image_size: Annotated[int, Field(gt=0, multiple_of=64)] | None = None
    image_sizes: Annotated[ImageSizes, BeforeValidator(_image_sizes)] | None = None
    prediction: Literal["epsilon", "v"] | None = None
    guidance: Literal["separate", "batched"] | None = None
    precision: Precision | None = None
    jit_compile: bool | None = None

    def require_possible(self) -> None:
        """Refuse what can be refused without a look at any place.

        Raises:
            ConfigError: there are no such weights, or no such sizes of them.
            ExportError: KerasCV has no such weights.
        """
        if self.model == SD_TINY:
            _tiny(self)
            return
        _require_among(self.image_sizes, _keras_cv_options(self).image_size, "image_size")
        if self.weights in (None, keras_cv.PRETRAINED):
            pretrained(StableDiffusionVersion(self.model), ())

    def requests(self, downloads: Path) -> list[Request]:
        """One for each component.

        Args:
            downloads: a folder for copies of the weights, to be kept until they are exported.

        Raises:
            ConfigError: there are no such weights.
            ExportError: the weights don't fit, or can't be reached.
        """
        sources = _tiny(self) if self.model == SD_TINY else _keras_cv(self, downloads)
        return [Request(source, _beneath(self.to, source.component)) for source in sources]


def parse_config(fields: Mapping[str, Any]) -> ExportConfig:
    """The export with these fields.

    Raises:
        ConfigError: names the first field that is wrong.
    """
    try:
        return ExportConfig.model_validate(fields)
    except ValidationError as error:
        raise _first(error) from None


def read_requests(path: Path, downloads: Path) -> list[Request]:
    """The requests of a YAML file, of which each document is an export.

    Args:
        path: the file.
        downloads: a folder for copies of the weights, to be kept until they are exported.

    Raises:
        ConfigError: names the line and the field that is wrong.
        ExportError: weights don't fit or can't be reached, or a model can't be brought to where it is to go.
    """
    try:
        text = path.read_text()
        nodes, documents = list(yaml.compose_all(text, yaml.SafeLoader)), list(yaml.safe_load_all(text))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            None, f"{path} can't be read: {getattr(error, 'strerror', None) or 'it is no text'}"
        ) from None
    except yaml.MarkedYAMLError as error:
        line = "" if error.problem_mark is None else f", line {error.problem_mark.line + 1}"
        raise ConfigError(None, f"{path}{line}: {error.problem}: correct the YAML") from None
    except (yaml.YAMLError, ValueError) as error:
        # A character that YAML forbids, or a date that there is not.
        raise ConfigError(None, f"{path}: {str(error).splitlines()[0]}: correct the YAML") from None
    configs = []
    for node, document in zip(nodes, documents, strict=True):
        if not isinstance(document, dict):
            start = 1 if node is None else node.start_mark.line + 1
            raise ConfigError(None, f"{path}, line {start}: write fields such as `model: sd-tiny`, in each document")
        with _told_by_line(path, node):
            configs.append(parse_config(document))
            configs[-1].require_possible()
    if not configs:
        raise ConfigError(None, f"{path} is empty: write fields such as `model: sd-tiny`")
    require_writable(configs)
    requests = []
    for number, (node, config) in enumerate(zip(nodes, configs, strict=True)):
        copies = downloads / str(number)  # files of several may have the same name
        copies.mkdir()
        with _told_by_line(path, node):
            requests += config.requests(copies)
    return requests


def require_writable(configs: Iterable[ExportConfig]) -> None:
    """Look at the places that the models are to go to, before weights are fetched in vain.

    Raises:
        StoreError: if one can't be written to.
    """
    for uri in dict.fromkeys(config.to for config in configs):
        open_store(uri).require_writable()


def _tiny(config: ExportConfig) -> list[Source]:
    for field in _KERAS_CV_ONLY:
        if getattr(config, field):
            raise ConfigError(field, f"is not for sd-tiny, but for {', '.join(get_args(Model)[1:])}: leave it out")
    _require_among(config.image_sizes, IMAGE_SIZE, "sd-tiny's own size")
    try:
        return tiny.sources(config.weights or "base", config.component, **_given(config, _OF_ANY))
    except tiny.NoSuchWeightsError as error:
        raise ConfigError("weights", str(error)) from None


def _keras_cv(config: ExportConfig, downloads: Path) -> list[Source]:
    weights = config.weights or keras_cv.PRETRAINED
    # A folder each: files of several may have the same name.
    loras = {downloads / f"lora-{number}": each for number, each in enumerate(config.lora)}
    embeddings = {downloads / f"embedding-{number}": each for number, each in enumerate(config.embedding)}
    copied = {folder: each.location for folder, each in loras.items()}
    copied.update((folder, each.location) for folder, each in embeddings.items())
    with places.told_as_written({**copied, downloads: weights}):
        return keras_cv.sources(
            StableDiffusionVersion(config.model),
            weights,
            config.component,
            downloads=downloads,
            options=_keras_cv_options(config),
            loras=[Lora(places.fetch(each.location, folder), each.scale) for folder, each in loras.items()],
            embeddings=[
                Embedding(each.words, places.fetch(each.location, folder)) for folder, each in embeddings.items()
            ],
        )


def _keras_cv_options(config: ExportConfig) -> keras_cv.Options:
    return keras_cv.Options(**_given(config, (*_OF_KERAS_CV, *_OF_ANY)))


def _require_among(sizes: ImageSizes | None, image_size: int, whose: str) -> None:
    if sizes is not None and image_size not in sizes:
        raise ConfigError(
            "image_sizes", f"{sizes.smallest}-{sizes.largest} leaves out {whose} ({image_size}): give a range with it"
        )


def _given(config: ExportConfig, fields: Sequence[str]) -> dict[str, Any]:
    return {name: value for name in fields if (value := getattr(config, name)) is not None}


def _first(error: ValidationError) -> ConfigError:
    first = error.errors()[0]
    field = str(first["loc"][0])
    match first["type"]:
        case "value_error":
            return ConfigError(field, str(first["ctx"]["error"]))
        case "missing":
            return ConfigError(field, "is missing")
        case "extra_forbidden":
            return ConfigError(field, f"is none of {', '.join(ExportConfig.model_fields)}")
        case _:
            return ConfigError(field, f"{first['msg'][0].lower()}{first['msg'][1:]}, not {first['input']!r}")


@contextmanager
def _told_by_line(path: Path, node: yaml.Node) -> Iterator[None]:
    """Say of a field that is wrong in which line of the file it is."""
    try:
        yield
    except ConfigError as error:
        raise ConfigError(None, f"{path}, line {_line(node, error.field)}: {error.field}: {error.text}") from None


def _line(node: yaml.Node, field: str | None) -> int:
    """The line of the field in the document; the document's own where the field is missing."""
    lines = {key.value: key.start_mark.line for key, _ in node.value}
    return int(lines.get(field, node.start_mark.line)) + 1


def _beneath(uri: ModelUri, component: Component) -> ModelUri:
    return uri.model_copy(update={"location": f"{uri.location}/{component}"})
