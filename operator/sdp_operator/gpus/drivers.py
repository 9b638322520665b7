"""What a node's labels say of its GPU and of the driver, on GKE and wherever NVIDIA's tools label the nodes.

A device plugin announces GPUs only once the driver works: a node that has announced none is still without.
"""

from datetime import datetime, timedelta
from enum import Enum, auto
from typing import Final

from sdp_operator.gpus.facts import NodeFacts

GKE_ACCELERATOR: Final = "cloud.google.com/gke-accelerator"
GKE_ACCELERATOR_COUNT: Final = "cloud.google.com/gke-accelerator-count"
GKE_DRIVER_VERSION: Final = "cloud.google.com/gke-gpu-driver-version"
GKE_AUTOINSTALL_DISABLED: Final = "autoinstall-disabled"
GKE_NO_DEVICE_PLUGIN: Final = "gke-no-default-nvidia-gpu-device-plugin"
GKE_OS: Final = "cloud.google.com/gke-os-distribution"
GKE_SHARING: Final = "cloud.google.com/gke-gpu-sharing-strategy"
GKE_SHARED_CLIENTS: Final = "cloud.google.com/gke-max-shared-clients-per-gpu"

GPU_PRESENT: Final = "nvidia.com/gpu.present"
GPU_PRODUCT: Final = "nvidia.com/gpu.product"
GPU_COUNT: Final = "nvidia.com/gpu.count"
OPERATOR_DRIVER: Final = "nvidia.com/gpu.deploy.driver"
"""NVIDIA's GPU operator puts it on nodes with a GPU: `true`, `pre-installed`, `false`, or a step of an upgrade."""

INSTALLATION_TIME: Final = timedelta(minutes=15)
"""A driver that takes longer has failed."""

_PLENTY: Final = 1_000

_DRIVER_VERSIONS: Final = ("nvidia.com/cuda.driver-version.major", "nvidia.com/cuda.driver.major")
"""GPU feature discovery reads them from the running driver; the second is its older name."""

_SIGNS: Final = frozenset({GKE_ACCELERATOR, GPU_PRODUCT, OPERATOR_DRIVER, *_DRIVER_VERSIONS})
_TRUE_SIGNS: Final = frozenset(
    {
        GPU_PRESENT,
        # Node feature discovery finds NVIDIA's devices on the PCI bus; by default it names their class too.
        "feature.node.kubernetes.io/pci-10de.present",
        "feature.node.kubernetes.io/pci-0300_10de.present",
        "feature.node.kubernetes.io/pci-0302_10de.present",
    }
)


class DriverState(Enum):
    """Where a node that has announced no GPU stands."""

    INSTALLING = auto()
    FAILED = auto()
    MISSING = auto()


def has_gpu(node: NodeFacts) -> bool:
    """Whether anything says that the node has a GPU."""
    labels = node.labels
    return bool(
        node.gpu_capacity
        or node.gpu_allocatable
        or not _SIGNS.isdisjoint(labels)
        or any(labels.get(sign) == "true" for sign in _TRUE_SIGNS)
    )


def driver_state(node: NodeFacts, now: datetime) -> DriverState:
    """Whether the driver of a node that has announced no GPU is on its way, failed, or not to come by itself."""
    if not _is_brought(node):
        return DriverState.MISSING
    return DriverState.INSTALLING if now < installation_deadline(node, now) else DriverState.FAILED


def installation_deadline(node: NodeFacts, now: datetime) -> datetime:
    """When the driver's installation counts as failed. A node can't be younger than now, whatever its clock says."""
    return min(node.created, now) + INSTALLATION_TIME


def is_managed_by_gpu_operator(node: NodeFacts) -> bool:
    """Whether NVIDIA's GPU operator looks after the node."""
    return OPERATOR_DRIVER in node.labels


def has_driver(node: NodeFacts) -> bool:
    """Whether the driver runs: what is missing then is the device plugin."""
    return any(label in node.labels for label in _DRIVER_VERSIONS) or node.labels.get(OPERATOR_DRIVER) == (
        "pre-installed"
    )


def most_for_one_pod(node: NodeFacts) -> int:
    """How many of the node's GPUs one pod could ever have; plenty if nothing says how many there are."""
    announced = max(node.gpu_capacity, node.gpu_allocatable)
    physical = _number(node.labels.get(GKE_ACCELERATOR_COUNT))
    sharing = node.labels.get(GKE_SHARING)
    if sharing == "time-sharing" or (sharing == "mps" and physical != 1):
        return 1  # GKE's device plugin refuses a container more than one GPU that is shared
    clients = _number(node.labels.get(GKE_SHARED_CLIENTS)) or 1
    return announced or (physical or _number(node.labels.get(GPU_COUNT)) or _PLENTY) * clients


def _is_brought(node: NodeFacts) -> bool:
    if GKE_ACCELERATOR in node.labels:
        return node.labels.get(GKE_DRIVER_VERSION, GKE_AUTOINSTALL_DISABLED) != GKE_AUTOINSTALL_DISABLED
    return has_driver(node) or node.labels.get(OPERATOR_DRIVER, "false") != "false"


def _number(text: object) -> int | None:
    return int(text) if isinstance(text, str) and text.isascii() and text.isdecimal() and len(text) < 10 else None
