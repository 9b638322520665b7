"""What was measured, as it is kept in results.json."""

from collections.abc import Mapping, Sequence

from pydantic import AwareDatetime

from benchmarks.common.machine import Machine
from benchmarks.common.results import Seconds, Value
from benchmarks.dataplane.loop import Load
from benchmarks.dataplane.ways import Way


class WayResult(Value):
    """Four pictures by one way.

    Attributes:
        way: which.
        sent: bytes that the client sends for four pictures.
        received: bytes that it receives.
        cpu: seconds of CPU that its process takes for each picture, up to the pixels in memory.
        file_bytes: of a picture's file, on average; None where pixels come.
    """

    way: Way
    sent: int
    received: int
    cpu: Seconds
    file_bytes: int | None

    @property
    def moved(self) -> int:
        """Bytes both ways."""
        return self.sent + self.received


class Overhead(Value):
    """What the gateway adds to a request.

    Attributes:
        steps: of the pictures.
        three_calls: the three model calls, made directly: all steps in one.
        calls: how many model calls the gateway makes.
        same_calls: the gateway's model calls, made directly.
        gateway: a request to the gateway.
    """

    steps: int
    three_calls: Seconds
    calls: int
    same_calls: Seconds
    gateway: Seconds

    @property
    def beyond_three_calls(self) -> float:
        """The difference of the medians, in seconds."""
        return self.gateway.p50 - self.three_calls.p50

    @property
    def beyond_same_calls(self) -> float:
        """The difference of the medians, in seconds."""
        return self.gateway.p50 - self.same_calls.p50


class Throughput(Value):
    """Many clients at a gateway.

    Attributes:
        batch_size: how many pictures it draws together at the most.
        load: what came of their requests.
    """

    batch_size: int
    load: Load


class Overload(Value):
    """More clients than the queue has places.

    Attributes:
        queue_length: the places.
        batch_size: how many pictures are drawn together at the most.
        load: what came of their requests.
    """

    queue_length: int
    batch_size: int
    load: Load

    @property
    def full_queue_seconds(self) -> float:
        """How long the pictures of a full queue, and of the batch before it, take at the rate of this load."""
        return (self.queue_length + self.batch_size) / self.load.answered_a_second


class Previews(Value):
    """Streams of a gateway that nobody else asks.

    Attributes:
        steps: of the pictures.
        first: from the request to the first preview.
        whole: from the request to the picture.
    """

    steps: int
    first: Seconds
    whole: Seconds


class Results(Value):
    """One run of the benchmark."""

    when: AwareDatetime
    commit: str
    """The commit that was measured."""
    machine: Machine
    versions: Mapping[str, str]
    """Of libraries."""
    ways: Sequence[WayResult] = ()
    overheads: Sequence[Overhead] = ()
    throughputs: Sequence[Throughput] = ()
    overload: Overload | None = None
    previews: Previews | None = None

    def way(self, way: Way) -> WayResult | None:
        """What was measured of this way."""
        return next((one for one in self.ways if one.way is way), None)
