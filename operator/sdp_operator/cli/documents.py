"""The pipelines in what a user would give to `kubectl apply`."""

from collections.abc import Iterator, Mapping
from typing import Any, TextIO

import yaml

from sdp_operator.api.v1alpha1 import GROUP, KIND
from sdp_operator.cli.errors import CommandError
from sdp_operator.objects import KubeObject


def read_pipelines(file: TextIO) -> tuple[list[KubeObject], list[str]]:
    """The pipelines of a file of YAML or JSON documents, and the names of what else there is.

    Raises:
        CommandError: it can't be read, or holds no pipeline.
    """
    try:
        found = [one for document in yaml.safe_load_all(file) for one in _flattened(document, file.name)]
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        where = getattr(error, "problem_mark", None)
        at = "" if where is None else f" at line {where.line + 1}"
        raise CommandError(f"{file.name} is no YAML{at} ({_cause(error)}): correct it") from error
    pipelines = [one for one in found if _is_pipeline(one)]
    if not pipelines:
        raise CommandError(f"{file.name} holds no {KIND}: give the file that you would give to `kubectl apply`")
    for one in pipelines:
        if not isinstance(_mapping(one.get("metadata")).get("name"), str):
            raise CommandError(f"a {KIND} in {file.name} has no name: set metadata.name")
    return pipelines, [_said(one) for one in found if not _is_pipeline(one)]


def _flattened(document: Any, name: str) -> Iterator[KubeObject]:
    if document is None:
        return
    if not isinstance(document, dict):
        raise CommandError(f"{name} has a document that is no object of Kubernetes: correct it")
    if document.get("kind") == "List":
        for item in document.get("items") or ():
            yield from _flattened(item, name)
    else:
        yield document


def _is_pipeline(thing: KubeObject) -> bool:
    return thing.get("kind") == KIND and str(thing.get("apiVersion", "")).startswith(f"{GROUP}/")


def _said(thing: KubeObject) -> str:
    return f"{thing.get('kind')} {_mapping(thing.get('metadata')).get('name')}"


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _cause(error: Exception) -> str:
    return str(getattr(error, "problem", None) or "it is not UTF-8")
