"""What a user does with pipelines by kubectl."""

import json
from pathlib import Path
from typing import Any

import yaml
from tests.support.api import read
from tests.support.eventually import eventually

from devcluster.pytest_plugin import Namespace

EXAMPLE: dict[str, Any] = yaml.safe_load((Path(__file__).parents[2] / "examples" / "pipeline.yaml").read_text())


class PipelineClient:
    """Pipelines in one namespace."""

    def __init__(self, namespace: Namespace) -> None:
        self._namespace = namespace

    def apply(self, spec: dict[str, Any], *, name: str = "sd", **more: Any) -> None:
        """Apply a pipeline."""
        body = {
            "apiVersion": EXAMPLE["apiVersion"], "kind": EXAMPLE["kind"], "metadata": {"name": name}, "spec": spec,
        }  # fmt: skip
        self._namespace.kubectl("apply", "--filename=-", stdin=json.dumps({**body, **more}))

    def get(self, plural: str = "stablediffusionpipelines", name: str = "sd") -> dict[str, Any]:
        """An object of the namespace."""
        return read(self._namespace.cluster.kubeconfig, self._namespace.name, plural, name)

    def names(self, plural: str) -> list[str]:
        """The names of the objects of a kind."""
        return sorted(item["metadata"]["name"] for item in self.objects(plural))

    def objects(self, plural: str) -> list[dict[str, Any]]:
        """The objects of a kind."""
        items: list[dict[str, Any]] = read(self._namespace.cluster.kubeconfig, self._namespace.name, plural)["items"]
        return items

    def condition(self, kind: str, *, name: str = "sd") -> dict[str, Any]:
        """A condition of the pipeline, empty while it is not there."""
        conditions = self.get(name=name).get("status", {}).get("conditions", [])
        return next((one for one in conditions if one["type"] == kind), {})

    def wait_for(self, kind: str, *, reason: str, name: str = "sd", seconds: float = 20) -> dict[str, Any]:
        """Wait until a condition about the present generation has the reason, and give it."""

        def holds() -> bool:
            generation = self.get(name=name)["metadata"]["generation"]
            condition = self.condition(kind, name=name)
            return condition.get("reason") == reason and condition["observedGeneration"] == generation

        eventually(
            holds, f"{kind} has the reason {reason}", seconds=seconds, instead=lambda: self.condition(kind, name=name)
        )
        return self.condition(kind, name=name)
