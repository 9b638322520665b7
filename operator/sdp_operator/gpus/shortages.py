"""The verdicts on replicas that do not find their GPUs although nodes with these match: why, and what to do."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sdp_operator.gpus import commands
from sdp_operator.gpus.ask import GpuAsk
from sdp_operator.gpus.drivers import GKE_SHARING, INSTALLATION_TIME, has_driver, installation_deadline
from sdp_operator.gpus.facts import NodeFacts
from sdp_operator.gpus.fleet import Member
from sdp_operator.gpus.holders import GpuHolder
from sdp_operator.gpus.sentences import clip, counted, listed, sentence
from sdp_operator.gpus.standing import Lack, closing_taint
from sdp_operator.gpus.verdict import GpuReason, GpuVerdict

_CLUSTERS_OWN: Final = frozenset({"node.kubernetes.io", "node.cloudprovider.kubernetes.io", "karpenter.sh"})
_AUTOSCALERS_OWN: Final = frozenset({"ToBeDeletedByClusterAutoscaler", "DeletionCandidateOfClusterAutoscaler"})


@dataclass(frozen=True, slots=True)
class Shortage:
    """Replicas without GPUs.

    Attributes:
        ask: what is asked for.
        fits: how many replicas do find theirs.
        members: the nodes that could have the others, but for one and the same lack.
        now: the time.
    """

    ask: GpuAsk
    fits: int
    members: Sequence[Member]
    now: datetime

    @property
    def waiting(self) -> str:
        """How many replicas wait, as the start of a sentence on what they do not find."""
        waiting = self.ask.replicas - self.fits
        if self.ask.replicas == 1:
            return "the replica finds"
        return f"{waiting} of {counted(self.ask.replicas, 'replica')} {'finds' if waiting == 1 else 'find'}"


def shortage(lack: Lack, of: Shortage) -> GpuVerdict:
    """The verdict on replicas without GPUs for this reason."""
    return _VERDICTS[lack](of)


def _driver_installing(of: Shortage) -> GpuVerdict:
    deadline = min(installation_deadline(member.node, of.now) for member in of.members)
    command = commands.look_at_driver(of.members[0].node)
    return GpuVerdict(
        GpuReason.DRIVER_INSTALLING,
        sentence(
            f"the NVIDIA driver and device plugin are being set up on {_names(of.members)}",
            f"wait a few minutes, or watch with `{command}`; from {deadline:%H:%M} UTC on it counts as failed",
        ),
        recheck_after=deadline - of.now,
    )


def _gpus_busy(of: Shortage) -> GpuVerdict:
    holders = [
        holder
        for member in of.members
        for holder in member.holders
        if holder.namespace != of.ask.namespace or holder.pod not in of.ask.own_pods
    ]
    return GpuVerdict(
        GpuReason.GPUS_BUSY,
        sentence(
            f"{of.waiting} no free GPU, since all that match are held by {listed(holders, _held)}",
            "delete or move one of these pods, add a node with a GPU, or lower replicas or gpu.count",
        ),
    )


def _nodes_unavailable(of: Shortage) -> GpuVerdict:
    tolerations = of.ask.tolerations
    # Name first what the user can mend.
    nodes = sorted((member.node for member in of.members), key=lambda node: _is_out_of_service(node, tolerations))
    taint = closing_taint(nodes[0], tolerations)
    if _is_out_of_service(nodes[0], tolerations):
        command = commands.look_at_node(nodes[0])
        remedy = f"wait until the node is back, or see what it lacks with `{command}`"
    elif taint is None:
        command = commands.uncordon(nodes[0])
        remedy = f"once its maintenance is over, let pods back onto it with `{command}`"
    else:
        value = f"operator: Equal, value: {taint.value}" if taint.value else "operator: Exists"
        remedy = f"add {{key: {taint.key}, {value}, effect: {taint.effect}}} to the component's tolerations"
    closed = listed(nodes, lambda node: f"{clip(node.name, 63)} {_why_closed(node, tolerations)}")
    return GpuVerdict(
        GpuReason.NODES_UNAVAILABLE,
        sentence(f"{of.waiting} no GPU on a node that takes pods, since {closed}", remedy),
    )


def _gpu_unhealthy(of: Shortage) -> GpuVerdict:
    command = commands.look_at_node(of.members[0].node)
    nodes = [member.node for member in of.members]
    return GpuVerdict(
        GpuReason.GPU_UNHEALTHY,
        sentence(
            f"{of.waiting} no healthy GPU: {listed(nodes, _offered)}",
            f"see what the node reports with `{command}`, and replace the node if it stays so",
        ),
    )


def _driver_failed(of: Shortage) -> GpuVerdict:
    node = of.members[0].node
    if commands.lacks_device_plugin(node):
        why = (
            "since its label gke-no-default-nvidia-gpu-device-plugin refuses GKE's device plugin, and there is no other"
        )
        command = commands.install_device_plugin()
        remedy = f"install NVIDIA's GPU operator with `{command}`"
    else:
        culprit = "its device plugin" if has_driver(node) else "the installation of its NVIDIA driver"
        why = f"since {culprit} failed or hangs"
        command = commands.look_at_driver(node)
        remedy = f"see why with `{command}`, and replace the node if it can't be mended"
    minutes = INSTALLATION_TIME.total_seconds() / 60
    what = f"no usable GPU {minutes:.0f} minutes after the start of {_names(of.members)}, {why}"
    return GpuVerdict(GpuReason.DRIVER_FAILED, sentence(what, remedy))


def _driver_missing(of: Shortage) -> GpuVerdict:
    command = commands.install_driver(of.members[0].node)
    return GpuVerdict(
        GpuReason.DRIVER_MISSING,
        sentence(
            f"no NVIDIA driver on {_names(of.members)}, and nothing there installs one",
            f"install it with `{command}`, which takes a few minutes",
        ),
    )


def _nodes_too_small(of: Shortage) -> GpuVerdict:
    asked, largest = counted(of.ask.count, "GPU"), max(member.most_for_one_pod for member in of.members)
    shared = any(GKE_SHARING in member.node.labels for member in of.members)
    return GpuVerdict(
        GpuReason.NODES_TOO_SMALL,
        sentence(
            f"each replica asks for {asked}, and no matching node gives a pod more than {largest}"
            f"{', since its GPUs are shared' if shared else ''}",
            f"lower gpu.count to {largest}, or add nodes with {asked}",
        ),
    )


_VERDICTS: Final[Mapping[Lack, Callable[[Shortage], GpuVerdict]]] = {
    Lack.DRIVER_INSTALLING: _driver_installing,
    Lack.BUSY: _gpus_busy,
    Lack.UNAVAILABLE: _nodes_unavailable,
    Lack.UNHEALTHY: _gpu_unhealthy,
    Lack.DRIVER_FAILED: _driver_failed,
    Lack.DRIVER_MISSING: _driver_missing,
    Lack.TOO_SMALL: _nodes_too_small,
}


def _names(members: Sequence[Member]) -> str:
    return listed(members, lambda member: member.node.name)


def _held(holder: GpuHolder) -> str:
    return f"{holder.namespace}/{holder.pod} ({holder.count} on {holder.node})"


def _offered(node: NodeFacts) -> str:
    problem = f" ({node.problems[0]})" if node.problems else ""
    return f"{clip(node.name, 63)} offers {node.gpu_allocatable} of its {counted(node.gpu_capacity, 'GPU')}{problem}"


def _why_closed(node: NodeFacts, tolerations: Sequence[Mapping[str, Any]]) -> str:
    if node.not_ready:
        return f"is not Ready ({node.not_ready.reason or 'no reason given'})"
    if taint := closing_taint(node, tolerations):
        return f"has the taint {taint}"
    return "is cordoned"


def _is_out_of_service(node: NodeFacts, tolerations: Sequence[Mapping[str, Any]]) -> bool:
    """Whether only the cluster can bring the node back: it lifts by itself the taints that it sets."""
    if node.not_ready:
        return True
    taint = closing_taint(node, tolerations)
    if taint is None:
        return False
    domain, _, name = taint.key.rpartition("/")
    return domain in _CLUSTERS_OWN or name in _AUTOSCALERS_OWN
