"""What a pipeline's children and status depend on beside its spec."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from sdp_operator.gpus.fleet import Fleet
from sdp_operator.live import LiveChildren
from sdp_operator.objects import KubeObject
from sdp_serving.contract.components import Component
from sdp_serving.contract.swap import ReplicaReport


@dataclass(frozen=True)
class World:
    """What was seen of the cluster.

    Attributes:
        live: what the pipeline owns.
        fleet: the nodes and their GPUs; None when the operator may not see nodes.
        owners: the custom resources that components are shared from; None for one that is not there.
        used_by: the pipelines that share components of this one.
        unknown_kinds: kinds that the cluster does not have.
        reports: what the pullers of pods have told, by the pods' names; none of those that were not asked or did not
            answer.
        hindrance: what the operator may not see, in a sentence; None when it sees all.
    """

    live: LiveChildren = field(default_factory=LiveChildren)
    fleet: Fleet | None = None
    owners: Mapping[Component, KubeObject | None] = field(default_factory=dict)
    used_by: Sequence[str] = ()
    unknown_kinds: frozenset[str] = frozenset()
    reports: Mapping[str, ReplicaReport] = field(default_factory=dict)
    hindrance: str | None = None
