"""What the pods of a component serve."""

import pytest

from sdp_operator.api.v1alpha1 import ComponentSpec
from sdp_operator.desired.source import Baked, Mounted, Pulled, Source, declared_source, fits_the_same_pods, source_of
from sdp_operator.objects import KubeObject
from sdp_serving.contract.artifact import ModelUri


@pytest.mark.parametrize(
    ("spec", "source"),
    [
        ({"model": "gs://b/m/17"}, Pulled(ModelUri.parse("gs://b/m/17"))),
        ({"model": "https://host/m/17"}, Pulled(ModelUri.parse("https://host/m/17"))),
        ({"model": "pvc://claim/m"}, Mounted(ModelUri.parse("pvc://claim/m"))),
        ({"image": "registry/m:1"}, Baked("registry/m:1")),
        ({"weights": "striped"}, None),
        ({"from": {"pipeline": "other"}}, None),
    ],
)
def test_a_source_is_known_at_once_only_for_a_model_and_an_image(spec: KubeObject, source: Source | None) -> None:
    assert declared_source(ComponentSpec.model_validate(spec)) == source


@pytest.mark.parametrize(
    ("one", "other", "fits"),
    [
        ("gs://b/m/17", "gs://c/n", True),
        ("gs://b/m", "file:///m", False),
        ("pvc://claim/m", "pvc://claim/n", False),
        ("registry/m:1", "registry/m:1", False),
        ("gs://b/m", "registry/m:1", False),
    ],
)
def test_a_model_is_brought_into_pods_that_have_a_puller_and_reach_it(one: str, other: str, fits: bool) -> None:
    assert fits_the_same_pods(source_of(one), source_of(other)) is fits


@pytest.mark.parametrize(
    ("uri", "path"),
    [("pvc://claim", ""), ("pvc://claim/17", ""), ("pvc://claim/a/b/17", "a/b"), ("pvc://claim/a/", "a")],
)
def test_a_claim_has_a_name_and_a_path(uri: str, path: str) -> None:
    source = source_of(uri)
    assert isinstance(source, Mounted)
    assert (source.claim, source.path) == ("claim", path)
