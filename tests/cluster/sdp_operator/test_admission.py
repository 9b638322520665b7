"""What the API server refuses, and the sentence that it refuses with."""

import json
from collections.abc import Iterator, Mapping
from copy import deepcopy
from typing import Any

import pytest
from tests.support.pipeline_client import EXAMPLE, PipelineClient

from devcluster.errors import ClusterError
from devcluster.pytest_plugin import Namespace
from sdp_operator.api.crd import custom_resource_definition

MODEL = {"model": "gs://bucket/decoder"}
CACHE = {"name": "cache", "emptyDir": {}}


def _overrides(**overrides: Any) -> dict[str, Any]:
    return {**MODEL, "overrides": overrides}


@pytest.mark.parametrize(
    ("component", "sentence"),
    [
        ({**MODEL, "colour": "red"}, 'unknown field "spec.decoder.colour"'),
        ({**MODEL, "gpu": {"count": -1}}, "spec.decoder.gpu.count in body should be greater than or equal to 0"),
        (
            {**MODEL, "gpu": {"count": 0, "accelerator": "nvidia-l4"}},
            "spec.decoder.gpu: Invalid value: gpu.accelerator",
        ),
        ({**MODEL, "image": "i"}, "spec.decoder: Invalid value: set exactly one source of the component: model"),
        ({}, "spec.decoder: Invalid value: set exactly one source of the component: model"),
        ({"model": ""}, 'spec.decoder.model: Invalid value: "": model must be the URI of an exported model'),
        ({"model": "s3://b/x"}, 'spec.decoder.model: Invalid value: "s3://b/x": model must be the URI'),
        ({"model": "https://host/x"}, 'spec.decoder.model: Invalid value: "https://host/x": model must be the URI'),
        ({"model": "pvc://Claim/x"}, 'spec.decoder.model: Invalid value: "pvc://Claim/x": model must be the URI'),
        ({**MODEL, "canary": {**MODEL, "percent": 5}}, 'unknown field "spec.decoder.canary"'),
        ({"model": "gs://b/../x"}, "model must not contain '..': write the folder's full path"),
        ({"image": ""}, "spec.decoder.image in body should be at least 1 chars long"),
        ({"image": "i", "server": {"image": "j"}}, "server.image can't be set together with image"),
        ({**MODEL, "resources": {"limits": {"nvidia.com/gpu": 1}}}, "ask for GPUs with gpu.count"),
        (
            {**MODEL, "resources": {"limits": {"memory": "8 Gigs"}}},
            "spec.decoder.resources.limits: Invalid value: every amount must be a quantity",
        ),
        (
            {**MODEL, "resources": {"limits": {"memory": "-"}}},
            "every amount must be a quantity that is not negative: write one such as 2, 500m or 8Gi",
        ),
        (
            {**MODEL, "resources": {"requests": {"cpu": 2}, "limits": {"cpu": "1500m"}}},
            "resources.requests must not exceed resources.limits: raise the limit",
        ),
        ({**MODEL, "tolerations": [{"value": "x"}]}, "set key, or set operator to Exists"),
        ({**MODEL, "nodeSelector": {"a b": "c"}}, "every label's key must be one that Kubernetes takes: write one"),
        (
            {"image": "a b"},
            'spec.decoder.image: Invalid value: "a b": an image\'s name has no spaces: write one such as',
        ),
        ({"from": {"pipeline": "Sd"}}, "no pipeline can have this name: write one of lower-case letters"),
        ({"from": {"pipeline": "sd"}, "tolerations": []}, "runs as that one says: remove gpu"),
        ({**MODEL, "runtimeClassName": "a..b"}, "no object can have this name: write one of lower-case letters"),
        (
            {**MODEL, "topologySpreadConstraints": [{"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "No"}]},
            'whenUnsatisfiable: Unsupported value: "No": supported values: "DoNotSchedule", "ScheduleAnyway"',
        ),
        (
            {**MODEL, "autoscaling": {"maxReplicas": 2, "metric": {"name": "m", "averageValue": "0"}}},
            "averageValue is a quantity above 0: write one such as 20 or 500m",
        ),
        (
            _overrides(volumes=[{"name": "tmp", "emptyDir": {}}]),
            "has a volume of this name itself: choose another name",
        ),
        (
            _overrides(volumes=[{"name": "desired-models", "emptyDir": {}}]),
            "has a volume of this name itself: choose another name",
        ),
        (_overrides(volumes=[{"name": "cache", "hostPath": {"path": "/etc"}}]), "hostPath"),
        (_overrides(volumes=[{"name": "cache"}]), "a volume has exactly one source: set one of emptyDir, configMap"),
        (
            _overrides(volumes=[CACHE], volumeMounts=[{"name": "cache", "mountPath": "/models/x"}]),
            "the operator mounts /tmp, /models and /etc/tensorflow-serving itself: choose another path",
        ),
        (
            _overrides(volumes=[CACHE], volumeMounts=[{"name": "cash", "mountPath": "/cache"}]),
            "every one of overrides.volumeMounts needs a volume: add it to overrides.volumes",
        ),
        (_overrides(env=[{"name": "A", "valueFrom": {}}]), "a value is taken from one place: set exactly one of"),
        (_overrides(env=[{"name": "A", "value": "b"}, {"name": "A", "value": "c"}]), 'Duplicate value: {"name":"A"}'),
        ({**MODEL, "replicas": -1}, "spec.decoder.replicas in body should be greater than or equal to 0"),
        ({**MODEL, "restTimeoutSeconds": 0}, "spec.decoder.restTimeoutSeconds in body should be greater than"),
    ],
)
def test_a_bad_component_is_refused_by_the_name_of_its_field(
    pipelines: PipelineClient, component: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(ClusterError) as refused:
        pipelines.apply({"decoder": component})
    assert sentence in str(refused.value)


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("stableDiffusion", {"version": "1.5", "height": 65, "width": 64}, "height in body should be a multiple of 8"),
        ("stableDiffusion", {"version": "1.5", "height": 64}, "height and width belong together: set both"),
        ("swap", {"strategy": "Blue"}, 'supported values: "Auto", "InPlace", "Surge", "Drain"'),
        ("swap", {"watchSeconds": 86401}, "watchSeconds in body should be less than or equal to 86400"),
        ("cache", {}, "a cache is one place: set exactly one of hostPath and claimName"),
        ("cache", {"hostPath": "/c", "claimName": "c"}, "a cache is one place: set exactly one of hostPath and claim"),
        ("cache", {"hostPath": "c"}, "hostPath is the absolute path of a folder: write one such as /var/cache"),
        ("cache", {"hostPath": "/c/../etc"}, "hostPath is the absolute path of a folder: write one such as /var/cache"),
        ("cache", {"claimName": "c", "sizeGiB": 0}, "sizeGiB in body should be greater than or equal to 1"),
        (
            "diffusionModel",
            {"image": "i", "canary": {**MODEL, "percent": 5}},
            "canary stands beside model: set model, or remove canary",
        ),
        ("diffusionModel", {**MODEL, "canary": {"model": "x", "percent": 5}}, "model must be the URI of an exported"),
        ("diffusionModel", {**MODEL, "canary": {**MODEL, "percent": 101}}, "should be less than or equal to 100"),
        ("monitoring", {"podMonitor": {"interval": "1s1h"}}, "interval is a time: write one such as 30s or 1m30s"),
        ("networkPolicy", {"peers": [{}]}, "a peer is told by ipBlock or by selectors: set either"),
        ("networkPolicy", {"peers": [{"ipBlock": {"cidr": "10.0.0.0"}}]}, "write one such as 10.0.0.0/8"),
        ("sharing", {"namespaces": ["Art"]}, "no namespace can have this name: write one of lower-case letters"),
        ("gateway", {"ingress": {"host": "10.0.0.1"}}, "a host is a name of DNS and no address: write one such as"),
        (
            "gateway",
            {"ingress": {"host": "a.b", "className": "c", "annotations": {"kubernetes.io/ingress.class": "c"}}},
            "named by className and by the annotation kubernetes.io/ingress.class: remove the annotation",
        ),
        ("gateway", {"route": {"parentRefs": [], "hostnames": ["a.b"]}}, "should have at least 1 items"),
        ("imagePullSecrets", [{"name": "a"}, {"name": "a"}], 'Duplicate value: {"name":"a"}'),
        ("export", {"to": "gs://bucket/x y"}, "export.to must not contain spaces: write the URI without them"),
    ],
)
def test_a_bad_field_of_the_pipeline_is_refused_by_its_name(
    pipelines: PipelineClient, field: str, value: Any, sentence: str
) -> None:
    with pytest.raises(ClusterError) as refused:
        pipelines.apply({"decoder": MODEL, field: value})
    assert sentence in str(refused.value)
    assert f"spec.{field}" in str(refused.value)


_UNET = "gs://b/unet.safetensors"


@pytest.mark.parametrize(
    ("component", "weights", "wanted", "sentence"),
    [
        ("diffusionModel", "striped", {"version": "1.5"}, "write for tiny base or striped, and for others pre"),
        ("textEncoder", _UNET, {"version": "tiny"}, "write for tiny base or sks, and for others"),
        ("decoder", "random", {"version": "tiny"}, "decoder.weights must be of stableDiffusion.version"),
        ("decoder", "hf://user/model", {"version": "2.1"}, "or a URI such as gs://bucket/unet.safetensors"),
        ("decoder", "pretrained", {"version": "1.5"}, "weights can be pretrained for 1.4 and 2.1 only"),
        ("imageEncoder", _UNET, {"version": "1.5", "height": 512, "width": 768}, "for square images of a multiple"),
        ("diffusionModel", _UNET, {"version": "1.5", "height": 72, "width": 72}, "for square images of a multiple"),
        ("decoder", "base", {"version": "tiny", "height": 512, "width": 512}, "for tiny of 64: set"),
        ("decoder", "base", None, "decoder.weights are exported first: set export.to, the folder for exported models"),
    ],
)
def test_weights_that_cannot_be_exported_are_refused(
    pipelines: PipelineClient, component: str, weights: str, wanted: dict[str, Any] | None, sentence: str
) -> None:
    spec = {component: {"weights": weights}, "export": {"to": "gs://b/exported"}}
    with pytest.raises(ClusterError) as refused:
        pipelines.apply(spec if wanted is None else {**spec, "stableDiffusion": wanted})
    assert sentence in str(refused.value)


def test_weights_of_each_kind_are_accepted(pipelines: PipelineClient) -> None:
    pipelines.apply(
        {
            "stableDiffusion": {"version": "2.1", "height": 768, "width": 768},
            "export": {"to": "gs://b/exported"},
            "textEncoder": {"weights": "gs://b/diffusers/my-model/"},
            "diffusionModel": {"weights": _UNET},
            "decoder": {"weights": "pretrained"},
            "imageEncoder": {"weights": "https://example.com/vae.safetensors?download=true#sha256=00"},
        }
    )


def test_a_text_encoder_goes_with_images_of_any_size(pipelines: PipelineClient) -> None:
    wanted = {"version": "1.4", "height": 512, "width": 768}
    pipelines.apply(
        {
            "stableDiffusion": wanted,
            "export": {"to": "gs://b/exported"},
            "textEncoder": {"weights": "pretrained"},
            "decoder": MODEL,
        }
    )


def test_a_pipeline_without_components_is_refused(pipelines: PipelineClient) -> None:
    with pytest.raises(ClusterError, match="spec needs at least one component: add textEncoder"):
        pipelines.apply({})


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("a" * 48, "metadata.name must have at most 47 characters"),
        ("9lives", "metadata.name must start with a letter"),
        ("a.b", "metadata.name must start with a letter"),
    ],
)
def test_a_name_that_its_services_cannot_bear_is_refused(pipelines: PipelineClient, name: str, sentence: str) -> None:
    with pytest.raises(ClusterError, match=sentence):
        pipelines.apply({"decoder": MODEL}, name=name)


@pytest.mark.parametrize("component", ["textEncoder", "diffusionModel", "decoder", "imageEncoder"])
def test_a_component_from_the_pipeline_itself_is_refused(pipelines: PipelineClient, component: str) -> None:
    with pytest.raises(ClusterError, match="a component can't come from the pipeline itself: set"):
        pipelines.apply({component: {"from": {"pipeline": "sd"}}}, name="sd")
    # A namesake of another namespace will do.
    pipelines.apply({component: {"from": {"pipeline": "sd", "namespace": "music"}}}, name="sd")


def test_the_longest_name_and_three_lines_are_enough(pipelines: PipelineClient) -> None:
    pipelines.apply({"decoder": MODEL}, name="a" * 47)
    spec = pipelines.get(name="a" * 47)["spec"]
    assert spec == {
        "decoder": {**MODEL, "replicas": 1, "restTimeoutSeconds": 120, "service": {"type": "ClusterIP"}},
        "driverCheck": "Warn",
        "swap": {"strategy": "Auto", "watchSeconds": 300},
    }


def test_the_example_is_accepted(pipelines: PipelineClient) -> None:
    pipelines.apply(EXAMPLE["spec"])


def test_fields_are_explained(installed: object, namespace: Namespace) -> None:
    explained = namespace.kubectl("explain", "sdpipeline.spec.diffusionModel.model")
    assert "Changing this field swaps" in " ".join(explained.split()), "kubectl wraps the lines"


def test_defaults_are_explained(installed: object, namespace: Namespace) -> None:
    explained = namespace.kubectl("explain", "sdpipeline.spec.driverCheck")
    assert "Default: Warn." in " ".join(explained.split()), "kubectl wraps the lines"


def test_all_fields_are_explained(installed: object, namespace: Namespace) -> None:
    explained = namespace.kubectl("explain", "sdpipeline.spec", "--recursive")
    shown = [line.split()[0] for line in explained.splitlines() if "\t<" in line]
    [version] = custom_resource_definition()["spec"]["versions"]
    spec = version["schema"]["openAPIV3Schema"]["properties"]["spec"]
    assert sorted(shown) == sorted(_fields(spec))


def test_an_example_with_a_misspelt_field_is_refused_by_its_name(pipelines: PipelineClient) -> None:
    spec = deepcopy(EXAMPLE["spec"])
    spec["diffusionModel"]["tolerationz"] = []
    with pytest.raises(ClusterError, match=r'unknown field "spec\.diffusionModel\.tolerationz"'):
        pipelines.apply(spec)


def test_several_owners_share_the_lists_that_are_made_for_it(pipelines: PipelineClient, namespace: Namespace) -> None:
    team, platform = _share_of("team"), _share_of("platform")
    _apply_as(namespace, "team", team)
    _apply_as(namespace, "platform", platform)
    spec = pipelines.get()["spec"]
    assert sorted(spec["sharing"]["namespaces"]) == ["both", "platform-1", "team-1"]
    assert [one["name"] for one in spec["imagePullSecrets"]] == ["team", "platform"]
    overrides = spec["decoder"]["overrides"]
    assert overrides["labels"] == spec["decoder"]["nodeSelector"] == {"team": "yes", "platform": "yes"}
    for field in ("env", "volumes", "volumeMounts"):
        assert len(overrides[field]) == 2, field
    assert len(spec["decoder"]["topologySpreadConstraints"]) == 2
    _apply_as(namespace, "platform", {"decoder": MODEL})
    assert {key: pipelines.get()["spec"].get(key) for key in ("sharing", "imagePullSecrets")} == {
        "sharing": {"namespaces": ["team-1", "both"]},
        "imagePullSecrets": [{"name": "team"}],
    }


def test_a_list_with_one_owner_is_not_taken_over_in_silence(namespace: Namespace, pipelines: PipelineClient) -> None:
    mine = {"decoder": {**MODEL, "tolerations": [{"key": "team", "operator": "Exists"}]}}
    _apply_as(namespace, "team", mine)
    theirs = {"decoder": {**MODEL, "tolerations": [{"key": "platform", "operator": "Exists"}]}}
    with pytest.raises(ClusterError, match=r'conflict with "team": \.spec\.decoder\.tolerations'):
        _apply_as(namespace, "platform", theirs)


def _share_of(who: str) -> dict[str, Any]:
    spread = {"maxSkew": 1, "topologyKey": f"example.com/{who}", "whenUnsatisfiable": "ScheduleAnyway"}
    overrides = {
        "labels": {who: "yes"},
        "env": [{"name": who.upper(), "value": "1"}],
        "volumes": [{"name": who, "emptyDir": {}}],
        "volumeMounts": [{"name": who, "mountPath": f"/{who}"}],
    }
    placement = {"nodeSelector": {who: "yes"}, "topologySpreadConstraints": [spread]}
    return {
        "sharing": {"namespaces": [f"{who}-1", "both"]},
        "imagePullSecrets": [{"name": who}],
        "decoder": {**MODEL, **placement, "overrides": overrides},
    }


def _apply_as(namespace: Namespace, manager: str, spec: dict[str, Any]) -> None:
    body = {"apiVersion": EXAMPLE["apiVersion"], "kind": EXAMPLE["kind"], "metadata": {"name": "sd"}, "spec": spec}
    namespace.kubectl("apply", "--server-side", f"--field-manager={manager}", "--filename=-", stdin=json.dumps(body))


def _fields(schema: Mapping[str, Any]) -> Iterator[str]:
    for name, field in schema.get("properties", {}).items():
        yield name
        yield from _fields(field)
    for inner in ("items", "additionalProperties"):
        if inner in schema:
            yield from _fields(schema[inner])
