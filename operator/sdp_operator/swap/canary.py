"""How far a canary is: in one word, and why it takes no requests where it does not."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Final

from sdp_operator.api.v1alpha1 import Canary as CanarySpec
from sdp_operator.api.v1alpha1 import ComponentSpec, DiffusionModelSpec
from sdp_operator.problem import Problem
from sdp_operator.reasons import Reason
from sdp_operator.swap.advance import Seen, is_proven, misfit
from sdp_operator.swap.progress import Step, candidate_progress
from sdp_operator.swap.state import CandidateModel, SwapState
from sdp_serving.contract.report import PullFailure
from sdp_serving.contract.routes import Canary


class CanaryState(StrEnum):
    """How far a canary is."""

    WAITING = "Waiting"
    VERIFYING = "Verifying"
    FETCHING = "Fetching"
    LOADING = "Loading"
    PROVING = "Proving"
    SERVING = "Serving"
    REFUSED = "Refused"


_STATES: Final[Mapping[str, CanaryState]] = {Reason.PULLING: CanaryState.FETCHING, Reason.LOADING: CanaryState.LOADING}
"""How far it is, by what its own replica is at; with any other reason it waits."""


@dataclass(frozen=True)
class CanaryProgress:
    """How far a canary is.

    Attributes:
        asked: what is asked for.
        state: in one word.
        problem: why it takes no requests; None where it does, or where its own replica says why.
        served: what the gateways are told, once every replica that answers has proven it; None until then.
        alone: why it has a replica of its own, to be said after "since"; None where it has none.
    """

    asked: CanarySpec
    state: CanaryState
    problem: Problem | None = None
    served: Canary | None = None
    alone: str | None = None


def canary_of(spec: ComponentSpec) -> CanarySpec | None:
    """The canary that is asked for; None where there is to be none."""
    return spec.canary if isinstance(spec, DiffusionModelSpec) else None


def alone(spec: ComponentSpec, model: str) -> ComponentSpec:
    """The spec of a canary's own replica, which runs as those of its component do, and not without them."""
    replicas = min(spec.least_replicas, 1)
    return spec.model_copy(update={"model": model, "canary": None, "replicas": replicas, "autoscaling": None})


def canary_progress(
    asked: CanarySpec | None, state: SwapState, seen: Seen, problem: Problem | None, now: datetime, *, host: str
) -> CanaryProgress | None:
    """How far the component's canary is; None where there is none, as where it is asked for as the model too.

    Args:
        asked: the canary that is asked for.
        state: what is remembered of the component's models.
        seen: what is seen of them.
        problem: why what is asked for of the component can't be served yet.
        now: the time.
        host: of the Service of its own replica, if it gets one.
    """
    candidate, rejected = state.candidate, state.rejected
    if asked is None or seen.canary == seen.asked:
        return None
    if problem is not None:
        return CanaryProgress(asked, CanaryState.WAITING, problem)
    if rejected is not None and rejected.source == seen.canary:
        return CanaryProgress(asked, CanaryState.REFUSED, Problem(rejected.reason, rejected.message))
    if candidate is None or candidate.source != seen.canary:
        return CanaryProgress(asked, CanaryState.WAITING, Problem(Reason.SWAPPING, f"{seen.asked} is to serve first"))
    if candidate.rollout is not None:
        return _alone(asked, candidate, state, seen, host)
    if is_proven(candidate, state, seen):
        served = Canary(version=candidate.number, percent=asked.percent, model=candidate.source)
        return CanaryProgress(asked, CanaryState.SERVING, served=served)
    if not any(one.is_ready for one in seen.of(state.rollout)):
        return CanaryProgress(asked, CanaryState.WAITING, Problem(Reason.STARTING, "no replica is ready to take it"))
    step, said = candidate_progress(candidate, state, seen, now)
    return CanaryProgress(asked, CanaryState.PROVING if step is Step.PROVEN else CanaryState(step), said)


def told_by_pods(canary: CanaryProgress, problem: Problem) -> CanaryProgress:
    """The progress of a canary whose own replica is kept by this from taking requests."""
    return replace(canary, state=_STATES.get(problem.reason, CanaryState.WAITING), problem=problem)


def _alone(asked: CanarySpec, candidate: CandidateModel, state: SwapState, seen: Seen, host: str) -> CanaryProgress:
    assert candidate.choice is not None, "it has a replica of its own"
    found = CanaryProgress(asked, CanaryState.WAITING, alone=candidate.choice.reason)
    if (said := misfit(candidate, seen)) is not None:
        return replace(found, problem=Problem(PullFailure.WRONG_STABLE_DIFFUSION, said))
    if not is_proven(candidate, state, seen):
        return found
    served = Canary(host=host, percent=asked.percent, model=candidate.source)
    return replace(found, state=CanaryState.SERVING, served=served)
