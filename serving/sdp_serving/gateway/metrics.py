"""Prometheus metrics of the gateway."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from sdp_serving.contract.components import Component
from sdp_serving.contract.routes import Variant

CLIENT_LEFT: Final = 499  # nginx's number; there is no official one, since nobody receives it

_PREFIX: Final = "sdpipeline_gateway"
_PREDICTION_SECONDS: Final = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300)
_HELD_SECONDS: Final = (0.5, 1, 2.5, 5, 10, 30, 60, 120, 300)


@dataclass
class Outcome:
    """What became of a prediction; until more is known, its client left.

    Attributes:
        variant: who answers it.
        code: the status code.
    """

    variant: Variant = Variant.STABLE
    code: int = CLIENT_LEFT


class Metrics:
    """What is counted and timed."""

    def __init__(self, components: Iterable[Component], *, clock: Callable[[], float]) -> None:
        """Count from nothing.

        Args:
            components: the components.
            clock: gives seconds that only grow.
        """
        self._clock = clock
        self._registry = registry = CollectorRegistry()
        self._predictions = Counter(
            f"{_PREFIX}_predictions",
            "Predictions that ended; the code is 499 where the client left.",
            ["component", "variant", "code"],
            registry=registry,
        )
        self._seconds = Histogram(
            f"{_PREFIX}_prediction_duration_seconds",
            "How long predictions took, from the request to the end of the answer.",
            ["component", "variant"],
            buckets=_PREDICTION_SECONDS,
            registry=registry,
        )
        self._held = Gauge(
            f"{_PREFIX}_held_requests",
            "Requests that wait for a component that is away.",
            ["component"],
            registry=registry,
        )
        self._held_seconds = Histogram(
            f"{_PREFIX}_held_duration_seconds",
            "How long requests waited for a component that was away.",
            ["component"],
            buckets=_HELD_SECONDS,
            registry=registry,
        )
        # Series that are there from the start: else the first increase of each is not seen.
        for component in components:
            self._predictions.labels(component, Variant.STABLE, "200")
            self._seconds.labels(component, Variant.STABLE)
            self._held.labels(component)
            self._held_seconds.labels(component)

    def render(self) -> bytes:
        """All metrics in Prometheus' text format."""
        return generate_latest(self._registry)

    @contextmanager
    def prediction(self, component: Component) -> Iterator[Outcome]:
        """Count and time one, by what it is found to be at its end."""
        started = self._clock()
        outcome = Outcome()
        try:
            yield outcome
        finally:
            self._predictions.labels(component, outcome.variant, str(outcome.code)).inc()
            self._seconds.labels(component, outcome.variant).observe(self._clock() - started)

    @contextmanager
    def held(self, component: Component) -> Iterator[Callable[[], None]]:
        """Count and time a request that waits, until what this gives is called or the block ends."""
        started = self._clock()
        gauge = self._held.labels(component)
        gauge.inc()
        waits = True

        def released() -> None:
            nonlocal waits
            if waits:
                waits = False
                gauge.dec()
                self._held_seconds.labels(component).observe(self._clock() - started)

        try:
            yield released
        finally:
            released()
