"""What the API server lets the operator and the users do after `helm install`."""

import json
from typing import Final, NamedTuple

from tests.support.chart import NAMESPACE, OPERATOR, install
from tests.support.eventually import eventually

from devcluster.cluster import Cluster


class Deed(NamedTuple):
    """Something that the API server may be asked to do."""

    verb: str
    resource: str
    """As kubectl writes it: resource.group/subresource."""


PIPELINES: Final = "stablediffusionpipelines.sdpipeline.dev"
SERVING: Final = (
    Deed("watch", PIPELINES),
    Deed("patch", f"{PIPELINES}/status"),
    Deed("create", "deployments.apps"),
    Deed("create", "jobs.batch"),
    Deed("patch", "services"),
    Deed("delete", "configmaps"),
    Deed("list", "pods"),
    Deed("patch", "pods"),
    Deed("create", "events"),
)
NODES: Final = Deed("watch", "nodes")
NEVER: Final = (
    Deed("get", "secrets"),
    Deed("list", "secrets"),
    Deed("create", "pods"),
    Deed("delete", "pods"),
    Deed("get", "pods/log"),
    Deed("create", "pods/exec"),
    Deed("create", "serviceaccounts/token"),
    Deed("patch", PIPELINES),
    Deed("delete", PIPELINES),
    Deed("patch", "nodes"),
    Deed("create", "rolebindings.rbac.authorization.k8s.io"),
    Deed("create", "clusterrolebindings.rbac.authorization.k8s.io"),
    Deed("patch", "customresourcedefinitions.apiextensions.k8s.io"),
)
LEASE: Final = (Deed("get", "leases.coordination.k8s.io"), Deed("update", "leases.coordination.k8s.io"))


def _may(cluster: Cluster, user: str, deed: Deed, namespace: str, name: str = "") -> bool:
    resource, _, subresource = deed.resource.partition("/")
    plural, _, group = resource.partition(".")
    attributes = {
        "namespace": namespace,
        "verb": deed.verb,
        "group": group,
        "resource": plural,
        "subresource": subresource,
        "name": name,
    }
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SubjectAccessReview",
        "spec": {"user": user, "resourceAttributes": attributes},
    }
    answer = cluster.kubectl("create", "--filename=-", "--output=json", stdin=json.dumps(review))
    return bool(json.loads(answer)["status"]["allowed"])


def _allowed(cluster: Cluster, deeds: tuple[Deed, ...], namespace: str, name: str = "") -> set[Deed]:
    operator = f"system:serviceaccount:{NAMESPACE}:{OPERATOR}"
    return {deed for deed in deeds if _may(cluster, operator, deed, namespace, name)}


def _expect(allowed: set[Deed], cluster: Cluster, deeds: tuple[Deed, ...], namespace: str, name: str = "") -> None:
    """Of these deeds, just the allowed ones are; the API server learns of new roles a moment after they are made."""
    eventually(
        lambda: _allowed(cluster, deeds, namespace, name) == allowed, f"the rights in {namespace or 'the cluster'}"
    )


def test_the_operator_may_serve_everywhere_and_do_nothing_else(teams: Cluster) -> None:
    install(teams, "--create-namespace")
    for namespace in ("team-a", "team-b"):
        _expect({*SERVING, NODES}, teams, (*SERVING, NODES), namespace)
        _expect(set(), teams, NEVER, namespace)


def test_with_named_namespaces_it_may_serve_in_these_only(teams: Cluster) -> None:
    install(teams, "--create-namespace", "--set=namespaces={team-a}")
    _expect({*SERVING, NODES}, teams, (*SERVING, NODES), "team-a")
    _expect(set(), teams, SERVING, "team-b")
    _expect(set(), teams, SERVING, "")
    _expect(set(), teams, NEVER, "team-a")


def test_nodes_can_be_kept_from_it(teams: Cluster) -> None:
    install(teams, "--create-namespace", "--set=namespaces={team-a}", "--set=nodes.read=false")
    _expect(set(SERVING), teams, (*SERVING, NODES), "team-a")


def test_it_may_write_its_own_lease_and_no_other(teams: Cluster) -> None:
    install(teams, "--create-namespace")
    _expect(set(LEASE), teams, LEASE, NAMESPACE, OPERATOR)
    _expect(set(), teams, LEASE, NAMESPACE, "another")
    _expect(set(), teams, LEASE, "team-a", OPERATOR)


def test_who_may_view_or_edit_a_namespace_may_do_so_with_its_pipelines(teams: Cluster) -> None:
    install(teams, "--create-namespace")
    for role in ("view", "edit"):
        teams.kubectl("create", "rolebinding", role, f"--clusterrole={role}", f"--user={role}er", "--namespace=team-a")
    get, patch = Deed("get", PIPELINES), Deed("patch", PIPELINES)
    eventually(lambda: _may(teams, "viewer", get, "team-a"), "the role view has the chart's")
    eventually(lambda: _may(teams, "editer", patch, "team-a"), "the role edit has the chart's")
    assert _may(teams, "editer", get, "team-a")
    assert not _may(teams, "viewer", patch, "team-a")
    assert not _may(teams, "editer", patch, "team-b")
