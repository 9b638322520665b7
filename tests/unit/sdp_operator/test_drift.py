from copy import deepcopy
from typing import Any

import pytest

from sdp_operator.drift import APPLIED, is_as_applied, stamped, surplus

WANTED = stamped(
    {
        "metadata": {"name": "x", "labels": {"a": "b"}},
        "spec": {"replicas": 1, "ports": [{"port": 1, "name": "p"}], "limits": {"memory": "1024Mi", "cpu": 2}},
    }
)


def test_an_object_with_defaults_and_others_fields_is_as_applied() -> None:
    live = _live()
    live["metadata"]["uid"] = "u"
    live["metadata"]["labels"]["theirs"] = "kept"
    live["spec"]["ports"][0]["nodePort"] = 30000
    assert is_as_applied(live, WANTED)


@pytest.mark.parametrize(
    ("memory", "cpu"), [("1Gi", "2"), ("1073741824", "2000m"), ("1048576Ki", 2), ("1024Mi", "2e0")]
)
def test_a_quantity_written_otherwise_is_the_same(memory: str, cpu: str | int) -> None:
    live = _live()
    live["spec"]["limits"] = {"memory": memory, "cpu": cpu}
    assert is_as_applied(live, WANTED)


@pytest.mark.parametrize("field", ["averageValue", "divisor", "sizeLimit"])
def test_a_quantity_that_stands_alone_may_be_written_otherwise_too(field: str) -> None:
    assert is_as_applied({"metric": {field: "1"}}, {"metric": {field: "1000m"}})
    assert not is_as_applied({"metric": {field: "2"}}, {"metric": {field: "1000m"}})


@pytest.mark.parametrize("empty", ["", [], {}, False])
def test_what_is_empty_may_be_left_out_by_the_api_server(empty: object) -> None:
    assert is_as_applied({"toleration": {}}, {"toleration": {"value": empty}})
    assert is_as_applied({"toleration": {"value": None}}, {"toleration": {"value": empty}})
    assert not is_as_applied({"toleration": {}}, {"toleration": {"value": 0}})


@pytest.mark.parametrize(("before", "after"), [("12e4567890123456", "0123456789abcdef"), ("1", "1.0"), ("1k", "1000")])
def test_only_resources_are_compared_as_quantities(before: str, after: str) -> None:
    live, wanted = ({"metadata": {"annotations": {APPLIED: value}}} for value in (before, after))
    assert not is_as_applied(live, wanted)


def test_an_exponent_beyond_all_bounds_is_no_quantity() -> None:
    assert not is_as_applied({"limits": {"memory": "1Gi"}}, {"limits": {"memory": "1e9999999999"}})


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("spec", "replicas"), 2),
        (("spec", "ports"), []),
        (("spec", "ports", 0, "port"), 2),
        (("spec", "limits", "memory"), "1G"),
        (("spec", "limits"), {}),
        (("spec", "limits"), None),
        (("metadata", "labels", "a"), "c"),
        (("metadata", "annotations", APPLIED), "an older spec"),
    ],
)
def test_a_change_by_another_hand_is_noticed(path: tuple[str | int, ...], value: object) -> None:
    live: Any = _live()
    where = live
    for key in path[:-1]:
        where = where[key]
    where[path[-1]] = value
    assert not is_as_applied(live, WANTED)


def test_a_field_that_is_no_longer_wanted_is_noticed_by_the_digest() -> None:
    less = stamped({"metadata": {"name": "x", "labels": {}}, "spec": {"replicas": 1}})
    assert not is_as_applied(_live(), less)


@pytest.mark.parametrize(
    ("live", "wanted", "added"),
    [
        ({"env": [{"name": "a"}, {"name": "b"}]}, {"env": [{"name": "b"}]}, ["/env/0"]),
        ({"args": ["a", "b", "c"]}, {"args": ["b"]}, ["/args/2", "/args/0"]),
        (
            {"containers": [{"name": "x"}, {"name": "y", "env": [{"name": "e"}, {"name": "f"}]}]},
            {"containers": [{"name": "y", "env": [{"name": "e"}]}]},
            ["/containers/1/env/1", "/containers/0"],
        ),
        (
            {"volumeMounts": [{"name": "v", "mountPath": "/a"}, {"name": "v", "mountPath": "/b"}]},
            {"volumeMounts": [{"name": "v", "mountPath": "/b"}]},
            ["/volumeMounts/0"],
        ),
        ({"from": [{"podSelector": {}}, {"ipBlock": {}}]}, {"from": [{"podSelector": {}}]}, ["/from/1"]),
        ({"name": "x", "image": "i", "env": [{"name": "e"}]}, {"name": "x", "image": "i"}, ["/env"]),
        ({"a/b~c": ["x", "y"]}, {"a/b~c": ["x"]}, ["/a~1b~0c/1"]),
        ({"selector": {"a": "b", "x/y": "z"}}, {"selector": {"a": "b"}}, ["/selector/x~1y"]),
        ({"containers": [], "nodeSelector": {"a": "b"}}, {"containers": []}, ["/nodeSelector"]),
        ({"labels": {"a": "b", "theirs": "c"}}, {"labels": {"a": "b"}}, []),
        ({"env": [{"name": "b", "value": "other"}]}, {"env": [{"name": "b", "value": "ours"}]}, []),
        ({"env": [{"name": "theirs"}]}, {"env": [{"name": "ours"}]}, []),
        ({"ownerReferences": [{"uid": "a"}, {"uid": "b"}]}, {"ownerReferences": [{"uid": "a"}]}, []),
    ],
)
def test_what_an_apply_leaves_there_is_found_the_last_entry_first(live: Any, wanted: Any, added: list[str]) -> None:
    assert surplus(live, wanted) == added


def test_what_a_container_was_given_by_hand_is_noticed() -> None:
    assert not is_as_applied({"image": "i", "env": [{"name": "e"}]}, {"image": "i"})
    assert is_as_applied({"image": "i", "env": [], "imagePullPolicy": "Always"}, {"image": "i"})


@pytest.mark.parametrize("field", ["selector", "podSelector", "namespaceSelector", "matchLabels", "nodeSelector"])
def test_another_key_of_what_selects_is_noticed(field: str) -> None:
    assert is_as_applied({"spec": {field: {"a": "b"}}}, {"spec": {field: {"a": "b"}}})
    assert not is_as_applied({"spec": {field: {"a": "b", "x": "y"}}}, {"spec": {field: {"a": "b"}}})
    assert not is_as_applied({"spec": {field: {"x": "y"}}}, {"spec": {field: {}}})


@pytest.mark.parametrize("field", ["nodeSelector", "affinity"])
def test_what_keeps_pods_from_nodes_and_nobody_asked_for_is_noticed(field: str) -> None:
    pod: dict[str, Any] = {"containers": [{"name": "x"}]}
    assert not is_as_applied({**pod, field: {"x": "y"}}, pod)
    assert is_as_applied({**pod, field: {}}, pod)


def test_a_deployment_that_was_paused_is_noticed() -> None:
    wanted = {"spec": {"paused": False}}
    assert is_as_applied({"spec": {}}, wanted), "the API server leaves out false"
    assert not is_as_applied({"spec": {"paused": True}}, wanted)


def test_a_second_owner_is_no_drift() -> None:
    live = {"ownerReferences": [{"uid": "theirs"}, {"uid": "ours", "controller": True}]}
    assert is_as_applied(live, {"ownerReferences": [{"uid": "ours"}]})
    assert not is_as_applied({"ownerReferences": [{"uid": "theirs"}]}, {"ownerReferences": [{"uid": "ours"}]})


def test_versions_are_no_quantities() -> None:
    assert not is_as_applied({"image": "1.2.3"}, {"image": "1.2.30"})
    assert not is_as_applied({"path": "."}, {"path": ".0"})


def test_a_stamp_does_not_change_the_object_it_is_made_from() -> None:
    wanted: dict[str, Any] = {"metadata": {"name": "x"}}
    assert stamped(wanted) == stamped(wanted)
    assert wanted == {"metadata": {"name": "x"}}


def _live() -> dict[str, Any]:
    return deepcopy(WANTED)
