"""The golden files' children, held against a real API server."""

import json
from pathlib import Path

import pytest
import yaml

from devcluster.pytest_plugin import Namespace
from sdp_operator.desired.identity import MANAGER
from sdp_operator.drift import is_as_applied
from sdp_operator.objects import KubeObject

DATA = Path(__file__).parents[3] / "unit" / "sdp_operator" / "data"
_UNKNOWN = {"PodMonitor"}
"""Kinds that the Prometheus operator brings."""


@pytest.mark.parametrize("golden", sorted(DATA.glob("*.children.yaml")), ids=lambda path: path.name.partition(".")[0])
def test_the_api_server_takes_the_children_and_finds_nothing_to_change_in_them(
    golden: Path, namespace: Namespace
) -> None:
    for child in yaml.safe_load_all(golden.read_text()):
        if child["kind"] in _UNKNOWN:
            continue
        wanted = _in(namespace, child)
        live = json.loads(
            namespace.kubectl(
                "apply", "--server-side", f"--field-manager={MANAGER}", "--filename=-", "--output=json",
                stdin=json.dumps(wanted),
            )
        )  # fmt: skip
        assert is_as_applied(live, wanted), f"{child['kind']} {child['metadata']['name']}"


@pytest.mark.parametrize("case", ["minimal", "gpu"])
def test_the_pods_are_let_in_where_the_restricted_level_is_enforced(case: str, namespace: Namespace) -> None:
    namespace.cluster.kubectl("label", "namespace", namespace.name, "pod-security.kubernetes.io/enforce=restricted")
    children = list(yaml.safe_load_all((DATA / f"{case}.children.yaml").read_text()))
    (deployment,) = (child for child in children if child["kind"] == "Deployment")
    pod = deployment["spec"]["template"]
    account = pod["spec"].get("serviceAccountName", "default")
    if account != "default":
        namespace.kubectl("create", "serviceaccount", account)
    namespace.kubectl("wait", "--for=create", f"serviceaccount/{account}", "--timeout=30s")
    body = {"apiVersion": "v1", "kind": "Pod", **pod, "metadata": {**pod["metadata"], "name": "replica"}}
    made = namespace.kubectl("create", "--dry-run=server", "--filename=-", "--output=name", stdin=json.dumps(body))
    assert made.strip() == "pod/replica"


def _in(namespace: Namespace, child: KubeObject) -> KubeObject:
    """The child in the test's namespace, without an owner: it would be deleted after one that is not there."""
    meta = {key: value for key, value in child["metadata"].items() if key != "ownerReferences"}
    return {**child, "metadata": {**meta, "namespace": namespace.name}}
