"""Pipelines that faults are tried on: changed without kubectl, and looked at as a whole."""

import time
from typing import Any

from tests.support.api import read, send
from tests.support.api_proxy import Call
from tests.support.eventually import eventually
from tests.support.outcome import children, outcome
from tests.support.proxied_operator import ProxiedOperator

from devcluster.pytest_plugin import Namespace
from sdp_operator.api.v1alpha1 import API_VERSION, KIND
from sdp_operator.cluster.kinds import CHILDREN, PIPELINES

BROAD: dict[str, Any] = {
    "textEncoder": {
        "model": "gs://sdpipeline-demo/sd-tiny/text-encoder",
        "autoscaling": {"maxReplicas": 3},
        "resources": {"requests": {"cpu": "100m"}},
    },
    "decoder": {"image": "models/decoder:1"},
    "gateway": {"ingress": {"host": "art.example.com"}},
    "networkPolicy": {"peers": [{"podSelector": {}}]},
}
"""A spec with children of every kind that needs no extension of the cluster and no model to be exported."""

SWAPPED = {**BROAD, "decoder": {"image": "models/decoder:2"}}
NARROWED = {part: value for part, value in BROAD.items() if part != "decoder"}

_QUIET_SECONDS = 1.0


class Subject:
    """A pipeline of a namespace whose operator stands behind a proxy."""

    def __init__(self, operator: ProxiedOperator, namespace: Namespace, name: str = "sd") -> None:
        self.name = name
        self._operator = operator
        self._kubeconfig = namespace.cluster.kubeconfig
        self._namespace = namespace.name
        self._path = PIPELINES.path(namespace.name, name)

    def apply(self, spec: dict[str, Any]) -> None:
        """Create it or change it."""
        body = {"apiVersion": API_VERSION, "kind": KIND, "metadata": {"name": self.name}, "spec": spec}
        send(self._kubeconfig, "PATCH", self._path, query={"fieldManager": "user", "force": "true"}, body=body)

    def delete(self) -> None:
        """Delete it."""
        send(self._kubeconfig, "DELETE", self._path)

    def get(self) -> dict[str, Any]:
        """Give the custom resource."""
        return read(self._kubeconfig, self._namespace, "stablediffusionpipelines", self.name)

    @property
    def exists(self) -> bool:
        """Whether it is there, be it while it is deleted."""
        try:
            self.get()
        except LookupError:
            return False
        return True

    def wait_until_gone(self, seconds: float) -> None:
        """Wait until no child is left."""
        eventually(lambda: not self.children(), f"nothing is left of {self.name}", seconds=seconds)

    def condition(self, kind: str) -> dict[str, Any]:
        """Give a condition, empty where there is none."""
        conditions = self.get().get("status", {}).get("conditions", [])
        return next((one for one in conditions if one["type"] == kind), {})

    def children(self) -> list[tuple[str, dict[str, Any]]]:
        """Give its children, with their kinds."""
        return children(self._kubeconfig, self._namespace, self.name)

    def delete_children(self, plural: str) -> None:
        """Delete all its children of a kind."""
        [kind] = [kind for kind in CHILDREN if kind.plural == plural]
        for name in [child["metadata"]["name"] for one, child in self.children() if one == kind.name]:
            send(self._kubeconfig, "DELETE", kind.path(self._namespace, name))

    def events(self) -> list[str]:
        """Give the reasons of the Events about it."""
        query = {"fieldSelector": f"involvedObject.kind={KIND},involvedObject.name={self.name}"}
        found = send(self._kubeconfig, "GET", f"/api/v1/namespaces/{self._namespace}/events", query=query)
        return [event["reason"] for event in found["items"]]

    def outcome(self) -> dict[str, Any]:
        """Give what has become of it, comparable with others."""
        return outcome(self._kubeconfig, self._namespace, self.name)

    def settled(self) -> dict[str, Any]:
        """Wait until nothing more happens; gives what has become of it."""
        self.settle(30)
        return self.outcome()

    def settle(self, seconds: float) -> None:
        """Wait until nothing more happens."""
        eventually(lambda: self.is_settled, f"{self.name} is settled", seconds=seconds)

    def names(self, kind: str) -> list[str]:
        """Give the names of its children of a kind."""
        return sorted(child["metadata"]["name"] for one, child in self.children() if one == kind)

    def wait_for(self, wanted: dict[str, Any], what: str, *, seconds: float = 20) -> None:
        """Wait until this has become of it."""
        eventually(lambda: self.outcome() == wanted, f"{self.name}: {what}", seconds=seconds)

    @property
    def is_settled(self) -> bool:
        """Whether its pods have been made and wait for a node, and all has been said about it."""
        try:
            pipeline = self.get()
        except LookupError:
            return False
        conditions = pipeline.get("status", {}).get("conditions", [])
        return (
            any(
                (one["type"], one["reason"], one["observedGeneration"])
                == ("Ready", "Unschedulable", pipeline["metadata"]["generation"])
                for one in conditions
            )
            and time.monotonic() - max((call.at for call in self.calls()), default=0) > _QUIET_SECONDS
        )

    def calls(self) -> list[Call]:
        """Give all calls of the operator about it."""
        return [call for call in self._operator.proxy.calls if self.is_subject_of(call)]

    def is_subject_of(self, call: Call) -> bool:
        """Whether the call reads or writes the pipeline or one of its children, or is an Event about it."""
        return call.namespace == self._namespace and (call.name == self.name or call.name.startswith(f"{self.name}-"))
