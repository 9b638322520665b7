import pytest

from sdp_serving.contract.components import Component
from sdp_serving.contract.report import NotPulled, Pulled, PullFailure
from sdp_serving.contract.swap import Candidate, CandidateState, ModelNumber, NumberedModel, PodModels
from sdp_serving.puller.laid import Laid
from sdp_serving.puller.memory import Memory
from sdp_serving.puller.model_server import State, Status, Statuses
from sdp_serving.puller.models_folder import OnDisk
from sdp_serving.puller.reporting import answering, candidate_report, trouble_of_serving

OLD, NEW = ModelNumber(20), ModelNumber(10)
LOADED, LOADING = Status(State.AVAILABLE), Status(State.LOADING)
MODEL = Pulled(
    component=Component.DECODER,
    uri="gs://bucket/model/1",
    version=1,
    source_digest="sha256:0",
    weights="test",
    width=None,
    sd_version="tiny",
    size_bytes=7,
    seconds=0,
)
LAID = Laid(asked="gs://bucket/model", model=MODEL, files={})
AWAY = NotPulled(reason=PullFailure.STORAGE_UNAVAILABLE, message="away")


def wanted(step: str) -> PodModels:
    candidate = Candidate.model_validate({"number": NEW, "uri": "gs://bucket/model", "step": step})
    return PodModels(serving=NumberedModel(number=OLD, uri="gs://bucket/old"), candidate=candidate)


@pytest.mark.parametrize(
    ("server", "number"),
    [
        (None, None),
        ({}, None),
        ({OLD: LOADING}, None),
        ({OLD: LOADED, NEW: LOADED}, OLD),
        ({OLD: Status(State.UNLOADING), NEW: LOADED}, NEW),
        ({OLD: Status(State.END), NEW: LOADED}, NEW),
    ],
)
def test_the_highest_loaded_model_answers(server: Statuses | None, number: ModelNumber | None) -> None:
    assert answering(server) == number


def test_without_a_candidate_there_is_no_report_of_one() -> None:
    desired = wanted("Verify").model_copy(update={"candidate": None})
    assert candidate_report(desired, OnDisk(), {}, Memory(), {}) is None


@pytest.mark.parametrize(
    ("step", "verified", "disk", "server", "state", "done"),
    [
        ("Verify", False, OnDisk(), {}, CandidateState.VERIFYING, 0),
        ("Verify", True, OnDisk(), {}, CandidateState.VERIFIED, 0),
        ("BringIn", False, OnDisk(), {}, CandidateState.VERIFYING, 0),
        ("BringIn", True, OnDisk(partial={NEW: None}), {}, CandidateState.FETCHING, 0),
        ("BringIn", True, OnDisk(partial={NEW: LAID}), {}, CandidateState.LOADING, 7),
        ("BringIn", True, OnDisk({NEW: LAID}), {NEW: LOADING}, CandidateState.LOADING, 7),
        ("BringIn", True, OnDisk({NEW: LAID}, frozenset({NEW})), {NEW: LOADED}, CandidateState.PROVEN, 7),
        ("BringIn", True, OnDisk({NEW: LAID}, frozenset({NEW})), None, CandidateState.LOADING, 7),
    ],
)
def test_a_candidate_is_as_far_as_its_last_step(
    step: str, verified: bool, disk: OnDisk, server: Statuses | None, state: CandidateState, done: int
) -> None:
    memory = Memory()
    if verified:
        memory.verify(NEW, MODEL)

    report = candidate_report(wanted(step), disk, server, memory, {})

    assert report is not None
    assert (report.number, report.state, report.done_bytes) == (NEW, state, done)
    assert report.model == (MODEL if verified else None)
    assert report.trouble is None


def test_a_candidate_in_trouble_waits_or_has_failed() -> None:
    memory = Memory()
    memory.wait(NEW, AWAY, 0)
    report = candidate_report(wanted("Verify"), OnDisk(), {}, memory, {})
    assert report is not None
    assert (report.state, report.trouble) == (CandidateState.WAITING, AWAY)

    memory.fail(NEW, AWAY)
    report = candidate_report(wanted("Verify"), OnDisk(), {}, memory, {})
    assert report is not None
    assert (report.state, report.trouble) == (CandidateState.FAILED, AWAY)


def test_trouble_with_the_model_that_serves_ends_with_its_proof() -> None:
    memory = Memory()
    assert trouble_of_serving(wanted("Verify"), OnDisk({OLD: LAID}), memory) is None

    memory.fail(OLD, AWAY)

    assert trouble_of_serving(wanted("Verify"), OnDisk({OLD: LAID}), memory) == AWAY
    assert trouble_of_serving(wanted("Verify"), OnDisk({OLD: LAID}, frozenset({OLD})), memory) is None


def test_a_model_that_serves_is_found_bad_only_when_it_was_silent_three_times() -> None:
    memory, disk = Memory(), OnDisk({OLD: LAID})
    silent = NotPulled(reason=PullFailure.GOLDEN_REQUEST_FAILED, message="silent")

    told = [memory.wait(OLD, silent, 0) and trouble_of_serving(wanted("Verify"), disk, memory) for _ in range(4)]

    assert told == [None, None, silent, silent]
    memory.wait(NEW, AWAY, 0)
    missing = PodModels(serving=NumberedModel(number=NEW, uri="gs://bucket/new"))
    assert trouble_of_serving(missing, disk, memory) == AWAY
