from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sdp_serving.contract.components import Component
from sdp_serving.contract.report import NotPulled, Pulled, PullFailure
from sdp_serving.contract.swap import Candidate, ModelNumber, NumberedModel, PodModels
from sdp_serving.puller.actions import (
    Action,
    Bring,
    Copy,
    Fail,
    Inspect,
    Keep,
    Lay,
    Prove,
    Quick,
    Remove,
    Withdraw,
)
from sdp_serving.puller.decision import Known, Shown, decide, load_seconds
from sdp_serving.puller.laid import Laid
from sdp_serving.puller.model_server import State, Status
from sdp_serving.puller.models_folder import OnDisk

OLD, NEW, NEWEST = ModelNumber(30), ModelNumber(20), ModelNumber(10)
URIS = {OLD: "gs://bucket/old", NEW: "gs://bucket/new", NEWEST: "gs://bucket/newest"}
LOADED, LOADING, TORN = Status(State.AVAILABLE), Status(State.LOADING), Status(State.END, "torn")


def numbered(number: ModelNumber, uri: str | None = None) -> NumberedModel:
    return NumberedModel(number=number, uri=uri or URIS[number])


def candidate(number: ModelNumber, step: Any = "BringIn") -> Candidate:
    return Candidate(number=number, uri=URIS[number], step=step)


def pulled(uri: str) -> Pulled:
    return Pulled(
        component=Component.DECODER,
        uri=f"{uri}/1",
        version=1,
        source_digest="sha256:0",
        weights="test",
        width=None,
        sd_version="tiny",
        size_bytes=1,
        seconds=0,
    )


def laid(uri: str) -> Laid:
    return Laid(asked=uri, model=pulled(uri), files={})


def lying(*numbers: ModelNumber) -> dict[ModelNumber, Laid]:
    return {number: laid(URIS[number]) for number in numbers}


BAD = NotPulled(reason=PullFailure.GOLDEN_REQUEST_FAILED, message="nonsense")
TRYING = PodModels(serving=numbered(OLD), candidate=candidate(NEW))
SWITCHED = PodModels(serving=numbered(NEW), previous=numbered(OLD))
BACK = PodModels(serving=numbered(NEWEST, URIS[OLD]))

CASES: dict[str, tuple[PodModels, OnDisk, Mapping[ModelNumber, Status] | None, Known, Action | None]] = {
    "at rest": (
        PodModels(serving=numbered(OLD)),
        OnDisk(lying(OLD), frozenset({OLD})),
        {OLD: LOADED},
        Known(),
        None,
    ),
    "the first model is awaited": (PodModels(serving=numbered(OLD)), OnDisk(lying(OLD)), None, Known(), None),
    "the first model is proven": (
        PodModels(serving=numbered(OLD)),
        OnDisk(lying(OLD)),
        {OLD: LOADED},
        Known(),
        Prove(OLD),
    ),
    "a first model that was silent waits": (
        PodModels(serving=numbered(OLD)),
        OnDisk(lying(OLD)),
        {OLD: LOADED},
        Known(blocked={OLD}),
        None,
    ),
    "a first model that is bad stays": (
        PodModels(serving=numbered(OLD)),
        OnDisk(lying(OLD)),
        {OLD: LOADED},
        Known(failed={OLD: BAD}),
        None,
    ),
    "a first model that is not there is fetched": (
        PodModels(serving=numbered(OLD)),
        OnDisk(),
        None,
        Known(),
        Bring(numbered(OLD)),
    ),
    "a candidate is verified": (
        PodModels(serving=numbered(OLD), candidate=candidate(NEW, "Verify")),
        OnDisk(lying(OLD), frozenset({OLD})),
        {OLD: LOADED},
        Known(),
        Inspect(numbered(NEW)),
    ),
    "a verified candidate is not fetched before its time": (
        PodModels(serving=numbered(OLD), candidate=candidate(NEW, "Verify")),
        OnDisk(lying(OLD), frozenset({OLD})),
        {OLD: LOADED},
        Known(verified={NEW: pulled(URIS[NEW])}),
        None,
    ),
    "a candidate is fetched": (
        TRYING,
        OnDisk(lying(OLD), frozenset({OLD})),
        {OLD: LOADED},
        Known(),
        Bring(numbered(NEW)),
    ),
    "a candidate is fetched beside a bad model": (
        TRYING,
        OnDisk(lying(OLD)),
        {OLD: LOADED},
        Known(failed={OLD: BAD}),
        Bring(numbered(NEW)),
    ),
    "half a candidate is fetched again": (
        TRYING,
        OnDisk(lying(OLD), frozenset({OLD}), {NEW: None}),
        {OLD: LOADED},
        Known(),
        Bring(numbered(NEW)),
    ),
    "a candidate whose storage is silent waits": (
        TRYING,
        OnDisk(lying(OLD), frozenset({OLD})),
        {OLD: LOADED},
        Known(blocked={NEW}),
        None,
    ),
    "a candidate that was the previous model is taken from the disk": (
        TRYING,
        OnDisk(lying(OLD), frozenset({OLD}), previous={}),
        {OLD: LOADED},
        Known(verified={NEW: pulled(URIS[OLD])}),
        Copy(str(OLD), NEW),
    ),
    "a whole candidate is laid": (
        TRYING,
        OnDisk(lying(OLD), frozenset({OLD}), lying(NEW)),
        {OLD: LOADED},
        Known(),
        Lay(NEW),
    ),
    "a candidate is not laid where it would be the first to be loaded": (
        TRYING,
        OnDisk(lying(OLD), frozenset({OLD}), lying(NEW)),
        {OLD: LOADING},
        Known(),
        None,
    ),
    "a candidate is not laid before a server that is down": (
        TRYING,
        OnDisk(lying(OLD), frozenset({OLD}), lying(NEW)),
        None,
        Known(),
        None,
    ),
    "a candidate that loads is awaited": (
        TRYING,
        OnDisk(lying(OLD, NEW), frozenset({OLD})),
        {OLD: LOADED, NEW: LOADING},
        Known(),
        None,
    ),
    "a loaded candidate is proven": (
        TRYING,
        OnDisk(lying(OLD, NEW), frozenset({OLD})),
        {OLD: LOADED, NEW: LOADED},
        Known(),
        Prove(NEW),
    ),
    "a proven candidate waits for the operator": (
        TRYING,
        OnDisk(lying(OLD, NEW), frozenset({OLD, NEW})),
        {OLD: LOADED, NEW: LOADED},
        Known(),
        None,
    ),
    "a failed candidate goes": (
        TRYING,
        OnDisk(lying(OLD, NEW), frozenset({OLD})),
        {OLD: LOADED, NEW: LOADED},
        Known(failed={NEW: BAD}),
        Remove(str(NEW)),
    ),
    "a failed candidate is not tried again": (
        TRYING,
        OnDisk(lying(OLD), frozenset({OLD})),
        {OLD: LOADED},
        Known(failed={NEW: BAD}),
        None,
    ),
    "a candidate beside which the server ended is withdrawn": (
        TRYING,
        OnDisk(lying(OLD, NEW), frozenset({OLD, NEW})),
        None,
        Known(crashes={NEW: 1}),
        Withdraw(NEW),
    ),
    "a candidate that was withdrawn is not laid before the server has seen it": (
        TRYING,
        OnDisk(lying(OLD), frozenset({OLD}), lying(NEW)),
        {OLD: LOADED},
        Known(crashes={NEW: 1}, blocked={NEW}),
        None,
    ),
    "a candidate that was withdrawn is not laid while the server has to do with it": (
        TRYING,
        OnDisk(lying(OLD), frozenset({OLD}), lying(NEW)),
        {OLD: LOADED, NEW: LOADING},
        Known(crashes={NEW: 1}),
        None,
    ),
    "a candidate that was withdrawn is laid again once the server has let it go": (
        TRYING,
        OnDisk(lying(OLD), frozenset({OLD}), lying(NEW)),
        {OLD: LOADED, NEW: TORN},
        Known(crashes={NEW: 1}),
        Lay(NEW),
    ),
    "what the server told of a candidate before it was laid again does not count": (
        TRYING,
        OnDisk(lying(OLD, NEW), frozenset({OLD})),
        {OLD: LOADED, NEW: TORN},
        Known(shown={NEW: Shown(29, TORN)}),
        None,
    ),
    "what is to serve is not laid either while the server has to do with it": (
        PodModels(serving=numbered(NEW), previous=numbered(OLD)),
        OnDisk(lying(OLD), frozenset({OLD}), lying(NEW)),
        {OLD: LOADED, NEW: Status(State.UNLOADING)},
        Known(crashes={NEW: 1}),
        None,
    ),
    "a candidate that loads has its time": (
        TRYING,
        OnDisk(lying(OLD, NEW), frozenset({OLD})),
        {OLD: LOADED, NEW: LOADING},
        Known(shown={NEW: Shown(599)}),
        None,
    ),
    "a first model that is not there is not delayed by a candidate": (
        TRYING,
        OnDisk(),
        None,
        Known(),
        Bring(numbered(OLD)),
    ),
    "another candidate takes its place": (
        PodModels(serving=numbered(OLD), candidate=candidate(NEWEST)),
        OnDisk(lying(OLD, NEW), frozenset({OLD, NEW})),
        {OLD: LOADED, NEW: LOADED},
        Known(),
        Remove(str(NEW)),
    ),
    "another candidate's half goes": (
        PodModels(serving=numbered(OLD), candidate=candidate(NEWEST)),
        OnDisk(lying(OLD), frozenset({OLD}), {NEW: None}),
        {OLD: LOADED},
        Known(),
        Remove(".20.partial"),
    ),
    "a proven candidate takes over and the old one is kept": (
        SWITCHED,
        OnDisk(lying(OLD, NEW), frozenset({OLD, NEW})),
        {OLD: LOADED, NEW: LOADED},
        Known(),
        Keep(OLD),
    ),
    "an old model that is not to be kept goes": (
        PodModels(serving=numbered(NEW)),
        OnDisk(lying(OLD, NEW), frozenset({OLD, NEW})),
        {OLD: LOADED, NEW: LOADED},
        Known(),
        Remove(str(OLD)),
    ),
    "the old one stays until the new one is proven": (
        SWITCHED,
        OnDisk(lying(OLD, NEW), frozenset({OLD})),
        {OLD: LOADED, NEW: LOADED},
        Known(),
        Prove(NEW),
    ),
    "the old one stays while the new one loads": (
        SWITCHED,
        OnDisk(lying(OLD, NEW), frozenset({OLD, NEW})),
        {OLD: LOADED, NEW: LOADING},
        Known(),
        None,
    ),
    "the old one goes on where the new one cannot be loaded": (
        SWITCHED,
        OnDisk(lying(OLD, NEW), frozenset({OLD})),
        {OLD: LOADED, NEW: TORN},
        Known(failed={NEW: BAD}),
        None,
    ),
    "a server that is down starts with the new one": (
        SWITCHED,
        OnDisk(lying(OLD, NEW), frozenset({OLD, NEW})),
        None,
        Known(),
        Keep(OLD),
    ),
    "what was kept before goes": (
        PodModels(serving=numbered(NEWEST), previous=numbered(NEW)),
        OnDisk(lying(NEWEST), frozenset({NEWEST}), previous=lying(OLD, NEW)),
        {NEWEST: LOADED},
        Known(),
        Remove(".previous/30"),
    ),
    "back: from the disk": (
        BACK,
        OnDisk(lying(NEW), frozenset({NEW}), previous=lying(OLD)),
        {NEW: LOADED},
        Known(),
        Copy(".previous/30", NEWEST),
    ),
    "back: from what still answers": (
        BACK,
        OnDisk(lying(OLD, NEW), frozenset({OLD})),
        {OLD: LOADED, NEW: LOADED},
        Known(),
        Copy("30", NEWEST),
    ),
    "back: from storage": (
        BACK,
        OnDisk(lying(NEW), frozenset({NEW})),
        {NEW: LOADED},
        Known(),
        Bring(numbered(NEWEST, URIS[OLD])),
    ),
    "back: laid as soon as it is whole": (
        BACK,
        OnDisk(lying(NEW), frozenset({NEW}), {NEWEST: laid(URIS[OLD])}, lying(OLD)),
        None,
        Known(),
        Lay(NEWEST),
    ),
    "back: the bad one goes after the proof": (
        BACK,
        OnDisk({**lying(NEW), NEWEST: laid(URIS[OLD])}, frozenset({NEW, NEWEST})),
        {NEW: LOADED, NEWEST: LOADED},
        Known(),
        Remove(str(NEW)),
    ),
    "back: the bad one goes at once where the server is down": (
        BACK,
        OnDisk({**lying(NEW), NEWEST: laid(URIS[OLD])}, frozenset({NEW})),
        None,
        Known(),
        Remove(str(NEW)),
    ),
    "back: of two, the one that answers goes last": (
        BACK,
        OnDisk({**lying(OLD, NEW), NEWEST: laid(URIS[OLD])}, frozenset({OLD, NEWEST})),
        {OLD: LOADED, NEW: LOADED, NEWEST: LOADED},
        Known(),
        Remove(str(NEW)),
    ),
    "clutter goes": (
        PodModels(serving=numbered(OLD)),
        OnDisk(lying(OLD), frozenset({OLD}), clutter=frozenset({".20.gone"})),
        {OLD: LOADED},
        Known(),
        Remove(".20.gone"),
    ),
}


@pytest.mark.parametrize(("desired", "disk", "server", "known", "expected"), CASES.values(), ids=CASES)
def test_the_next_step(
    desired: PodModels,
    disk: OnDisk,
    server: Mapping[ModelNumber, Status] | None,
    known: Known,
    expected: Action | None,
) -> None:
    action = decide(desired, disk, server, known)

    assert action == (expected if isinstance(expected, Quick) else {expected} - {None})


@pytest.mark.parametrize("uri", [URIS[OLD], f"{URIS[OLD]}/", f"{URIS[OLD]}/1"])
def test_a_model_to_go_back_to_is_known_by_its_uri_however_that_is_written(uri: str) -> None:
    desired = PodModels(serving=numbered(NEWEST, uri))

    action = decide(desired, OnDisk(lying(NEW), frozenset({NEW}), previous=lying(OLD)), {NEW: LOADED}, Known())

    assert action == Copy(".previous/30", NEWEST)


def test_a_pinned_candidate_is_brought_in_though_this_pod_found_another_version() -> None:
    pinned = Candidate(number=NEW, uri=f"{URIS[NEW]}/2", step="BringIn")
    desired = PodModels(serving=numbered(OLD, URIS[NEW]), candidate=pinned)
    disk = OnDisk({OLD: laid(URIS[NEW])}, frozenset({OLD}))

    action = decide(desired, disk, {OLD: LOADED}, Known(verified={NEW: pulled(URIS[NEW])}))

    assert action == {Bring(numbered(NEW, f"{URIS[NEW]}/2"))}


def test_a_candidate_that_cannot_be_loaded_fails_with_the_servers_words() -> None:
    disk = OnDisk(lying(OLD, NEW), frozenset({OLD}))

    action = decide(TRYING, disk, {OLD: LOADED, NEW: TORN}, Known())

    assert isinstance(action, Fail)
    assert (action.number, action.trouble.reason) == (NEW, PullFailure.LOAD_FAILED)
    assert "cannot load gs://bucket/new (torn)" in action.trouble.message


@pytest.mark.parametrize("shown", [Shown(31, TORN), Shown(1, Status(State.END)), Shown(1)])
def test_an_error_is_the_candidates_when_it_is_new_or_stays(shown: Shown) -> None:
    disk = OnDisk(lying(OLD, NEW), frozenset({OLD}))

    action = decide(TRYING, disk, {OLD: LOADED, NEW: TORN}, Known(shown={NEW: shown}))

    assert isinstance(action, Fail)


@pytest.mark.parametrize("server", [{OLD: LOADED, NEW: LOADING}, {OLD: LOADED}])
def test_a_candidate_that_loads_for_ever_fails_and_says_what_to_do(server: Mapping[ModelNumber, Status]) -> None:
    disk = OnDisk(lying(OLD, NEW), frozenset({OLD}))

    action = decide(TRYING, disk, server, Known(shown={NEW: Shown(601)}))

    assert isinstance(action, Fail)
    assert action.trouble.reason is PullFailure.LOAD_FAILED
    assert action.trouble.message == (
        "the model server did not come to an end with loading gs://bucket/new in 10 minutes: read the server's log, and"
        " give it more memory and processors"
    )


def test_a_large_model_has_longer_to_load_than_the_slowest_disk_takes() -> None:
    assert load_seconds(0) == 600
    assert load_seconds(12 << 30) == 600 + 3 * 1024


def test_a_candidate_is_fetched_while_the_model_that_serves_is_proven() -> None:
    actions = decide(TRYING, OnDisk(lying(OLD)), {OLD: LOADED}, Known())

    assert actions == {Prove(OLD), Bring(numbered(NEW))}


def test_a_model_to_go_back_to_that_cannot_be_loaded_fails_once() -> None:
    disk = OnDisk({**lying(NEW), NEWEST: laid(URIS[OLD])}, frozenset({NEW}))

    action = decide(BACK, disk, {NEW: LOADED, NEWEST: TORN}, Known())

    assert isinstance(action, Fail)
    assert not decide(BACK, disk, {NEW: LOADED, NEWEST: TORN}, Known(failed={NEWEST: action.trouble}))


def test_a_candidate_beside_which_the_server_ends_a_third_time_fails() -> None:
    action = decide(TRYING, OnDisk(lying(OLD, NEW), frozenset({OLD})), None, Known(crashes={NEW: 2}))

    assert isinstance(action, Fail)
    assert "the model server ended 3 times while it had gs://bucket/new" in action.trouble.message


NUMBERS = [ModelNumber(number) for number in (50, 40, 30, 20, 10)]
_subsets = st.frozensets(st.sampled_from(NUMBERS))


@settings(max_examples=500)
@given(
    serving=st.sampled_from(NUMBERS),
    wanted=st.none() | st.sampled_from(NUMBERS),
    previous=st.none() | st.sampled_from(NUMBERS),
    models=_subsets,
    proven=_subsets,
    partial=_subsets,
    kept=_subsets,
    loaded=st.none() | _subsets,
    failed=_subsets,
)
def test_what_answers_goes_last_and_only_once_what_is_to_serve_is_loaded_and_proven(
    serving: ModelNumber,
    wanted: ModelNumber | None,
    previous: ModelNumber | None,
    models: frozenset[ModelNumber],
    proven: frozenset[ModelNumber],
    partial: frozenset[ModelNumber],
    kept: frozenset[ModelNumber],
    loaded: frozenset[ModelNumber] | None,
    failed: frozenset[ModelNumber],
) -> None:
    def uri(number: ModelNumber) -> str:
        return f"gs://bucket/{number}"

    desired = PodModels(
        serving=numbered(serving, uri(serving)),
        candidate=None
        if wanted is None or wanted >= serving
        else Candidate(number=wanted, uri=uri(wanted), step="BringIn"),
        previous=None if previous is None else numbered(previous, uri(previous)),
    )
    disk = OnDisk(
        models={number: laid(uri(number)) for number in models},
        proven=proven & models,
        partial={number: laid(uri(number)) for number in partial},
        previous={number: laid(uri(number)) for number in kept},
    )
    server = None if loaded is None else dict.fromkeys(loaded & models, LOADED)

    action = decide(desired, disk, server, Known(failed=dict.fromkeys(failed, BAD)))

    answering = max(server or {}, default=serving)
    if server and answering > serving and isinstance(action, Remove | Keep | Withdraw):
        gone = action.name if isinstance(action, Remove) else str(action.number)
        others = [number for number in server if number > serving]
        assert gone != str(answering) or (serving in server and serving in disk.proven and others == [answering])
