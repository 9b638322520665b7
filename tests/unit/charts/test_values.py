"""values.yaml and its schema: what may be set, and how a wrong value is refused."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
import yaml
from tests.support.chart import CHART, render

from devcluster import ClusterError
from devcluster.helm import helm

SCHEMA = json.loads((CHART / "values.schema.json").read_text())
VALUES = yaml.safe_load((CHART / "values.yaml").read_text())


def _leaves(values: Mapping[str, Any], path: str = "") -> Iterator[str]:
    for key, value in values.items():
        if isinstance(value, Mapping) and value and key != "resources":
            yield from _leaves(value, f"{path}{key}.")
        else:
            yield f"{path}{key}"


def _known(schema: Mapping[str, Any], path: str = "") -> Iterator[str]:
    while "$ref" in schema:
        schema = SCHEMA["$defs"][schema["$ref"].rpartition("/")[2]]
    if "properties" not in schema or path in {"affinity.", "resources."}:
        yield path.removesuffix(".")
    else:
        assert schema["additionalProperties"] is False, path
        for key, inner in schema["properties"].items():
            yield from _known(inner, f"{path}{key}.")


def test_the_schema_knows_each_value_and_no_other() -> None:
    # `global` is Helm's own.
    assert set(_known(SCHEMA)) - {"global"} == set(_leaves(VALUES))


def test_the_readme_lists_each_value_with_its_default() -> None:
    listed = dict(re.findall(r"^\| `([^`]+)` \| `([^`]*)`", (CHART / "README.md").read_text(), re.MULTILINE))
    defaults = {}
    for path in _leaves(VALUES):
        value: Any = VALUES
        for key in path.split("."):
            value = value[key]
        defaults[path] = value
    assert {path: yaml.safe_load(text) for path, text in listed.items()} == defaults


@pytest.mark.parametrize(
    ("values", "complaint"),
    [
        ({"replica": 3}, "additional properties 'replica' not allowed"),
        ({"replicas": 0}, "at '/replicas': minimum: got 0, want 1"),
        ({"replicas": "two"}, "at '/replicas': got string, want integer"),
        ({"logFormat": "xml"}, "at '/logFormat': value must be one of 'json', 'text'"),
        ({"namespaces": "team-a"}, "at '/namespaces': got string, want array"),
        ({"namespaces": ["Team A"]}, "at '/namespaces/0': 'Team A' does not match pattern"),
        ({"namespaces": ["a", "a"]}, "at '/namespaces': items at 0 and 1 are equal"),
        ({"images.puler": {"tag": "1"}}, "at '/images': additional properties 'puler' not allowed"),
        ({"images.puller.tag": "a b"}, "at '/images/puller/tag': 'a b' does not match pattern"),
        ({"images.puller.digest": "123"}, "at '/images/puller/digest': '123' does not match pattern"),
        ({"images.operator.pullPolicy": "never"}, "value must be one of 'Always', 'IfNotPresent', 'Never'"),
        ({"images.registry": "https://registry"}, "at '/images/registry': 'https://registry' does not match"),
        ({"localFilesRoot": "/srv/../etc"}, "at '/localFilesRoot': '/srv/../etc' does not match pattern"),
        ({"cacheRoot": "var/cache"}, "at '/cacheRoot': 'var/cache' does not match pattern"),
        ({"serverTensorflow": "2.20.0"}, "at '/serverTensorflow': '2.20.0' does not match pattern"),
        ({"localFilesRoot": "/"}, "at '/localFilesRoot': '/' does not match pattern"),
        ({"storageEmulatorHost": "emulator:4443"}, "at '/storageEmulatorHost': 'emulator:4443' does not match"),
        ({"acceleratorLabel": "a/b/c"}, "at '/acceleratorLabel': 'a/b/c' does not match pattern"),
        ({"resources.limits.memory": "lots"}, "at '/resources/limits/memory': 'lots' does not match pattern"),
        ({"tolerations": [{"effect": "Never"}]}, "at '/tolerations/0/effect': value must be one of"),
        ({"tolerations": [{"keys": "a"}]}, "at '/tolerations/0': additional properties 'keys' not allowed"),
        ({"affinity": {"node": {}}}, "at '/affinity': additional properties 'node' not allowed"),
        ({"topologySpreadConstraints": [{"maxSkew": 1}]}, "missing properties 'topologyKey', 'whenUnsatisfiable'"),
        ({"nodeSelector": {"a b": "c"}}, "at '/nodeSelector': additional properties 'a b' not allowed"),
        ({"podLabels": {"team": 7}}, "at '/podLabels/team': got number, want string"),
        ({"podDisruptionBudget.maxUnavailable": "half"}, "'half' does not match pattern"),
        ({"monitoring.podMonitor.interval": "often"}, "'often' does not match pattern"),
        ({"priorityClassName": "Very High"}, "at '/priorityClassName': 'Very High' does not match pattern"),
        ({"serviceAccount.create": False}, "set serviceAccount.name to an account that exists"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_a_wrong_value_is_refused_with_its_name(values: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ClusterError, match=re.escape(complaint)):
        render(values)


def test_the_chart_is_lint_free() -> None:
    helm("lint", str(CHART), "--strict")
