"""Single swaps, step by step. What holds of any: test_advance_always.py."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from tests.support.pipelines import NOW, pulled
from tests.support.replicas import COMPONENT
from tests.support.swap_life import Life

from sdp_operator.problem import Problem
from sdp_operator.reasons import Reason
from sdp_operator.swap.advance import Seen, advance
from sdp_operator.swap.agreement import Models
from sdp_operator.swap.progress import OFTEN, SELDOM, look_again
from sdp_operator.swap.state import ServingModel, SwapState
from sdp_operator.swap.strategy import Room
from sdp_operator.swap.watch import Fault
from sdp_operator.swap.witness import Witness
from sdp_serving.contract.components import Component
from sdp_serving.contract.report import NotPulled, PullFailure
from sdp_serving.contract.swap import Candidate, CandidateReport, CandidateState, ReplicaReport, model_number

A, B, C = "gs://good/a", "gs://good/b", "gs://good/c"
MISSING, CORRUPT, CRASH = "gs://missing/a", "gs://corrupt/a", "gs://crash/a"


def test_a_model_comes_into_running_pods_step_by_step_and_is_watched() -> None:
    life = Life()
    pods = sorted(life.cluster.pods)
    life.ask(B)
    life.live(320)
    assert life.told == ["Never", "Verifying", "Fetching", "Loading", "Proving", "Switching", "Watching", "Done"]
    assert life.state.serving.source == B
    assert sorted(life.cluster.pods) == pods
    assert look_again(life.state, life.seen, life.now) is None


def test_while_a_swap_moves_it_is_looked_at_often_and_while_it_is_watched_seldom() -> None:
    life = Life()
    life.ask(B)
    life.live(2)
    assert look_again(life.state, life.seen, life.now) == OFTEN
    life.live(10)
    assert look_again(life.state, life.seen, life.now) == SELDOM


def test_a_model_that_answers_nonsense_in_new_pods_is_rejected_by_what_their_pullers_tell() -> None:
    life = Life(strategy="Surge")
    life.ask(B)
    life.live(4)
    assert life.state.serving.source == B
    assert look_again(life.state, life.seen, life.now) == SELDOM
    trouble = NotPulled(reason=PullFailure.GOLDEN_REQUEST_FAILED, message="it answers nonsense")
    (name,) = [name for name, one in life.cluster.pods.items() if one.rollout == life.state.rollout]
    told = ReplicaReport(component=COMPONENT, rollout=life.state.rollout, trouble=trouble)
    life.cluster.pods[name] = replace(life.cluster.pods[name], is_ready=False, report=told)
    life.look()
    assert life.state.serving.source == A
    assert life.state.rejected is not None
    assert life.state.rejected.reason == "GoldenRequestFailed"


@pytest.mark.parametrize("strategy", ["Surge", "Drain"])
def test_by_rolling_pods_are_made_anew_once_the_model_is_verified(strategy: str) -> None:
    life = Life(strategy=strategy)
    before = set(life.cluster.pods)
    life.ask(B)
    life.live(40)
    assert life.told == ["Never", "Verifying", "Rolling", "Watching"]
    assert not before & set(life.cluster.pods)
    assert life.state.serving.source == B


@pytest.mark.parametrize("strategy", ["InPlace", "Surge", "Drain"])
@pytest.mark.parametrize("bad", [CORRUPT, CRASH])
def test_a_bad_model_is_rejected_and_the_one_before_serves(strategy: str, bad: str) -> None:
    life = Life(strategy=strategy)
    life.ask(bad)
    life.live(60)
    assert life.state.serving.source == A
    assert life.state.serving.settled is not None
    assert life.state.rejected is not None
    assert life.state.rejected.source == bad
    number = life.state.serving.number
    life.ask(A)
    life.live(5)
    assert life.state.rejected is None
    assert life.state.serving.number == number


def test_what_is_not_there_is_waited_for_and_told_in_the_pullers_words() -> None:
    life = Life()
    life.ask(MISSING)
    life.live(10)
    assert life.message == "nothing is there; it is being tried again"
    assert life.state.serving.source == A
    life.ask(A)
    life.live(1)
    assert life.state.candidate is None


def test_a_trouble_that_may_pass_is_borne_for_a_minute_where_the_old_pods_had_to_go() -> None:
    life = Life(strategy="Drain", can_verify=False)
    life.ask(MISSING)
    life.live(55)
    assert life.state.serving.source == MISSING
    life.live(20)
    assert life.state.serving.source == A
    assert life.state.rejected is not None
    assert life.state.rejected.reason == "ModelNotFound"


def test_where_the_old_pods_serve_on_a_trouble_that_may_pass_is_borne_for_ever() -> None:
    life = Life(strategy="Surge", can_verify=False)
    life.ask(MISSING)
    life.live(200)
    assert life.state.serving.source == MISSING
    assert life.state.rejected is None


def test_without_pullers_to_hear_it_goes_on_by_rolling_after_half_a_minute() -> None:
    life = Life()
    life.cluster.is_reachable = False
    life.ask(B)
    life.live(10)
    assert life.message.startswith("the replicas' pullers can't be reached: run the operator in the cluster")
    life.live(40)
    assert life.state.serving.source == B
    assert life.state.serving.choice is not None
    assert life.state.serving.choice.strategy == "Surge"
    assert life.state.serving.choice.reason.startswith("no replica's puller can be reached")


def test_what_the_user_insists_on_is_not_done_otherwise() -> None:
    life = Life(strategy="InPlace")
    life.cluster.is_reachable = False
    life.ask(B)
    life.live(100)
    assert life.state.serving.source == A
    assert "set swap.strategy to Surge" in life.message


def test_a_replica_that_does_not_tell_is_named() -> None:
    life = Life()
    life.ask(B)
    life.live(4)
    mute = min(life.cluster.pods)
    life.cluster.mute = {mute}
    life.live(9)
    assert f"is proven but for the replica {mute}" in life.message
    assert life.told[-1] == "Proven", "it may yet tell"
    life.live(40)
    assert life.progress is not None
    message = f"{B} is proven but for the replica {mute}, whose puller can't be reached"
    assert life.progress.problem == Problem(
        Reason.PULLERS_UNREACHABLE, f"{message}: delete this pod, and the swap goes on"
    )
    assert life.told[-1] == "Waiting"
    assert life.state.serving.source == A


@pytest.mark.parametrize("way", ["deleted", "not ready", "heard again"])
def test_a_swap_goes_on_once_the_replica_that_does_not_tell_is_gone_or_tells(way: str) -> None:
    life = Life()
    life.ask(B)
    life.live(4)
    mute = min(life.cluster.pods)
    life.cluster.mute = {mute}
    life.live(100)
    assert life.state.serving.source == A
    if way == "deleted":
        life.cluster.kill(mute)
    elif way == "not ready":
        life.cluster.pods[mute] = replace(life.cluster.pods[mute], is_ready=False)
        life.look()
    else:
        life.cluster.mute = set()
    life.live(20)
    assert life.state.serving.source == B


def test_a_replica_that_does_not_tell_whether_it_has_gone_over_is_named_and_a_new_one_in_its_place_ends_it() -> None:
    life = Life()
    life.ask(B)
    while life.state.serving.source == A:
        life.live(1)
    mute = min(life.cluster.pods)
    life.cluster.mute = {mute}
    life.live(5)
    assert life.message == f"the replicas are going over to {B}"
    life.live(40)
    assert life.progress is not None
    assert life.progress.problem is not None
    assert life.progress.problem.reason == Reason.PULLERS_UNREACHABLE
    assert f"{B} answers but for the replica {mute}" in life.message
    life.cluster.kill(mute)
    life.live(5)
    assert life.told[-1] == "Watching"


def test_replicas_that_all_went_while_they_went_over_are_the_trouble_and_not_the_swap() -> None:
    life = Life()
    life.ask(B)
    while life.state.serving.source == A:
        life.live(1)
    pods = life.cluster.pods
    pods.update({name: replace(one, is_ready=False, report=None) for name, one in pods.items()})
    life.look()
    assert life.progress is not None
    assert life.progress.problem is None


def test_insisting_on_running_pods_is_no_reason_to_wait_for_pods_that_do_not_run() -> None:
    life = Life(strategy="InPlace")
    pods = life.cluster.pods
    pods.update({name: replace(one, is_ready=False, report=None) for name, one in pods.items()})
    life.ask(B)
    for _ in range(40):
        life.now += timedelta(seconds=1)
        life.look()
    assert life.state.serving.source == B
    assert life.state.serving.choice is not None
    assert life.state.serving.choice.strategy == "Drain"


def run_out_of_memory(life: Life, *, beside_the_candidate: bool) -> None:
    """Let a server end, as its pod's status and, where the candidate was in it, its puller tell."""
    name, one = next(iter(life.cluster.pods.items()))
    oom = Fault(Reason.OUT_OF_MEMORY, "the model server needs more memory", may_pass=False, at=life.now)
    assert one.report is not None
    assert one.report.candidate is not None
    told = one.report.candidate.model_copy(update={"crashes": int(beside_the_candidate)})
    report = one.report.model_copy(update={"candidate": told})
    life.cluster.pods[name] = replace(one, fault=oom, report=report)
    life.look()


@pytest.mark.parametrize("strategy", ["Auto", "InPlace"])
def test_a_server_that_ends_before_the_candidate_is_in_it_says_nothing_against_that(strategy: str) -> None:
    life = Life(strategy=strategy)
    life.ask(B)
    life.live(4)
    run_out_of_memory(life, beside_the_candidate=False)
    assert life.state.rejected is None
    life.live(30)
    assert life.state.serving.source == B
    assert life.state.serving.choice is not None
    assert life.state.serving.choice.strategy == "InPlace"


def test_memory_that_runs_out_while_both_models_are_loaded_leads_to_new_pods() -> None:
    life = Life()
    life.ask(B)
    life.live(4)
    assert life.state.candidate is not None
    assert life.state.candidate.choice is not None
    run_out_of_memory(life, beside_the_candidate=True)
    assert life.state.serving.source == B
    assert life.state.serving.choice is not None
    assert life.state.serving.choice.reason.startswith("the servers ran out of memory with both models")


def test_a_model_that_only_found_no_room_is_tried_again_when_it_is_given_some() -> None:
    life = Life(strategy="InPlace", room=Room(memory_limit=1))
    life.ask(B)
    life.live(4)
    run_out_of_memory(life, beside_the_candidate=True)
    assert life.state.rejected is not None
    assert "set swap.strategy to Surge or Drain" in life.state.rejected.message
    life.ask(B, strategy="Surge")
    life.live(30)
    assert life.state.serving.source == B


@pytest.mark.parametrize("strategy", ["InPlace", "Surge", "Drain"])
def test_a_bad_model_is_tried_again_when_something_else_is_asked_for_of_its_pods(strategy: str) -> None:
    life = Life(strategy=strategy, pods="with 8 GiB")
    life.ask(CORRUPT)
    life.live(60)
    assert life.state.rejected is not None
    life.ask(CORRUPT, pods="with 16 GiB")
    life.look()
    assert life.state.rejected is None
    assert life.state.candidate is not None
    life.live(60)
    assert life.state.rejected is not None
    assert life.state.serving.source == A


def test_set_back_while_it_is_watched_the_model_before_comes_back_at_once() -> None:
    life = Life()
    life.ask(B)
    life.live(12)
    life.ask(A)
    life.look()
    assert life.state.serving.source == A
    assert life.state.candidate is None
    assert life.state.rejected is None


def test_the_version_that_serves_is_no_other_model_when_it_is_asked_for_by_its_own_uri() -> None:
    life = _of_version("17")
    number = life.state.serving.number
    life.ask(f"{A}/17")
    life.look()
    assert life.state.candidate is None
    assert (life.state.serving.number, life.state.serving.source) == (number, f"{A}/17")
    assert life.progress is None


def test_a_version_that_not_all_pods_have_is_brought_in() -> None:
    life = _of_version("17")
    last = max(life.cluster.pods)
    life.cluster.pods[last] = _with_version(life.cluster.pods[last], "18")
    life.ask(f"{A}/17")
    life.look()
    assert life.state.candidate is not None
    assert life.state.candidate.source == f"{A}/17"


@pytest.mark.parametrize("is_new", [True, False])
def test_what_a_pod_began_with_tells_its_version_only_until_another_came_in_place(is_new: bool) -> None:
    life = Life()
    life.ask(B)
    life.live(320)
    serving = life.state.serving
    serving = serving.model_copy(update={"found": pulled(COMPONENT, f"{B}/17")})
    life.state = life.state.model_copy(update={"serving": serving})
    made = life.now if is_new else life.now - timedelta(hours=1)
    for name, one in life.cluster.pods.items():
        life.cluster.pods[name] = replace(one, report=None, created=made, pulled=pulled(COMPONENT, f"{A}/3"))
    life.ask(f"{B}/17")
    life.look()
    assert (life.state.candidate is not None) == is_new


def test_all_replicas_are_told_to_bring_in_the_version_that_was_found_first() -> None:
    life = Life()
    life.ask(B)
    life.live(1)
    assert life.state.candidate is not None
    number = life.state.candidate.number
    for version, (name, one) in enumerate(life.cluster.pods.items(), start=17):
        assert one.report is not None
        told = CandidateReport(number=number, state=CandidateState.VERIFIED, model=pulled(COMPONENT, f"{B}/{version}"))
        life.cluster.pods[name] = replace(one, report=one.report.model_copy(update={"candidate": told}))
    life.look()
    models = life.state.desired().rollouts[life.state.rollout]
    assert models.candidate == Candidate(number=number, uri=f"{B}/17", step="BringIn")
    life.live(10)
    assert life.state.serving.source == B, "what was asked for"
    assert life.state.desired().rollouts[life.state.rollout].serving.uri == f"{B}/17"
    life.look()
    assert life.state.candidate is None


def test_replicas_that_start_later_are_told_the_version_of_the_first_that_is_ready() -> None:
    seen = Seen(COMPONENT, A, replicas=2)
    state = advance(None, seen, NOW)
    assert state is not None
    first = Witness("first", state.rollout, NOW, is_ready=True, pulled=pulled(COMPONENT, f"{A}/17"))
    state = advance(state, replace(seen, witnesses=[first], live_rollout=state.rollout), NOW)
    assert state is not None
    assert state.serving.settled is None
    assert state.desired().rollouts[state.rollout].serving.uri == f"{A}/17"


def test_a_claims_version_is_left_to_the_server_that_reads_it() -> None:
    found = pulled(COMPONENT, "pvc://models/a/17")
    serving = ServingModel(number=model_number(NOW), source="pvc://models/a", since=NOW, found=found)
    assert serving.numbered.uri == "pvc://models/a"


def test_the_model_before_comes_back_at_once_also_by_the_uri_of_its_version() -> None:
    life = _of_version("17")
    life.ask(B)
    life.live(12)
    assert life.state.serving.source == B
    life.ask(f"{A}/17")
    life.look()
    life.look()
    assert life.state.candidate is None
    assert life.state.serving.source == f"{A}/17"


def test_models_that_fit_only_together_take_over_together() -> None:
    life = Life()
    theirs = Models(serving=_text_encoder(768), candidate=None, is_changing=True)
    life.ask(B, others={Component.TEXT_ENCODER: theirs})
    life.live(10)
    assert "waits for the other components" in life.message
    theirs = replace(theirs, candidate=_text_encoder(64))
    life.ask(B, others={Component.TEXT_ENCODER: theirs})
    life.live(10)
    assert life.state.serving.source == A, "theirs is not proven yet"
    life.ask(B, others={Component.TEXT_ENCODER: replace(theirs, is_proven=True)})
    life.live(5)
    assert life.state.serving.source == B


def test_a_model_that_does_not_fit_waits_and_says_to_what() -> None:
    life = Life()
    life.ask(B, others={Component.TEXT_ENCODER: Models(serving=_text_encoder(768))})
    life.live(5)
    assert "that of textEncoder for a context 768 wide" in life.message
    assert life.state.rejected is None


def test_an_image_comes_with_its_pods_and_the_one_before_comes_back_with_them() -> None:
    room = Room(barrier="an image is part of its pods")
    life = Life("art/unet:1", can_verify=False, room=room)
    life.ask("art/crash:2")
    life.live(60)
    assert life.state.serving.source == "art/unet:1"
    assert life.state.rejected is not None
    assert life.state.rejected.reason == "ServerCrashed"


def test_what_never_served_is_nothing_to_go_back_to_and_to_wait_for() -> None:
    life = Life(MISSING)
    life.ask(B)
    life.live(20)
    assert life.state.serving.source == B
    assert life.state.previous is None


def test_what_is_lost_is_learnt_from_the_pods() -> None:
    life = Life()
    seen = replace(life.seen, live_rollout=life.state.rollout, asked=B)
    found = advance(None, seen, life.now)
    assert found is not None
    assert _models(found) == _models(life.state)


def _models(state: SwapState) -> object:
    return state.rollout, state.serving.number, state.serving.source


def _text_encoder(width: int) -> Any:
    return pulled(Component.TEXT_ENCODER, "gs://b/t").model_copy(update={"width": width})


def _of_version(version: str) -> Life:
    """A life whose pods found this version of A."""
    life = Life()
    life.cluster.pods = {name: _with_version(one, version) for name, one in life.cluster.pods.items()}
    serving = life.state.serving.model_copy(update={"found": pulled(COMPONENT, f"{A}/{version}")})
    life.state = life.state.model_copy(update={"serving": serving})
    return life


def _with_version(one: Witness, version: str) -> Witness:
    assert one.report is not None
    return replace(one, report=one.report.model_copy(update={"model": pulled(COMPONENT, f"{A}/{version}")}))
