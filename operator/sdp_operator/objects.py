"""Kubernetes objects as plain dicts, the form in which they are built, applied and read."""

from typing import Any, TypeAlias

KubeObject: TypeAlias = dict[str, Any]
"""An object of the Kubernetes API: apiVersion, kind, metadata and the rest."""
