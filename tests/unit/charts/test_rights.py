"""What the chart lets the operator do: no more than it needs."""

from typing import Any

from tests.support.chart import NAMESPACE, OPERATOR, Objects, only, render

CHILD = {"get", "list", "watch", "create", "patch", "delete"}
IN_A_NAMESPACE = {
    "stablediffusionpipelines.sdpipeline.dev": {"get", "list", "watch"},
    "stablediffusionpipelines/status.sdpipeline.dev": {"patch"},
    "configmaps": CHILD,
    "services": CHILD,
    "deployments.apps": CHILD,
    "horizontalpodautoscalers.autoscaling": CHILD,
    "jobs.batch": CHILD,
    "httproutes.gateway.networking.k8s.io": CHILD,
    "podmonitors.monitoring.coreos.com": CHILD,
    "ingresses.networking.k8s.io": CHILD,
    "networkpolicies.networking.k8s.io": CHILD,
    "poddisruptionbudgets.policy": CHILD,
    "pods": {"list", "watch", "patch"},
    "events": {"list", "watch", "create"},
}
NODES = {"nodes": {"list", "watch"}}
DEFINITIONS = {"customresourcedefinitions.apiextensions.k8s.io": {"watch"}}


def _rights(role: dict[str, Any]) -> dict[str, set[str]]:
    return {
        f"{resource}.{group}".removesuffix("."): set(rule["verbs"])
        for rule in role["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
    }


def _bound(objects: Objects) -> set[tuple[str, str, str | None]]:
    """The roles that the operator's ServiceAccount has, and in which namespace."""
    return {
        (one["roleRef"]["kind"], one["roleRef"]["name"], one["metadata"].get("namespace"))
        for one in objects
        if one["kind"] in {"RoleBinding", "ClusterRoleBinding"}
        and one["subjects"] == [{"kind": "ServiceAccount", "name": OPERATOR, "namespace": NAMESPACE}]
    }


LEASE = ("Role", "sdpipeline-operator-lease", NAMESPACE)


def test_for_all_namespaces_the_operator_has_these_rights() -> None:
    objects = render()
    assert _rights(only(objects, "ClusterRole", OPERATOR)) == {**IN_A_NAMESPACE, **DEFINITIONS, **NODES}
    assert _bound(objects) == {("ClusterRole", OPERATOR, None), LEASE}


def test_for_named_namespaces_it_has_a_role_in_each_and_sees_no_more_than_nodes_besides() -> None:
    objects = render({"namespaces": ["team-a", "1"]})
    roles = [one for one in objects if one["kind"] == "Role" and one["metadata"]["name"] == OPERATOR]
    assert [role["metadata"]["namespace"] for role in roles] == ["team-a", "1"]
    assert [_rights(role) for role in roles] == [IN_A_NAMESPACE, IN_A_NAMESPACE]
    assert _rights(only(objects, "ClusterRole", OPERATOR)) == NODES
    assert _bound(objects) == {
        ("Role", OPERATOR, "team-a"),
        ("Role", OPERATOR, "1"),
        ("ClusterRole", OPERATOR, None),
        LEASE,
    }


def test_nodes_can_be_kept_from_it() -> None:
    everywhere = render({"nodes.read": False})
    assert _rights(only(everywhere, "ClusterRole", OPERATOR)) == {**IN_A_NAMESPACE, **DEFINITIONS}
    assert _bound(render({"nodes.read": False, "namespaces": ["team-a"]})) == {("Role", OPERATOR, "team-a"), LEASE}


def test_of_leases_it_writes_its_own_only() -> None:
    assert only(render(), "Role", "sdpipeline-operator-lease")["rules"] == [
        {
            "apiGroups": ["coordination.k8s.io"],
            "resources": ["leases"],
            "resourceNames": [OPERATOR],
            "verbs": ["get", "update"],
        },
        {"apiGroups": ["coordination.k8s.io"], "resources": ["leases"], "verbs": ["create"]},
    ]


def test_users_rights_come_with_the_roles_view_edit_and_admin_unless_switched_off() -> None:
    objects = render()
    pipelines = "stablediffusionpipelines.sdpipeline.dev"
    assert _rights(only(objects, "ClusterRole", "sdpipeline-view")) == {pipelines: {"get", "list", "watch"}}
    assert _rights(only(objects, "ClusterRole", "sdpipeline-edit")) == {
        pipelines: {"create", "update", "patch", "delete", "deletecollection"}
    }
    without = {one["metadata"]["name"] for one in render({"aggregateRoles.create": False})}
    assert not without & {"sdpipeline-view", "sdpipeline-edit"}


def test_an_account_of_ones_own_gets_the_rights() -> None:
    objects = render({"serviceAccount": {"create": False, "name": "mine"}})
    assert "ServiceAccount" not in {one["kind"] for one in objects}
    assert only(objects, "ClusterRoleBinding")["subjects"] == [
        {"kind": "ServiceAccount", "name": "mine", "namespace": NAMESPACE}
    ]
    assert only(objects, "Deployment")["spec"]["template"]["spec"]["serviceAccountName"] == "mine"
