"""The check of a component's GPUs: will its pods find them, and if not, why and what is to be done.

Nodes that match the component (node selector and required node affinity) and have a GPU are each judged by
`standing`. If they fit all replicas, there is nothing to say. Otherwise the verdict is the best that a waiting replica
can hope for, the first in this table that any node gives cause for; another node never makes it worse:

| reason | status | when |
|---|---|---|
| GPUsAvailable | True | all replicas find their GPUs; what the component's own pods hold counts as free for it |
| DriverInstalling | False | the driver is being installed, and the node is younger than 15 minutes |
| GPUsBusy | False | other pods hold them |
| NodesUnavailable | False | the node is cordoned, not Ready, or has a taint that is not tolerated |
| GPUUnhealthy | False | the node announced them, and offers fewer now |
| DriverFailed | False | the driver should be there, but 15 minutes have gone and the node announced no GPU |
| DriverMissing | False | the node announced no GPU, and nothing installs a driver |
| TooFewNodes | Unknown | every GPU is good and free, and there are too few for all replicas |
| NodesTooSmall | False | no node has as many as one replica asks for (one at most where GKE shares GPUs) |
| AcceleratorMismatch | False | nodes match and have GPUs, but none of the type asked for |
| NoMatchingNode | Unknown | no node with a GPU matches |

DriverInstalling comes before GPUsBusy since it passes by itself. NodesUnavailable, TooFewNodes and NodesTooSmall are
there because the others would lie: an idle GPU on a cordoned node is neither available nor busy. Unknown is a warning:
a node pool may scale up, and does so only for pods that are there and wait. Nodes without any sign of a GPU count for
nothing, so that a cluster whose GPU pool is at zero is NoMatchingNode even while its other nodes match.

GPUs that are shared (time-sharing, MPS) are counted as their node announces them: once for each client.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime

from sdp_operator.gpus.ask import GpuAsk
from sdp_operator.gpus.facts import NodeFacts
from sdp_operator.gpus.fleet import Fleet, Member
from sdp_operator.gpus.holders import GpuHolder
from sdp_operator.gpus.placement import admits, selects
from sdp_operator.gpus.sentences import clip, counted, listed, sentence
from sdp_operator.gpus.shortages import Shortage, shortage
from sdp_operator.gpus.standing import Lack, standing
from sdp_operator.gpus.verdict import GpuReason, GpuVerdict


def check(ask: GpuAsk, fleet: Fleet, now: datetime) -> GpuVerdict:
    """Judge whether the component's pods find their GPUs."""
    if ask.count < 1 or ask.replicas < 1:
        return GpuVerdict(GpuReason.GPUS_AVAILABLE, "no replica asks for a GPU")
    candidates = _candidates(ask, fleet)
    matching = [one for one in candidates if _has_accelerator(one.node, ask)]
    if not matching:
        return _accelerator_mismatch(ask, candidates) if candidates else _no_matching_node(ask)
    own = _own_holders(ask, fleet)
    fits, lacking = 0, defaultdict[Lack, list[Member]](list)
    for member in matching:
        stands = standing(member, ask, own.get(member.node.name, ()), now)
        fits += stands.fits
        if fits >= ask.replicas:
            message = f"there are GPUs for {counted(ask.replicas, 'replica')}, {ask.count} each"
            return GpuVerdict(GpuReason.GPUS_AVAILABLE, message)
        if stands.lack is not None:
            lacking[stands.lack].append(member)
    lack = min(lacking, default=None)
    if lack is None or (lack is Lack.TOO_SMALL and fits):
        return _too_few_nodes(ask, fits)
    return shortage(lack, Shortage(ask, fits, lacking[lack], now))


def _candidates(ask: GpuAsk, fleet: Fleet) -> list[Member]:
    """Nodes with GPUs that the component may run on, if only the type of these were right."""
    label, other_labels, terms = ask.accelerator_label, ask.other_labels, ask.node_terms
    return [
        member
        for member in fleet.members
        if (member.has_gpu or label in member.node.labels)
        and selects(other_labels, member.node.labels)
        and admits(terms, member.node)
    ]


def _has_accelerator(node: NodeFacts, ask: GpuAsk) -> bool:
    return ask.accelerator is None or node.labels.get(ask.accelerator_label) == ask.accelerator


def _own_holders(ask: GpuAsk, fleet: Fleet) -> Mapping[str, Sequence[GpuHolder]]:
    by_node = defaultdict[str, list[GpuHolder]](list)
    for pod in ask.own_pods:
        if holder := fleet.placed.get((ask.namespace, pod)):
            by_node[holder.node].append(holder)
    return by_node


def _too_few_nodes(ask: GpuAsk, fits: int) -> GpuVerdict:
    return GpuVerdict(
        GpuReason.TOO_FEW_NODES,
        sentence(
            f"the nodes that match have GPUs for {fits} of {counted(ask.replicas, 'replica')}",
            "add nodes (a node pool that scales up does so by itself), or lower replicas or gpu.count",
            ask.autoscaler_event,
        ),
    )


def _accelerator_mismatch(ask: GpuAsk, candidates: Sequence[Member]) -> GpuVerdict:
    label, wanted = ask.accelerator_label, clip(ask.accelerator or "", 63)
    there = sorted({value for member in candidates if (value := member.node.labels.get(label))})
    command = f"kubectl get nodes -L {label}"
    if there:
        found, remedy = f"there are {listed(there)}", "set gpu.accelerator to one of these, or leave it out"
    else:
        found = f"no node with a GPU has the label {label} at all"
        remedy = "set the chart's acceleratorLabel (SDP_ACCELERATOR_LABEL) to the label that names the GPUs here"
    return GpuVerdict(
        GpuReason.ACCELERATOR_MISMATCH,
        sentence(
            f"no node that matches has the accelerator {wanted}; {found}",
            f"{remedy}, or add nodes with {wanted}; see the nodes with `{command}`",
            ask.autoscaler_event,
        ),
    )


def _no_matching_node(ask: GpuAsk) -> GpuVerdict:
    asked = [f"{key}={value}" for key, value in sorted(ask.node_selector.items())]
    if ask.node_terms is not None:
        asked.append("the node affinity")
    if asked:
        what = f"no node with a GPU matches {listed(asked)}"
        remedy = "correct gpu.accelerator, nodeSelector or affinity, or add such a node"
    else:
        what, remedy = "no node has a GPU", "add a node with one"
    return GpuVerdict(
        GpuReason.NO_MATCHING_NODE,
        sentence(what, f"{remedy}; a node pool that scales up from zero may yet bring one", ask.autoscaler_event),
    )
