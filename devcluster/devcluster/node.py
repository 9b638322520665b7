"""The node: containerd, kubelet, kube-proxy, the pods' network and the cluster's DNS."""

import json
from pathlib import Path
from typing import Any

import yaml

from devcluster import cgroups, containerd, kubeconfig
from devcluster.addresses import Addresses
from devcluster.certificates import Authority
from devcluster.cluster import Cluster
from devcluster.control_plane import Endpoint
from devcluster.namespaces import Namespaces
from devcluster.processes import Component
from devcluster.waiting import wait_for

NODE_NAME = "sdpipeline-node"
GPUS = 2

# What GKE puts on its GPU nodes, with the driver already installed.
_LABELS = {
    "cloud.google.com/gke-accelerator": "nvidia-tesla-t4",
    "cloud.google.com/gke-gpu-driver-version": "default",
}


def configure_network(node: Namespaces, addresses: Addresses) -> None:
    """Bring up the node's end of the cable.

    There is no default route: nothing in the cluster reaches beyond this machine.
    """
    for command in (
        "link set lo up",
        f"address add {addresses.node}/30 dev eth0",
        "link set eth0 up",
        # A local process can only connect to a Service if there is a route to it, whatever kube-proxy then makes of it.
        f"route add {addresses.services} dev lo src {addresses.node}",
        f"route add unreachable {addresses.pods} metric 4096",
    ):
        node.run(["ip", *command.split()])
    node.run(["sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward"])


def launch(
    node: Namespaces, cluster: Cluster, authority: Authority, endpoint: Endpoint, addresses: Addresses
) -> list[Component]:
    """Start the node's components and wait until it is ready for pods.

    Raises:
        ClusterError: a component ended, or was not ready in time.
    """
    paths = node.paths
    runtime = containerd.launch(node, _write_cni(paths.configs, addresses))
    cgroups.create(paths.name)
    kubelet = _launch_kubelet(node, authority, endpoint, addresses)
    proxy = _launch_proxy(node, authority, endpoint, addresses)
    dns = _launch_dns(node, cluster, authority, endpoint, addresses)

    def alive() -> bool:
        return all(component.check() for component in (runtime, kubelet, proxy, dns))

    wait_for(f"the node {NODE_NAME} to be Ready", lambda: alive() and is_ready(cluster), seconds=90, log=kubelet.log)
    advertise_gpus(cluster)
    return [runtime, kubelet, proxy, dns]


def advertise_gpus(cluster: Cluster) -> None:
    """Make the scheduler believe in GPUs; nothing gives pods a device."""
    quantities = {"nvidia.com/gpu": str(GPUS)}
    patch = {"status": {"capacity": quantities, "allocatable": quantities}}
    cluster.kubectl("patch", "node", NODE_NAME, "--subresource=status", "--type=merge", f"--patch={json.dumps(patch)}")


def is_ready(cluster: Cluster) -> bool:
    """Tell whether the node takes pods."""
    nodes = json.loads(cluster.kubectl("get", "nodes", "--output=json"))["items"]
    return any(
        condition["type"] == "Ready" and condition["status"] == "True"
        for node in nodes
        for condition in node.get("status", {}).get("conditions", [])
    ) and not any(taint["effect"] == "NoSchedule" for node in nodes for taint in node["spec"].get("taints", []))


def _write_cni(configs: Path, addresses: Addresses) -> Path:
    folder = configs / "cni"
    folder.mkdir()
    network = {
        "cniVersion": "1.0.0",
        "name": "pods",
        "plugins": [
            {
                "type": "bridge",
                "bridge": "pods0",
                "isGateway": True,
                "hairpinMode": True,
                "ipam": {
                    "type": "host-local",
                    "ranges": [[{"subnet": addresses.pods}]],
                    "routes": [{"dst": "0.0.0.0/0"}],
                },
            },
            {"type": "portmap", "backend": "nftables", "capabilities": {"portMappings": True}},
        ],
    }
    (folder / "10-pods.conflist").write_text(json.dumps(network, indent=2))
    return folder


def _launch_kubelet(node: Namespaces, authority: Authority, endpoint: Endpoint, addresses: Addresses) -> Component:
    paths = node.paths
    credentials = kubeconfig.write(
        paths.configs / "kubelet.kubeconfig",
        cluster="local",
        server=endpoint.url,
        authority=authority.certificate,
        user=authority.issue("kubelet-client", f"system:node:{NODE_NAME}", groups=["system:nodes"]),
    )
    server = authority.issue("kubelet", NODE_NAME, addresses=[addresses.node, NODE_NAME])
    resolver = paths.configs / "resolv.conf"
    resolver.write_text("")  # The pods' DNS knows the cluster's names only; nothing else can be reached.
    config = _write_yaml(
        paths.configs / "kubelet.yaml",
        {
            "apiVersion": "kubelet.config.k8s.io/v1beta1",
            "kind": "KubeletConfiguration",
            "address": addresses.node,
            "authentication": {
                "anonymous": {"enabled": False},
                "webhook": {"enabled": True},
                "x509": {"clientCAFile": node.path(authority.certificate)},
            },
            "authorization": {"mode": "Webhook"},
            "tlsCertFile": node.path(server.certificate),
            "tlsPrivateKeyFile": node.path(server.key),
            "containerRuntimeEndpoint": f"unix://{containerd.SOCKET}",
            "cgroupDriver": "cgroupfs",
            "cgroupRoot": cgroups.parent(paths.name),
            "failCgroupV1": False,
            "failSwapOn": False,
            "clusterDomain": "cluster.local",
            "clusterDNS": [addresses.dns_service],
            "resolvConf": node.path(resolver),
            # A laptop's disk is rarely as empty as a node's; evicting pods or images for that would puzzle everyone.
            "evictionHard": {"memory.available": "100Mi", "nodefs.available": "1%", "imagefs.available": "1%"},
            "imageGCHighThresholdPercent": 100,
            "serializeImagePulls": False,
            "registryPullQPS": 0,
            "eventRecordQPS": 0,
        },
    )
    return node.start(
        "kubelet",
        [
            f"--config={node.path(config)}",
            f"--kubeconfig={node.path(credentials)}",
            f"--hostname-override={NODE_NAME}",
            f"--node-ip={addresses.node}",
            f"--node-labels={','.join(f'{key}={value}' for key, value in _LABELS.items())}",
        ],
    )


def _launch_proxy(node: Namespaces, authority: Authority, endpoint: Endpoint, addresses: Addresses) -> Component:
    credentials = kubeconfig.write(
        node.paths.configs / "kube-proxy.kubeconfig",
        cluster="local",
        server=endpoint.url,
        authority=authority.certificate,
        user=authority.issue("kube-proxy", "system:kube-proxy"),
    )
    config = _write_yaml(
        node.paths.configs / "kube-proxy.yaml",
        {
            "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
            "kind": "KubeProxyConfiguration",
            "mode": "nftables",
            "clientConnection": {"kubeconfig": node.path(credentials)},
            "clusterCIDR": addresses.pods,
            "hostnameOverride": NODE_NAME,
            "bindAddress": addresses.node,
            "metricsBindAddress": "127.0.0.1:10249",
            "healthzBindAddress": "127.0.0.1:10256",
            # Zero leaves the kernel's settings alone, which are not this namespace's to change.
            "conntrack": {
                "maxPerCore": 0,
                "min": 0,
                "tcpEstablishedTimeout": "0s",
                "tcpCloseWaitTimeout": "0s",
            },
        },
    )
    return node.start("kube-proxy", [f"--config={node.path(config)}"])


def _launch_dns(
    node: Namespaces, cluster: Cluster, authority: Authority, endpoint: Endpoint, addresses: Addresses
) -> Component:
    """Start CoreDNS as a process of the node, behind the Service that pods expect."""
    credentials = kubeconfig.write(
        node.paths.configs / "coredns.kubeconfig",
        cluster="local",
        server=endpoint.url,
        authority=authority.certificate,
        user=authority.issue("coredns", "system:coredns"),
    )
    corefile = node.paths.configs / "Corefile"
    corefile.write_text(
        f"""\
.:53 {{
    bind {addresses.node}
    errors
    ready 127.0.0.1:8181
    cache 5
    kubernetes cluster.local in-addr.arpa {{
        kubeconfig {node.path(credentials)}
        pods insecure
        ttl 5
    }}
}}
"""
    )
    cluster.kubectl(
        "apply", "--filename=-", stdin="---\n".join(yaml.safe_dump(item) for item in _dns_objects(addresses))
    )
    return node.start("coredns", [f"-conf={node.path(corefile)}"])


def _dns_objects(addresses: Addresses) -> list[dict[str, Any]]:
    rbac = "rbac.authorization.k8s.io"
    ports = [{"name": f"dns-{protocol.lower()}", "port": 53, "protocol": protocol} for protocol in ("UDP", "TCP")]
    return [
        {
            "apiVersion": f"{rbac}/v1",
            "kind": "ClusterRole",
            "metadata": {"name": "system:coredns"},
            "rules": [
                {
                    "apiGroups": [""],
                    "resources": ["services", "pods", "namespaces", "endpoints"],
                    "verbs": ["list", "watch"],
                },
                {"apiGroups": ["discovery.k8s.io"], "resources": ["endpointslices"], "verbs": ["list", "watch"]},
            ],
        },
        {
            "apiVersion": f"{rbac}/v1",
            "kind": "ClusterRoleBinding",
            "metadata": {"name": "system:coredns"},
            "roleRef": {"apiGroup": rbac, "kind": "ClusterRole", "name": "system:coredns"},
            "subjects": [{"apiGroup": rbac, "kind": "User", "name": "system:coredns"}],
        },
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": "kube-dns", "namespace": "kube-system", "labels": {"k8s-app": "kube-dns"}},
            "spec": {"clusterIP": addresses.dns_service, "ports": ports},
        },
        {
            "apiVersion": "discovery.k8s.io/v1",
            "kind": "EndpointSlice",
            "metadata": {
                "name": "kube-dns",
                "namespace": "kube-system",
                "labels": {"kubernetes.io/service-name": "kube-dns"},
            },
            "addressType": "IPv4",
            "endpoints": [{"addresses": [addresses.node], "conditions": {"ready": True}}],
            "ports": ports,
        },
    ]


def _write_yaml(path: Path, document: dict[str, Any]) -> Path:
    path.write_text(yaml.safe_dump(document, sort_keys=False))
    return path
