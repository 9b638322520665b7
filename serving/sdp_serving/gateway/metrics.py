"""Prometheus metrics of the gateway."""

from collections.abc import Callable, Iterable, Iterator, Sequence
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
_CALL_SECONDS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
_BATCH_PICTURES: Final = (1, 2, 3, 4, 6, 8, 12, 16, 32)


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
        self._requests = Counter(
            f"{_PREFIX}_requests",
            "Requests for pictures that ended; the code is 499 where the client left.",
            ["endpoint", "code"],
            registry=registry,
        )
        self._request_seconds = Histogram(
            f"{_PREFIX}_request_duration_seconds",
            "How long requests for pictures took, the queue included.",
            ["endpoint"],
            buckets=_PREDICTION_SECONDS,
            registry=registry,
        )
        self._call_seconds = Histogram(
            f"{_PREFIX}_component_call_duration_seconds",
            "How long calls took that drew pictures, without the time in which the component was away.",
            ["component"],
            buckets=_CALL_SECONDS,
            registry=registry,
        )
        self._queue_length = Gauge(f"{_PREFIX}_queue_length", "Requests that wait to be drawn.", registry=registry)
        self._queue_seconds = Histogram(
            f"{_PREFIX}_queue_duration_seconds",
            "How long orders waited to be drawn.",
            buckets=_HELD_SECONDS,
            registry=registry,
        )
        self._batch_pictures = Histogram(
            f"{_PREFIX}_batch_pictures",
            "How many pictures were drawn together.",
            buckets=_BATCH_PICTURES,
            registry=registry,
        )
        self._pictures = Counter(f"{_PREFIX}_pictures", "Pictures that were drawn.", registry=registry)
        self._tokens_cut_off = Counter(
            f"{_PREFIX}_tokens_cut_off", "Tokens of prompts that CLIP did not read.", registry=registry
        )
        # Series that are there from the start: else the first increase of each is not seen.
        for component in components:
            self._predictions.labels(component, Variant.STABLE, "200")
            self._seconds.labels(component, Variant.STABLE)
            self._held.labels(component)
            self._call_seconds.labels(component)
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

    @contextmanager
    def request(self, endpoint: str) -> Iterator[Outcome]:
        """Count and time one for pictures, by what it is found to be at its end."""
        started = self._clock()
        outcome = Outcome()
        try:
            yield outcome
        finally:
            self._requests.labels(endpoint, str(outcome.code)).inc()
            self._request_seconds.labels(endpoint).observe(self._clock() - started)

    @contextmanager
    def call(self, component: Component) -> Iterator[None]:
        """Time a call that helps to draw."""
        started = self._clock()
        try:
            yield
        finally:
            self._call_seconds.labels(component).observe(self._clock() - started)

    def waits(self, count: int) -> None:
        """So many requests wait now."""
        self._queue_length.set(count)

    def begins(self, pictures: int, waited: Sequence[float]) -> None:
        """A batch of so many pictures begins, the orders of which waited for so many seconds."""
        self._batch_pictures.observe(pictures)
        for seconds in waited:
            self._queue_seconds.observe(seconds)

    def drawn(self, pictures: int, tokens_cut_off: int) -> None:
        """So many pictures were drawn, without so many tokens of their prompts."""
        self._pictures.inc(pictures)
        self._tokens_cut_off.inc(tokens_cut_off)
