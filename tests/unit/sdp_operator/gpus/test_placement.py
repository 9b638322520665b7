from typing import Any

import pytest

from sdp_operator.gpus.facts import NodeFacts, Taint
from sdp_operator.gpus.placement import admits, repelling, selects

NODE = NodeFacts("node-a", {"zone": "a", "generation": "7", "empty": ""})


@pytest.mark.parametrize(
    ("selector", "selected"),
    [
        ({}, True),
        ({"zone": "a"}, True),
        ({"zone": "a", "generation": "7"}, True),
        ({"zone": "b"}, False),
        ({"zone": "a", "disk": "ssd"}, False),
        ({"empty": ""}, True),
        ({"absent": ""}, False),
    ],
)
def test_a_node_selector_wants_every_label(selector: dict[str, str], selected: bool) -> None:
    assert selects(selector, NODE.labels) is selected


@pytest.mark.parametrize(
    ("key", "operator", "values", "holds"),
    [
        ("zone", "In", ["a", "b"], True),
        ("zone", "In", ["b"], False),
        ("absent", "In", ["a"], False),
        ("zone", "NotIn", ["b"], True),
        ("zone", "NotIn", ["a"], False),
        ("absent", "NotIn", ["a"], True),  # a node without the label is not in
        ("zone", "Exists", None, True),
        ("absent", "Exists", None, False),
        ("zone", "DoesNotExist", None, False),
        ("absent", "DoesNotExist", None, True),
        ("generation", "Gt", ["6"], True),
        ("generation", "Gt", ["7"], False),
        ("generation", "Gt", ["10"], False),  # numbers, not text
        ("generation", "Lt", ["8"], True),
        ("generation", "Lt", ["7"], False),
        ("generation", "Gt", ["-1"], True),
        ("zone", "Gt", ["1"], False),
        ("generation", "Gt", ["six"], False),
        ("absent", "Lt", ["8"], False),
        ("generation", "Gt", ["1", "2"], False),
        ("generation", "Gt", [], False),
        ("zone", "Like", ["a"], False),
    ],
)
def test_an_expression_holds_by_kubernetes_rules(key: str, operator: str, values: Any, holds: bool) -> None:
    expression = {"key": key, "operator": operator} | ({} if values is None else {"values": values})
    assert admits([{"matchExpressions": [expression]}], NODE) is holds


IN_A = {"key": "zone", "operator": "In", "values": ["a"]}
IN_B = {"key": "zone", "operator": "In", "values": ["b"]}
NAMED = {"key": "metadata.name", "operator": "In", "values": ["node-a"]}
NOT_NAMED = {"key": "metadata.name", "operator": "NotIn", "values": ["node-a"]}


@pytest.mark.parametrize(
    ("terms", "admitted"),
    [
        (None, True),
        ([], False),
        ([{}], False),
        ([{"matchExpressions": []}], False),
        ([{"matchExpressions": [IN_A, IN_B]}], False),
        ([{"matchExpressions": [IN_A]}, {"matchExpressions": [IN_B]}], True),
        ([{}, {"matchExpressions": [IN_A]}], True),
        ([{"matchFields": [NAMED]}], True),
        ([{"matchFields": [NOT_NAMED]}], False),
        ([{"matchExpressions": [IN_A], "matchFields": [NOT_NAMED]}], False),
        ([{"matchExpressions": [NAMED]}], False),  # a field is no label
    ],
)
def test_one_term_is_enough_and_wants_all_that_it_says(terms: Any, admitted: bool) -> None:
    assert admits(terms, NODE) is admitted


@pytest.mark.parametrize(
    ("toleration", "tolerated"),
    [
        ({"operator": "Exists"}, True),
        ({"key": "team", "operator": "Exists"}, True),
        ({"key": "team", "operator": "Exists", "effect": "NoSchedule"}, True),
        ({"key": "team", "operator": "Exists", "effect": "NoExecute"}, False),
        ({"key": "team", "operator": "Equal", "value": "art"}, True),
        ({"key": "team", "value": "art"}, True),
        ({"key": "team", "value": "art", "effect": ""}, True),
        ({"key": "team", "value": "ml"}, False),
        ({"key": "team"}, False),
        ({"key": "crew", "operator": "Exists"}, False),
        ({"key": "team", "operator": "Like", "value": "art"}, False),
    ],
)
def test_a_toleration_counts_by_kubernetes_rules(toleration: dict[str, str], tolerated: bool) -> None:
    taint = Taint("team", "art", "NoSchedule")
    assert repelling([taint], [toleration]) == ([] if tolerated else [taint])


def test_only_taints_that_keep_pods_away_matter() -> None:
    taints = [Taint("a", "", "PreferNoSchedule"), Taint("b", "", "NoSchedule"), Taint("c", "", "NoExecute")]
    assert repelling(taints, []) == taints[1:]
