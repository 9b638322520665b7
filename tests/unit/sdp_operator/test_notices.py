from datetime import UTC, datetime
from typing import Any

from tests.support.pipelines import pipeline

from sdp_operator.api.v1alpha1 import Serving
from sdp_operator.notices import notices
from sdp_operator.observe import Observed
from sdp_operator.pods import Replica
from sdp_operator.status import summarise
from sdp_operator.swap.advance import Seen
from sdp_operator.swap.progress import progress
from sdp_operator.swap.state import CandidateModel, Choice, RejectedModel, ServingModel, SwapState
from sdp_operator.world import World
from sdp_serving.contract.components import Component
from sdp_serving.contract.swap import ModelNumber

NOW = datetime(2026, 11, 23, 4, 0, tzinfo=UTC)
UNET = Component.DIFFUSION_MODEL
BASE = Serving(name="base", version=17, model="gs://b/base")
IN_PLACE = Choice(strategy="InPlace", reason="the GPUs' memory holds both models")

SERVES = SwapState(
    rollout="9", serving=ServingModel(number=ModelNumber(9), source="gs://b/base", since=NOW, settled=NOW)
)
VERIFIES = SERVES.model_copy(
    update={"candidate": CandidateModel(number=ModelNumber(8), source="gs://b/new", since=NOW, step_since=NOW)}
)
BRINGS_IN = SERVES.model_copy(update={"candidate": VERIFIES.candidate.model_copy(update={"choice": IN_PLACE})})  # type: ignore[union-attr]
REJECTED = SERVES.model_copy(
    update={
        "rejected": RejectedModel(source="gs://b/new", reason="LoadFailed", message="it is corrupt: export it", at=NOW)
    }
)


def test_the_start_and_the_strategy_of_a_swap_are_told_once() -> None:
    serving, verifying, bringing = _status("gs://b/base", SERVES), _status("gs://b/new", VERIFIES), _brought_in()
    assert _told(serving, verifying) == [
        "Ready is False (Swapping): diffusionModel: gs://b/new is being verified; meanwhile base (version 17) is served"
    ]
    assert _told(verifying, bringing) == [
        "diffusionModel (SwapStrategy): InPlace, since the GPUs' memory holds both models"
    ]
    assert _told(bringing, bringing) == []


def test_a_model_that_was_found_bad_is_told_once_with_what_to_do() -> None:
    rejected = _status("gs://b/new", REJECTED)
    (told,) = notices(_brought_in(), rejected)
    assert told.is_warning
    assert str(told) == (
        "RolledBack is True (LoadFailed): diffusionModel: gs://b/new was found bad (it is corrupt: export it): correct"
        " diffusionModel.model, or set it back to gs://b/base, which serves"
    )
    said = {one["type"]: one for one in rejected["conditions"]}
    assert said["Ready"]["reason"] == "LoadFailed"
    assert said["Ready"]["message"].endswith("meanwhile base (version 17) is served")
    assert said["Stalled"]["status"] == "True"
    assert rejected["diffusionModel"]["readyReplicas"] == 0
    assert "RolledBack" not in {one["type"] for one in _status("gs://b/base", SERVES)["conditions"]}


def _told(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    return [str(one) for one in notices(before, after)]


def _brought_in() -> dict[str, Any]:
    return _status("gs://b/new", BRINGS_IN)


def _status(asked: str, state: SwapState) -> dict[str, Any]:
    seen = Seen(UNET, asked)
    replica = Replica("r", BASE, None, "node-1")
    observed = Observed("r", replicas=[replica], models=state, progress=progress(state, seen, NOW))
    wanted = pipeline({"diffusionModel": {"model": asked}})
    return summarise(wanted, {UNET: observed}, None, World(), NOW).dump()
