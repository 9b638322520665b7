from collections.abc import Iterator
from typing import Any

from kubernetes import client

from sdp_operator.api import kubernetes_types
from sdp_operator.api.crd import custom_resource_definition
from sdp_operator.api.kubernetes_types import sharpened


def test_what_is_said_of_a_type_is_said_of_one_that_there_is() -> None:
    tables = (kubernetes_types._FIELDS, kubernetes_types._DESCRIPTIONS, kubernetes_types._REQUIRED)
    for name, field in (
        (name, field) for table in tables for name, fields in table.items() for field in fields if field
    ):
        assert field in getattr(client, name).model_json_schema()["properties"], f"{name}.{field}"


def test_a_type_that_nothing_is_said_of_stays_as_it_is() -> None:
    schema = client.V1ObjectFieldSelector.model_json_schema()
    assert sharpened("V1ObjectFieldSelector", schema) == schema


def test_no_description_tells_of_python() -> None:
    texts = list(_descriptions(custom_resource_definition()))
    assert [text for text in texts if "openapi_types" in text or "(dict)" in text] == []


def _descriptions(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(text := value.get("description"), str):
            yield text
        for one in value.values():
            yield from _descriptions(one)
    elif isinstance(value, list):
        for one in value:
            yield from _descriptions(one)
