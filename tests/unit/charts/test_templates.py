"""What the chart makes of its values."""

from typing import Any

import pytest
import yaml
from tests.support.chart import CHART, NAMESPACE, OPERATOR, REPOSITORY, container, environment, only, render

from sdp_operator.settings import Settings

CRD = REPOSITORY / "crds" / "stablediffusionpipelines.yaml"


def _pod(values: dict[str, Any]) -> dict[str, Any]:
    return dict(only(render(values), "Deployment")["spec"]["template"]["spec"])


def test_the_charts_copy_of_the_definition_is_the_generated_one() -> None:
    assert (CHART / "files" / CRD.name).read_bytes() == CRD.read_bytes(), "run `make generate`"


def test_the_definition_is_installed_whole_and_kept_on_uninstall() -> None:
    found = only(render(), "CustomResourceDefinition")
    assert found["metadata"].pop("annotations") == {"helm.sh/resource-policy": "keep"}
    assert found == yaml.safe_load(CRD.read_text())


def test_the_definition_can_be_left_to_another_release() -> None:
    assert "CustomResourceDefinition" not in {one["kind"] for one in render({"crd.create": False})}


def test_by_default_the_operator_is_told_what_it_defaults_to() -> None:
    variables = environment(render())
    # Left to itself the operator decides by where its log goes.
    assert variables.pop("SDP_LOG_FORMAT") == "json"
    defaults = Settings()
    assert variables == {
        "SDP_PULLER_IMAGE": defaults.puller_image,
        "SDP_GATEWAY_IMAGE": defaults.gateway_image,
        "SDP_EXPORTER_IMAGE": defaults.exporter_image,
        "SDP_SERVER_IMAGE": defaults.server_image,
        "SDP_GPU_SERVER_IMAGE": defaults.gpu_server_image,
        "SDP_SERVER_TENSORFLOW": defaults.server_tensorflow,
        "SDP_ACCELERATOR_LABEL": defaults.accelerator_label,
        "SDP_LEASE_NAME": defaults.lease_name,
    }


def test_what_the_operator_is_told_are_settings_that_it_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    objects = render(
        {
            "namespaces": ["team-a", "1"],
            "localFilesRoot": "/srv/models",
            "cacheRoot": "/var/cache/sdpipeline",
            "serverTensorflow": "2.19",
            "storageEmulatorHost": "http://emulator:4443",
            "logFormat": "text",
            "acceleratorLabel": "nvidia.com/gpu.product",
        }
    )
    for name, value in environment(objects).items():
        monkeypatch.setenv(name, value)
    settings = Settings()
    assert settings.namespaces == ("team-a", "1")
    assert str(settings.local_files_root) == "/srv/models"
    assert str(settings.cache_root) == "/var/cache/sdpipeline"
    assert settings.server_tensorflow == "2.19"
    assert settings.storage_emulator_host == "http://emulator:4443"
    assert settings.log_format == "text"
    assert settings.accelerator_label == "nvidia.com/gpu.product"
    known = {f"SDP_{name.upper()}" for name in Settings.model_fields}
    assert {one["name"] for one in container(objects)["env"]} <= known


def test_pods_know_the_namespace_of_their_lease_and_their_name() -> None:
    variables = {one["name"]: one.get("valueFrom") for one in container(render())["env"]}
    assert variables["SDP_LEASE_NAMESPACE"] == {"fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.namespace"}}
    assert variables["SDP_IDENTITY"] == {"fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.name"}}


def test_the_registry_goes_before_this_projects_images_only() -> None:
    objects = render({"images.registry": "registry:5000/ai/"})
    variables = environment(objects)
    assert container(objects)["image"] == "registry:5000/ai/sdpipeline/operator:0.1.0"
    assert variables["SDP_PULLER_IMAGE"] == "registry:5000/ai/sdpipeline/puller:0.1.0"
    assert variables["SDP_GATEWAY_IMAGE"] == "registry:5000/ai/sdpipeline/gateway:0.1.0"
    assert variables["SDP_EXPORTER_IMAGE"] == "registry:5000/ai/sdpipeline/exporter:0.1.0"
    assert variables["SDP_SERVER_IMAGE"] == Settings().server_image
    assert variables["SDP_GPU_SERVER_IMAGE"] == Settings().gpu_server_image


def test_a_digest_beats_the_tag() -> None:
    digest = f"sha256:{'a' * 64}"
    objects = render({"images.operator": {"tag": "1.2", "digest": digest}, "images.puller.tag": "1.2"})
    assert container(objects)["image"] == f"sdpipeline/operator@{digest}"
    assert environment(objects)["SDP_PULLER_IMAGE"] == "sdpipeline/puller:1.2"


@pytest.mark.parametrize(
    ("release", "name"),
    [
        ("sdpipeline", "sdpipeline-operator"),
        ("my-sdpipeline", "my-sdpipeline-operator"),
        ("team-a", "team-a-sdpipeline-operator"),
        ("x" * 53, f"{'x' * 50}-operator"),
    ],
)
def test_two_releases_differ_in_the_names_of_all_they_make(release: str, name: str) -> None:
    objects = render({"aggregateRoles.create": False, "crd.create": False}, release=release)
    assert {one["metadata"]["name"].removesuffix("-lease") for one in objects} == {name}
    assert environment(objects)["SDP_LEASE_NAME"] == name
    assert only(objects, "Deployment")["spec"]["selector"] == {"matchLabels": {"app.kubernetes.io/name": name}}


def test_the_pod_is_what_the_restricted_level_asks_for_and_writes_only_to_tmp() -> None:
    pod = _pod({})
    [one] = pod["containers"]
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert one["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert one["volumeMounts"] == [{"name": "tmp", "mountPath": "/tmp"}]
    assert pod["volumes"] == [{"name": "tmp", "emptyDir": {}}]


def test_the_pods_prefer_a_node_each_until_an_affinity_is_set() -> None:
    [term] = _pod({})["affinity"]["podAntiAffinity"]["preferredDuringSchedulingIgnoredDuringExecution"]
    assert term["podAffinityTerm"] == {
        "topologyKey": "kubernetes.io/hostname",
        "labelSelector": {"matchLabels": {"app.kubernetes.io/name": OPERATOR}},
    }
    mine: dict[str, Any] = {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {}}}
    assert _pod({"affinity": mine})["affinity"] == mine


def test_where_and_how_the_pods_run_can_be_set() -> None:
    spread = {"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "ScheduleAnyway"}
    wanted: dict[str, Any] = {
        "nodeSelector": {"pool": "system"},
        "tolerations": [{"key": "system", "operator": "Exists", "effect": "NoSchedule"}],
        "topologySpreadConstraints": [spread],
        "priorityClassName": "high",
        "imagePullSecrets": [{"name": "registry"}],
    }
    pod = _pod(wanted)
    assert {key: pod[key] for key in wanted} == wanted


def test_the_resources_the_labels_and_the_annotations_of_the_pods_can_be_set() -> None:
    objects = render(
        {
            "resources": {"limits": {"memory": "1Gi"}},
            "podLabels": {"team": "a"},
            "podAnnotations": {"example.com/note": "1"},
            "serviceAccount.annotations": {"example.com/account": "a"},
            "replicas": 3,
        }
    )
    deployment = only(objects, "Deployment")
    meta = deployment["spec"]["template"]["metadata"]
    assert deployment["spec"]["replicas"] == 3
    assert meta["labels"]["team"] == "a"
    assert meta["annotations"] == {"example.com/note": "1"}
    assert container(objects)["resources"]["limits"] == {"memory": "1Gi"}
    assert only(objects, "ServiceAccount")["metadata"]["annotations"] == {"example.com/account": "a"}


def test_the_disruption_budget_can_be_set_and_left_out() -> None:
    assert only(render(), "PodDisruptionBudget")["spec"] == {
        "maxUnavailable": 1,
        "selector": {"matchLabels": {"app.kubernetes.io/name": OPERATOR}},
    }
    half = render({"podDisruptionBudget.maxUnavailable": "50%"})
    assert only(half, "PodDisruptionBudget")["spec"]["maxUnavailable"] == "50%"
    assert "PodDisruptionBudget" not in {one["kind"] for one in render({"podDisruptionBudget.create": False})}


def test_prometheus_is_told_of_the_operator_where_asked() -> None:
    assert "PodMonitor" not in {one["kind"] for one in render()}
    monitor = {"create": True, "interval": "1m", "labels": {"release": "prometheus"}}
    found = only(render({"monitoring.podMonitor": monitor}), "PodMonitor")
    assert found["metadata"]["labels"]["release"] == "prometheus"
    assert found["spec"]["selector"] == {"matchLabels": {"app.kubernetes.io/name": OPERATOR}}
    [endpoint] = found["spec"]["podMetricsEndpoints"]
    assert endpoint == {"port": "health", "path": "/metrics", "interval": "1m"}
    assert {"name": "health", "containerPort": 8080} in container(render())["ports"]


def test_all_that_can_be_in_a_namespace_says_in_which() -> None:
    cluster_wide = {"ClusterRole", "ClusterRoleBinding", "CustomResourceDefinition"}
    namespaces = {one["metadata"].get("namespace") for one in render() if one["kind"] not in cluster_wide}
    assert namespaces == {NAMESPACE}
