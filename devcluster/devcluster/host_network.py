"""The host's side of the node's network: one cable and a few routes.

The node has a network namespace of its own, so its bridge, its pods and kube-proxy's rules vanish with it. What is left
to the host are routes to the node's ranges and, below them, routes that refuse those ranges: a packet for a pod or a
Service must not leave the machine by its default route when the node is not there (yet, or any more).
"""

import json
import subprocess

from devcluster.addresses import SLOTS, Addresses
from devcluster.errors import ClusterError

# Any route to the node itself has a smaller metric and wins.
_LAST_RESORT = "4096"


def guard(addresses: Addresses) -> None:
    """Refuse the cluster's ranges; must come before anything of the cluster starts."""
    for network in _ranges(addresses):
        ip("route", "replace", "unreachable", network, "metric", _LAST_RESORT)


def connect(addresses: Addresses, node_pid: int) -> None:
    """Lay the cable into the network namespace of process `node_pid`, and route the cluster's ranges through it."""
    ip("link", "add", "name", addresses.interface, "type", "veth", "peer", "name", "eth0", "netns", str(node_pid))
    ip("address", "add", f"{addresses.host}/30", "dev", addresses.interface)
    ip("link", "set", addresses.interface, "up")
    for network in (addresses.pods, addresses.services):
        ip("route", "add", network, "via", addresses.node, "dev", addresses.interface)


def disconnect(addresses: Addresses) -> None:
    """Take back all of it, whatever of it is there; must come after everything of the cluster has ended."""
    _cut(addresses.interface)
    refused = {route["dst"] for route in json.loads(ip("-json", "route", "show", "type", "unreachable"))}
    for network in _ranges(addresses):
        if network in refused:
            ip("route", "delete", "unreachable", network, "metric", _LAST_RESORT)


def free_slot(taken: set[int]) -> int:
    """Give the first slot that no cluster has and whose ranges this machine does not use.

    Raises:
        ClusterError: every slot is taken.
    """
    routes = {route["dst"] for route in json.loads(ip("-json", "route", "show"))}
    for slot in SLOTS:
        if slot not in taken and not routes & set(_ranges(Addresses(slot))):
            return slot
    raise ClusterError("No address range is left for another cluster: take one down (`status` lists them).")


def ip(*arguments: str) -> str:
    """Run ip and give its output.

    Raises:
        ClusterError: it failed.
    """
    result = subprocess.run(["ip", *arguments], capture_output=True, text=True, check=False)
    if result.returncode:
        raise ClusterError(f"`ip {' '.join(arguments)}` failed: {result.stderr.strip()}")
    return result.stdout or "[]"


def _cut(interface: str) -> None:
    """Take the cable away. The kernel does so too, some time after the namespace at its other end has gone."""
    try:
        ip("link", "delete", interface)
    except ClusterError:
        if interface in _interfaces():
            raise


def _ranges(addresses: Addresses) -> tuple[str, ...]:
    return addresses.link, addresses.pods, addresses.services


def _interfaces() -> set[str]:
    return {link["ifname"] for link in json.loads(ip("-json", "link", "show"))}
