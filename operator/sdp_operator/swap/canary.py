"""How far a canary is: in one word, and why it takes no requests where it does not."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sdp_operator.api.v1alpha1 import Canary as CanarySpec
from sdp_operator.api.v1alpha1 import ComponentSpec, DiffusionModelSpec
from sdp_operator.problem import Problem
from sdp_operator.reasons import Reason
from sdp_operator.swap.advance import Seen, is_proven
from sdp_operator.swap.progress import Step, candidate_progress
from sdp_operator.swap.state import SwapState
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


@dataclass(frozen=True)
class CanaryProgress:
    """How far a canary is.

    Attributes:
        asked: what is asked for.
        state: in one word.
        problem: why it takes no requests; None where it does.
        served: what the gateways are told, once every replica that answers has proven it; None until then.
    """

    asked: CanarySpec
    state: CanaryState
    problem: Problem | None = None
    served: Canary | None = None


def canary_of(spec: ComponentSpec) -> CanarySpec | None:
    """The canary that is asked for; None where there is to be none."""
    return spec.canary if isinstance(spec, DiffusionModelSpec) else None


def canary_progress(
    asked: CanarySpec | None, state: SwapState, seen: Seen, problem: Problem | None, now: datetime
) -> CanaryProgress | None:
    """How far the component's canary is; None where there is none, as where it is asked for as the model too.

    Args:
        asked: the canary that is asked for.
        state: what is remembered of the component's models.
        seen: what is seen of them.
        problem: why what is asked for of the component can't be served yet.
        now: the time.
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
    if is_proven(candidate, state, seen):
        served = Canary(version=candidate.number, percent=asked.percent, model=candidate.source)
        return CanaryProgress(asked, CanaryState.SERVING, served=served)
    if not any(one.is_ready for one in seen.of(state.rollout)):
        return CanaryProgress(asked, CanaryState.WAITING, Problem(Reason.STARTING, "no replica is ready to take it"))
    step, said = candidate_progress(candidate, state, seen, now)
    return CanaryProgress(asked, CanaryState.PROVING if step is Step.PROVEN else CanaryState(step), said)
