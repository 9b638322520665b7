import re
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

import pytest
from tests.support.nodes import GPU_TOLERATION, L4, NOW, T4, gpu_pod, node

from sdp_operator.gpus.ask import GpuAsk
from sdp_operator.gpus.check import check
from sdp_operator.gpus.facts import node_facts
from sdp_operator.gpus.fleet import Fleet
from sdp_operator.gpus.holders import gpu_holder
from sdp_operator.gpus.verdict import GpuVerdict
from sdp_operator.objects import KubeObject

GKE = "cloud.google.com/gke-accelerator"
DRIVER = "cloud.google.com/gke-gpu-driver-version"
PRODUCT = "nvidia.com/gpu.product"
INSTALLERS = (
    "kubectl apply -f https://raw.githubusercontent.com/GoogleCloudPlatform/container-engine-accelerators/master/"
    "nvidia-driver-installer/"
)
COS = f"{INSTALLERS}cos/daemonset-preloaded.yaml"
UBUNTU = f"{INSTALLERS}ubuntu/daemonset-preloaded.yaml"
GPU_OPERATOR = (
    "helm upgrade --install gpu-operator gpu-operator --repo https://helm.ngc.nvidia.com/nvidia"
    " --namespace gpu-operator --create-namespace"
)
YOUNG = timedelta(minutes=3)
AN_L4 = {"nvidia.com/gpu.present": "true", PRODUCT: "NVIDIA-L4"}
"""As GPU feature discovery labels a node."""
PCI = {"feature.node.kubernetes.io/pci-10de.present": "true"}
"""As node feature discovery labels a node."""


def verdict(nodes: Iterable[KubeObject], pods: Iterable[KubeObject] = (), **asked: Any) -> GpuVerdict:
    ask = GpuAsk(
        **{
            "count": 1,
            "replicas": 1,
            "accelerator_label": GKE,
            "tolerations": [GPU_TOLERATION],
            "namespace": "art",
            **asked,
        }
    )
    holders = (holder for pod in pods if (holder := gpu_holder(pod)))
    return check(ask, Fleet.of(map(node_facts, nodes), holders), NOW)


def command_in(found: GpuVerdict) -> str | None:
    """The command that the message names."""
    named = re.search("`([^`]+)`", found.message)
    return named and named[1]


# Each row of the table: on GKE, and where NVIDIA's tools label the nodes.


@pytest.mark.parametrize("labels", [L4, AN_L4, PCI, {}])
def test_gpus_are_available_where_enough_are_free(labels: dict[str, str]) -> None:
    found = verdict([node(labels=labels, capacity=2)], [gpu_pod("other", "node-a")])
    assert (found.reason, found.status) == ("GPUsAvailable", "True")
    assert found.message == "there are GPUs for 1 replica, 1 each"
    assert command_in(found) is None


def test_replicas_spread_over_nodes() -> None:
    found = verdict([node("a", L4, capacity=3), node("b", L4, capacity=2)], count=2, replicas=2)
    assert found.reason == "GPUsAvailable"


@pytest.mark.parametrize("labels", [L4, AN_L4])
def test_gpus_are_busy_where_other_pods_hold_them_all(labels: dict[str, str]) -> None:
    found = verdict([node(labels=labels, capacity=2)], [gpu_pod("train", "node-a", 2, "ml")])
    assert (found.reason, found.status) == ("GPUsBusy", "False")
    assert found.message.startswith(
        "the replica finds no free GPU, since all that match are held by ml/train (2 on node-a): delete or move"
    )


def test_gpus_that_are_left_over_one_by_one_do_not_fit_a_replica_that_asks_for_two() -> None:
    nodes = [node("a", L4, capacity=2), node("b", L4, capacity=2)]
    found = verdict(nodes, [gpu_pod("x", "a"), gpu_pod("y", "b")], count=2)
    assert found.reason == "GPUsBusy"


def test_only_three_of_many_holders_are_named() -> None:
    pods = [gpu_pod(f"pod-{number}", "node-a") for number in range(5)]
    assert "art/pod-2 (1 on node-a) and 2 more" in verdict([node(labels=L4, capacity=5)], pods).message


def test_some_replicas_run_while_others_wait() -> None:
    found = verdict([node(labels=L4, capacity=3)], [gpu_pod("train", "node-a", 2)], replicas=3)
    assert found.reason == "GPUsBusy"
    assert found.message.startswith("2 of 3 replicas find no free GPU")


@pytest.mark.parametrize(
    ("labels", "watch"),
    [
        (L4 | {DRIVER: "default"}, "kubectl logs -n kube-system -l 'k8s-app in (nvidia-gpu-device-plugin,"),
        (L4 | {DRIVER: "latest"}, "kubectl logs -n kube-system -l 'k8s-app in (nvidia-gpu-device-plugin,"),
        (
            PCI | {"nvidia.com/gpu.deploy.driver": "true"},
            "kubectl get pods -A -o wide --field-selector spec.nodeName=node-a",
        ),
        (PCI | {"nvidia.com/gpu.deploy.driver": "pre-installed"}, "kubectl get pods -A"),
        (AN_L4 | {"nvidia.com/cuda.driver.major": "580"}, "kubectl get pods -A"),
        (AN_L4 | {"nvidia.com/cuda.driver-version.major": "580"}, "kubectl get pods -A"),
    ],
)
def test_a_driver_on_its_way_has_fifteen_minutes(labels: dict[str, str], watch: str) -> None:
    found = verdict([node(labels=labels, age=YOUNG)])
    assert (found.reason, found.status) == ("DriverInstalling", "False")
    assert found.recheck_after == timedelta(minutes=12)
    assert "from 07:12 UTC on it counts as failed" in found.message
    assert (command_in(found) or "").startswith(watch)

    late = verdict([node(labels=labels, age=timedelta(minutes=15))])
    assert (late.reason, late.status, late.recheck_after) == ("DriverFailed", "False", None)
    assert "no usable GPU 15 minutes after the start of node-a" in late.message
    assert command_in(late) == command_in(found)


def test_a_node_whose_clock_is_ahead_has_no_more_than_fifteen_minutes() -> None:
    found = verdict([node(labels=L4 | {DRIVER: "default"}, age=-timedelta(days=1))])
    assert found.recheck_after == timedelta(minutes=15)


def test_the_verdict_is_due_again_when_the_first_installation_fails() -> None:
    labels = L4 | {DRIVER: "default"}
    found = verdict([node("a", labels, age=YOUNG), node("b", labels, age=3 * YOUNG)])
    assert found.recheck_after == timedelta(minutes=6)


def test_what_fails_with_the_driver_in_place_is_the_device_plugin() -> None:
    assert (
        "since its device plugin failed"
        in verdict([node(labels=AN_L4 | {"nvidia.com/cuda.driver.major": "580"})]).message
    )
    assert (
        "since the installation of its NVIDIA driver failed" in verdict([node(labels=L4 | {DRIVER: "latest"})]).message
    )


@pytest.mark.parametrize(
    ("labels", "os_image", "command"),
    [
        (L4, "Container-Optimized OS from Google", COS),
        (L4, "Ubuntu 24.04.2 LTS", UBUNTU),
        (L4 | {"cloud.google.com/gke-os-distribution": "ubuntu"}, "", UBUNTU),
        (
            L4 | {DRIVER: "autoinstall-disabled"},
            "",
            # The installer's DaemonSet passes by nodes that carry the label.
            f"kubectl label nodes -l {DRIVER}=autoinstall-disabled {DRIVER}- && {COS}",
        ),
        (
            L4 | {"gke-no-default-nvidia-gpu-device-plugin": "true"},
            "",
            f"{COS} && {GPU_OPERATOR} --set driver.enabled=false,cdi.enabled=true,cdi.default=true,"
            "hostPaths.driverInstallDir=/home/kubernetes/bin/nvidia,toolkit.installDir=/home/kubernetes/bin/nvidia",
        ),
        (PCI, "Ubuntu 24.04.2 LTS", GPU_OPERATOR),
        ({"feature.node.kubernetes.io/pci-0302_10de.present": "true"}, "", GPU_OPERATOR),
        ({"nvidia.com/gpu.present": "true"}, "", GPU_OPERATOR),
        ({PRODUCT: "NVIDIA-L4"}, "", GPU_OPERATOR),
        (
            PCI | {"nvidia.com/gpu.deploy.driver": "false"},
            "",
            "kubectl label node node-a nvidia.com/gpu.deploy.driver=true --overwrite",
        ),
    ],
)
def test_a_missing_driver_comes_with_the_command_that_installs_it(
    labels: dict[str, str], os_image: str, command: str
) -> None:
    found = verdict([node(labels=labels, os_image=os_image, age=YOUNG)])
    assert (found.reason, found.status) == ("DriverMissing", "False")
    assert command_in(found) == command
    assert found.message == (
        f"no NVIDIA driver on node-a, and nothing there installs one: install it with `{command}`, which takes a few"
        " minutes"
    )
    assert found.recheck_after is None


def test_a_node_that_refuses_gkes_device_plugin_needs_another() -> None:
    found = verdict([node(labels=L4 | {DRIVER: "default", "gke-no-default-nvidia-gpu-device-plugin": "true"})])
    assert found.reason == "DriverFailed"
    assert (command_in(found) or "").startswith(GPU_OPERATOR)


@pytest.mark.parametrize("labels", [L4 | {DRIVER: "default"}, AN_L4])
@pytest.mark.parametrize("allocatable", [0, 1])
def test_a_node_that_offers_fewer_gpus_than_it_announced_is_unhealthy(labels: dict[str, str], allocatable: int) -> None:
    xid = {"type": "GpuFault", "status": "True", "reason": "XidError", "message": "GPU has fallen off the bus"}
    found = verdict([node(labels=labels, capacity=2, allocatable=allocatable, conditions=[xid])], count=2)
    assert (found.reason, found.status) == ("GPUUnhealthy", "False")
    assert (
        f"node-a offers {allocatable} of its 2 GPUs (GpuFault: XidError: GPU has fallen off the bus)" in found.message
    )
    assert command_in(found) == "kubectl describe node node-a"


def test_the_healthy_gpus_of_an_unhealthy_node_count() -> None:
    assert verdict([node(labels=L4, capacity=2, allocatable=1)]).reason == "GPUsAvailable"


def test_a_mismatch_names_the_accelerators_that_exist() -> None:
    nodes = [node("a", T4, capacity=1), node("b", {GKE: "nvidia-tesla-a100"}, capacity=1), node("c")]
    found = verdict(nodes, node_selector=L4)
    assert (found.reason, found.status) == ("AcceleratorMismatch", "False")
    assert found.message == (
        "no node that matches has the accelerator nvidia-l4; there are nvidia-tesla-a100, nvidia-tesla-t4: set"
        " gpu.accelerator to one of these, or leave it out, or add nodes with nvidia-l4; see the nodes with"
        " `kubectl get nodes -L cloud.google.com/gke-accelerator`"
    )


def test_a_mismatch_off_gke_goes_by_the_label_in_the_settings() -> None:
    nodes = [node("a", AN_L4 | {PRODUCT: "Tesla-T4"}, capacity=1)]
    found = verdict(nodes, accelerator_label=PRODUCT, node_selector={PRODUCT: "NVIDIA-L4"})
    assert found.reason == "AcceleratorMismatch"
    assert "there are Tesla-T4" in found.message


def test_a_label_that_no_node_has_points_to_the_setting() -> None:
    found = verdict([node(labels=AN_L4, capacity=1)], node_selector=L4)
    assert found.reason == "AcceleratorMismatch"
    assert "set the chart's acceleratorLabel (SDP_ACCELERATOR_LABEL)" in found.message


def test_accelerators_of_nodes_that_do_not_match_otherwise_are_not_offered() -> None:
    nodes = [node("a", T4 | {"zone": "a"}, capacity=1), node("b", {GKE: "nvidia-b200", "zone": "b"}, capacity=1)]
    assert "b200" not in verdict(nodes, node_selector=L4 | {"zone": "a"}).message


def test_no_matching_node_is_a_warning_that_quotes_the_selector_and_the_autoscaler() -> None:
    found = verdict(
        [node("a", L4 | {"zone": "a"}, capacity=1), node("cpu", {"zone": "b"})],
        node_selector=L4 | {"zone": "b"},
        autoscaler_event="pod didn't trigger scale-up: 1 max node group size reached",
    )
    assert (found.reason, found.status) == ("NoMatchingNode", "Unknown")
    assert found.message == (
        "no node with a GPU matches cloud.google.com/gke-accelerator=nvidia-l4, zone=b (pod didn't trigger scale-up: 1"
        " max node group size reached): correct gpu.accelerator, nodeSelector or affinity, or add such a node; a node"
        " pool that scales up from zero may yet bring one"
    )


def test_nodes_without_gpus_match_nothing() -> None:
    found = verdict([node("cpu")])
    assert (found.reason, found.status) == ("NoMatchingNode", "Unknown")
    assert found.message.startswith("no node has a GPU: add a node with one")


def test_a_required_affinity_is_heeded() -> None:
    terms = [{"matchExpressions": [{"key": "zone", "operator": "In", "values": ["b"]}]}]
    affinity = {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms}}}
    found = verdict([node("a", L4 | {"zone": "a"}, capacity=1)], affinity=affinity)
    assert found.reason == "NoMatchingNode"
    assert "the node affinity" in found.message
    assert verdict([node("b", L4 | {"zone": "b"}, capacity=1)], affinity=affinity).reason == "GPUsAvailable"
    assert verdict([node("a", L4, capacity=1)], affinity={"podAntiAffinity": {}}).reason == "GPUsAvailable"


# What the table would get wrong.


@pytest.mark.parametrize(
    ("closed", "words", "command"),
    [
        (node(labels=L4, capacity=1, unschedulable=True), "node-a is cordoned", "kubectl uncordon node-a"),
        (
            node(labels=L4, capacity=1, ready=False),
            "node-a is not Ready (KubeletNotReady)",
            "kubectl describe node node-a",
        ),
        (
            node(labels=L4, capacity=1, taints=[{"key": "team", "value": "ml", "effect": "NoSchedule"}]),
            "has the taint team=ml:NoSchedule: add {key: team, operator: Equal, value: ml, effect: NoSchedule} to",
            None,
        ),
        (
            node(labels=L4, capacity=1, taints=[{"key": "ToBeDeletedByClusterAutoscaler", "effect": "NoSchedule"}]),
            "wait until the node is back",
            "kubectl describe node node-a",
        ),
    ],
)
def test_gpus_of_a_node_that_takes_no_pods_are_neither_available_nor_busy(
    closed: KubeObject, words: str, command: str | None
) -> None:
    found = verdict([closed])
    assert (found.reason, found.status) == ("NodesUnavailable", "False")
    assert words in found.message
    assert command_in(found) == command


def test_of_closed_nodes_the_one_that_the_user_can_open_comes_first() -> None:
    found = verdict([node("a", L4, capacity=1, ready=False), node("b", L4, capacity=1, unschedulable=True)])
    assert "b is cordoned, a is not Ready" in found.message
    assert command_in(found) == "kubectl uncordon b"


def test_a_tolerated_taint_closes_nothing() -> None:
    tainted = node(labels=L4, capacity=1, taints=[{"key": "team", "value": "ml", "effect": "NoSchedule"}])
    assert verdict([tainted], tolerations=[{"operator": "Exists"}]).reason == "GPUsAvailable"


def test_without_its_toleration_the_gpu_taint_keeps_replicas_away() -> None:
    found = verdict([node(labels=L4, capacity=1)], tolerations=[])
    assert found.reason == "NodesUnavailable"
    assert "nvidia.com/gpu=present:NoSchedule" in found.message


@pytest.mark.parametrize(
    "small", [node(labels=L4, capacity=1), node(labels=L4 | {"cloud.google.com/gke-accelerator-count": "1"})]
)
def test_a_replica_that_no_node_could_ever_hold_is_told_so(small: KubeObject) -> None:
    found = verdict([small], count=4)
    assert (found.reason, found.status) == ("NodesTooSmall", "False")
    assert found.message == (
        "each replica asks for 4 GPUs, and no matching node gives a pod more than 1: lower gpu.count to 1, or add nodes"
        " with 4 GPUs"
    )


def test_too_few_good_and_free_gpus_are_a_warning_since_more_nodes_may_come() -> None:
    found = verdict([node(labels=L4, capacity=1)], replicas=3, autoscaler_event="pod triggered scale-up")
    assert (found.reason, found.status) == ("TooFewNodes", "Unknown")
    assert found.message == (
        "the nodes that match have GPUs for 1 of 3 replicas (pod triggered scale-up): add nodes (a node pool that"
        " scales up does so by itself), or lower replicas or gpu.count"
    )


def test_shared_gpus_are_counted_as_announced_and_given_one_at_a_time() -> None:
    shared = L4 | {
        "cloud.google.com/gke-accelerator-count": "1",
        "cloud.google.com/gke-gpu-sharing-strategy": "time-sharing",
        "cloud.google.com/gke-max-shared-clients-per-gpu": "4",
    }
    nodes = [node(labels=shared, capacity=4)]
    assert verdict(nodes, [gpu_pod("other", "node-a")], replicas=3).reason == "GPUsAvailable"
    found = verdict(nodes, count=2)
    assert found.reason == "NodesTooSmall"
    assert "since its GPUs are shared" in found.message
    assert verdict(
        [node(labels=shared | {"cloud.google.com/gke-gpu-sharing-strategy": "mps"}, capacity=4)], count=2
    ).reason == ("GPUsAvailable")


def test_shared_gpus_are_promised_before_they_are_announced() -> None:
    shared = L4 | {
        DRIVER: "default",
        "cloud.google.com/gke-accelerator-count": "1",
        "cloud.google.com/gke-gpu-sharing-strategy": "mps",
        "cloud.google.com/gke-max-shared-clients-per-gpu": "4",
    }
    assert verdict([node(labels=shared, age=YOUNG)], count=4).reason == "DriverInstalling"
    assert verdict([node(labels=shared, age=YOUNG)], count=5).reason == "NodesTooSmall"


def test_too_few_gpus_beside_nodes_that_are_too_small_are_still_a_warning() -> None:
    nodes = [node("a", L4, capacity=2), node("b", L4, capacity=1)]
    assert verdict(nodes, count=2, replicas=2).reason == "TooFewNodes"


def test_a_node_that_only_the_label_in_the_settings_marks_has_a_gpu_too() -> None:
    found = verdict([node(labels={"gpu-type": "l4"})], accelerator_label="gpu-type", node_selector={"gpu-type": "l4"})
    assert found.reason == "DriverMissing"


def test_the_order_in_which_nodes_are_listed_changes_nothing() -> None:
    nodes = [node("b", L4), node("a", L4)]
    assert verdict(nodes) == verdict(reversed(nodes))
    assert "no NVIDIA driver on a, b," in verdict(nodes).message


# The component's own pods.


def test_what_the_components_own_pods_hold_counts_as_free_for_it() -> None:
    nodes, pods = [node(labels=L4, capacity=1)], [gpu_pod("unet-1", "node-a")]
    assert verdict(nodes, pods, own_pods=frozenset({"unet-1"})).reason == "GPUsAvailable"
    assert verdict(nodes, pods, own_pods=frozenset({"unet-1"}), namespace="else").reason == "GPUsBusy"


def test_a_replica_keeps_its_gpu_on_a_node_that_was_cordoned_but_not_on_one_that_is_down() -> None:
    pods, own = [gpu_pod("unet-1", "node-a")], frozenset({"unet-1"})
    assert verdict([node(labels=L4, capacity=1, unschedulable=True)], pods, own_pods=own).reason == "GPUsAvailable"
    assert verdict([node(labels=L4, capacity=1, ready=False)], pods, own_pods=own).reason == "NodesUnavailable"


def test_a_pod_that_holds_fewer_gpus_than_are_now_asked_for_does_not_settle_a_replica() -> None:
    cordoned, pods = node(labels=L4, capacity=2, unschedulable=True), [gpu_pod("unet-1", "node-a", 1)]
    assert verdict([cordoned], pods, own_pods=frozenset({"unet-1"}), count=2).reason == "NodesUnavailable"


@pytest.mark.parametrize("asked", [{"count": 0}, {"replicas": 0}])
def test_who_asks_for_no_gpu_lacks_none(asked: dict[str, Any]) -> None:
    assert verdict([], **asked).reason == "GPUsAvailable"


# Nodes in different states: the best that a waiting replica can hope for.

AVAILABLE = node("available", L4, capacity=1)
WORSE_AND_WORSE = [
    ("DriverInstalling", node("installing", L4 | {DRIVER: "default"}, age=YOUNG)),
    ("GPUsBusy", node("busy", L4, capacity=1)),
    ("NodesUnavailable", node("cordoned", L4, capacity=1, unschedulable=True)),
    ("GPUUnhealthy", node("unhealthy", L4, capacity=1, allocatable=0)),
    ("DriverFailed", node("failed", L4 | {DRIVER: "default"})),
    ("DriverMissing", node("missing", L4)),
]


@pytest.mark.parametrize("better", range(len(WORSE_AND_WORSE)))
def test_the_best_prospect_is_told(better: int) -> None:
    rest = [one for _, one in WORSE_AND_WORSE[better:]]
    pods = [gpu_pod("train", "busy")]
    assert verdict(rest, pods).reason == WORSE_AND_WORSE[better][0]
    assert verdict([AVAILABLE, *rest], pods).reason == "GPUsAvailable"
    assert verdict([AVAILABLE, *rest], pods, replicas=2).reason == WORSE_AND_WORSE[better][0]
