"""What was measured, as it is kept in results.json."""

from collections.abc import Mapping, Sequence
from typing import Final, Self

from pydantic import AwareDatetime

from benchmarks.common import machine
from benchmarks.common.results import Seconds, Value

_WRITES: Final = frozenset({"create", "update", "patch", "delete", "deletecollection"})
_READS: Final = frozenset({"get", "list"})


class Requests(Value):
    """Requests of the operator to the API server, by verb and resource, such as `patch deployments.apps`.

    Those about Leases stand apart: they keep a second replica of the operator from acting, however few pipelines there
    are.
    """

    counts: Mapping[str, int]
    leases: int

    @classmethod
    def none(cls) -> Self:
        """No request at all."""
        return cls(counts={}, leases=0)

    @property
    def writes(self) -> int:
        """How many asked for a change."""
        return self._of(_WRITES)

    @property
    def reads(self) -> int:
        """How many read, other than by a watch."""
        return self._of(_READS)

    @property
    def watches(self) -> int:
        """How many watches were opened."""
        return self._of(frozenset({"watch"}))

    @property
    def total(self) -> int:
        """All of them."""
        return sum(self.counts.values())

    def by_verb(self) -> Mapping[str, int]:
        """The number of each verb, the most frequent first."""
        verbs: dict[str, int] = {}
        for name, count in self.counts.items():
            verb = name.partition(" ")[0]
            verbs[verb] = verbs.get(verb, 0) + count
        return dict(sorted(verbs.items(), key=lambda item: (-item[1], item[0])))

    def __add__(self, other: "Requests") -> "Requests":
        names = sorted({*self.counts, *other.counts})
        counts = {name: self.counts.get(name, 0) + other.counts.get(name, 0) for name in names}
        return Requests(counts=counts, leases=self.leases + other.leases)

    def _of(self, verbs: frozenset[str]) -> int:
        return sum(count for name, count in self.counts.items() if name.partition(" ")[0] in verbs)


class Creation(Value):
    """From the first apply until nothing happens any more, over all rounds.

    Attributes:
        pipelines: how many were applied in all.
        children: how many objects the operator made for each.
        to_children: from a pipeline's apply to the last of its children.
        to_ready: from a pipeline's apply to its condition Ready.
        all_children: from the first apply to the last child of any pipeline; the median of the rounds.
        all_ready: the same for Ready.
        requests: what the operator asked of the API server.
        cpu_seconds: what the operator took.
        others_cpu: the part of the machine that processes took which have nothing to do with this, 0 to 1.
    """

    pipelines: int
    children: float
    to_children: Seconds
    to_ready: Seconds
    all_children: float
    all_ready: float
    requests: Requests
    cpu_seconds: float
    others_cpu: float


class Idle(Value):
    """A time in which nobody asked for anything."""

    seconds: float
    requests: Requests
    cpu_seconds: float


class Memory(Value):
    """The operator's resident memory in MB (of 1,000,000 bytes): with nothing to do at the end, and at its highest."""

    at_rest: float
    peak: float


class SizeResult(Value):
    """All that was measured with one number of pipelines."""

    pipelines: int
    together: bool
    creation: Creation
    edit: Seconds
    idle: Idle
    memory: Memory


class Machine(machine.Machine):
    """Where it was measured."""

    kwok: str


class Results(Value):
    """One run of the benchmark."""

    when: AwareDatetime
    operator: str
    """The commit that was measured."""
    machine: Machine
    sizes: Sequence[SizeResult]

    def size(self, pipelines: int) -> SizeResult | None:
        """What was measured with this number of pipelines."""
        return next((size for size in self.sizes if size.pipelines == pipelines), None)
