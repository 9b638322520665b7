"""What the models of the custom resource are made of.

The docstring below a field is its description in `kubectl explain`.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Final, TypeAlias

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

KUBERNETES_TYPE: Final = "x-sdpipeline-kubernetes-type"
"""Marks a field whose schema is that of a type of Kubernetes; it never reaches the CustomResourceDefinition."""


class Model(BaseModel):
    """A part of the custom resource."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        alias_generator=to_camel,
        validate_by_name=True,
        validate_by_alias=True,
        serialize_by_alias=True,
        use_attribute_docstrings=True,
    )


def rules(*pairs: tuple[str, str]) -> dict[str, Any]:
    """CEL rules that the API server checks, each with the sentence that it refuses with."""
    return {"x-kubernetes-validations": [{"rule": rule, "message": message} for rule, message in pairs]}


def kubernetes(name: str) -> dict[str, Any]:
    """The schema of a type of Kubernetes, such as V1Affinity."""
    return {KUBERNETES_TYPE: name}


ATOMIC: Final[dict[str, Any]] = {"x-kubernetes-list-type": "atomic"}
"""The list has one owner, who writes all of it."""

SET: Final[dict[str, Any]] = {"x-kubernetes-list-type": "set"}
"""Each value may have an owner of its own."""


def by_key(*keys: str) -> dict[str, Any]:
    """Each entry, told by its keys, may have an owner of its own."""
    return {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": list(keys)}


Quantity = Annotated[int | str, Field(json_schema_extra={"x-kubernetes-int-or-string": True})]
"""An amount such as `2`, `500m` or `8Gi`."""

KubernetesObject: TypeAlias = Mapping[str, Any]
"""A part of a pod or another object, as Kubernetes has it."""

Image = Annotated[str, Field(min_length=1, max_length=512, pattern=r"^[^\s]+$")]
"""The name of a container image."""

ObjectName = Annotated[str, Field(min_length=1, max_length=253, pattern=r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$")]
"""The name of an object of Kubernetes."""

_LABEL_KEY: Final = r"^([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$"
LABEL_VALUE: Final = r"^([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?$"

Labels = Annotated[
    Mapping[str, Annotated[str, Field(max_length=63)]],
    Field(
        max_length=32,
        json_schema_extra=rules(
            (
                f"self.all(key, key.size() <= 317 && key.matches(r'{_LABEL_KEY}'))",
                "every label's key must be one that Kubernetes takes: write one such as team or example.com/team",
            ),
            (
                f"self.all(key, self[key].matches(r'{LABEL_VALUE}'))",
                "a label's value must be one that Kubernetes takes: write up to 63 letters, digits, '-', '_' or '.'",
            ),
        ),
    ),
]
"""Labels of Kubernetes objects."""

Annotations = Annotated[
    Mapping[str, Annotated[str, Field(max_length=8192)]],
    Field(
        max_length=32,
        json_schema_extra=rules(
            (
                # The prefix is lower-case; what follows is as in a label.
                f"self.all(key, key.size() <= 317 && key.matches(r'{_LABEL_KEY}'))",
                "every annotation's key must be one that Kubernetes takes: write one such as example.com/note",
            )
        ),
    ),
]
"""Annotations of Kubernetes objects."""

_AMOUNTS: Final = Field(
    max_length=8,  # keeps the rule within the API server's budget
    json_schema_extra=rules(
        (
            "self.all(name, type(self[name]) == int || isQuantity(string(self[name])))",
            "every amount must be a quantity: write one such as 2, 500m or 8Gi",
        )
    ),
)


class Resources(Model):
    """CPU, memory and the like of a container."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            (
                "!(has(self.limits) && 'nvidia.com/gpu' in self.limits)"
                " && !(has(self.requests) && 'nvidia.com/gpu' in self.requests)",
                "resources must not name nvidia.com/gpu: ask for GPUs with gpu.count",
            )
        )
    )

    requests: Annotated[Mapping[str, Quantity], _AMOUNTS] | None = None
    """What the scheduler sets aside, such as `memory: 8Gi`."""

    limits: Annotated[Mapping[str, Quantity], _AMOUNTS] | None = None
    """What the container may use at most."""
