"""What a pipeline should have."""

from collections.abc import Mapping
from pathlib import PurePosixPath

import pytest
from tests.support.pipelines import NOW, pipeline

from sdp_operator.api.v1alpha1 import Pipeline
from sdp_operator.desired.children import desired
from sdp_operator.desired.deployment import revision
from sdp_operator.desired.parts import ComponentPart, Part
from sdp_operator.settings import Settings
from sdp_operator.world import World
from sdp_serving.contract.components import Component

SETTINGS = Settings(local_files_root=PurePosixPath("/srv/models"), storage_emulator_host="http://emulator:4443")


def test_another_image_changes_only_the_revision_of_its_component() -> None:
    spec = {"textEncoder": {"model": "gs://b/t"}, "diffusionModel": {"image": "registry/d:1"}}
    before = _components(pipeline(spec))
    after = _components(pipeline({**spec, "diffusionModel": {"image": "registry/d:2"}}))
    assert before[Component.TEXT_ENCODER] == after[Component.TEXT_ENCODER]
    old, new = before[Component.DIFFUSION_MODEL], after[Component.DIFFUSION_MODEL]
    assert _kinds(old) == _kinds(new)
    assert old.deployment is not None
    assert new.deployment is not None
    assert revision(old.deployment) != revision(new.deployment)


@pytest.mark.parametrize(
    ("uri", "settings", "message"),
    [
        ("file:///srv/models/x", Settings(), "which this operator refuses: upload the model"),
        ("file:///etc/shadow", SETTINGS, "lies outside of /srv/models"),
        ("file:///srv/models-too/x", SETTINGS, "lies outside of /srv/models"),
    ],
)
def test_a_file_of_the_node_is_served_only_from_the_allowed_folder(uri: str, settings: Settings, message: str) -> None:
    part = _components(pipeline({"decoder": {"model": uri}}), settings)[Component.DECODER]
    assert part.problem is not None
    assert message in part.problem.message
    assert [one["kind"] for one in part.withheld] == ["Deployment"]
    assert "Deployment" not in _kinds(part)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (SETTINGS, "have the operator's administrator set SDP_CACHE_ROOT"),
        (Settings(cache_root=PurePosixPath("/srv/cache")), "outside of /srv/cache"),
    ],
)
def test_a_cache_in_a_folder_of_the_node_is_used_only_where_it_is_allowed(settings: Settings, message: str) -> None:
    spec = {"decoder": {"model": "gs://b/d"}, "cache": {"hostPath": "/var/cache/x"}}
    part = _components(pipeline(spec), settings)[Component.DECODER]
    assert part.problem is not None
    assert message in part.problem.message
    assert [one["kind"] for one in part.withheld] == ["Deployment"]


def test_what_pods_mount_is_there_before_them() -> None:
    children = _components(pipeline({"decoder": {"model": "gs://b/d"}}))[Component.DECODER].children
    mounted = [child for child in children if child["kind"] in {"ConfigMap", "Deployment"}]
    assert [child["metadata"]["name"] for child in mounted[:-1]] == ["sd-decoder-models", "sd-decoder"]
    assert mounted[-1]["kind"] == "Deployment"


def test_what_the_cluster_has_no_kind_for_is_not_made_of_the_gateway() -> None:
    parent = pipeline({"decoder": {"model": "gs://b/d"}, "gateway": {}, "monitoring": {"podMonitor": {}}})
    for unknown, expected in ((frozenset[str](), True), (frozenset({"PodMonitor"}), False)):
        gateway = desired(parent, World(unknown_kinds=unknown), SETTINGS, NOW).gateway
        assert gateway is not None
        assert ("PodMonitor" in _kinds(gateway)) == expected
        assert gateway.problem is None


def _components(parent: Pipeline, settings: Settings = SETTINGS) -> Mapping[Component, ComponentPart]:
    return desired(parent, World(), settings, NOW).components


def _kinds(part: Part) -> list[str]:
    return [child["kind"] for child in part.children]
