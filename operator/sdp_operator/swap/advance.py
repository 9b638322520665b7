"""What a component's models are to be next: one pure step from what is remembered and what is seen.

It may be asked at any moment and any number of times. Whatever happens in between, it holds that

- the model that serves changes only to one that has proven good beside it, to one of pods that are made for it, or back
  to the one before;
- a model that was found bad is not tried again until something else is asked for;
- numbers only fall, and none is given twice.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Final

from sdp_operator.reasons import Reason
from sdp_operator.swap.agreement import Models, disagreement
from sdp_operator.swap.state import (
    CandidateModel,
    Choice,
    KnownModel,
    PreviousModel,
    RejectedModel,
    ServingModel,
    SwapState,
    is_image,
)
from sdp_operator.swap.strategy import Asked, Room, choose, choose_for_canary
from sdp_operator.swap.watch import Fault, reported_fault
from sdp_operator.swap.witness import Witness
from sdp_serving.contract.components import Component
from sdp_serving.contract.report import Pulled, PullFailure
from sdp_serving.contract.swap import CandidateReport, CandidateState, ModelNumber, NumberedModel, model_number

PATIENCE: Final = timedelta(seconds=30)
"""How long no puller may be heard before the swap goes on without them."""

DRAIN_PATIENCE: Final = timedelta(seconds=60)
"""How long a trouble that may pass may keep a new replica where the old one had to go first."""

_VERIFIED: Final = frozenset(CandidateState) - {CandidateState.VERIFYING, CandidateState.FAILED, CandidateState.WAITING}

_OUT_OF_MEMORY: Final = ("out of memory", "resource_exhausted", "resource exhausted", "oom when allocating")
"""What TensorFlow says of a GPU that can't hold a model more."""


@dataclass(frozen=True)
class Seen:
    """What is asked of a component, and what is seen of it.

    Attributes:
        component: the component.
        asked: the model that is asked for: its URI or image; None while that is not known or not allowed.
        canary: the model that is to be held proven beside the one that is asked for; None for none.
        strategy: what swap.strategy says.
        pods: a digest of what is asked for of the pods beside their model.
        watch: how long a new model is watched.
        replicas: how many there are to be.
        witnesses: the living pods.
        canary_pods: those that a canary has of its own.
        live_rollout: the rollout of the Deployment that is there; None where there is none, or it is of an operator
            that had no rollouts.
        can_verify: whether the pullers that run can reach where the model lies.
        room: what there is room for, but for the models' size.
        others: the models of the pipeline's other components.
    """

    component: Component
    asked: str | None
    canary: str | None = None
    strategy: Asked = "Auto"
    pods: str = ""
    watch: timedelta = timedelta(minutes=5)
    replicas: int = 1
    witnesses: Sequence[Witness] = ()
    canary_pods: Sequence[Witness] = ()
    live_rollout: str | None = None
    can_verify: bool = True
    room: Room = field(default_factory=Room)
    others: Mapping[Component, Models] = field(default_factory=dict)

    def of(self, rollout: str) -> Sequence[Witness]:
        """The pods that were made for a rollout."""
        return [one for one in self.witnesses if one.rollout == rollout]

    def coming(self, serving: str) -> str | None:
        """What is to come beside the model that serves; None for nothing."""
        if self.asked != serving:
            return self.asked
        return self.canary if self.canary != serving else None  # Beside itself a model is no canary.

    def is_canary(self, source: str) -> bool:
        """Whether this model is only to be held beside the one that serves."""
        return source == self.canary and source != self.asked


def advance(state: SwapState | None, seen: Seen, now: datetime) -> SwapState | None:
    """The next state; None as long as nothing is remembered and nothing is known to be asked for."""
    if state is None:
        # What is seen is seen with the eyes of what is remembered, so that the first look goes no further.
        return None if seen.asked is None else _settled(_begun(seen, seen.asked, now), seen, now)
    for step in (_settled, _judged, _asked, _followed):
        before, state = state, step(state, seen, now)
        if (state.rollout, state.serving.number) != (before.rollout, before.serving.number):
            break  # There is room for one beside the model that served; for another, look again.
    return _without_ghosts(state, seen)


def models(state: SwapState, seen: Seen) -> Models:
    """What the other components need to know of this one's models."""
    candidate = state.candidate
    if candidate is None:
        return Models(serving=state.serving.found)
    told = (one.model for one in told_of(candidate, state, seen))
    found = next((model for model in told if model is not None), candidate.found)
    proven = is_proven(candidate, state, seen)
    return Models(state.serving.found, candidate=found, is_changing=True, is_proven=proven)


def told_of(candidate: CandidateModel, state: SwapState, seen: Seen) -> Sequence[CandidateReport]:
    """What the pods tell of the candidate."""
    told = (one.on(candidate.number) for one in seen.of(state.rollout))
    return [one for one in told if one is not None]


def is_proven(candidate: CandidateModel, state: SwapState, seen: Seen) -> bool:
    """Whether every replica that answers has proven the candidate; its own one answers only then."""
    if candidate.rollout is not None:
        return any(one.is_ready for one in own_pods(candidate, seen))
    told = [one.on(candidate.number) for one in seen.of(state.rollout) if one.is_ready]
    return bool(told) and all(one is not None and one.state is CandidateState.PROVEN for one in told)


def own_pods(candidate: CandidateModel, seen: Seen) -> Sequence[Witness]:
    """The living pods that were made for a canary alone."""
    return [one for one in seen.canary_pods if one.rollout == candidate.rollout]


def silent(candidate: CandidateModel, state: SwapState, seen: Seen) -> Witness | None:
    """A replica that answers requests and tells nothing of the candidate; None when all do."""
    ready = (one for one in seen.of(state.rollout) if one.is_ready)
    return next((one for one in ready if one.on(candidate.number) is None), None)


def misfit(candidate: CandidateModel, seen: Seen) -> str | None:
    """What of the other components, as they are to be, does not fit to the candidate; None when all does."""
    if candidate.found is None:
        return None
    others = {other: models.candidate or models.serving for other, models in seen.others.items()}
    return disagreement(seen.component, candidate.found, others)


def _begun(seen: Seen, asked: str, now: datetime) -> SwapState:
    """The first state; if there are pods with rollouts, what was remembered is lost, and they tell what they have."""
    number = model_number(now)
    if seen.live_rollout is None:
        return SwapState(rollout=str(number), serving=ServingModel(number=number, source=asked, since=now))
    telling = [one for one in seen.of(seen.live_rollout) if one.source is not None]
    one = next((one for one in telling if one.serving is not None), None) or next(iter(telling), None)
    source = asked if one is None or one.source is None or is_same(one.source, asked) else one.source
    known = number if one is None or one.serving is None else one.serving
    return SwapState(rollout=seen.live_rollout, serving=ServingModel(number=known, source=source, since=now))


def is_same(found: str, asked: str) -> bool:
    """Whether what was found is what is asked for, with its version where that is left open."""
    return found == asked or (not is_image(asked) and found.removeprefix(f"{asked.rstrip('/')}/").isdecimal())


# What is remembered of the model that serves


def _settled(state: SwapState, seen: Seen, now: datetime) -> SwapState:
    """Note when all replicas serve the model, and forget the one before once the new one has been watched."""
    serving = state.serving
    is_there = serving.settled is None and _is_there(state, seen)
    if serving.found is None and (is_there or not serving.came_in_place):
        # The first one's version is the one for all that follow.
        found = next((model for model in _found(state, seen) if model is not None), None)
        serving = serving.model_copy(update={"found": found})
        state = state.model_copy(update={"serving": serving})
    if is_there:
        serving = serving.model_copy(update={"settled": now})
        state = state.model_copy(update={"serving": serving, "troubled_since": None})
    if state.previous is not None and serving.settled is not None and now >= serving.settled + seen.watch:
        return state.model_copy(update={"previous": None, "retiring": _retiring(state)})
    return state


def _is_there(state: SwapState, seen: Seen) -> bool:
    ready = [one for one in seen.of(state.rollout) if one.is_ready]
    if state.serving.came_in_place:
        return bool(ready) and all(one.serving == state.serving.number for one in ready)
    return len(ready) >= max(seen.replicas, 1)


def _found(state: SwapState, seen: Seen) -> Sequence[Pulled | None]:
    return [
        one.report.model if one.report is not None and one.serving == state.serving.number else one.pulled
        for one in seen.of(state.rollout)
        if one.is_ready
    ]


def _judged(state: SwapState, seen: Seen, now: datetime) -> SwapState:
    """Go back where the model that serves, or is about to, has been found bad."""
    if state.previous is None:
        return state
    faults = _faults(state, seen)
    bad = next((one for one in faults if not one.may_pass), None)
    if bad is not None:
        return _gone_back(state, seen, now, bad)
    choice = state.serving.choice
    if state.serving.settled is not None or choice is None or choice.strategy != "Drain" or not faults:
        return state.model_copy(update={"troubled_since": None})
    since = state.troubled_since or now
    if now - since >= DRAIN_PATIENCE:
        return _gone_back(state, seen, now, faults[0])
    return state.model_copy(update={"troubled_since": since})


def _faults(state: SwapState, seen: Seen) -> Sequence[Fault]:
    """What speaks against the model that serves, since it does."""
    candidate = state.candidate
    is_loading = candidate is not None and candidate.choice is not None and candidate.rollout is None
    faults = []
    for one in seen.of(state.rollout):
        told = None if one.report is None else reported_fault(one.report, state.serving.number)
        if one.fault is not None and _is_since(one.fault, state.serving.since):
            # Memory runs out because of the one that comes beside.
            faults += [] if is_loading and one.fault.reason == Reason.OUT_OF_MEMORY else [one.fault]
        elif told is not None:
            faults.append(told)
    return faults


def _is_since(fault: Fault, time: datetime) -> bool:
    """Whether it happened after this time, as far as Kubernetes tells: in whole seconds."""
    return fault.at is None or fault.at >= time.replace(microsecond=0)


def _gone_back(state: SwapState, seen: Seen, now: datetime, fault: Fault | None) -> SwapState:
    """The previous model serves again: because of a fault of the one that followed it, or since it is asked for."""
    assert state.previous is not None, "there is something to go back to"
    previous, bad = state.previous, state.serving
    in_place = previous.rollout == state.rollout
    serving = ServingModel(
        # In pods that have had it under its old number, it needs another.
        number=_number_below(_lowest(state), now) if in_place else previous.number,
        source=previous.source,
        found=previous.found,
        since=now,
        choice=bad.choice,
    )
    lowest = min(_lowest(state), serving.number)
    rejected = state.rejected
    if fault is not None:
        rejected = _rejected(bad, fault.reason, fault.message, seen, now)
    candidate = state.candidate
    if candidate is not None:
        # It is to be tried beside the model that is back.
        candidate = _new_candidate(candidate.source, lowest, candidate.since, now)
        lowest = candidate.number
    return state.model_copy(
        update={
            "rollout": previous.rollout,
            "serving": serving,
            "candidate": candidate,
            "previous": None,
            "rejected": rejected,
            "retiring": {
                **{name: one for name, one in state.retiring.items() if name != previous.rollout},
                **({} if in_place else {state.rollout: bad.numbered}),
            },
            "lowest": lowest,
            "troubled_since": None,
        }
    )


# What is asked for


def _asked(state: SwapState, seen: Seen, now: datetime) -> SwapState:
    """Take up what is asked for, and give up what no longer is."""
    state = _pinned(state, seen)
    rejected, coming = state.rejected, seen.coming(state.serving.source)
    if rejected is not None and (rejected.source != coming or _is_forgiven(rejected, seen)):
        state = state.model_copy(update={"rejected": None})
    if coming is None or state.rejected is not None:
        return state.model_copy(update={"candidate": None})
    if state.candidate is not None and state.candidate.source == coming and not _is_promoted(state.candidate, seen):
        return state
    if seen.is_canary(coming) and state.serving.settled is None:
        return state.model_copy(update={"candidate": None})  # There is no running model yet to hold it beside.
    if coming == seen.asked and (back := _back_to(state, coming, seen)) is not None:
        return _gone_back(state.model_copy(update={"candidate": None, "previous": back}), seen, now, None)
    candidate = _new_candidate(coming, _lowest(state), now, now)
    return state.model_copy(update={"candidate": candidate, "lowest": candidate.number})


def _is_promoted(candidate: CandidateModel, seen: Seen) -> bool:
    """Whether a canary's own replica is to go, so that its GPU is free for the swap that brings its model."""
    return candidate.rollout is not None and not seen.is_canary(candidate.source)


def _pinned(state: SwapState, seen: Seen) -> SwapState:
    """The state with the very version asked for that serves already, where it was left open which one."""
    serving = state.serving
    if serving.found is None or seen.asked is None or not _is_known_as(serving, seen.asked):
        return state
    if seen.room.barrier is not None or not all(_has(one, serving, seen.asked) for one in seen.of(state.rollout)):
        return state
    return state.model_copy(update={"serving": serving.model_copy(update={"source": seen.asked})})


def _is_known_as(model: KnownModel, asked: str) -> bool:
    """Whether this is the URI of the version that was found, while another one was asked for."""
    return model.found is not None and asked == model.found.uri != model.source


def _has(one: Witness, serving: ServingModel, uri: str) -> bool:
    """Whether the pod serves just this; another may have found a later version."""
    if one.report is not None and one.report.model is not None:
        return one.report.model.uri == uri
    if serving.came_in_place and one.created < serving.since.replace(microsecond=0):
        return one.is_ready  # What it began with is another model.
    return one.is_ready and one.pulled is not None and one.pulled.uri == uri


def _is_forgiven(rejected: RejectedModel, seen: Seen) -> bool:
    """Whether what it may have lacked is asked for now: what was found often says what else to change."""
    return rejected.given is not None and rejected.given != _given(seen)


def _given(seen: Seen) -> str:
    return f"{seen.strategy}, pods {seen.pods}"


def _rejected(model: KnownModel, reason: str, message: str, seen: Seen, now: datetime) -> RejectedModel:
    return RejectedModel(source=model.source, reason=reason, message=message, at=now, given=_given(seen))


def _back_to(state: SwapState, asked: str, seen: Seen) -> PreviousModel | None:
    """The model before, which is still there, where the way to what is asked for leads over it."""
    previous = state.previous
    if previous is None or asked == previous.source:
        return previous
    if previous.rollout == state.rollout:
        # Each pod has kept it, and knows its version.
        return previous.model_copy(update={"source": asked}) if _is_known_as(previous, asked) else None
    is_there = state.serving.settled is None and any(one.is_ready for one in seen.of(previous.rollout))
    return previous if is_there else None


# The candidate


def _followed(state: SwapState, seen: Seen, now: datetime) -> SwapState:
    """Bring the candidate a step further, as far as the pods have told."""
    candidate = state.candidate
    if candidate is None:
        return state
    if candidate.rollout is not None:
        return _beside(state, candidate, seen, now)
    told = told_of(candidate, state, seen)
    failed = next((one for one in told if one.state is CandidateState.FAILED and one.trouble is not None), None)
    if failed is not None and failed.trouble is not None:
        fault = Fault(failed.trouble.reason, failed.trouble.message, may_pass=False)
        return _failed(state, candidate, fault, seen, now)
    if candidate.choice is not None:
        return _brought_in(state, candidate, candidate.choice, seen, now)
    return _verified(state, candidate, told, seen, now)


def _beside(state: SwapState, candidate: CandidateModel, seen: Seen, now: datetime) -> SwapState:
    """Judge a canary by its own replica."""
    pods = own_pods(candidate, seen)
    told = (reported_fault(one.report, candidate.number) for one in pods if one.report is not None)
    faults = [fault for fault in (*(one.fault for one in pods), *told) if fault is not None and not fault.may_pass]
    if faults:
        return _failed(state, candidate, faults[0], seen, now)
    if candidate.found is None:
        # Where no running pod could look at it, its own one says what it is.
        found = next((one.pulled for one in pods if one.is_ready), None)
        return _with(state, candidate.model_copy(update={"found": found}))
    return state


def _verified(
    state: SwapState, candidate: CandidateModel, told: Sequence[CandidateReport], seen: Seen, now: datetime
) -> SwapState:
    pullers = [one for one in seen.of(state.rollout) if one.has_puller]
    is_served = any(one.is_ready for one in seen.witnesses)
    never_served = state.serving.settled is None and not is_served
    if not pullers or not seen.can_verify or never_served:
        return _chosen(state, candidate, seen, now)
    found = next((one.model for one in told if one.state in _VERIFIED and one.model is not None), None)
    if found is not None:
        candidate = candidate.model_copy(update={"found": found, "unheard_since": None})
        state = _with(state, candidate)
        return state if misfit(candidate, seen) is not None else _chosen(state, candidate, seen, now)
    return _heard(state, candidate, pullers, seen, now)


def _brought_in(state: SwapState, candidate: CandidateModel, choice: Choice, seen: Seen, now: datetime) -> SwapState:
    is_canary = seen.is_canary(candidate.source)
    if not is_canary and is_proven(candidate, state, seen) and not _must_wait(candidate, seen):
        return _switched(state, candidate, choice, now)
    if not is_canary and seen.strategy in {"Surge", "Drain"}:
        return _chosen(state, candidate, seen, now)
    for one in seen.of(state.rollout):
        # A server that ends while the candidate is only being fetched ends for another reason.
        had_it = (told := one.on(candidate.number)) is not None and told.crashes
        if had_it and one.fault is not None and not one.fault.may_pass and _is_since(one.fault, candidate.step_since):
            return _failed(state, candidate, one.fault, seen, now)
    since = None if silent(candidate, state, seen) is None else candidate.silent_since or now
    candidate = candidate.model_copy(update={"silent_since": since})
    pullers = [one for one in seen.of(state.rollout) if one.has_puller]
    return _heard(state, candidate, pullers, seen, now)


def _failed(state: SwapState, candidate: CandidateModel, fault: Fault, seen: Seen, now: datetime) -> SwapState:
    """The candidate is bad; or it only finds no room beside the running model, which another strategy gives it."""
    lacks_memory = candidate.choice is not None and candidate.rollout is None and _is_out_of_memory(fault)
    if lacks_memory and seen.strategy != "InPlace":
        return _chosen(state, candidate, seen, now, in_place_failed="the servers ran out of memory with both models")
    message = fault.message
    if lacks_memory:
        message = f"{message}; or set swap.strategy to Surge or Drain, for which no server needs to hold two models"
    rejected = _rejected(candidate, fault.reason, message, seen, now)
    return state.model_copy(update={"candidate": None, "rejected": rejected})


def _is_out_of_memory(fault: Fault) -> bool:
    if fault.reason == PullFailure.LOAD_FAILED:
        return any(words in fault.message.lower() for words in _OUT_OF_MEMORY)
    return fault.reason == Reason.OUT_OF_MEMORY


def _heard(
    state: SwapState, candidate: CandidateModel, pullers: Sequence[Witness], seen: Seen, now: datetime
) -> SwapState:
    """Note since when no puller is heard, and go on without them where that lasts."""
    if any(one.report is not None for one in pullers):
        return _with(state, candidate.model_copy(update={"unheard_since": None}))
    since = candidate.unheard_since or now
    # Who insists on no new pods does not mean that none are to serve.
    may_roll = seen.strategy != "InPlace" or not any(one.is_ready for one in seen.witnesses)
    if now - since >= PATIENCE and may_roll and not seen.is_canary(candidate.source):
        return _chosen(state, candidate, seen, now, in_place_failed="no replica's puller can be reached")
    return _with(state, candidate.model_copy(update={"unheard_since": since}))


def _chosen(
    state: SwapState, candidate: CandidateModel, seen: Seen, now: datetime, *, in_place_failed: str | None = None
) -> SwapState:
    """Decide how the candidate comes to the pods, and begin with it."""
    sizes = [model.found.size_bytes for model in (state.serving, candidate) if model.found is not None]
    room = replace(
        seen.room,
        is_served=any(one.is_ready for one in seen.witnesses),
        size=sum(sizes) if len(sizes) == 2 else None,
    )
    is_canary = seen.is_canary(candidate.source)
    if is_canary and in_place_failed is None and not any(one.is_ready for one in seen.of(state.rollout)):
        return state
    choose_way = choose_for_canary if is_canary else choose
    choice = choose_way(seen.strategy, room, in_place_failed=in_place_failed)
    if is_canary or choice.strategy == "InPlace":
        return _with(state, candidate.model_copy(update={"choice": choice, "step_since": now, "unheard_since": None}))
    return _rolled(state, candidate, choice, now)


def _rolled(state: SwapState, candidate: CandidateModel, choice: Choice, now: datetime) -> SwapState:
    """Pods are made anew for the candidate."""
    # One that has never served is nothing to go back to; the one before it still is.
    is_good = state.serving.settled is not None or state.serving.came_in_place
    previous = _previous(state) if is_good else state.previous
    retiring = {**_retiring(state), state.rollout: state.serving.numbered}
    return state.model_copy(
        update={
            "rollout": str(candidate.number),
            "serving": _serving(candidate, choice, now),
            "candidate": None,
            "previous": previous,
            "retiring": {name: one for name, one in retiring.items() if previous is None or name != previous.rollout},
            "troubled_since": None,
        }
    )


def _switched(state: SwapState, candidate: CandidateModel, choice: Choice, now: datetime) -> SwapState:
    """The candidate, which all replicas have proven, takes over."""
    return state.model_copy(
        update={
            "serving": _serving(candidate, choice, now),
            "candidate": None,
            "previous": _previous(state),
            "retiring": _retiring(state),
            "troubled_since": None,
        }
    )


def _must_wait(candidate: CandidateModel, seen: Seen) -> bool:
    """Whether it must not take over yet, since another component has not come as far and they fit only together."""
    if candidate.found is None:
        return False
    for other, theirs in seen.others.items():
        with_theirs_now = disagreement(seen.component, candidate.found, {other: theirs.serving})
        with_theirs_next = disagreement(seen.component, candidate.found, {other: theirs.candidate})
        if with_theirs_now is not None and not (
            theirs.candidate is not None and theirs.is_proven and with_theirs_next is None
        ):
            return True
    return False


# Parts of a state


def _with(state: SwapState, candidate: CandidateModel) -> SwapState:
    return state.model_copy(update={"candidate": candidate})


def _new_candidate(source: str, lowest: ModelNumber, since: datetime, now: datetime) -> CandidateModel:
    return CandidateModel(number=_number_below(lowest, now), source=source, since=since, step_since=now)


def _serving(candidate: CandidateModel, choice: Choice, now: datetime) -> ServingModel:
    return ServingModel(**_known(candidate), since=now, choice=choice)


def _previous(state: SwapState) -> PreviousModel:
    return PreviousModel(**_known(state.serving), rollout=state.rollout)


def _known(model: KnownModel) -> dict[str, Any]:
    return {"number": model.number, "source": model.source, "found": model.found}


def _retiring(state: SwapState) -> Mapping[str, NumberedModel]:
    """The rollouts that may still have pods once the previous model is no longer gone back to."""
    previous = state.previous
    if previous is None or previous.rollout == state.rollout:
        return state.retiring
    return {**state.retiring, previous.rollout: previous.numbered}


def _without_ghosts(state: SwapState, seen: Seen) -> SwapState:
    """The state without rollouts that have no pods any more."""
    living = {one.rollout for one in seen.witnesses}
    retiring = {name: one for name, one in state.retiring.items() if name in living}
    return state if retiring == state.retiring else state.model_copy(update={"retiring": retiring})


def _lowest(state: SwapState) -> ModelNumber:
    """The lowest number that was ever given."""
    known = (state.serving, state.candidate, state.previous)
    given = [one.number for one in known if one is not None]
    return min([*given, *([] if state.lowest is None else [state.lowest])])


def _number_below(lowest: ModelNumber, now: datetime) -> ModelNumber:
    """A number that is lower than all before, even if the clock was set back."""
    return min(model_number(now), ModelNumber(lowest - 1))
