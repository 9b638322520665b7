"""How far a swap is: in one word, in a sentence, and when to look again."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from sdp_operator.problem import Problem
from sdp_operator.reasons import Reason
from sdp_operator.swap.advance import DRAIN_PATIENCE, PATIENCE, Seen, is_proven, misfit, silent, told_of
from sdp_operator.swap.state import CandidateModel, Choice, ServingModel, SwapState
from sdp_operator.swap.witness import Witness
from sdp_serving.contract.report import PullFailure
from sdp_serving.contract.swap import REPORT_PORT, CandidateReport, CandidateState

OFTEN: Final = timedelta(seconds=1)
"""How often pullers are asked while a swap moves."""

SELDOM: Final = timedelta(seconds=10)
"""How often they are asked while a new model is watched, or what a swap waits for may take long."""

_LONG: Final = timedelta(minutes=5)
_UNHEARD: Final = timedelta(seconds=5)
"""How long no puller must have answered to be told of."""

_PERCENT_STEP: Final = 10
"""Each change of what is said is written to the API server."""


class Step(StrEnum):
    """How far a swap is."""

    VERIFYING = "Verifying"
    FETCHING = "Fetching"
    LOADING = "Loading"
    PROVING = "Proving"
    PROVEN = "Proven"
    WAITING = "Waiting"
    SWITCHING = "Switching"
    ROLLING = "Rolling"
    WATCHING = "Watching"
    DONE = "Done"
    ROLLED_BACK = "RolledBack"


_STEPS: Final = {
    CandidateState.VERIFYING: Step.VERIFYING,
    CandidateState.VERIFIED: Step.VERIFYING,
    CandidateState.FETCHING: Step.FETCHING,
    CandidateState.LOADING: Step.LOADING,
    CandidateState.PROVING: Step.PROVING,
    CandidateState.PROVEN: Step.PROVEN,
}

_WORDS: Final = {
    Step.VERIFYING: "is being verified",
    Step.FETCHING: "is being fetched beside the running model",
    Step.LOADING: "is being loaded beside the running model",
    Step.PROVING: "is being tried with a known request",
    Step.PROVEN: "is proven, and about to take over",
}


@dataclass(frozen=True)
class Progress:
    """How far a swap is.

    Attributes:
        step: in one word.
        choice: how the model comes; None while that is not decided.
        candidate: the model that is to take over; None where there is none.
        problem: why what is asked for is not served, as far as the swap is the cause; None where it is not.
    """

    step: Step
    choice: Choice | None = None
    candidate: str | None = None
    problem: Problem | None = None


def progress(state: SwapState, seen: Seen, now: datetime) -> Progress | None:
    """How far the component's swap is, or how the last one went; None where there never was one.

    A canary is none: it takes over from nobody.
    """
    candidate, serving = state.candidate, state.serving
    if candidate is not None and not seen.is_canary(candidate.source):
        step, problem = candidate_progress(candidate, state, seen, now)
        return Progress(step, candidate.choice, candidate.source, problem)
    if state.rejected is not None and not seen.is_canary(state.rejected.source):
        problem = Problem(state.rejected.reason, state.rejected.message)
        return Progress(Step.ROLLED_BACK, serving.choice, problem=problem)
    if serving.choice is None:
        return None
    if serving.settled is not None:
        return Progress(Step.DONE if state.previous is None else Step.WATCHING, serving.choice)
    if not serving.came_in_place:
        return Progress(Step.ROLLING, serving.choice)
    return Progress(Step.SWITCHING, serving.choice, problem=_going_over(serving, state, seen, now))


def look_again(state: SwapState, seen: Seen, now: datetime) -> timedelta | None:
    """When to look again although no watch tells of anything; None for never."""
    candidate, serving = state.candidate, state.serving
    if candidate is not None and seen.is_canary(candidate.source) and is_proven(candidate, state, seen):
        return SELDOM
    if candidate is not None:
        return OFTEN if now - candidate.step_since < _LONG else SELDOM
    if serving.settled is None and serving.came_in_place:
        return OFTEN if now - serving.since < _LONG else SELDOM
    if state.previous is None:
        return None
    # That a server crashes, a watch tells; that a model answers nonsense, only a puller.
    waits = [SELDOM] if any(one.has_puller for one in seen.witnesses) else []
    if serving.settled is not None:
        waits.append(max(serving.settled + seen.watch - now, timedelta(0)))
    elif state.troubled_since is not None:
        waits.append(max(state.troubled_since + DRAIN_PATIENCE - now, OFTEN))
    return min(waits, default=None)


def candidate_progress(candidate: CandidateModel, state: SwapState, seen: Seen, now: datetime) -> tuple[Step, Problem]:
    """How far the candidate is, be it a canary or not, and why it does not answer requests yet."""
    if candidate.unheard_since is not None and now - candidate.unheard_since >= _UNHEARD:
        return Step.WAITING, _unreachable(candidate, seen)
    told = told_of(candidate, state, seen)
    troubles = (one.trouble for one in told if one.state is CandidateState.WAITING)
    if (trouble := next((one for one in troubles if one is not None), None)) is not None:
        return Step.WAITING, Problem(trouble.reason, f"{trouble.message}; it is being tried again")
    if (found := misfit(candidate, seen)) is not None:
        if any(one.is_changing and one.candidate is None for one in seen.others.values()):
            return Step.WAITING, Problem(Reason.SWAPPING, f"{candidate.source} waits for the other components")
        return Step.WAITING, Problem(PullFailure.WRONG_STABLE_DIFFUSION, found)
    states = [one.state for one in told if one.state in _STEPS]
    least = min(states, key=list(_STEPS).index, default=CandidateState.VERIFYING)
    step = _STEPS[least]
    if step is Step.PROVEN and (one := silent(candidate, state, seen)) is not None:
        since = candidate.silent_since or now
        said = _missing(f"{candidate.source} is proven but for", one, is_lasting=now - since >= PATIENCE)
        return Step.WAITING if said.reason == Reason.PULLERS_UNREACHABLE else step, said
    percent = f", {_percent(candidate, told)} %" if step is Step.FETCHING else ""
    return step, Problem(Reason.SWAPPING, f"{candidate.source} {_WORDS[step]}{percent}")


def _going_over(serving: ServingModel, state: SwapState, seen: Seen, now: datetime) -> Problem | None:
    """Why the model that came in place is not all that answers; None where no replica answers at all."""
    ready = [one for one in seen.of(state.rollout) if one.is_ready]
    late = next((one for one in ready if one.serving != serving.number), None)
    if late is None or now - serving.since < PATIENCE:
        return Problem(Reason.SWAPPING, f"the replicas are going over to {serving.source}") if ready else None
    return _missing(f"{serving.source} answers but for", late, is_lasting=True)


def _missing(what: str, replica: Witness, *, is_lasting: bool) -> Problem:
    """What a swap misses of one replica, and what to do: a new pod in its place has what the others have."""
    if replica.report is not None or not is_lasting:
        message = f"{what} the replica {replica.name}, which has not told so yet: if that lasts, delete this pod"
        return Problem(Reason.SWAPPING, message)
    message = f"{what} the replica {replica.name}, whose puller can't be reached{_at(replica)}: delete this pod"
    return Problem(Reason.PULLERS_UNREACHABLE, f"{message}, and the swap goes on")


def _percent(candidate: CandidateModel, told: Sequence[CandidateReport]) -> int:
    """How much has been fetched where least has."""
    whole = next((one.model.size_bytes for one in told if one.model is not None), None)
    whole = whole or (candidate.found.size_bytes if candidate.found is not None else 0)
    done = min(one.done_bytes for one in told if one.state is CandidateState.FETCHING)
    return min(100 * done // max(whole, 1), 100) // _PERCENT_STEP * _PERCENT_STEP


def _unreachable(candidate: CandidateModel, seen: Seen) -> Problem:
    where = next((_at(one) for one in seen.witnesses if one.has_puller and one.address is not None), "")
    message = f"the replicas' pullers can't be reached{where}: run the operator in the cluster"
    remedy = ", and let it in there" if seen.is_canary(candidate.source) else ", or set swap.strategy to Surge"
    return Problem(Reason.PULLERS_UNREACHABLE, f"{message}{remedy}")


def _at(replica: Witness) -> str:
    return "" if replica.address is None else f" at {replica.address}:{REPORT_PORT}"
