"""The CustomResourceDefinition, made from the models in v1alpha1.

Kubernetes asks for a structural schema: no $ref, no null, no additionalProperties beside properties. Pydantic writes
JSON Schema with all of these, so it is rewritten here.
"""

from collections.abc import Mapping
from typing import Any, Final

import yaml
from pydantic import BaseModel

from sdp_operator.api import v1alpha1
from sdp_operator.api.kubernetes_types import sharpened
from sdp_serving.contract.components import Component

_HEADER: Final = "# Generated from operator/sdp_operator/api/v1alpha1/ by `python -m sdp_operator crd`. Do not edit.\n"

_NAME_RULES: Final = [
    {
        "rule": f"self.metadata.name.size() <= {v1alpha1.MAX_NAME}",
        "message": f"metadata.name must have at most {v1alpha1.MAX_NAME} characters, so that the names of its Services"
        " (such as NAME-diffusion-model) fit in 63: choose a shorter name",
    },
    {
        "rule": f"self.metadata.name.matches(r'{v1alpha1.NAME_PATTERN}')",
        "message": "metadata.name must start with a letter and contain only lower-case letters, digits and '-', so that"
        " it can begin the names of its Services: choose another name",
    },
]

_ITSELF_RULE: Final = {
    "rule": " && ".join(
        f"(!has(self.spec.{field}) || !has(self.spec.{field}.from) || has(self.spec.{field}.from.__namespace__)"
        f" || self.spec.{field}.from.pipeline != self.metadata.name)"
        for field in (component.field for component in Component)
    ),
    "message": "a component can't come from the pipeline itself: set from.pipeline to another one's name, or set model",
}

_COLUMNS: Final = [
    {"name": "Ready", "type": "string", "jsonPath": '.status.conditions[?(@.type=="Ready")].status'},
    {"name": "Diffusion Model", "type": "string", "jsonPath": ".status.diffusionModel.serving.name"},
    {"name": "GPUs", "type": "integer", "jsonPath": ".status.gpus"},
    {"name": "URL", "type": "string", "jsonPath": ".status.url"},
    {"name": "Reason", "type": "string", "jsonPath": '.status.conditions[?(@.type=="Ready")].reason', "priority": 1},
    {"name": "Text Encoder", "type": "string", "jsonPath": ".status.textEncoder.serving.name", "priority": 1},
    {"name": "Decoder", "type": "string", "jsonPath": ".status.decoder.serving.name", "priority": 1},
    {"name": "Image Encoder", "type": "string", "jsonPath": ".status.imageEncoder.serving.name", "priority": 1},
    {"name": "Message", "type": "string", "jsonPath": '.status.conditions[?(@.type=="Ready")].message', "priority": 1},
    {"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"},
]


def render() -> str:
    """The CustomResourceDefinition as YAML."""
    return _HEADER + yaml.dump(custom_resource_definition(), Dumper=_PlainDumper, sort_keys=False, width=120)


class _PlainDumper(yaml.SafeDumper):
    """Writes a value that occurs twice twice, where YAML's anchors would puzzle a reader."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 - the base class names it
        return True


def custom_resource_definition() -> dict[str, Any]:
    """The CustomResourceDefinition."""
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{v1alpha1.PLURAL}.{v1alpha1.GROUP}"},
        "spec": {
            "group": v1alpha1.GROUP,
            "scope": "Namespaced",
            "names": {
                "kind": v1alpha1.KIND,
                "listKind": f"{v1alpha1.KIND}List",
                "plural": v1alpha1.PLURAL,
                "singular": v1alpha1.KIND.lower(),
                "shortNames": ["sdpipeline", "sdpipelines", "sdp"],
            },
            "versions": [
                {
                    "name": v1alpha1.VERSION,
                    "served": True,
                    "storage": True,
                    "subresources": {"status": {}},
                    "additionalPrinterColumns": _COLUMNS,
                    "schema": {"openAPIV3Schema": _root()},
                }
            ],
        },
    }


def _root() -> dict[str, Any]:
    return {
        "description": "Stable Diffusion, served as up to three independent models; one field swaps each of them.",
        "type": "object",
        "required": ["spec"],
        "properties": {
            "apiVersion": {"type": "string"},
            "kind": {"type": "string"},
            "metadata": {"type": "object"},
            "spec": structural(v1alpha1.PipelineSpec),
            "status": structural(v1alpha1.PipelineStatus),
        },
        "x-kubernetes-validations": [*_NAME_RULES, _ITSELF_RULE],
    }


def structural(model: type[BaseModel]) -> dict[str, Any]:
    """The model's structural schema."""
    schema = model.model_json_schema()
    return _rewrite(schema, schema.get("$defs", {}))


def _of_kubernetes(name: str) -> dict[str, Any]:
    """The structural schema of one of Kubernetes' own types, without descriptions.

    Kubernetes describes its types itself, and the field that has one names the `kubectl explain` for it: repeated for
    every component, they would fill a fifth of the annotation in which `kubectl apply` keeps the whole definition.
    """
    from kubernetes import client  # here, since only the CustomResourceDefinition needs it

    schema = getattr(client, name).model_json_schema()
    definitions = {one: sharpened(one, about) for one, about in schema.get("$defs", {}).items()}
    plain: dict[str, Any] = _undescribed(_rewrite(sharpened(name, schema), definitions))
    return plain


def _undescribed(schema: Mapping[str, Any]) -> dict[str, Any]:
    plain = {key: value for key, value in schema.items() if key != "description"}
    if "properties" in plain:
        plain["properties"] = {name: _undescribed(field) for name, field in plain["properties"].items()}
    return plain | {key: _undescribed(plain[key]) for key in ("items", "additionalProperties") if key in plain}


_KEPT: Final = frozenset(
    {
        "default", "description", "enum", "format", "maxItems", "maxLength", "maxProperties", "maximum", "minItems",
        "minLength", "minProperties", "minimum", "multipleOf", "pattern", "required", "type",
    }
)  # fmt: skip


def _rewrite(schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> dict[str, Any]:
    inner = _inner(schema, definitions)
    merged = {**inner, **{key: value for key, value in schema.items() if key not in {"$ref", "anyOf"}}}
    rewritten = {
        key: value for key, value in merged.items() if key in _KEPT or (key.startswith("x-kubernetes-") and value)
    }
    if "default" in rewritten:
        rewritten["default"] = _without_nothing(rewritten["default"])
        if rewritten["default"] in (None, [], {}):
            del rewritten["default"]
    if "description" in rewritten:
        rewritten["description"] = " ".join([*rewritten["description"].split(), *_default(rewritten.get("default"))])
    if "const" in merged:
        rewritten["enum"] = [merged["const"]]
    if merged.get("x-kubernetes-int-or-string"):
        rewritten["anyOf"] = [{"type": "integer"}, {"type": "string"}]
    if "properties" in merged:
        rewritten["properties"] = {name: _rewrite(field, definitions) for name, field in merged["properties"].items()}
    elif isinstance(merged.get("additionalProperties"), Mapping):
        rewritten["additionalProperties"] = _rewrite(merged["additionalProperties"], definitions)
    if "items" in merged:
        rewritten["items"] = _rewrite(merged["items"], definitions)
    if v1alpha1.KUBERNETES_TYPE in merged:
        return {**_of_kubernetes(merged[v1alpha1.KUBERNETES_TYPE]), **rewritten}
    return rewritten


def _default(value: Any) -> list[str]:
    """What `kubectl explain` would not tell otherwise."""
    return (
        [] if value is None or isinstance(value, (Mapping, list)) else [f"Default: {yaml.safe_dump(value).split()[0]}."]
    )


def _without_nothing(default: Any) -> Any:
    if not isinstance(default, Mapping):
        return default
    return {key: value for key, value in default.items() if value not in (None, [])}


def _inner(schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> Mapping[str, Any]:
    """What stands behind a reference, or behind `X or null`; empty for a plain schema."""
    if "$ref" in schema:
        return _resolve(definitions[schema["$ref"].rpartition("/")[2]], definitions)
    choices = [choice for choice in schema.get("anyOf", ()) if choice != {"type": "null"}]
    if len(choices) == 1:
        return _resolve(choices[0], definitions)
    return {}


def _resolve(schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> Mapping[str, Any]:
    inner = _inner(schema, definitions)
    return {**inner, **{key: value for key, value in schema.items() if key not in {"$ref", "anyOf"}}}
