"""What holds of a swap whatever happens: edits, deaths of pods, pullers that are not heard, a loss of memory."""

from datetime import UTC, datetime, timedelta

from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from tests.support.replicas import COMPONENT, Cluster

from sdp_operator.swap.advance import Seen, advance
from sdp_operator.swap.state import STATE_KEY, SwapState, is_image, read_state, write_state
from sdp_operator.swap.strategy import Asked, Room
from sdp_serving.contract.swap import CandidateState

SOURCES = st.sampled_from(
    ["gs://good/a", "gs://good/b", "gs://good/c", "gs://missing/a", "gs://corrupt/a", "gs://crash/a", "good/image:1",
     "good/image:2", "crash/image:1"]
)  # fmt: skip
STRATEGIES = st.sampled_from(["Auto", "InPlace", "Surge", "Drain"])
WATCH = timedelta(seconds=40)


class Swaps(RuleBasedStateMachine):
    """A component whose owner changes their mind, on a cluster that has bad days."""

    def __init__(self) -> None:
        super().__init__()
        self.now = datetime(2026, 11, 23, 4, 0, tzinfo=UTC)
        self.cluster = Cluster()
        self.asked = "gs://good/a"
        self.canary: str | None = None
        self.strategy: Asked = "Auto"
        self.limit: int | None = None
        self.state: SwapState | None = None
        self.refused: set[str] = set()
        self.lowest: int | None = None

    @initialize()
    def start(self) -> None:
        for _ in range(6):
            self.look(1, acts=True)

    @rule(source=SOURCES)
    def edit(self, source: str) -> None:
        if source != self.asked:
            self.refused.clear()
        self.asked = source

    @rule(source=st.one_of(st.none(), SOURCES))
    def try_out(self, source: str | None) -> None:
        if source != self.canary:
            self.refused.clear()
        self.canary = source

    @rule(strategy=STRATEGIES)
    def prefer(self, strategy: Asked) -> None:
        if strategy != self.strategy:
            self.refused.clear()
        self.strategy = strategy

    @rule(reachable=st.booleans())
    def reach(self, reachable: bool) -> None:
        self.cluster.is_reachable = reachable

    @rule(limit=st.sampled_from([None, 1, 1 << 40]))
    def limit_memory(self, limit: int | None) -> None:
        self.limit = limit

    @rule(replicas=st.integers(0, 3))
    def scale(self, replicas: int) -> None:
        self.cluster.replicas = replicas
        for name in list(self.cluster.pods)[replicas:]:
            self.cluster.kill(name)

    @precondition(lambda self: self.cluster.pods)
    @rule(data=st.data())
    def kill(self, data: st.DataObject) -> None:
        self.cluster.kill(data.draw(st.sampled_from(sorted(self.cluster.pods))))

    @rule()
    def forget(self) -> None:
        self.state = None
        self.refused.clear()

    @rule(seconds=st.integers(0, 70), acts=st.booleans())
    def look(self, seconds: int, acts: bool) -> None:
        self.now += timedelta(seconds=seconds)
        if acts and self.state is not None:
            self.cluster.act(self.state, self.now)
        self.step()

    @rule()
    def rest(self) -> None:
        """Whatever has happened, it ends once nothing more happens."""
        for _ in range(45):
            self.look(4, acts=True)
        state = self.state
        assert state is not None
        if self.waits_for_somebody(state):
            return
        assert state.candidate is None or state.candidate.source == self.canary
        assert state.previous is None or self.cluster.replicas == 0 or state.serving.settled is None
        assert self.asked in {state.serving.source, state.rejected.source if state.rejected is not None else ""}

    def waits_for_somebody(self, state: SwapState) -> bool:
        """Whether somebody must act: bring what is missing, or let the operator reach the pods it is to work in."""
        unheard = not self.cluster.is_reachable
        return "missing" in self.asked or (unheard and (self.strategy == "InPlace" or state.serving.came_in_place))

    def step(self) -> None:
        before = self.state
        seen = Seen(
            COMPONENT,
            self.asked,
            canary=self.canary,
            strategy=self.strategy,
            watch=WATCH,
            replicas=self.cluster.replicas,
            witnesses=self.cluster.seen(),
            canary_pods=self.cluster.seen_canary(),
            live_rollout=before.rollout
            if before is not None
            else next((one.rollout for one in self.cluster.pods.values()), None),
            room=Room(
                barrier="an image is part of its pods" if self.has_image(before) else None, memory_limit=self.limit
            ),
            can_verify=not self.has_image(before),
        )
        state = advance(before, seen, self.now)
        assert state is not None
        if before is not None and state.serving.number == before.serving.number:
            again = advance(state, seen, self.now)
            assert _models(again) == _models(state), "what has been seen once decides nothing more"
        assert read_state({STATE_KEY: write_state(state)}) == state
        if before is not None:
            self.compare(before, state, seen)
        self.state = state
        if state.rejected is not None:
            self.refused.add(state.rejected.source)

    def has_image(self, state: SwapState | None) -> bool:
        return is_image(self.asked) or (state is not None and is_image(state.serving.source))

    def compare(self, before: SwapState, after: SwapState, seen: Seen) -> None:
        if after.rollout == before.rollout and after.serving.number != before.serving.number:
            proven = before.candidate is not None and after.serving.number == before.candidate.number
            if proven:
                told = [one.on(after.serving.number) for one in seen.of(before.rollout) if one.is_ready]
                assert told
                assert all(one is not None and one.state is CandidateState.PROVEN for one in told)
            else:
                assert before.previous is not None
                assert after.serving.source == before.previous.source
        known = {before.serving.number, *(one.number for one in (before.candidate, before.previous) if one is not None)}
        if after.candidate is not None:
            assert after.candidate.source not in self.refused
            assert after.candidate.number in known or after.candidate.number < min(known)
        assert after.serving.number in known or after.serving.number < min(known)
        if after.previous is not None and after.previous.rollout != after.rollout:
            assert after.previous.rollout in after.desired().rollouts or is_image(after.previous.source)

    @invariant()
    def what_is_bad_serves_no_longer_than_it_takes_to_see(self) -> None:
        if self.state is not None and self.state.rejected is not None:
            assert self.state.serving.source != self.state.rejected.source


def _models(state: SwapState | None) -> object:
    assert state is not None
    return state.rollout, state.serving.number, state.candidate, state.previous, state.rejected


def test_whatever_happens_a_swap_ends_and_nothing_unproven_takes_over() -> None:
    phases = (Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink)
    few = settings(max_examples=40, stateful_step_count=12, deadline=None, phases=phases)
    run_state_machine_as_test(Swaps, settings=few)
