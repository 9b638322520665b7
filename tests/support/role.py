"""The operator's ClusterRole, from which permissions are taken for a while."""

import json
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Any

from tests.support.chart import OPERATOR
from tests.support.eventually import eventually

from devcluster.cluster import Cluster

Permissions = Collection[tuple[str, str]]
"""Verbs and resources."""


@contextmanager
def revoked(cluster: Cluster, permissions: Permissions) -> Iterator[None]:
    """Take the permissions away, and give them back at the end."""
    before = json.loads(cluster.kubectl("get", f"clusterrole/{OPERATOR}", "--output=json"))["rules"]
    _set(cluster, [kept for rule in before for kept in _without(rule, permissions)])
    eventually(lambda: not any(_may(cluster, one) for one in permissions), "they are taken away")
    try:
        yield
    finally:
        _set(cluster, before)
        eventually(lambda: all(_may(cluster, one) for one in permissions), "they are given back")


def _without(rule: dict[str, Any], permissions: Permissions) -> Iterator[dict[str, Any]]:
    for resource in rule["resources"]:
        verbs = [verb for verb in rule["verbs"] if (verb, resource) not in permissions]
        if verbs:
            yield {**rule, "resources": [resource], "verbs": verbs}


def _set(cluster: Cluster, rules: list[dict[str, Any]]) -> None:
    cluster.kubectl("patch", f"clusterrole/{OPERATOR}", "--type=merge", f"--patch={json.dumps({'rules': rules})}")


def _may(cluster: Cluster, permission: tuple[str, str]) -> bool:
    verb, resource = permission
    name, _, subresource = resource.partition("/")
    attributes = {"verb": verb, "resource": name, "subresource": subresource, "group": _GROUPS[name], "namespace": "x"}
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SubjectAccessReview",
        "spec": {
            "user": f"system:serviceaccount:sdpipeline-system:{OPERATOR}",
            "resourceAttributes": attributes,
        },
    }
    answer = cluster.kubectl("create", "--filename=-", "--output=json", stdin=json.dumps(review))
    allowed: bool = json.loads(answer)["status"]["allowed"]
    return allowed


_GROUPS = {
    "deployments": "apps",
    "services": "",
    "pods": "",
    "stablediffusionpipelines": "sdpipeline.dev",
}
