from kubernetes import client

from sdp_operator.api import kubernetes_types
from sdp_operator.api.kubernetes_types import sharpened


def test_what_is_said_of_a_type_is_said_of_one_that_there_is() -> None:
    tables = (kubernetes_types._FIELDS, kubernetes_types._REQUIRED)
    for name, field in ((name, field) for table in tables for name, fields in table.items() for field in fields):
        assert field in getattr(client, name).model_json_schema()["properties"], f"{name}.{field}"


def test_a_type_that_nothing_is_said_of_stays_as_it_is() -> None:
    schema = client.V1ObjectFieldSelector.model_json_schema()
    assert sharpened("V1ObjectFieldSelector", schema) == schema
