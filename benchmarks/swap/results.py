"""What was measured, as it is kept in results.json."""

from collections.abc import Mapping, Sequence

from pydantic import AwareDatetime

from benchmarks.common.machine import Machine
from benchmarks.common.results import Seconds, Value


class WayResult(Value):
    """One way to swap, under load.

    Attributes:
        way: its title.
        swaps: how many were made.
        quiet: the requests' times without swaps.
        requests: their times during swaps, of those that were answered.
        failed: how many requests failed during swaps.
        errors: how often each error came.
        to_answer: from the apply to the first answer of the new model.
        to_rest: from the apply until only the new model is there and nothing moves.
        memory_at_rest: of the pods that serve the model, in MB (of 1,000,000 bytes).
        memory_peak: the most that they had, all together.
        gpus: the most that they held, all together.
    """

    way: str
    swaps: int
    quiet: Seconds
    requests: Seconds
    failed: int
    errors: Mapping[str, int]
    to_answer: Seconds
    to_rest: Seconds
    memory_at_rest: float
    memory_peak: float
    gpus: int

    @property
    def asked(self) -> int:
        """All requests during swaps."""
        return self.requests.samples + self.failed


class ColdStart(Value):
    """From the apply of a pipeline that is not there to its first picture.

    Attributes:
        megabytes: how large its diffusion model is.
        from_storage: without a cache on the node.
        from_cache: with the model in the node's cache.
    """

    megabytes: float
    from_storage: Seconds
    from_cache: Seconds


class Fetch(Value):
    """A model brought to a folder.

    Attributes:
        source: where it lies.
        megabytes: how large it is.
        puller: what the puller takes, with all that it verifies.
        plain: what a plain copy of the same bytes takes.
    """

    source: str
    megabytes: float
    puller: Seconds
    plain: Seconds

    @property
    def ratio(self) -> float:
        """The puller's throughput as a part of the plain copy's, of the medians."""
        return self.plain.p50 / self.puller.p50


class Results(Value):
    """One run of the benchmark."""

    when: AwareDatetime
    commit: str
    """The commit that was measured."""
    machine: Machine
    requests_a_second: float
    """Of the load, during which models were swapped."""
    ways: Sequence[WayResult] = ()
    cold_start: ColdStart | None = None
    fetches: Sequence[Fetch] = ()

    def way(self, title: str) -> WayResult | None:
        """What was measured of this way."""
        return next((one for one in self.ways if one.way == title), None)
