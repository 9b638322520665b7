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


def matching(pattern: str, message: str) -> dict[str, Any]:
    """A rule that a text must match. A `pattern` of the schema would be all that the refusal says."""
    return rules((f"self.matches(r'{pattern}')", message))


Quantity = Annotated[int | str, Field(json_schema_extra={"x-kubernetes-int-or-string": True, "maxLength": 64})]
"""An amount such as `2`, `500m` or `8Gi`."""

KubernetesObject: TypeAlias = Mapping[str, Any]
"""A part of a pod or another object, as Kubernetes has it."""

NO_SPACES: Final = r"^[^\s\p{Z}\p{C}]+$"

Image = Annotated[
    str,
    Field(
        min_length=1,
        max_length=512,
        json_schema_extra=rules(
            (
                f"self.matches(r'{NO_SPACES}')",
                "an image's name has no spaces: write one such as registry.example/team/image:1.0",
            ),
            (
                "!self.contains('://')",
                "an image's name is no URI: write one such as registry.example/team/image:1.0, without a scheme",
            ),
        ),
    ),
]
"""The name of a container image."""

DNS_LABEL: Final = r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?"
_DNS_SUBDOMAIN: Final = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*"

ObjectName = Annotated[
    str,
    Field(
        min_length=1,
        max_length=253,
        json_schema_extra=matching(
            f"^{_DNS_SUBDOMAIN}$",
            "no object can have this name: write one of lower-case letters, digits, '-' and '.' that starts and ends"
            " with a letter or digit",
        ),
    ),
]
"""The name of an object of Kubernetes."""

NamespaceName = Annotated[
    str,
    Field(
        min_length=1,
        max_length=63,
        json_schema_extra=matching(
            f"^{DNS_LABEL}$",
            "no namespace can have this name: write one of lower-case letters, digits and '-' that starts and ends with"
            " a letter or digit",
        ),
    ),
]
"""The name of a namespace."""

LABEL_KEY: Final = rf"^({_DNS_SUBDOMAIN}/)?[A-Za-z0-9]([-A-Za-z0-9_.]{{0,61}}[A-Za-z0-9])?$"
MAX_LABEL_KEY: Final = 317
LABEL_VALUE: Final = r"^([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?$"

Labels = Annotated[
    Mapping[str, Annotated[str, Field(max_length=63)]],
    Field(
        max_length=32,
        json_schema_extra=rules(
            (
                f"self.all(key, key.size() <= {MAX_LABEL_KEY} && key.matches(r'{LABEL_KEY}'))",
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
    # All annotations of an object have 256 KiB.
    Mapping[str, Annotated[str, Field(max_length=4096)]],
    Field(
        max_length=32,
        json_schema_extra=rules(
            (
                # The prefix is lower-case; what follows is as in a label.
                f"self.all(key, key.size() <= {MAX_LABEL_KEY} && key.matches(r'{LABEL_KEY}'))",
                "every annotation's key must be one that Kubernetes takes: write one such as example.com/note",
            )
        ),
    ),
]
"""Annotations of Kubernetes objects."""

_AMOUNTS: Final = Field(
    max_length=8,  # keeps the rules within the API server's budget
    json_schema_extra=rules(
        (
            # Kubernetes takes "-" for 0.
            "self.all(name, isQuantity(string(self[name])) && string(self[name]).matches('[0-9]')"
            " && !quantity(string(self[name])).isLessThan(quantity('0')))",
            "every amount must be a quantity that is not negative: write one such as 2, 500m or 8Gi",
        ),
        (
            "self.all(name, name in ['cpu', 'memory', 'ephemeral-storage'] || name.size() <= 317 &&"
            f" name.matches(r'^{_DNS_SUBDOMAIN}/[A-Za-z0-9]([-A-Za-z0-9_.]{{0,61}}[A-Za-z0-9])?$')"
            " && !name.startsWith('requests.') && !name.contains('kubernetes.io/'))",
            "a resource is cpu, memory, ephemeral-storage or a device of nodes: write the device's name with its"
            " domain, such as example.com/device",
        ),
        (
            "self.all(name, !name.contains('/') || !isQuantity(string(self[name]))"
            " || quantity(string(self[name])).isInteger())",
            "devices can't be split: write a whole number",
        ),
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
            ),
            (
                "!has(self.requests) || !has(self.limits) || self.requests.all(name, !(name in self.limits)"
                " || !isQuantity(string(self.requests[name])) || !isQuantity(string(self.limits[name]))"
                " || quantity(string(self.requests[name])).compareTo(quantity(string(self.limits[name]))) <= 0)",
                "resources.requests must not exceed resources.limits: raise the limit",
            ),
            (
                "!has(self.requests) || self.requests.all(name, !name.contains('/') || has(self.limits)"
                " && name in self.limits && string(self.limits[name]) == string(self.requests[name]))",
                "a device that is requested needs the same limit: set resources.limits, which is enough alone",
            ),
        )
    )

    requests: Annotated[Mapping[str, Quantity], _AMOUNTS] | None = None
    """What the scheduler sets aside, such as `memory: 8Gi`."""

    limits: Annotated[Mapping[str, Quantity], _AMOUNTS] | None = None
    """What the container may use at most."""
