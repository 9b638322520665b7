"""Pods that an upgrade of the operator leaves alone."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.support.pipelines import pipeline

from sdp_operator.api.v1alpha1 import ComponentSpec
from sdp_operator.desired.deployment import deployment, revision
from sdp_operator.desired.frozen import INPUTS, TEMPLATE, asked_of_pods, inputs_before_rollouts, notes
from sdp_operator.desired.frozen import keep_template as keep
from sdp_operator.desired.revision import is_whole
from sdp_operator.desired.source import Baked, Rollout, Source, declared_source
from sdp_operator.objects import KubeObject
from sdp_operator.settings import Settings
from sdp_serving.contract.components import Component

DATA = Path(__file__).parents[1] / "data"
OLD = Settings(server_image="serving:1", puller_image="puller:1")
SPEC: KubeObject = {"model": "gs://b/d", "gpu": {"accelerator": "nvidia-l4"}}

NEWER_OPERATORS = [
    OLD.model_copy(update={"puller_image": "puller:2"}),
    OLD.model_copy(update={"gpu_server_image": "serving:2-gpu"}),
    OLD.model_copy(update={"accelerator_label": "nvidia.com/gpu.product"}),
]


def keep_template(wanted: KubeObject, live: KubeObject | None) -> KubeObject:
    return keep(wanted, live, before_rollouts="none")


def _made(
    settings: Settings = OLD,
    *,
    rollout: str = "1",
    source: Source | None = None,
    of_the_pipeline: KubeObject | None = None,
    **changed: Any,
) -> KubeObject:
    parent = pipeline({"decoder": {**SPEC, **changed}, **(of_the_pipeline or {})})
    spec = parent.spec.components[Component.DECODER]
    source = source or declared_source(spec)
    assert source is not None
    return deployment(parent, Component.DECODER, spec, Rollout(rollout, source, "Surge"), settings)


def _inputs(fields: KubeObject, kind: type[ComponentSpec] = ComponentSpec) -> str:
    parent = pipeline({"decoder": {"model": "gs://b/d"}})
    spec = kind.model_validate({"model": "gs://b/d", **fields})
    source = declared_source(spec)
    assert source is not None
    return notes(parent, spec, Rollout("1", source, "Surge"), {})[INPUTS]


def _inputs_before_rollouts(fields: KubeObject) -> str:
    parent = pipeline({"decoder": {"model": "gs://b/d"}})
    spec = ComponentSpec.model_validate({"model": "gs://b/d", **fields})
    source = declared_source(spec)
    assert source is not None
    return inputs_before_rollouts(parent, spec, source)


@pytest.mark.parametrize("newer", NEWER_OPERATORS)
def test_a_newer_operator_leaves_the_pods_of_an_unchanged_spec_alone(newer: Settings) -> None:
    live, wanted = _made(), _made(newer)
    assert wanted != live
    assert keep_template(wanted, live) == live


@pytest.mark.parametrize("newer", NEWER_OPERATORS)
def test_the_next_change_of_the_spec_brings_all_that_is_newer(newer: Settings) -> None:
    wanted = _made(newer, restTimeoutSeconds=7)
    assert keep_template(wanted, _made()) == wanted


@pytest.mark.parametrize("newer", NEWER_OPERATORS)
def test_the_next_rollout_brings_all_that_is_newer(newer: Settings) -> None:
    wanted = _made(newer, rollout="2")
    kept = keep_template(wanted, _made())
    assert kept["spec"] == wanted["spec"]


def test_another_model_of_the_same_rollout_leaves_the_pods_alone() -> None:
    live, wanted = _made(), _made(NEWER_OPERATORS[0], model="gs://b/other")
    assert keep_template(wanted, live) == live


@pytest.mark.parametrize("newer", NEWER_OPERATORS)
def test_pods_of_a_rollout_that_comes_back_are_taken_as_they_are(newer: Settings) -> None:
    good = _made()
    bad = keep_template(_made(newer, rollout="2", model="gs://b/bad"), good)
    assert bad["spec"]["template"] != good["spec"]["template"]
    assert keep_template(bad, bad) == bad, "what is noted of the rollout before stays"
    back = keep_template(_made(newer), bad)
    assert back["spec"] == good["spec"]
    assert back["metadata"]["annotations"].items() >= good["metadata"]["annotations"].items()


def test_of_a_rollout_that_comes_back_to_another_spec_the_pods_are_made_anew() -> None:
    bad = keep_template(_made(rollout="2"), _made())
    wanted = _made(restTimeoutSeconds=7)
    assert keep_template(wanted, bad)["spec"] == wanted["spec"]


def test_a_change_of_the_spec_that_is_taken_back_does_not_bring_older_pods_back() -> None:
    newer = NEWER_OPERATORS[0]
    live = keep_template(_made(newer, restTimeoutSeconds=7), _made())
    assert keep_template(_made(newer), live) == _made(newer)


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
        {"model": "https://host/d/17"},
        {"source": Baked("registry/d:1")},
        {"of_the_pipeline": {"cache": {"claimName": "cache"}}},
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
    fields = {"gpu": {"count": 2}, "restTimeoutSeconds": 7, "overrides": {"args": ["--x"]}}
    assert _inputs({}) == "b582e2bcf644ce24"
    assert _inputs(fields) == "57aa924068369a6f"
    assert _inputs_before_rollouts({}) == "b0312fe28d787104"
    assert _inputs_before_rollouts(fields) == "1c8cac8b8ecf385c"


class TestAnOperatorThatKnewNoRollouts:
    """The Deployment as version 0.1.0 left it: no sidecar, and the model's URI in the template."""

    live: KubeObject = yaml.safe_load((DATA / "before-rollouts.deployment.yaml").read_text())
    spec: KubeObject = live["spec"]

    def _kept(self, rollout: str, model: str = "gs://b/d", live: KubeObject | None = None, **more: Any) -> KubeObject:
        parent = pipeline({"decoder": {**SPEC, "model": model, **more}})
        spec = parent.spec.components[Component.DECODER]
        source = declared_source(spec)
        assert source is not None
        wanted = deployment(parent, Component.DECODER, spec, Rollout(rollout, source, "Surge"), OLD)
        return keep(wanted, live or self.live, before_rollouts=inputs_before_rollouts(parent, spec, source))

    def test_its_pods_stay_until_the_model_changes(self) -> None:
        kept = self._kept("1")
        assert kept["spec"]["template"] == self.spec["template"]
        assert self._kept("1", live=kept) == kept
        assert self._kept("2", live=kept) == kept, "whatever the operator calls the first rollout"

    def test_the_next_model_gets_pods_with_a_puller_that_stays(self) -> None:
        kept = self._kept("2", "gs://b/other")
        assert len(kept["spec"]["template"]["spec"]["initContainers"]) == 2

    def test_its_pods_come_back_when_the_next_model_is_bad(self) -> None:
        bad = self._kept("2", "gs://b/bad", live=self._kept("1"))
        back = self._kept("1", live=bad)
        assert back["spec"]["template"] == self.spec["template"]
        assert self._kept("1", live=back) == back

    def test_what_the_user_asks_of_the_pods_is_done(self) -> None:
        changed = self._kept("1", restTimeoutSeconds=7)
        assert len(changed["spec"]["template"]["spec"]["initContainers"]) == 2
        taken_back = self._kept("1", live=changed)
        assert len(taken_back["spec"]["template"]["spec"]["initContainers"]) == 2


def test_what_is_asked_of_pods_is_the_same_whatever_they_serve_and_however_many_they_are() -> None:
    before = _asked(model="gs://b/d")
    assert _asked(model="gs://b/e", replicas=3) == before
    assert _asked(model="gs://b/d", server={"image": "serving:2"}) != before
    assert _asked(model="gs://b/d", resources={"limits": {"memory": "16Gi"}}) != before


def _asked(**spec: Any) -> str:
    asked = pipeline({"decoder": spec})
    return asked_of_pods(asked, asked.spec.components[Component.DECODER])
