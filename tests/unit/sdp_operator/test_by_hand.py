from typing import Any

import pytest

from sdp_operator.by_hand import added_by_hand
from sdp_operator.objects import KubeObject

WANTED: KubeObject = {"kind": "Deployment", "spec": {"template": {"spec": {"containers": [{"name": "server"}]}}}}
BY_HAND = {"hostNetwork": True, "tolerations": [{"operator": "Exists"}], "serviceAccountName": "x"}


def test_what_a_hand_gave_to_the_pods_is_to_go() -> None:
    assert added_by_hand(_live(BY_HAND, manager="kubectl-edit"), WANTED) == [
        "/spec/template/spec/hostNetwork",
        "/spec/template/spec/serviceAccountName",
        "/spec/template/spec/tolerations",
    ]


@pytest.mark.parametrize("manager", ["sdpipeline-operator", None])
def test_what_an_admission_webhook_adds_while_the_operator_applies_stays(manager: str | None) -> None:
    assert added_by_hand(_live(BY_HAND, manager=manager), WANTED) == []


def test_what_the_operator_wants_is_left_to_the_apply() -> None:
    wanted = {"kind": "Deployment", "spec": {"template": {"spec": {"serviceAccountName": "reader"}}}}
    live = _live({"serviceAccountName": "x", "serviceAccount": "x"}, manager="kubectl-edit")
    assert added_by_hand(live, wanted) == []


def test_what_the_api_server_fills_in_and_other_kinds_are_left_alone() -> None:
    assert added_by_hand(_live({"dnsPolicy": "Default"}, manager="kubectl-edit"), WANTED) == []
    assert added_by_hand(_live(BY_HAND, manager="kubectl-edit"), {**WANTED, "kind": "Job"}) == []


def _live(added: dict[str, Any], *, manager: str | None) -> KubeObject:
    fields: KubeObject = {"f:spec": {"f:template": {"f:spec": {f"f:{field}": {} for field in added}}}}
    managed: list[KubeObject] = [
        {"manager": "kube-controller-manager", "fieldsV1": {"f:metadata": {}, "f:status": {}}, "subresource": "status"},
        *([] if manager is None else [{"manager": manager, "fieldsV1": fields}]),
    ]
    pod = {"containers": [{"name": "server"}], **added}
    return {"kind": "Deployment", "metadata": {"managedFields": managed}, "spec": {"template": {"spec": pod}}}
