"""The Helm chart: rendered, and what is in it found again."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import yaml
from tests.support.eventually import eventually

from devcluster.cluster import Cluster
from devcluster.errors import ClusterError
from devcluster.helm import helm

REPOSITORY: Final = Path(__file__).parents[2]
CHART: Final = REPOSITORY / "charts" / "sdpipeline"
RELEASE: Final = "sdpipeline"
NAMESPACE: Final = "sdpipeline-system"
OPERATOR: Final = "sdpipeline-operator"
"""The name of all that the release makes."""

CRD: Final = "stablediffusionpipelines.sdpipeline.dev"

Objects = list[dict[str, Any]]


def render(values: Mapping[str, Any] | None = None, *, release: str = RELEASE) -> Objects:
    """What `helm install` would make.

    Raises:
        ClusterError: helm refuses the values.
    """
    text = helm("template", release, str(CHART), f"--namespace={NAMESPACE}", *options(values or {}))
    return [one for one in yaml.safe_load_all(text) if one]


def install(cluster: Cluster, *more: str) -> None:
    """Install the chart with its defaults and wait until pipelines can be made.

    Raises:
        ClusterError: helm can't.
    """
    helm("install", RELEASE, str(CHART), f"--namespace={NAMESPACE}", *more, cluster=cluster)
    cluster.kubectl("wait", "--for=condition=Established", f"crd/{CRD}", "--timeout=30s")
    eventually(lambda: _serves_pipelines(cluster), "the API server serves pipelines")


def options(values: Mapping[str, Any]) -> list[str]:
    """The values, as options of helm's."""
    return [f"--set-json={key}={json.dumps(value)}" for key, value in values.items()]


def only(objects: Objects, kind: str, name: str | None = None) -> dict[str, Any]:
    """The one object of the kind, and of the name where one is given."""
    [found] = [one for one in objects if one["kind"] == kind and name in (None, one["metadata"]["name"])]
    return found


def container(objects: Objects) -> dict[str, Any]:
    """The operator's container."""
    [found] = only(objects, "Deployment")["spec"]["template"]["spec"]["containers"]
    return dict(found)


def environment(objects: Objects) -> dict[str, str]:
    """The variables with a value that the operator's container gets."""
    return {one["name"]: one["value"] for one in container(objects)["env"] if "value" in one}


def _serves_pipelines(cluster: Cluster) -> bool:
    """False also after Established, while the API server opens the new kind's store and announces the kind."""
    try:
        cluster.kubectl("get", "sdpipelines", "--all-namespaces")
    except ClusterError:
        return False
    return True
