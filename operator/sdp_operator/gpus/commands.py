"""The commands that mend a node's driver, or show what is wrong with it."""

from typing import Final

from sdp_operator.gpus.drivers import (
    GKE_ACCELERATOR,
    GKE_AUTOINSTALL_DISABLED,
    GKE_DRIVER_VERSION,
    GKE_NO_DEVICE_PLUGIN,
    GKE_OS,
    OPERATOR_DRIVER,
    is_managed_by_gpu_operator,
)
from sdp_operator.gpus.facts import NodeFacts

_INSTALLER: Final = (
    "https://raw.githubusercontent.com/GoogleCloudPlatform/container-engine-accelerators/master/"
    "nvidia-driver-installer/{os}/daemonset-preloaded.yaml"
)
_GPU_OPERATOR: Final = (
    "helm upgrade --install gpu-operator gpu-operator --repo https://helm.ngc.nvidia.com/nvidia"
    " --namespace gpu-operator --create-namespace"
)
_BESIDE_GKE_DRIVER: Final = (
    " --set driver.enabled=false,cdi.enabled=true,cdi.default=true"
    ",hostPaths.driverInstallDir=/home/kubernetes/bin/nvidia,toolkit.installDir=/home/kubernetes/bin/nvidia"
)


def install_driver(node: NodeFacts) -> str:
    """What brings the driver, and the device plugin where that is missing too, to a node without."""
    if GKE_ACCELERATOR not in node.labels:
        # Where the GPU operator looks after a node and brings no driver, it was told so by this label.
        switch = f"kubectl label node {node.name} {OPERATOR_DRIVER}=true --overwrite"
        return switch if is_managed_by_gpu_operator(node) else _GPU_OPERATOR
    apply = f"kubectl apply -f {_INSTALLER.format(os=_os(node))}"
    if node.labels.get(GKE_DRIVER_VERSION) == GKE_AUTOINSTALL_DISABLED:
        # The installer passes by every node with this label, whatever its value.
        selector = f"{GKE_DRIVER_VERSION}={GKE_AUTOINSTALL_DISABLED}"
        apply = f"kubectl label nodes -l {selector} {GKE_DRIVER_VERSION}- && {apply}"
    return f"{apply} && {install_device_plugin()}" if lacks_device_plugin(node) else apply


def install_device_plugin() -> str:
    """What brings a device plugin to GKE's nodes that refuse GKE's own."""
    return _GPU_OPERATOR + _BESIDE_GKE_DRIVER


def lacks_device_plugin(node: NodeFacts) -> bool:
    """Whether a node of GKE refuses GKE's device plugin while nothing shows another."""
    return node.labels.get(GKE_NO_DEVICE_PLUGIN) == "true" and not is_managed_by_gpu_operator(node)


def look_at_driver(node: NodeFacts) -> str:
    """What shows how the installation on a node goes."""
    if GKE_ACCELERATOR in node.labels and not is_managed_by_gpu_operator(node):
        return (
            "kubectl logs -n kube-system -l 'k8s-app in (nvidia-gpu-device-plugin,nvidia-driver-installer)'"
            " --all-containers --prefix --tail=50"
        )
    return f"kubectl get pods -A -o wide --field-selector spec.nodeName={node.name} | grep nvidia"


def look_at_node(node: NodeFacts) -> str:
    """What shows a node's conditions and events."""
    return f"kubectl describe node {node.name}"


def uncordon(node: NodeFacts) -> str:
    """What lets pods back onto a node."""
    return f"kubectl uncordon {node.name}"


def _os(node: NodeFacts) -> str:
    return "ubuntu" if "ubuntu" in f"{node.labels.get(GKE_OS, '')} {node.os_image}".lower() else "cos"
