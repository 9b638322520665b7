"""The children of components, as golden files show them.

`UPDATE_GOLDEN=1 pytest tests/unit/sdp_operator/desired/test_golden.py` writes the files anew; read the difference
before committing it.
"""

import json
import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import pytest
import yaml
from tests.support.own_canary import with_own_canary
from tests.support.pipelines import NOW, pipeline

from sdp_operator.api.v1alpha1 import ComponentSpec, Pipeline
from sdp_operator.desired.autoscaler import autoscaler
from sdp_operator.desired.children import desired
from sdp_operator.desired.config_map import METRICS_PATH, config_map
from sdp_operator.desired.deployment import deployment
from sdp_operator.desired.disruption_budget import disruption_budget
from sdp_operator.desired.frozen import TEMPLATE
from sdp_operator.desired.models_config_map import models_config_map
from sdp_operator.desired.network_policy import network_policy
from sdp_operator.desired.pod_monitor import pod_monitor
from sdp_operator.desired.service import service
from sdp_operator.desired.source import Baked, Rollout, Source, declared_source
from sdp_operator.objects import KubeObject
from sdp_operator.settings import Settings
from sdp_operator.swap.canary import canary_of
from sdp_operator.world import World
from sdp_serving.contract.components import Component
from sdp_serving.contract.swap import DesiredModels, ModelNumber, NumberedModel, PodModels

DATA = Path(__file__).parents[1] / "data"
SETTINGS = Settings(
    local_files_root=PurePosixPath("/srv/models"),
    cache_root=PurePosixPath("/var/cache/sdpipeline"),
    storage_emulator_host="http://emulator:4443",
    lease_namespace="sdpipeline-system",
)


@pytest.mark.parametrize("case", sorted(path.name.removesuffix(".spec.yaml") for path in DATA.glob("*.spec.yaml")))
def test_the_children_are_as_in_the_golden_file(case: str) -> None:
    parent = pipeline(yaml.safe_load((DATA / f"{case}.spec.yaml").read_text()))
    golden = DATA / f"{case}.children.yaml"
    made = [
        _readable(child)
        for component, spec in parent.spec.components.items()
        for child in _children(parent, component, spec)
    ]
    if os.environ.get("UPDATE_GOLDEN"):
        plain = json.loads(json.dumps(made))  # shares nothing, so that YAML writes no anchors
        golden.write_text(yaml.dump_all(plain, Dumper=_Dumper, sort_keys=False, width=120))
    assert made == list(yaml.safe_load_all(golden.read_text()))


class _Dumper(yaml.SafeDumper):
    """Writes text of several lines as such."""


_Dumper.add_representer(
    str,
    lambda dumper, text: dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None),
)


def _children(parent: Pipeline, component: Component, spec: ComponentSpec) -> Iterator[KubeObject]:
    source = declared_source(spec)
    assert source is not None
    yield config_map(parent, component, spec)
    yield models_config_map(parent, component, _desired(source), "<what the operator remembers>")
    yield service(parent, component, spec.service)
    yield deployment(parent, component, spec, Rollout("1", source, "Surge"), SETTINGS)
    yield disruption_budget(parent, component)
    if spec.autoscaling is not None:
        yield autoscaler(parent, component, spec.autoscaling)
    if parent.spec.monitoring is not None and parent.spec.monitoring.pod_monitor is not None:
        yield pod_monitor(parent, component, parent.spec.monitoring.pod_monitor, port="rest", path=METRICS_PATH)
    if parent.spec.network_policy is not None:
        yield network_policy(parent, component, parent.spec.network_policy, SETTINGS)
    if canary_of(spec) is not None:
        world = World(live=with_own_canary(parent, SETTINGS))
        part = desired(parent, world, SETTINGS, NOW).components[component].beside
        assert part is not None
        yield from part.children


def _desired(source: Source) -> DesiredModels:
    if isinstance(source, Baked):
        return DesiredModels(rollouts={})
    serving = NumberedModel(number=ModelNumber(8_000_000_000_000), uri=str(source.uri))
    return DesiredModels(rollouts={"1": PodModels(serving=serving)})


def _readable(child: KubeObject) -> KubeObject:
    """The child without the template that a Deployment notes a second time."""
    noted = child["metadata"].get("annotations", {}).get(TEMPLATE)
    if noted is None:
        return child
    assert json.loads(noted) == child["spec"]["template"]
    annotations = {**child["metadata"]["annotations"], TEMPLATE: "<the template below>"}
    return {**child, "metadata": {**child["metadata"], "annotations": annotations}}
