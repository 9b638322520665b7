"""Replicas of a component as a cluster would run them, without one: pods, and pullers that do as is desired of them.

What a model is worth is in its name: `gs://good/a` serves, `gs://missing/a` is not there, `gs://slow/a` is never
fetched to its end, `gs://corrupt/a` can't be loaded, `gs://crash/a` loads and crashes at its first request.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from tests.support.pipelines import pulled

from sdp_operator.reasons import Reason
from sdp_operator.swap.state import SwapState, is_image
from sdp_operator.swap.watch import Fault
from sdp_operator.swap.witness import Witness
from sdp_serving.contract.components import Component
from sdp_serving.contract.report import NotPulled, PullFailure
from sdp_serving.contract.swap import Candidate, CandidateReport, CandidateState, ReplicaReport

COMPONENT = Component.DIFFUSION_MODEL
_STATES = list(CandidateState)


@dataclass
class Cluster:
    """The pods of one component."""

    replicas: int = 2
    is_reachable: bool = True
    mute: set[str] = field(default_factory=set)
    """Pods that tell nothing, though they answer requests."""
    pods: dict[str, Witness] = field(default_factory=dict)
    canary_pods: dict[str, Witness] = field(default_factory=dict)
    """Those that a canary has of its own."""
    has_room: bool = True
    """Whether a node takes them."""
    loaded: dict[str, str] = field(default_factory=dict)
    made: int = 0

    def seen(self) -> list[Witness]:
        """The pods as the operator sees them."""
        return self._seen(self.pods)

    def seen_canary(self) -> list[Witness]:
        """Those that a canary has of its own, as the operator sees them."""
        return self._seen(self.canary_pods)

    def _seen(self, pods: Mapping[str, Witness]) -> list[Witness]:
        return [
            one if self.is_reachable and name not in self.mute else replace(one, report=None)
            for name, one in pods.items()
        ]

    def kill(self, name: str) -> None:
        """End a pod."""
        del self.pods[name]

    def act(self, state: SwapState, now: datetime) -> None:
        """Let the Deployment make one pod or end one, and each puller go one step."""
        self._roll(state, now)
        for name, one in self.pods.items():
            self.pods[name] = self._puller(one, state, now)
        self._follow_canary(state, now)

    def _follow_canary(self, state: SwapState, now: datetime) -> None:
        wanted = state.desired_of_canary().rollouts
        self.canary_pods = {name: one for name, one in self.canary_pods.items() if one.rollout in wanted}
        for rollout, models in wanted.items():
            name = f"canary-{rollout}"
            one = self.canary_pods.get(name) or Witness(name, rollout, now, has_puller=True)
            is_new = name not in self.canary_pods
            self.canary_pods[name] = one if is_new or not self.has_room else self._started(one, models.serving.uri, now)

    def _roll(self, state: SwapState, now: datetime) -> None:
        old = [name for name, one in self.pods.items() if one.rollout != state.rollout]
        current = [one for one in self.pods.values() if one.rollout == state.rollout]
        choice = state.serving.choice
        drains = choice is not None and choice.strategy == "Drain"
        if old and (drains or sum(one.is_ready for one in current) >= self.replicas):
            self.kill(old[0])
        elif len(current) < self.replicas:
            self.made += 1
            puller = not is_image(state.serving.source)
            self.pods[f"pod-{self.made}"] = Witness(f"pod-{self.made}", state.rollout, now, has_puller=puller)

    def _puller(self, one: Witness, state: SwapState, now: datetime) -> Witness:
        image = state.serving.source if one.rollout == state.rollout else ""
        desired = state.desired().rollouts.get(one.rollout or "")
        if not one.has_puller:
            return self._started(one, image, now) if image else one
        if desired is None:
            return one
        if not one.is_ready:
            return self._started(replace(one, report=_report(one, state)), desired.serving.uri, now)
        assert one.report is not None
        report = one.report
        if report.serving != desired.serving.number:
            report = report.model_copy(update={"serving": desired.serving.number, "candidate": None})
            fault = _crash(desired.serving.uri, now)
            return replace(one, report=report, source=desired.serving.uri, fault=fault or one.fault)
        candidate = None if desired.candidate is None else follow(desired.candidate, report.candidate)
        return replace(one, report=report.model_copy(update={"candidate": candidate}))

    def _started(self, one: Witness, source: str, now: datetime) -> Witness:
        if source.startswith("gs://missing"):
            return replace(one, fault=Fault(PullFailure.MODEL_NOT_FOUND, "nothing is there", may_pass=True))
        if source.startswith("gs://corrupt"):
            return replace(one, fault=Fault(PullFailure.LOAD_FAILED, "it is corrupt", may_pass=False))
        return replace(one, is_ready=True, source=source, fault=_crash(source, now))


def _report(one: Witness, state: SwapState) -> ReplicaReport:
    assert one.rollout is not None
    desired = state.desired().rollouts[one.rollout].serving
    return ReplicaReport(
        component=COMPONENT, rollout=one.rollout, serving=desired.number, model=pulled(COMPONENT, desired.uri)
    )


def _crash(source: str, now: datetime) -> Fault | None:
    if "crash" not in source:
        return None
    return Fault(Reason.SERVER_CRASHED, "the model server ended with exit code 139", may_pass=False, at=now)


def follow(candidate: Candidate, before: CandidateReport | None) -> CandidateReport:
    """What a puller tells of a candidate one step after it told `before`."""
    if before is None or before.number != candidate.number:
        return CandidateReport(number=candidate.number, state=CandidateState.VERIFYING)
    if candidate.uri.startswith("gs://missing"):
        trouble = NotPulled(reason=PullFailure.MODEL_NOT_FOUND, message="nothing is there")
        return CandidateReport(number=candidate.number, state=CandidateState.WAITING, trouble=trouble)
    last = CandidateState.VERIFIED if candidate.step == "Verify" else CandidateState.PROVEN
    state = before.state
    if state is CandidateState.LOADING and candidate.uri.startswith("gs://corrupt"):
        trouble = NotPulled(reason=PullFailure.LOAD_FAILED, message="it is corrupt")
        return CandidateReport(number=candidate.number, state=CandidateState.FAILED, trouble=trouble)
    if state in {last, CandidateState.FAILED} or (state is CandidateState.FETCHING and "slow" in candidate.uri):
        return before
    found = pulled(COMPONENT, candidate.uri)
    return CandidateReport(number=candidate.number, state=_STATES[_STATES.index(state) + 1], model=found)
