"""What is made of a spec: golden files, and what holds of every spec.

`UPDATE_GOLDEN=1 pytest tests/unit/sdp_operator` writes the golden files anew; read the difference before committing it.
"""

import json
import os
from pathlib import Path, PurePosixPath

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from tests.support.pipelines import children, pipeline

from sdp_operator.desired.children import Children, Forbidden, desired
from sdp_operator.desired.deployment import revision
from sdp_operator.objects import KubeObject
from sdp_operator.settings import Settings
from sdp_serving.contract.components import Component

DATA = Path(__file__).parents[1] / "data"
SETTINGS = Settings(local_files_root=PurePosixPath("/srv/models"), storage_emulator_host="http://emulator:4443")


@pytest.mark.parametrize("case", sorted(path.stem for path in DATA.glob("*.spec.yaml")))
def test_the_children_are_as_in_the_golden_file(case: str) -> None:
    spec = yaml.safe_load((DATA / f"{case}.yaml").read_text())
    golden = DATA / f"{case.removesuffix('.spec')}.children.yaml"
    made = [child for one in desired(pipeline(spec), SETTINGS).values() for child in _objects(one)]
    if os.environ.get("UPDATE_GOLDEN"):
        plain = json.loads(json.dumps(made))  # shares nothing, so that YAML writes no anchors
        golden.write_text(yaml.safe_dump_all(plain, sort_keys=False, width=120))
    assert made == list(yaml.safe_load_all(golden.read_text()))


def test_a_swap_changes_only_the_revision_of_its_component() -> None:
    spec = {"textEncoder": {"model": "gs://b/t"}, "diffusionModel": {"model": "gs://b/d"}}
    before = desired(pipeline(spec), SETTINGS)
    after = desired(pipeline({**spec, "diffusionModel": {"model": "gs://b/other"}}), SETTINGS)
    assert before[Component.TEXT_ENCODER] == after[Component.TEXT_ENCODER]
    old, new = before[Component.DIFFUSION_MODEL], after[Component.DIFFUSION_MODEL]
    assert isinstance(old, Children)
    assert isinstance(new, Children)
    assert old.service == new.service
    assert revision(old.deployment) != revision(new.deployment)


@pytest.mark.parametrize(
    ("component", "image"),
    [
        ({}, "tf:cpu"),
        ({"gpu": {}}, "tf:gpu"),
        ({"gpu": {"count": 0}}, "tf:cpu"),
        ({"gpu": {}, "server": {"image": "tf:own"}}, "tf:own"),
    ],
)
def test_a_component_with_a_gpu_gets_the_model_server_that_uses_it(component: KubeObject, image: str) -> None:
    settings = Settings(server_image="tf:cpu", gpu_server_image="tf:gpu")
    spec = {"decoder": {"model": "gs://b/d", **component}}
    made = children(pipeline(spec), Component.DECODER, settings)
    assert made.deployment["spec"]["template"]["spec"]["containers"][0]["image"] == image


def test_more_replicas_leave_the_running_pods_alone() -> None:
    one, two = (
        children(pipeline({"decoder": {"model": "gs://b/d", "replicas": count}}), Component.DECODER, SETTINGS)
        for count in (1, 2)
    )
    assert revision(one.deployment) == revision(two.deployment)


@pytest.mark.parametrize(
    ("uri", "settings", "message"),
    [
        ("file:///srv/models/x", Settings(), "which this operator refuses: upload the model"),
        ("file:///etc/shadow", SETTINGS, "lies outside of /srv/models"),
        ("file:///srv/models-too/x", SETTINGS, "lies outside of /srv/models"),
    ],
)
def test_a_file_of_the_node_is_served_only_from_the_allowed_folder(uri: str, settings: Settings, message: str) -> None:
    wanted = desired(pipeline({"decoder": {"model": uri}}), settings)[Component.DECODER]
    assert isinstance(wanted, Forbidden)
    assert message in wanted.message


_COMPONENT = st.fixed_dictionaries(
    {},
    optional={
        "gpu": st.fixed_dictionaries({"count": st.integers(1, 4)}, optional={"accelerator": st.just("nvidia-l4")}),
        "nodeSelector": st.dictionaries(st.sampled_from(["zone", "pool"]), st.just("x")),
        "tolerations": st.lists(st.just({"key": "k", "operator": "Exists"}), max_size=2),
        "resources": st.fixed_dictionaries({}, optional={"limits": st.just({"memory": "8Gi"})}),
        "replicas": st.integers(0, 5),
        "restTimeoutSeconds": st.integers(1, 600),
    },
)
_SOURCE = st.sampled_from(
    [{"model": "gs://b/m"}, {"model": "gs://b/m/17"}, {"model": "file:///srv/models/m"}, {"image": "registry/m:1"}]
)
_SPEC = st.dictionaries(
    st.sampled_from([component.field for component in Component]),
    st.builds(lambda source, rest: {**source, **rest}, _SOURCE, _COMPONENT),
    min_size=1,
)


@given(_SPEC)
def test_every_spec_makes_children_that_hang_together(spec: KubeObject) -> None:
    parent = pipeline(spec)
    for component, wanted in desired(parent, SETTINGS).items():
        assert isinstance(wanted, Children)
        template = wanted.deployment["spec"]["template"]
        _check_selectors(wanted, template)
        _check_volumes(template["spec"])
        _check_restricted(template["spec"])
        _check_gpus(spec[component.field], template["spec"])
        assert wanted.deployment["metadata"]["ownerReferences"][0]["uid"] == parent.uid


def _check_selectors(wanted: Children, template: KubeObject) -> None:
    labels = template["metadata"]["labels"].items()
    assert wanted.deployment["spec"]["selector"]["matchLabels"].items() <= labels
    assert wanted.service["spec"]["selector"].items() <= labels
    ports = {port["name"] for port in template["spec"]["containers"][0]["ports"]}
    assert {port["targetPort"] for port in wanted.service["spec"]["ports"]} <= ports


def _check_volumes(pod: KubeObject) -> None:
    mounted = {mount["name"] for container in _containers(pod) for mount in container["volumeMounts"]}
    assert mounted == {volume["name"] for volume in pod["volumes"]}


def _check_restricted(pod: KubeObject) -> None:
    assert pod["securityContext"]["runAsNonRoot"]
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert pod["automountServiceAccountToken"] is False
    for container in _containers(pod):
        assert container["securityContext"]["allowPrivilegeEscalation"] is False
        assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
        assert container["securityContext"]["readOnlyRootFilesystem"] is True


def _check_gpus(component: KubeObject, pod: KubeObject) -> None:
    limits = pod["containers"][0].get("resources", {}).get("limits", {})
    tolerated = [toleration["key"] for toleration in pod.get("tolerations", [])]
    assert limits.get("nvidia.com/gpu") == component.get("gpu", {}).get("count")
    assert ("nvidia.com/gpu" in tolerated) == ("gpu" in component)
    accelerator = pod.get("nodeSelector", {}).get("cloud.google.com/gke-accelerator")
    assert accelerator == component.get("gpu", {}).get("accelerator")


def _containers(pod: KubeObject) -> list[KubeObject]:
    return [*pod.get("initContainers", []), *pod["containers"]]


def _objects(wanted: Children | Forbidden) -> list[KubeObject]:
    assert isinstance(wanted, Children)
    return [wanted.deployment, wanted.service]
