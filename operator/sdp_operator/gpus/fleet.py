"""The cluster's nodes with what is taken of their GPUs: a snapshot, made once and asked by every component."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sdp_operator.gpus.drivers import has_gpu, most_for_one_pod
from sdp_operator.gpus.facts import NodeFacts
from sdp_operator.gpus.holders import GpuHolder


@dataclass(frozen=True, slots=True)
class Member:
    """A node of the fleet.

    Attributes:
        node: the node.
        holders: the pods that hold its GPUs.
        has_gpu: whether anything says that it has a GPU.
        most_for_one_pod: how many GPUs one pod could ever have there.
        free: the healthy GPUs that none holds; below zero if GPUs failed under their holders.
    """

    node: NodeFacts
    holders: tuple[GpuHolder, ...]
    has_gpu: bool
    most_for_one_pod: int
    free: int


@dataclass(frozen=True, slots=True)
class Fleet:
    """All nodes, by name, and all pods that hold GPUs."""

    members: tuple[Member, ...]
    placed: Mapping[tuple[str, str], GpuHolder]
    """Each holder by the namespace and the name of its pod."""

    @classmethod
    def of(cls, nodes: Iterable[NodeFacts], holders: Iterable[GpuHolder]) -> "Fleet":
        """Take stock. Holders on nodes that are gone count for nothing."""
        by_node: defaultdict[str, list[GpuHolder]] = defaultdict(list)
        placed = {}
        for holder in holders:
            by_node[holder.node].append(holder)
            placed[holder.namespace, holder.pod] = holder
        return cls(tuple(_member(node, by_node) for node in sorted(nodes, key=lambda node: node.name)), placed)


def _member(node: NodeFacts, by_node: Mapping[str, list[GpuHolder]]) -> Member:
    holders = tuple(sorted(by_node.get(node.name, ())))
    return Member(
        node=node,
        holders=holders,
        has_gpu=has_gpu(node),
        most_for_one_pod=most_for_one_pod(node),
        free=node.gpu_allocatable - sum(holder.count for holder in holders),
    )
