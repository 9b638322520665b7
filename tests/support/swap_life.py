"""The life of one component under the operator's decisions, second by second, on replicas that no cluster runs."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.support.replicas import COMPONENT, Cluster

from sdp_operator.swap.advance import Seen, advance
from sdp_operator.swap.progress import Progress, progress

GOOD = "gs://good/a"


class Life:
    """A component that is looked at each second."""

    def __init__(self, asked: str = GOOD, **seen: Any) -> None:
        self.now = datetime(2026, 11, 23, 4, 0, tzinfo=UTC)
        self.cluster = Cluster()
        self.seen = Seen(COMPONENT, asked, **seen)
        state = advance(None, self.seen, self.now)
        assert state is not None
        self.state = state
        self.told: list[str] = []
        self.live(4)

    def ask(self, source: str | None, **seen: Any) -> None:
        self.seen = replace(self.seen, asked=source, **seen)

    def live(self, seconds: int) -> None:
        for _ in range(seconds):
            self.now += timedelta(seconds=1)
            self.cluster.act(self.state, self.now)
            self.look()

    def look(self) -> None:
        self.seen = replace(
            self.seen,
            witnesses=self.cluster.seen(),
            canary_pods=self.cluster.seen_canary(),
            replicas=self.cluster.replicas,
        )
        state = advance(self.state, self.seen, self.now)
        assert state is not None
        self.state = state
        step = str(self.progress.step) if self.progress is not None else "Never"
        if self.told[-1:] != [step]:
            self.told.append(step)

    @property
    def progress(self) -> Progress | None:
        return progress(self.state, self.seen, self.now)

    @property
    def message(self) -> str:
        assert self.progress is not None
        assert self.progress.problem is not None
        return self.progress.problem.message
