"""Pods that an upgrade of the operator leaves alone."""

import json
from typing import Any

import pytest
from tests.support.pipelines import pipeline

from sdp_operator.api.v1alpha1 import ComponentSpec
from sdp_operator.desired.deployment import deployment, revision
from sdp_operator.desired.frozen import INPUTS, TEMPLATE, keep_template, notes
from sdp_operator.desired.revision import is_whole
from sdp_operator.desired.source import Baked, Source, declared_source
from sdp_operator.objects import KubeObject
from sdp_operator.settings import Settings
from sdp_serving.contract.components import Component

OLD = Settings(server_image="serving:1", puller_image="puller:1")
SPEC: KubeObject = {"model": "gs://b/d", "gpu": {"accelerator": "nvidia-l4"}}

NEWER_OPERATORS = [
    OLD.model_copy(update={"puller_image": "puller:2"}),
    OLD.model_copy(update={"gpu_server_image": "serving:2-gpu"}),
    OLD.model_copy(update={"accelerator_label": "nvidia.com/gpu.product"}),
]


def _made(
    settings: Settings = OLD, *, source: Source | None = None, of_the_pipeline: KubeObject | None = None, **changed: Any
) -> KubeObject:
    parent = pipeline({"decoder": {**SPEC, **changed}, **(of_the_pipeline or {})})
    spec = parent.spec.components[Component.DECODER]
    source = source or declared_source(spec)
    assert source is not None
    return deployment(parent, Component.DECODER, spec, source, settings)


def _inputs(fields: KubeObject, kind: type[ComponentSpec] = ComponentSpec) -> str:
    parent = pipeline({"decoder": {"model": "gs://b/d"}})
    spec = kind.model_validate({"model": "gs://b/d", **fields})
    source = declared_source(spec)
    assert source is not None
    return notes(parent, spec, source, {})[INPUTS]


@pytest.mark.parametrize("newer", NEWER_OPERATORS)
def test_a_newer_operator_leaves_the_pods_of_an_unchanged_spec_alone(newer: Settings) -> None:
    live, wanted = _made(), _made(newer)
    assert wanted != live
    assert keep_template(wanted, live) == live


@pytest.mark.parametrize("newer", NEWER_OPERATORS)
def test_the_next_change_of_the_spec_brings_all_that_is_newer(newer: Settings) -> None:
    wanted = _made(newer, model="gs://b/other")
    assert keep_template(wanted, _made()) == wanted


def test_the_pods_stay_through_several_upgrades() -> None:
    live = _made()
    for newer in NEWER_OPERATORS:
        live = keep_template(_made(newer), live)
    assert live == _made()


def test_what_is_outside_of_the_pods_follows_the_newer_operator_and_the_spec() -> None:
    kept = keep_template(_made(NEWER_OPERATORS[0], replicas=3), _made())
    assert kept["spec"]["replicas"] == 3
    assert revision(kept) == revision(_made())


@pytest.mark.parametrize(
    "changed",
    [
        {"model": "gs://b/d/17"},
        {"source": Baked("registry/d:1")},
        {"restTimeoutSeconds": 7},
        {"gpu": {"count": 2, "accelerator": "nvidia-l4"}},
        {"overrides": {"env": [{"name": "A", "value": "1"}]}},
        {"of_the_pipeline": {"stableDiffusion": {"version": "1.5"}}},
        {"of_the_pipeline": {"storage": {"secretName": "key"}}},
        {"of_the_pipeline": {"imagePullSecrets": [{"name": "registry"}]}},
    ],
)
def test_what_the_user_asks_of_the_pods_is_done(changed: KubeObject) -> None:
    wanted = _made(**changed)
    assert keep_template(wanted, _made()) == wanted


def test_a_deployment_that_is_not_there_is_made_as_wanted() -> None:
    assert keep_template(_made(), None) == _made()


def _with_notes(live: KubeObject, **noted: str | None) -> KubeObject:
    keys = {"inputs": INPUTS, "template": TEMPLATE}
    annotations = {**live["metadata"]["annotations"], **{keys[name]: text for name, text in noted.items()}}
    kept = {key: text for key, text in annotations.items() if text is not None}
    return {**live, "metadata": {**live["metadata"], "annotations": kept}}


def _tampered(live: KubeObject) -> str:
    template = json.loads(live["metadata"]["annotations"][TEMPLATE])
    template["spec"]["containers"][0]["image"] = "somebody/elses:image"
    return json.dumps(template)


@pytest.mark.parametrize(
    "noted",
    [
        {"template": None},
        {"inputs": None},
        {"inputs": "another"},
        *({"template": text} for text in ("", "{", "null", "[]", "7", "{}", '{"metadata": {}}', "[" * 100_000)),
        {"template": '{"metadata": {"labels": []}}'},
        {"template": _tampered(_made())},
    ],
)
def test_what_is_noted_no_more_or_damaged_is_made_anew(noted: dict[str, str | None]) -> None:
    wanted = _made(NEWER_OPERATORS[0])
    assert keep_template(wanted, _with_notes(_made(), **noted)) == wanted


def test_a_deployment_without_annotations_is_made_anew() -> None:
    live = _made()
    del live["metadata"]["annotations"]
    assert keep_template(_made(NEWER_OPERATORS[0]), live) == _made(NEWER_OPERATORS[0])


def test_the_revision_is_that_of_the_template_that_is_kept() -> None:
    assert is_whole(keep_template(_made(NEWER_OPERATORS[0]), _made())["spec"]["template"])


def test_a_template_too_large_for_an_annotation_is_not_noted() -> None:
    noted = _made(overrides={"env": [{"name": f"V{number}", "value": "x" * 32_768} for number in range(3)]})
    assert TEMPLATE not in noted["metadata"]["annotations"]


@pytest.mark.parametrize(
    "same",
    [
        {"restTimeoutSeconds": 120},
        {"tolerations": []},
        {"service": {"type": "ClusterIP"}},
        {"overrides": None},
    ],
)
def test_a_default_that_the_api_server_fills_in_is_no_change(same: KubeObject) -> None:
    assert _inputs(same) == _inputs({})


def test_defaults_are_no_change_inside_of_what_is_asked_for_either() -> None:
    assert _inputs({"batching": {"maxBatchSize": 4}}) == _inputs({"batching": {}}) != _inputs({})
    assert _inputs({"gpu": {"count": 1}}) == _inputs({"gpu": {}}) != _inputs({})


def test_a_field_that_a_newer_version_adds_is_no_change_until_it_is_set() -> None:
    class Newer(ComponentSpec):
        novelty: str = "as before"

    assert _inputs({"novelty": "as before"}, Newer) == _inputs({}, Newer) == _inputs({})
    assert _inputs({"novelty": "new"}, Newer) != _inputs({})


def test_the_digest_of_a_spec_never_changes() -> None:
    # Another one would restart every model server of every cluster at the next upgrade.
    assert _inputs({}) == "b0312fe28d787104"
    assert _inputs({"gpu": {"count": 2}, "restTimeoutSeconds": 7, "overrides": {"args": ["--x"]}}) == "1c8cac8b8ecf385c"
