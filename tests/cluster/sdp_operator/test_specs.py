"""Generated specs, valid and not, against a real API server: thousands as dry runs, and some dozens for real."""

import asyncio
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, Phase, find, given, settings
from tests.support.chart import NAMESPACE, OPERATOR
from tests.support.dry_run import DryRun
from tests.support.eventually import eventually
from tests.support.nodes import NOW
from tests.support.operator_process import OperatorProcess, service_account_kubeconfig
from tests.support.pipeline_client import PipelineClient
from tests.support.spec_judge import SpecJudge
from tests.support.specs import modest, pipeline_names, specs
from tests.support.spoiling import spoiled

from devcluster.cluster import Cluster
from devcluster.pytest_plugin import Namespace
from sdp_operator.api.crd import custom_resource_definition
from sdp_operator.api.v1alpha1 import API_VERSION, KIND, Pipeline
from sdp_operator.cluster.kinds import CHILDREN
from sdp_operator.desired.children import desired
from sdp_operator.gpus.fleet import Fleet
from sdp_operator.live import LiveChildren, object_key
from sdp_operator.objects import KubeObject
from sdp_operator.settings import Settings
from sdp_operator.swap.state import STATE_KEY
from sdp_operator.world import World
from sdp_serving.contract.components import Component

FOREIGN_KINDS: Final = Path(__file__).parent / "data" / "foreign-kinds.yaml"

VALID: Final = 800
SPOILED: Final = 1400
REAL: Final = 60

_OF_KUBERNETES: Final = frozenset(
    {"affinity", "topologySpreadConstraints", "peers", "valueFrom"}
    | {"emptyDir", "configMap", "secret", "persistentVolumeClaim", "csi"}
)

_many = settings(
    derandomize=True,  # Each run tries the same specs; another number of examples tries others.
    database=None,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example],
)
_first = settings(_many, max_examples=10_000, phases=[Phase.generate])


@pytest.fixture(scope="module")
def foreign_kinds(installed: Cluster) -> Iterator[None]:
    """PodMonitor and HTTPRoute, which other tests do without."""
    installed.kubectl("apply", f"--filename={FOREIGN_KINDS}")
    installed.kubectl("wait", "--for=condition=Established", f"--filename={FOREIGN_KINDS}", "--timeout=30s")
    for kind in ("podmonitors", "httproutes"):
        installed.kubectl("get", kind, "--all-namespaces")
    yield
    installed.kubectl("delete", f"--filename={FOREIGN_KINDS}")


@pytest.fixture(scope="module")
def judge(installed: Cluster, foreign_kinds: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SpecJudge]:
    installed.kubectl("create", "namespace", "specs")
    kubeconfig = service_account_kubeconfig(
        installed, tmp_path_factory.mktemp("specs"), namespace=NAMESPACE, account=OPERATOR
    )
    with asyncio.Runner() as runner:
        user, operator = runner.run(DryRun.connect(installed.kubeconfig)), runner.run(DryRun.connect(kubeconfig))
        yield SpecJudge(runner, user, operator, "specs")
        runner.run(user.close())
        runner.run(operator.close())
    installed.kubectl("delete", "namespace", "specs", "--wait=false")


@pytest.mark.timeout(900)
def test_a_valid_spec_is_accepted_and_so_are_its_children(judge: SpecJudge) -> None:
    outcomes: Counter[str] = Counter()
    tried: set[str] = set()

    @settings(_many, max_examples=VALID)
    @given(pipeline_names(), specs())
    def holds(name: str, spec: KubeObject) -> None:
        outcome = judge.judge(name, spec)
        outcomes[outcome] += 1
        tried.update(_fields_of(spec))
        assert outcome == "accepted"

    holds()
    assert outcomes["accepted"] >= VALID
    [version] = custom_resource_definition()["spec"]["versions"]
    there_are = set(_fields_in(version["schema"]["openAPIV3Schema"]["properties"]["spec"]))
    for field in sorted(there_are - tried):
        # Which rare fields are among the specs is left to chance.
        spec = find(specs(), lambda spec: field in _fields_of(spec), settings=_first)  # noqa: B023 - called at once
        assert judge.judge("sd", spec) == "accepted"


@pytest.mark.timeout(900)
def test_a_spoiled_spec_is_refused_in_words_or_makes_children_that_are_accepted(judge: SpecJudge) -> None:
    outcomes: Counter[str] = Counter()

    @settings(_many, max_examples=SPOILED)
    @given(pipeline_names(), spoiled(specs(most_components=2)))
    def holds(name: str, spec: KubeObject) -> None:
        outcomes[judge.judge(name, spec)] += 1

    holds()
    assert outcomes.total() >= SPOILED
    assert outcomes["refused"] > SPOILED / 2, outcomes
    assert outcomes["accepted"] > SPOILED / 20, outcomes
    assert outcomes["refused late"] < SPOILED / 50, outcomes


@pytest.mark.timeout(600)
def test_pipelines_of_all_kinds_come_to_rest_with_just_their_children(
    foreign_kinds: None, operator: OperatorProcess, pipelines: PipelineClient, namespace: Namespace
) -> None:
    valid = _drawn(REAL)
    _apply(namespace, valid)
    _assert_at_rest(operator, namespace)
    # Each becomes another: sources change, components and gateways come and go.
    _apply(namespace, [*valid[1:], valid[0]])
    _assert_at_rest(operator, namespace)


def _fields_of(value: Any, path: str = "") -> Iterator[str]:
    """The fields that a spec has."""
    if isinstance(value, Mapping):
        for name, one in value.items():
            within = _within(path, name)
            yield within
            yield from _fields_of(one, within)
    elif isinstance(value, list):
        for one in value:
            yield from _fields_of(one, path)


def _fields_in(schema: Mapping[str, Any], path: str = "") -> Iterator[str]:
    """The fields that a spec may have, without those within Kubernetes' own types."""
    for name, field in schema.get("properties", {}).items():
        within = _within(path, name)
        yield within
        if name not in _OF_KUBERNETES:
            yield from _fields_in(field, within)
    if "items" in schema:
        yield from _fields_in(schema["items"], path)


def _within(path: str, name: str) -> str:
    """The field's path, the same for each component, and for the types that components and the gateway share."""
    if name in {"overrides", "resources", "service"}:
        return name
    return f"{path}/{'COMPONENT' if name in {component.field for component in Component} else name}"


def _drawn(number: int) -> list[KubeObject]:
    drawn: list[KubeObject] = []

    @settings(_many, max_examples=number, phases=[Phase.generate])
    @given(specs(most_components=3))
    def draw(spec: KubeObject) -> None:
        drawn.append(modest(spec))

    draw()
    return drawn


def _apply(namespace: Namespace, valid: list[KubeObject]) -> None:
    items = [
        {"apiVersion": API_VERSION, "kind": KIND, "metadata": {"name": f"p{number}"}, "spec": spec}
        for number, spec in enumerate(valid)
    ]
    namespace.kubectl("apply", "--filename=-", stdin=json.dumps({"apiVersion": "v1", "kind": "List", "items": items}))


def _assert_at_rest(operator: OperatorProcess, namespace: Namespace) -> None:
    def said() -> list[bool]:
        return [_has_its_say(body) for body in _all(namespace, "sdpipelines")]

    def writes_nothing() -> bool:
        """Whether another look at every pipeline leaves everything as it is."""
        before, done = operator.writes(), _looks(operator)
        stamp = f"looked={done:.0f}"
        namespace.kubectl("annotate", "sdpipelines", "--all", "--overwrite", stamp)
        eventually(lambda: _looks(operator) >= done + REAL, "each was looked at again", seconds=60)
        return operator.writes() == before

    eventually(lambda: len(said()) == REAL and all(said()), "each has said what became of it", seconds=120)
    eventually(writes_nothing, "nothing is left to do", seconds=120)
    children = _all(namespace, ",".join(kind.plural for kind in CHILDREN))
    for body in _all(namespace, "sdpipelines"):
        own = {object_key(child): child for child in children if _owner(child) == body["metadata"]["uid"]}
        # What a pipeline has served before is remembered also while nothing that is asked for can be served.
        remembered = {key: child for key, child in own.items() if STATE_KEY in child.get("data", {})}
        world = World(live=LiveChildren(objects=remembered), fleet=Fleet.of((), ()))
        wanted = desired(Pipeline.parse(body), world, Settings(), NOW)
        made = {object_key(child) for part in wanted.parts.values() for child in part.children}
        withheld = {object_key(child) for part in wanted.parts.values() for child in part.withheld}
        assert made <= own.keys() <= made | withheld, body["spec"]


def _looks(operator: OperatorProcess) -> float:
    return operator.metric("sdpipeline_operator_reconciles_total", result="ok")


def _all(namespace: Namespace, kinds: str) -> list[KubeObject]:
    items: list[KubeObject] = json.loads(namespace.kubectl("get", kinds, "--output=json"))["items"]
    return items


def _has_its_say(body: KubeObject) -> bool:
    conditions = {one["type"]: one for one in body.get("status", {}).get("conditions", [])}
    return "Ready" in conditions and conditions["Ready"]["observedGeneration"] == body["metadata"]["generation"]


def _owner(child: KubeObject) -> str | None:
    owners = child["metadata"].get("ownerReferences", [])
    return next((owner["uid"] for owner in owners if owner.get("controller")), None)
