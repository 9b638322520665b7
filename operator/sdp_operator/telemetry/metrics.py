"""The operator's Prometheus metrics. No label has a pipeline's name, of which there is no end."""

from collections.abc import Hashable
from enum import StrEnum
from typing import Final

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    Info,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)

from sdp_operator import __version__
from sdp_operator.api.v1alpha1 import SwapRecord
from sdp_operator.work_queue import Result

_PREFIX: Final = "sdpipeline_operator"
_RECONCILE_SECONDS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_SWAP_SECONDS: Final = (1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800)


class PipelineState(StrEnum):
    """How a pipeline is, in short."""

    READY = "ready"
    PROGRESSING = "progressing"
    STALLED = "stalled"


class Metrics:
    """All that is counted, on a registry of its own."""

    def __init__(self) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]  # they would double the number of series
        registry = self._registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        Info(f"{_PREFIX}_build", "The operator's version.", registry=registry).info({"version": __version__})
        self._leader = Gauge(
            f"{_PREFIX}_leader", "1 where this process works, 0 where it waits to take over.", registry=registry
        )
        self._reconciles = Counter(
            f"{_PREFIX}_reconciles", "Reconciles of pipelines that ended.", ["result"], registry=registry
        )
        self._reconcile_seconds = Histogram(
            f"{_PREFIX}_reconcile_duration_seconds",
            "How long the reconciles took.",
            buckets=_RECONCILE_SECONDS,
            registry=registry,
        )
        self._retries = Counter(
            f"{_PREFIX}_retries", "Reconciles that were put on again because they failed.", registry=registry
        )
        self._waiting = Gauge(
            f"{_PREFIX}_queue_depth", "Pipelines that wait to be reconciled as soon as one can.", registry=registry
        )
        self._working = Gauge(f"{_PREFIX}_queue_in_work", "Pipelines that are being reconciled.", registry=registry)
        self._requests = Counter(
            f"{_PREFIX}_api_requests",
            "Requests to the Kubernetes API that ended; the code is 'error' where none was answered.",
            ["verb", "kind", "code"],
            registry=registry,
        )
        self._pipelines = Gauge(f"{_PREFIX}_pipelines", "Pipelines by state.", ["state"], registry=registry)
        self._swaps = Counter(
            f"{_PREFIX}_swaps", "Models that were swapped, or failed to be.", ["component", "result"], registry=registry
        )
        self._swap_seconds = Histogram(
            f"{_PREFIX}_swap_duration_seconds", "How long the swaps took.", buckets=_SWAP_SECONDS, registry=registry
        )
        self._states: dict[Hashable, PipelineState] = {}
        # Series that are there from the start: else the first increase of each is not seen.
        for result in Result:
            self._reconciles.labels(result)
        for state in PipelineState:
            self._pipelines.labels(state)

    def render(self) -> bytes:
        """All metrics in Prometheus' text format."""
        return generate_latest(self._registry)

    def leads(self, leads: bool) -> None:
        """Note whether this process works."""
        self._leader.set(leads)

    def api_request(self, verb: str, kind: str, code: int | None) -> None:
        """Count a request to the Kubernetes API; no code where none was answered."""
        self._requests.labels(verb.lower(), kind, "error" if code is None else str(code)).inc()

    def pipeline_is(self, key: Hashable, state: PipelineState | None) -> None:
        """Note how a pipeline is; None when it is gone."""
        before = self._states.pop(key, None)
        if state is not None:
            self._states[key] = state
        for changed, by in ((before, -1), (state, 1)):
            if changed is not None:
                self._pipelines.labels(changed).inc(by)

    def swap(self, swap: SwapRecord) -> None:
        """Count a swap that ended."""
        self._swaps.labels(swap.component, swap.result.lower()).inc()
        if swap.result == "Succeeded" and swap.seconds is not None:
            self._swap_seconds.observe(swap.seconds)

    def queue_changed(self, waiting: int, working: int) -> None:
        """Note how many keys the queue has, as `work_queue.Observer` says."""
        self._waiting.set(waiting)
        self._working.set(working)

    def worked(self, result: Result, seconds: float) -> None:
        """Count a reconcile, as `work_queue.Observer` says."""
        self._reconciles.labels(result).inc()
        self._reconcile_seconds.observe(seconds)

    def retrying(self) -> None:
        """Count a reconcile that is tried again, as `work_queue.Observer` says."""
        self._retries.inc()
