"""A canary: how it comes and goes, and what is told of it. What holds of any: test_advance_always.py."""

from dataclasses import replace
from typing import Any

import pytest
from tests.support.pipelines import pulled
from tests.support.swap_life import Life

from sdp_operator.api.v1alpha1 import Canary as CanarySpec
from sdp_operator.problem import Problem
from sdp_operator.reasons import Reason
from sdp_operator.swap.agreement import Models
from sdp_operator.swap.canary import CanaryProgress, canary_progress
from sdp_operator.swap.progress import SELDOM, look_again
from sdp_operator.swap.strategy import Room
from sdp_operator.swap.witness import Witness
from sdp_serving.contract.components import Component
from sdp_serving.contract.report import NotPulled, PullFailure
from sdp_serving.contract.routes import Canary
from sdp_serving.contract.swap import CandidateState, ReplicaReport

A, B, C, CORRUPT = "gs://good/a", "gs://good/b", "gs://good/c", "gs://corrupt/a"
HOST = "sd-canary.art.svc"


class CanaryLife(Life):
    """A component whose canary is told of at each look."""

    def __init__(self, **seen: Any) -> None:
        self.states: list[str] = []
        super().__init__(A, **seen)

    def look(self) -> None:
        super().look()
        if (found := self.canary) is not None and self.states[-1:] != [str(found.state)]:
            self.states.append(str(found.state))

    @property
    def canary(self) -> CanaryProgress | None:
        asked = None if self.seen.canary is None else CanarySpec(model=self.seen.canary, percent=10)
        return canary_progress(asked, self.state, self.seen, None, self.now, host=HOST)

    @property
    def said(self) -> tuple[str, str, str]:
        """The canary's state, its reason and its message."""
        assert self.canary is not None
        problem = self.canary.problem
        return str(self.canary.state), problem.reason if problem else "", problem.message if problem else ""


def test_a_canary_comes_step_by_step_and_serves_until_it_is_promoted() -> None:
    life = CanaryLife()
    life.ask(A, canary=B)
    life.live(30)
    assert life.states == ["Verifying", "Fetching", "Loading", "Proving", "Serving"]
    assert life.state.serving.source == A
    assert life.state.candidate is not None
    number = life.state.candidate.number
    assert life.canary is not None
    assert life.canary.problem is None
    assert life.canary.served == Canary(version=number, percent=10, model=B)
    assert look_again(life.state, life.seen, life.now) == SELDOM
    assert life.progress is None, "it takes over from nobody"
    life.ask(B, canary=None)
    life.look()
    assert (life.state.serving.source, life.state.serving.number) == (B, number)


@pytest.mark.parametrize("strategy", ["Auto", "InPlace", "Surge", "Drain"])
def test_a_canary_that_is_asked_for_with_a_new_model_waits_for_that_to_come(strategy: str) -> None:
    life = CanaryLife(strategy=strategy)
    life.ask(B, canary=C)
    life.look()
    assert life.said == ("Waiting", "Swapping", f"{B} is to serve first")
    life.live(40)
    assert life.state.serving.source == B
    assert life.state.serving.settled is not None
    assert life.states[-1] == "Serving"


def test_a_canary_of_the_model_that_serves_is_none() -> None:
    life = CanaryLife()
    pods, serving = sorted(life.cluster.pods), life.state.serving
    life.ask(A, canary=A)
    life.live(20)
    assert (sorted(life.cluster.pods), life.state.serving, life.state.candidate) == (pods, serving, None)
    assert life.canary is None


def test_a_canary_of_the_model_before_takes_the_place_of_none() -> None:
    life = CanaryLife()
    life.ask(B)
    life.live(12)
    life.ask(B, canary=A)
    life.live(10)
    assert life.state.serving.source == B
    assert life.states[-1] == "Serving"


def test_a_canary_that_is_aborted_or_bad_leaves_what_serves() -> None:
    life = CanaryLife()
    life.ask(A, canary=B)
    life.live(10)
    life.ask(A, canary=None)
    life.live(2)
    assert life.state.candidate is None
    assert life.canary is None
    life.ask(A, canary=CORRUPT)
    life.live(20)
    assert life.said == ("Refused", "LoadFailed", "it is corrupt")
    assert life.state.serving.source == A
    assert life.progress is None
    life.ask(A, canary=None)
    life.live(1)
    assert life.state.rejected is None


@pytest.mark.parametrize(
    ("strategy", "room", "reason"),
    [
        ("Auto", Room(memory_limit=1), "both models need 1.0 GiB of memory, and the server has 0.0 GiB"),
        ("Surge", Room(), "swap.strategy is Surge"),
        ("Drain", Room(), "swap.strategy is Drain"),
        ("InPlace", Room(barrier="a claim is mounted when a pod starts"), "a claim is mounted when a pod starts"),
    ],
)
def test_a_canary_that_does_not_come_into_the_running_pods_gets_a_replica_of_its_own(
    strategy: str, room: Room, reason: str
) -> None:
    life = CanaryLife(strategy=strategy, room=room)
    pods, serving = sorted(life.cluster.pods), life.state.serving
    life.ask(A, canary=B)
    life.live(30)
    assert life.states == ["Verifying", "Waiting", "Serving"]
    assert life.canary is not None
    assert life.canary.served == Canary(host=HOST, percent=10, model=B)
    assert life.canary.alone == reason
    assert len(life.cluster.canary_pods) == 1
    assert (sorted(life.cluster.pods), life.state.serving) == (pods, serving)
    (of_the_others,) = life.state.desired().rollouts.values()
    assert of_the_others.candidate is None, "they hear nothing of it"
    assert look_again(life.state, life.seen, life.now) == SELDOM
    assert life.progress is None

    life.ask(A, canary=None)
    life.live(2)
    assert not life.cluster.canary_pods
    assert (sorted(life.cluster.pods), life.state.serving) == (pods, serving)


def test_a_canary_with_a_replica_of_its_own_gives_that_up_for_the_swap_that_promotes_it() -> None:
    life = CanaryLife(room=Room(memory_limit=1))
    life.ask(A, canary=B)
    life.live(30)
    assert life.state.candidate is not None
    number = life.state.candidate.number
    life.ask(B, canary=None)
    life.live(2)
    assert not life.cluster.canary_pods
    assert life.state.serving.source == A
    life.live(30)
    assert (life.state.serving.source, life.progress and life.progress.step) == (B, "Watching")
    assert life.state.serving.number < number
    assert life.state.serving.choice is not None
    assert life.state.serving.choice.strategy == "Surge"


@pytest.mark.parametrize(("bad", "reason"), [("gs://corrupt/a", "LoadFailed"), ("gs://crash/a", "ServerCrashed")])
def test_a_canary_that_is_bad_in_a_replica_of_its_own_is_refused_and_gives_that_up(bad: str, reason: str) -> None:
    life = CanaryLife(strategy="Surge")
    life.ask(A, canary=bad)
    life.live(30)
    assert life.said[:2] == ("Refused", reason)
    assert not life.cluster.canary_pods
    assert life.state.serving.source == A
    life.ask(A, strategy="Drain")
    life.look()
    assert life.states[-1] == "Verifying", "something else is asked for"


def test_a_canary_whose_own_replica_answers_nonsense_is_refused() -> None:
    life = CanaryLife(strategy="Surge")
    life.cluster.has_room = False
    life.ask(A, canary=B)
    life.live(30)
    ((name, one),) = life.cluster.canary_pods.items()
    trouble = NotPulled(reason=PullFailure.GOLDEN_REQUEST_FAILED, message="it answers with NaN")
    report = ReplicaReport(component=Component.DIFFUSION_MODEL, rollout=one.rollout or "", trouble=trouble)
    life.cluster.canary_pods[name] = replace(one, report=report)
    life.look()
    assert life.said == ("Refused", "GoldenRequestFailed", "it answers with NaN")
    assert not life.state.desired_of_canary().rollouts


def test_a_canary_waits_for_a_node_that_takes_its_replica() -> None:
    life = CanaryLife(strategy="Surge")
    life.cluster.has_room = False
    life.ask(A, canary=B)
    life.live(30)
    assert life.said == ("Waiting", "", ""), "its replica says why"
    life.cluster.has_room = True
    life.live(1)
    assert life.states[-1] == "Serving"


def test_a_canary_that_finds_no_memory_beside_the_running_model_gets_a_replica_of_its_own_but_in_place() -> None:
    for strategy, states in (("Auto", ["Waiting", "Serving"]), ("InPlace", ["Refused"])):
        life = CanaryLife(strategy=strategy)
        life.ask(A, canary="gs://slow/a")
        life.live(10)
        for name, one in life.cluster.pods.items():
            life.cluster.pods[name] = replace(one, report=_out_of_memory(one), is_ready=False)
        life.look()
        life.live(3)
        assert life.states[-len(states) :] == states


def test_a_canary_that_does_not_fit_the_other_components_takes_no_requests() -> None:
    life = CanaryLife(strategy="Surge")
    life.ask(A, canary=B)
    life.live(30)
    wide = pulled(Component.TEXT_ENCODER, "gs://good/t").model_copy(update={"width": 1024})
    life.ask(A, others={Component.TEXT_ENCODER: Models(serving=wide)})
    assert life.said[:2] == ("Waiting", "WrongStableDiffusion")


def test_a_canary_waits_for_what_is_not_there_and_tells_of_it() -> None:
    life = CanaryLife()
    life.ask(A, canary="gs://missing/a")
    life.live(10)
    assert life.said == ("Waiting", "ModelNotFound", "nothing is there; it is being tried again")


def test_a_canary_takes_no_requests_while_a_replica_that_answers_has_not_proven_it() -> None:
    life = CanaryLife()
    life.ask(A, canary=B)
    life.live(20)
    life.cluster.mute = {min(life.cluster.pods)}
    life.look()
    assert life.canary is not None
    assert life.canary.served is None
    assert life.states[-2:] == ["Serving", "Proving"]
    life.cluster.mute = set()
    life.look()
    assert life.states[-1] == "Serving"


def test_a_canary_of_which_no_replica_tells_says_how_they_are_reached_and_no_pod_is_made_for_it() -> None:
    life = CanaryLife()
    pods = sorted(life.cluster.pods)
    life.cluster.is_reachable = False
    life.ask(A, canary=B)
    life.live(100)
    message = "the replicas' pullers can't be reached: run the operator in the cluster, and let it in there"
    assert life.said == ("Waiting", "PullersUnreachable", message)
    assert sorted(life.cluster.pods) == pods


def test_a_canary_waits_for_a_replica_that_is_ready() -> None:
    life = CanaryLife()
    life.ask(A, canary=B)
    life.live(1)
    for name in list(life.cluster.pods):
        life.cluster.kill(name)
    life.look()
    assert life.said == ("Waiting", "Starting", "no replica is ready to take it")


def test_what_keeps_the_component_from_what_is_asked_for_keeps_its_canary() -> None:
    life = CanaryLife()
    forbidden = Problem(Reason.FILES_FORBIDDEN, "file:///x is refused: upload the model")
    asked = CanarySpec(model="file:///x", percent=10)
    life.ask(None, canary="file:///x")
    found = canary_progress(asked, life.state, life.seen, forbidden, life.now, host=HOST)
    assert found is not None
    assert (str(found.state), found.problem) == ("Waiting", forbidden)


def _out_of_memory(one: Witness) -> ReplicaReport:
    """What the replica tells when the candidate that it loads finds no memory."""
    assert one.report is not None
    assert one.report.candidate is not None
    trouble = NotPulled(reason=PullFailure.LOAD_FAILED, message="RESOURCE_EXHAUSTED: OOM when allocating")
    failed = one.report.candidate.model_copy(update={"state": CandidateState.FAILED, "trouble": trouble})
    return one.report.model_copy(update={"candidate": failed})
