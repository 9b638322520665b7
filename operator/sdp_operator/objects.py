"""Kubernetes objects as plain dicts, the form in which they are built, applied and read."""

from typing import Any, NamedTuple, TypeAlias

KubeObject: TypeAlias = dict[str, Any]
"""An object of the Kubernetes API: apiVersion, kind, metadata and the rest."""


class Key(NamedTuple):
    """Which object of a kind; the namespace is empty where there is none."""

    namespace: str
    name: str

    @classmethod
    def of(cls, thing: KubeObject) -> "Key":
        """The object's own."""
        meta = thing["metadata"]
        return cls(meta.get("namespace", ""), meta["name"])

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"
