"""What the pods of a component serve."""

import pytest

from sdp_operator.api.v1alpha1 import ComponentSpec
from sdp_operator.desired.source import Baked, Pulled, Source, declared_source
from sdp_operator.objects import KubeObject
from sdp_serving.contract.artifact import ModelUri


@pytest.mark.parametrize(
    ("spec", "source"),
    [
        ({"model": "gs://b/m/17"}, Pulled(ModelUri.parse("gs://b/m/17"))),
        ({"image": "registry/m:1"}, Baked("registry/m:1")),
        ({"weights": "striped"}, None),
        ({"from": {"pipeline": "other"}}, None),
    ],
)
def test_a_source_is_known_at_once_only_for_a_model_and_an_image(spec: KubeObject, source: Source | None) -> None:
    assert declared_source(ComponentSpec.model_validate(spec)) == source
