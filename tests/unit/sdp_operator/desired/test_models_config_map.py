"""The ConfigMap that tells the pullers what to bring."""

import json

from tests.support.pipelines import pipeline

from sdp_operator.desired.models_config_map import models_config_map, models_volume
from sdp_serving.contract.components import Component
from sdp_serving.contract.swap import DesiredModels, ModelNumber, NumberedModel, PodModels

PIPELINE = pipeline({"decoder": {"model": "gs://b/d"}})
DESIRED = DesiredModels(
    rollouts={name: PodModels(serving=NumberedModel(number=ModelNumber(7), uri="gs://b/d")) for name in ("b", "a")}
)


def test_the_pullers_read_what_the_operator_wrote() -> None:
    made = models_config_map(PIPELINE, Component.DECODER, DESIRED, "{}")
    assert DesiredModels.model_validate_json(made["data"]["desired.json"]) == DESIRED


def test_the_same_is_always_written_alike() -> None:
    other = DesiredModels(rollouts=dict(sorted(DESIRED.rollouts.items())))
    one, two = (models_config_map(PIPELINE, Component.DECODER, desired, "{}") for desired in (DESIRED, other))
    assert one == two


def test_what_the_operator_remembers_is_written_as_it_is_and_no_puller_sees_it() -> None:
    made = models_config_map(PIPELINE, Component.DECODER, DESIRED, json.dumps({"secret": 1}))
    assert made["data"]["swap.json"] == '{"secret": 1}'
    volume = models_volume(PIPELINE, Component.DECODER)
    assert volume["configMap"]["name"] == made["metadata"]["name"] == "sd-decoder-models"
    assert [item["key"] for item in volume["configMap"]["items"]] == ["desired.json"]
