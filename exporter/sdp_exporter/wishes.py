"""What is to be exported, as the command line and a file of wishes say it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError

from sdp_exporter.export import Request
from sdp_exporter.sources import tiny
from sdp_serving.contract.artifact import ModelUri, UnusableUriError
from sdp_serving.contract.components import Component

Model = Literal["sd-tiny"]


class WishError(ValueError):
    """A wish can't be taken.

    Attributes:
        field: which of its fields is wrong; None when the file is no list of wishes.
        text: what is wrong with it.
    """

    def __init__(self, field: str | None, text: str) -> None:
        super().__init__(text)
        self.field = field
        self.text = text


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


class Wish(BaseModel):
    """One model, some or all of its components, and where they are to go.

    Attributes:
        model: which Stable Diffusion.
        to: the folder that gets a folder for each component.
        weights: which weights.
        component: the components; none for all that have such weights.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: Model
    to: Annotated[ModelUri, BeforeValidator(_destination)]
    weights: str = "base"
    component: tuple[Component, ...] = ()

    def requests(self) -> list[Request]:
        """One for each component.

        Raises:
            WishError: there are no such weights.
        """
        try:
            sources = tiny.sources(self.weights, self.component)
        except tiny.NoSuchWeightsError as error:
            raise WishError("weights", str(error)) from None
        return [Request(source, _beneath(self.to, source.component)) for source in sources]


def wish(fields: Mapping[str, Any]) -> Wish:
    """The wish with these fields.

    Raises:
        WishError: names the first field that is wrong.
    """
    try:
        return Wish.model_validate(fields)
    except ValidationError as error:
        raise _first(error) from None


def read_requests(path: Path) -> list[Request]:
    """The requests of a YAML file, of which each document is a wish.

    Raises:
        WishError: names the line and the field that is wrong.
    """
    try:
        text = path.read_text()
        nodes, documents = list(yaml.compose_all(text, yaml.SafeLoader)), list(yaml.safe_load_all(text))
    except (OSError, UnicodeDecodeError) as error:
        raise WishError(None, f"{path} can't be read: {getattr(error, 'strerror', None) or 'it is no text'}") from None
    except yaml.MarkedYAMLError as error:
        line = "" if error.problem_mark is None else f", line {error.problem_mark.line + 1}"
        raise WishError(None, f"{path}{line}: {error.problem}: correct the YAML") from None
    requests = []
    for node, document in zip(nodes, documents, strict=True):
        if not isinstance(document, dict):
            start = 1 if node is None else node.start_mark.line + 1
            raise WishError(None, f"{path}, line {start}: write fields such as `model: sd-tiny`, in each document")
        try:
            requests += wish(document).requests()
        except WishError as error:
            raise WishError(None, f"{path}, line {_line(node, error.field)}: {error.field}: {error.text}") from None
    if not requests:
        raise WishError(None, f"{path} is empty: write fields such as `model: sd-tiny`")
    return requests


def _first(error: ValidationError) -> WishError:
    first = error.errors()[0]
    field = str(first["loc"][0])
    match first["type"]:
        case "value_error":
            return WishError(field, str(first["ctx"]["error"]))
        case "missing":
            return WishError(field, "is missing")
        case "extra_forbidden":
            return WishError(field, f"is none of {', '.join(Wish.model_fields)}")
        case _:
            return WishError(field, f"{first['msg'][0].lower()}{first['msg'][1:]}, not {first['input']!r}")


def _line(node: yaml.Node, field: str | None) -> int:
    """The line of the field in the document; the document's own where the field is missing."""
    lines = {key.value: key.start_mark.line for key, _ in node.value}
    return int(lines.get(field, node.start_mark.line)) + 1


def _beneath(uri: ModelUri, component: Component) -> ModelUri:
    return uri.model_copy(update={"location": f"{uri.location}/{component}"})
