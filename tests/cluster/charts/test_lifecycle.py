"""Installing, upgrading and removing the operator with Helm."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from tests.support.chart import CHART, CRD, NAMESPACE, OPERATOR, RELEASE, REPOSITORY, install

from devcluster import ClusterError
from devcluster.cluster import Cluster
from devcluster.helm import helm

EXAMPLE = REPOSITORY / "examples" / "pipeline.yaml"
DEPLOYMENT = f"deployment/{OPERATOR}"


def _install(cluster: Cluster, *more: str) -> None:
    install(cluster, "--create-namespace", *more)


def _get(cluster: Cluster, *what: str) -> dict[str, Any]:
    return dict(json.loads(cluster.kubectl("get", *what, "--output=json")))


def _uid(cluster: Cluster, *what: str) -> str:
    return str(_get(cluster, *what)["metadata"]["uid"])


def test_an_empty_cluster_takes_pipelines_after_one_command(empty: Cluster) -> None:
    _install(empty)
    empty.kubectl("apply", "--filename", str(EXAMPLE))
    assert _get(empty, "sdpipeline/sd-tiny")["spec"]["diffusionModel"]["gpu"]["count"] == 1
    assert _get(empty, DEPLOYMENT, "--namespace", NAMESPACE)["spec"]["replicas"] == 2


def test_what_to_do_next_is_said(empty: Cluster) -> None:
    said = helm("install", RELEASE, str(CHART), f"--namespace={NAMESPACE}", "--create-namespace", cluster=empty)
    assert "serves the pipelines of all namespaces" in said
    assert "--set images.registry=REGISTRY" in said
    assert "kubectl apply -f examples/pipeline.yaml" in said


def test_an_upgrade_changes_the_definition_and_keeps_the_pipelines(empty: Cluster, tmp_path: Path) -> None:
    _install(empty)
    empty.kubectl("apply", "--filename", str(EXAMPLE))
    before = _uid(empty, "sdpipeline/sd-tiny")
    newer = tmp_path / "sdpipeline"
    shutil.copytree(CHART, newer)
    definition = newer / "files" / f"{CRD.partition('.')[0]}.yaml"
    definition.write_text(definition.read_text().replace("    - sdp\n", "    - sdp\n    - diffusion\n"))

    helm("upgrade", RELEASE, str(newer), f"--namespace={NAMESPACE}", cluster=empty)

    assert "diffusion" in _get(empty, f"crd/{CRD}")["spec"]["names"]["shortNames"]
    assert _uid(empty, "sdpipeline/sd-tiny") == before


def test_an_upgrade_that_changes_nothing_restarts_no_operator(empty: Cluster) -> None:
    _install(empty)
    before = _get(empty, DEPLOYMENT, "--namespace", NAMESPACE)["metadata"]["generation"]
    helm("upgrade", RELEASE, str(CHART), f"--namespace={NAMESPACE}", cluster=empty)
    assert _get(empty, DEPLOYMENT, "--namespace", NAMESPACE)["metadata"]["generation"] == before


def test_an_uninstall_leaves_the_definition_and_the_pipelines_and_an_install_finds_them_again(empty: Cluster) -> None:
    _install(empty)
    empty.kubectl("apply", "--filename", str(EXAMPLE))
    before = _uid(empty, "sdpipeline/sd-tiny")

    helm("uninstall", RELEASE, f"--namespace={NAMESPACE}", cluster=empty)

    assert _uid(empty, "sdpipeline/sd-tiny") == before
    ours = "--selector=app.kubernetes.io/part-of=sdpipeline"
    kinds = "deployments,serviceaccounts,roles,rolebindings,poddisruptionbudgets"
    assert _get(empty, kinds, ours, "--namespace", NAMESPACE)["items"] == []
    assert _get(empty, "clusterroles,clusterrolebindings", ours)["items"] == []

    _install(empty)
    assert _uid(empty, "sdpipeline/sd-tiny") == before


def test_what_kubectl_installed_is_taken_over_where_asked(empty: Cluster) -> None:
    empty.kubectl("apply", "--kustomize", str(REPOSITORY / "deploy"))
    before = _get(empty, DEPLOYMENT, "--namespace", NAMESPACE)
    with pytest.raises(ClusterError, match="exists and cannot be imported"):
        _install(empty)

    _install(empty, "--take-ownership")

    after = _get(empty, DEPLOYMENT, "--namespace", NAMESPACE)
    assert after["metadata"]["uid"] == before["metadata"]["uid"]
    assert after["spec"] == before["spec"]
