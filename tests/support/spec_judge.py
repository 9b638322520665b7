"""Holds specs, and the children that the operator would make of them, against a real API server that keeps none."""

import asyncio
import json
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from functools import cache
from pathlib import Path, PurePosixPath
from typing import Final, Literal

import yaml
from tests.support.dry_run import DryRun, Refusal
from tests.support.nodes import GPU_TAINT, L4, node

from sdp_operator.api.v1alpha1 import API_VERSION, KIND, Pipeline
from sdp_operator.desired.children import desired
from sdp_operator.desired.parts import Desired
from sdp_operator.drift import is_as_applied, stamped
from sdp_operator.gateway_status import gateway_verdict
from sdp_operator.gpus.facts import node_facts
from sdp_operator.gpus.fleet import Fleet
from sdp_operator.live import LiveChildren, ObjectKey, object_key
from sdp_operator.objects import KubeObject
from sdp_operator.observe import observe
from sdp_operator.settings import Settings
from sdp_operator.sharing import references
from sdp_operator.status import summarise
from sdp_operator.world import World

Outcome = Literal["accepted", "refused", "refused late"]

_NOW: Final = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
_SETTINGS: Final = Settings(local_files_root=PurePosixPath("/srv/models"), storage_emulator_host="http://emulator:4443")
_UID: Final = "0d5ef9a2-4c35-4b5c-9a3c-0a8a4d2f7a11"
"""Of every pipeline, so that children that are alike are asked for once."""

_EVERYTHING: Final = Path(__file__).parents[1] / "unit" / "sdp_operator" / "data" / "everything.spec.yaml"
_GPU_NODE: Final = node("gpus", L4, capacity=8, taints=[GPU_TAINT])

_LATE: Final = re.compile(
    r"spec\.template\.spec\.("
    r"affinity\."
    r"|topologySpreadConstraints\[\d+\]\.(labelSelector|matchLabelKeys)"
    r"|containers\[\d+\]\.env\[\d+\]\.valueFrom"
    r"|volumes\[\d+\]\.(?!name)"
    r"|containers\[\d+\]\.volumeMounts\[\d+\]\.name)"  # of a volume that is refused itself
    r"|spec\.ingress\[0\]\.from\[\d+\]"
)
"""What the schema leaves to Kubernetes: the insides of its own types, where lists have no limit that bounds rules."""

_MACHINE_TALK: Final = re.compile(
    r"should match '|map\[|json: |unmarshal|\bv1\.|interface \{|struct \{|no such key|rule evaluation|0x[0-9a-f]{6}"
)
_THE_USERS_WORDS: Final = re.compile(r'"(\\.|[^"\\])*"')


class SpecJudge:
    """Says of specs what would become of them.

    Args:
        runner: runs the requests.
        user: asks with the rights of who makes pipelines.
        operator: asks with the operator's rights.
        namespace: where the pipelines would be.
    """

    def __init__(self, runner: asyncio.Runner, user: DryRun, operator: DryRun, namespace: str) -> None:
        self._runner = runner
        self._user = user
        self._operator = operator
        self._namespace = namespace
        self._answers: dict[str, KubeObject | Refusal] = {}

    def judge(self, name: str, spec: KubeObject) -> Outcome:
        """What would become of the spec; fails where a refusal can't be read or the operator would not cope."""
        about = {"name": name, "namespace": self._namespace}
        body = {"apiVersion": API_VERSION, "kind": KIND, "metadata": about, "spec": spec}
        answer = self._runner.run(self._user.create(body))
        if isinstance(answer, Refusal):
            _assert_readable(answer)
            return "refused"
        pipeline = Pipeline.parse({**answer, "metadata": {**answer["metadata"], "uid": _UID}})
        for world in _worlds(pipeline, answer["spec"]):
            _look(pipeline, world)
        answers = self._apply(_look(pipeline, World()))
        refusals = [one for one in answers.values() if isinstance(one, Refusal)]
        for refusal in refusals:
            _assert_is_left_to_kubernetes(refusal)
        if refusals:
            return "refused late"
        there = {key: one for key, one in answers.items() if not isinstance(one, Refusal)}
        _assert_is_at_rest(pipeline, World(live=LiveChildren(objects=there)))
        return "accepted"

    def _apply(self, wanted: Desired) -> Mapping[ObjectKey, KubeObject | Refusal]:
        children = {json.dumps(child, sort_keys=True): child for child in _all(wanted)}
        new = {text: child for text, child in children.items() if text not in self._answers}
        self._answers |= zip(new, self._runner.run(self._ask(list(new.values()))), strict=True)
        return {object_key(child): self._answers[text] for text, child in children.items()}

    async def _ask(self, children: list[KubeObject]) -> list[KubeObject | Refusal]:
        return await asyncio.gather(*(self._operator.apply(stamped(child)) for child in children))


def _worlds(pipeline: Pipeline, spec: KubeObject) -> Iterator[World]:
    """Clusters of all kinds; none of them may make the operator raise."""
    named = references(spec, pipeline.namespace)
    before = Pipeline.parse(_resource(pipeline, _everything()))
    others = [stamped(child) for child in _all(desired(before, World(), _SETTINGS, _NOW))]
    yield World(fleet=Fleet.of((), ()), unknown_kinds=frozenset({"PodMonitor", "HTTPRoute"}), hindrance="it is dark")
    yield World(
        live=LiveChildren(objects={object_key(child): child for child in others}),
        fleet=Fleet.of([node_facts(_GPU_NODE)], ()),
        owners={component: _resource(pipeline, spec) for component in named},
        used_by=[f"{pipeline.namespace}/user"],
    )
    yield World(owners=dict.fromkeys(named))


@cache
def _everything() -> KubeObject:
    spec: KubeObject = yaml.safe_load(_EVERYTHING.read_text())
    return spec


def _resource(pipeline: Pipeline, spec: KubeObject) -> KubeObject:
    about = {"name": pipeline.name, "namespace": pipeline.namespace, "uid": pipeline.uid, "generation": 1}
    return {"apiVersion": API_VERSION, "kind": KIND, "metadata": about, "spec": spec}


def _look(pipeline: Pipeline, world: World) -> Desired:
    """What the operator would want, having worked out its status too."""
    wanted = desired(pipeline, world, _SETTINGS, _NOW)
    observed = observe(pipeline, wanted, world, {}, _SETTINGS.accelerator_label)
    gateway = None
    if wanted.gateway is not None and pipeline.spec.gateway is not None:
        gateway = gateway_verdict(pipeline, pipeline.spec.gateway, wanted.gateway, world.live, None)
    summarise(pipeline, observed, gateway, world, _NOW).dump()
    return wanted


def _all(wanted: Desired) -> list[KubeObject]:
    return [child for part in wanted.parts.values() for child in (*part.children, *part.withheld)]


def _assert_readable(refusal: Refusal) -> None:
    if refusal.code == 400:
        assert "strict decoding error: " in refusal.message, refusal
        for complaint in refusal.message.partition("strict decoding error: ")[2].split(", unknown field "):
            assert re.search(r'^(unknown field )?"spec\.', complaint), refusal
        return
    assert refusal.code == 422, refusal
    assert refusal.causes, refusal
    for cause in refusal.causes:
        assert cause.field.startswith("spec") or cause.field == "<nil>", cause
        assert not _MACHINE_TALK.search(_THE_USERS_WORDS.sub('""', cause.message)), cause


def _assert_is_left_to_kubernetes(refusal: Refusal) -> None:
    places = [cause.field for cause in refusal.causes] or re.findall(r"\.spec\.[a-zA-Z0-9.\[\]=\"]+", refusal.message)
    assert places, refusal
    for place in places:
        assert _LATE.match(re.sub(r'\[name="[^"]*"\]', "[0]", place.lstrip("."))), refusal


def _assert_is_at_rest(pipeline: Pipeline, world: World) -> None:
    """Where everything is there as it was applied, nothing is to be done."""
    wanted = {object_key(child): child for child in _all(_look(pipeline, world))}
    assert wanted.keys() == world.live.objects.keys()
    for key, child in wanted.items():
        assert is_as_applied(world.live.objects[key], stamped(child)), child
