from datetime import UTC, datetime

import pytest
from tests.support.pipelines import pipeline

from sdp_operator.api.v1alpha1 import format_time
from sdp_operator.errors import InvalidPipelineError
from sdp_serving.contract.components import Component


def test_three_lines_make_a_component() -> None:
    spec = pipeline({"decoder": {"model": "gs://bucket/decoder"}}).spec
    assert list(spec.components) == [Component.DECODER]
    assert spec.components[Component.DECODER].replicas == 1
    assert spec.components[Component.DECODER].gpus_per_replica == 0


def test_a_gpu_block_asks_for_one_gpu_a_replica() -> None:
    spec = pipeline({"decoder": {"model": "gs://b/d", "replicas": 3, "gpu": {"accelerator": "nvidia-l4"}}}).spec
    assert spec.components[Component.DECODER].gpus_per_replica == 1


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        ({"decoder": {}}, "spec.decoder"),
        ({"decoder": {"model": "gs://b/d", "image": "i"}}, "spec.decoder"),
        ({"decoder": {"model": "s3://b/d"}}, "spec.decoder"),
        ({"decoder": {"model": "gs://b/d", "colour": "red"}}, "spec.decoder.colour"),
        ({"decoder": {"model": "gs://b/d", "gpu": {"count": -1}}}, "spec.decoder.gpu.count"),
        ({"decoder": {"model": "gs://b/d", "canary": {"model": "gs://b/c", "percent": 5}}}, "spec.decoder.canary"),
        ({"diffusionModel": {"image": "i", "canary": {"model": "gs://b/c", "percent": 5}}}, "spec.diffusionModel"),
        ({"diffusionModel": {"model": "gs://b/d", "canary": {"model": "x", "percent": 5}}}, "spec.diffusionModel"),
        ({"decoder": {"model": "gs://b/d"}, "cache": {}}, "spec.cache"),
        ({"decoder": {"model": "gs://b/d"}, "cache": {"hostPath": "/c", "claimName": "c"}}, "spec.cache"),
    ],
)
def test_a_spec_that_makes_no_sense_is_refused_by_the_name_of_its_field(spec: dict[str, object], field: str) -> None:
    with pytest.raises(InvalidPipelineError, match=rf"^{field}: "):
        pipeline(spec)


def test_times_are_written_in_whole_seconds_of_utc() -> None:
    assert format_time(datetime(2026, 11, 23, 4, 5, 6, 789, UTC)) == "2026-11-23T04:05:06Z"
