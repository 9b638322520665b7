"""What a pipeline's owner adds to pods, or has set otherwise."""

import copy

import pytest

from sdp_operator.api.v1alpha1 import Overrides
from sdp_operator.desired.overrides import overridden
from sdp_operator.objects import KubeObject

TEMPLATE: KubeObject = {
    "metadata": {"labels": {"app": "ours"}, "annotations": {"note": "ours"}},
    "spec": {
        "containers": [
            {
                "name": "main",
                "args": ["--port=1", "--verbose"],
                "env": [{"name": "A", "value": "ours"}, {"name": "B", "value": "ours"}],
                "volumeMounts": [{"name": "tmp", "mountPath": "/tmp"}],
            },
            {"name": "other", "args": ["--port=2"]},
        ],
        "volumes": [{"name": "tmp", "emptyDir": {}}],
    },
}


def _overridden(asked: KubeObject, template: KubeObject = TEMPLATE) -> KubeObject:
    return overridden(template, "main", Overrides.model_validate(asked))


def _main(template: KubeObject) -> KubeObject:
    container: KubeObject = template["spec"]["containers"][0]
    return container


@pytest.mark.parametrize("overrides", [None, Overrides()])
def test_nothing_asked_changes_nothing(overrides: Overrides | None) -> None:
    assert overridden(TEMPLATE, "main", overrides) == TEMPLATE


def test_the_operators_template_stays_as_it_is() -> None:
    before = copy.deepcopy(TEMPLATE)
    _overridden({"env": [{"name": "A", "value": "x"}], "args": ["--port=9"], "labels": {"team": "art"}})
    assert before == TEMPLATE


def test_labels_and_annotations_are_added_but_the_operators_own_stay() -> None:
    meta = _overridden({"labels": {"team": "art", "app": "theirs"}, "annotations": {"more": "x", "note": "theirs"}})[
        "metadata"
    ]
    assert meta == {"labels": {"team": "art", "app": "ours"}, "annotations": {"more": "x", "note": "ours"}}


def test_a_variable_of_the_same_name_replaces_the_operators() -> None:
    reference = {"fieldRef": {"fieldPath": "metadata.name"}}
    asked = {"env": [{"name": "A", "value": "theirs"}, {"name": "C", "valueFrom": reference}]}
    assert _main(_overridden(asked))["env"] == [
        {"name": "B", "value": "ours"},
        {"name": "A", "value": "theirs"},
        {"name": "C", "valueFrom": reference},
    ]


@pytest.mark.parametrize("value", [{}, {"value": ""}])
def test_an_empty_variable_is_written_as_the_api_server_keeps_it(value: KubeObject) -> None:
    assert {"name": "EMPTY"} in _main(_overridden({"env": [{"name": "EMPTY", **value}]}))["env"]


@pytest.mark.parametrize(
    ("asked", "args"),
    [
        (["--port=9"], ["--verbose", "--port=9"]),
        (["--verbose=false"], ["--port=1", "--verbose=false"]),
        (["--portal=9"], ["--port=1", "--verbose", "--portal=9"]),
        (["--module=a=1", "--module=b=2"], ["--port=1", "--verbose", "--module=a=1", "--module=b=2"]),
    ],
)
def test_a_flag_of_the_same_name_replaces_the_operators(asked: list[str], args: list[str]) -> None:
    assert _main(_overridden({"args": asked}))["args"] == args


def test_the_flag_of_one_component_replaces_that_of_no_other() -> None:
    template = copy.deepcopy(TEMPLATE)
    _main(template)["args"] = ["--component=decoder=http://ours", "--component=text-encoder=http://ours"]
    asked = ["--component=decoder=http://theirs/?a=b"]
    assert _main(_overridden({"args": asked}, template))["args"] == ["--component=text-encoder=http://ours", *asked]


def test_only_the_main_container_is_changed() -> None:
    made = _overridden({"args": ["--port=9"], "env": [{"name": "A", "value": "x"}]})
    assert made["spec"]["containers"][1] == TEMPLATE["spec"]["containers"][1]


def test_volumes_are_added_with_their_mounts() -> None:
    made = _overridden(
        {
            "volumes": [{"name": "cache", "persistentVolumeClaim": {"claimName": "c"}}],
            "volumeMounts": [
                {"name": "cache", "mountPath": "/rw", "readOnly": False},
                {"name": "cache", "mountPath": "/ro", "subPath": "x", "readOnly": True},
            ],
        }
    )
    assert made["spec"]["volumes"][1:] == [{"name": "cache", "persistentVolumeClaim": {"claimName": "c"}}]
    assert _main(made)["volumeMounts"][1:] == [
        {"name": "cache", "mountPath": "/rw"},
        {"name": "cache", "mountPath": "/ro", "subPath": "x", "readOnly": True},
    ]


def test_the_operators_volumes_and_mounts_stay() -> None:
    made = _overridden(
        {
            "volumes": [{"name": "tmp", "nfs": {"server": "n", "path": "/"}}],
            "volumeMounts": [{"name": "tmp", "mountPath": "/tmp", "readOnly": True}],
        }
    )
    assert made == TEMPLATE


def test_a_template_without_any_of_these_gets_what_is_asked() -> None:
    bare: KubeObject = {"metadata": {}, "spec": {"containers": [{"name": "main"}]}}
    made = _overridden({"labels": {"team": "art"}, "args": ["--x"], "env": [{"name": "A", "value": "1"}]}, bare)
    assert made == {
        "metadata": {"labels": {"team": "art"}},
        "spec": {"containers": [{"name": "main", "args": ["--x"], "env": [{"name": "A", "value": "1"}]}]},
    }
