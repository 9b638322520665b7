import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from kubernetes import client

from sdp_operator.api.crd import custom_resource_definition, render
from sdp_operator.api.v1alpha1 import MAX_NAME, URI_PATTERN
from sdp_serving.contract.artifact import ModelUri
from sdp_serving.contract.components import Component

EXPLAINED = re.compile(r"kubectl explain ([a-zA-Z.]+[a-zA-Z])")
KINDS: Mapping[str, Any] = {"pod": client.V1Pod, "networkpolicy": client.V1NetworkPolicy}
COMMITTED = Path(__file__).parents[4] / "crds" / "stablediffusionpipelines.yaml"


def test_the_committed_definition_is_what_the_models_say() -> None:
    assert COMMITTED.read_text() == render(), "run `make generate` and commit crds/"


def test_the_yaml_holds_the_definition() -> None:
    assert yaml.safe_load(render()) == custom_resource_definition()


def test_the_schema_is_structural() -> None:
    forbidden = {"$ref", "$defs", "title", "const", "oneOf", "allOf"}
    for path, schema in _schemas():
        assert not forbidden & schema.keys(), path
        assert "type" in schema or schema.get("x-kubernetes-int-or-string"), path


def test_every_field_is_described_here_or_by_kubernetes() -> None:
    fields = {path: schema.get("description", "") for path, schema in _schemas("properties")}
    explained = tuple(f"{path}{more}" for path, text in fields.items() if "kubectl explain " in text for more in ".[")
    undescribed = [path for path, text in fields.items() if not text and path.startswith(("spec", "status"))]
    assert [path for path in undescribed if not path.startswith(explained)] == []


def test_what_kubernetes_is_said_to_explain_are_fields_that_it_has() -> None:
    told = {match for _, schema in _schemas() for match in EXPLAINED.findall(schema.get("description", ""))}
    assert told >= {"pod.spec.affinity", "networkpolicy.spec.ingress.from"}
    for path in told:
        kind, *fields = path.split(".")
        schema = KINDS[kind].model_json_schema()
        assert _has(schema, fields, schema["$defs"]), path


def test_every_default_that_is_one_value_is_told_by_the_description() -> None:
    told = {
        path: schema["description"].rpartition("Default: ")[2]
        for path, schema in _schemas("properties")
        if not isinstance(schema.get("default"), (dict, list, type(None)))
    }
    assert told["spec.decoder.restTimeoutSeconds"] == "120."
    assert told["spec.driverCheck"] == "Warn."
    assert told["spec.decoder.server.warmUp"] == "true."
    assert {path: text for path, text in told.items() if not re.fullmatch(r"\w+\.", text)} == {}


def test_every_rule_has_a_message_that_says_what_to_do() -> None:
    rules = [rule for _, schema in _schemas() for rule in schema.get("x-kubernetes-validations", ())]
    assert len(rules) > 10
    for rule in rules:
        assert re.search(r": (write|set|add|remove|raise|ask|choose)|needs at least|set exactly", rule["message"]), rule


def test_no_field_is_refused_with_a_pattern_alone() -> None:
    assert [path for path, schema in _schemas() if path.startswith("spec") and "pattern" in schema] == []


def test_kubectl_apply_takes_the_definition() -> None:
    kept = json.dumps(custom_resource_definition(), separators=(",", ":"))
    for sign in "&<>":
        kept = kept.replace(sign, f"\\u{ord(sign):04x}")  # as kubectl writes them
    # kubectl keeps a copy in an annotation, and all annotations of an object have 256 KiB.
    assert len(kept.encode()) < 230 * 1024


def test_the_longest_name_leaves_room_for_every_child() -> None:
    assert max(len(f"{'x' * MAX_NAME}-{component}") for component in Component) == 63


@pytest.mark.parametrize(
    "uri",
    [
        "gs://bucket",
        "gs://bucket/sd/decoder",
        "gs://b/d/1700000000000",
        "gs://b/d/",
        "https://host.example:8443/sd/decoder/17",
        "https://host/17/",
        "pvc://models",
        "pvc://models/sd/decoder/17",
        "file:///m",
    ],
)
def test_the_rule_for_uris_takes_what_the_contract_takes(uri: str) -> None:
    assert re.search(URI_PATTERN, uri)
    ModelUri.parse(uri)


@pytest.mark.parametrize(
    "uri",
    [
        "",
        "gs://",
        "gs:///x",
        "gs://-b/x",
        "gs://b_/x",
        "file://x",
        "file:///",
        "s3://b/x",
        "http://host/m/17",
        "https://host/m",
        "https://user:secret@host/m/17",
        "https:///17",
        "pvc://",
        "pvc:///x",
        "pvc://Claim/x",
        "/models",
        "gs://b/x?y",
        "gs://b/a b",
    ],
)
def test_the_rule_for_uris_refuses(uri: str) -> None:
    assert not re.search(URI_PATTERN, uri)


@given(
    st.builds(
        "{}://{}".format,
        st.sampled_from(["gs", "https", "pvc", "file"]),
        st.text("gsfile:/.ab1 ?#", max_size=24),
    )
    | st.from_regex(URI_PATTERN, fullmatch=True)
)
def test_what_the_rules_let_through_is_a_uri_of_the_contract(uri: str) -> None:
    if re.search(URI_PATTERN, uri, re.ASCII) and not re.search(r"(^|/)\.\.(/|$)", uri):
        ModelUri.parse(uri)


def _schemas(kind: str = "") -> Iterator[tuple[str, Mapping[str, Any]]]:
    root = custom_resource_definition()["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    for path, schema, via in _walk("", root, ""):
        if via.startswith(kind):
            yield path, schema


def _walk(path: str, schema: Mapping[str, Any], via: str) -> Iterator[tuple[str, Mapping[str, Any], str]]:
    yield path, schema, via
    for name, field in schema.get("properties", {}).items():
        yield from _walk(f"{path}.{name}".lstrip("."), field, "properties")
    for key in ("items", "additionalProperties"):
        if key in schema:
            yield from _walk(f"{path}[]", schema[key], key)


def _has(schema: Mapping[str, Any], fields: Sequence[str], types: Mapping[str, Any]) -> bool:
    """Whether a JSON Schema of a type of Kubernetes has the field that this path leads to."""
    if (inner := schema.get("$ref") or schema.get("items") or schema.get("anyOf")) is not None:
        choices = [types[inner.rpartition("/")[2]]] if isinstance(inner, str) else inner
        return any(_has(one, fields, types) for one in (choices if isinstance(choices, list) else [choices]))
    if not fields:
        return True
    return fields[0] in schema.get("properties", {}) and _has(schema["properties"][fields[0]], fields[1:], types)
