"""Which addresses a cluster uses. A node's cluster gets a slot, and every slot has ranges of its own."""

from dataclasses import dataclass

SLOTS = range(64)
API_PORT_WITH_NODE = 6443


@dataclass(frozen=True)
class Addresses:
    """The address plan of one slot; the ranges of two slots never meet."""

    slot: int

    @property
    def interface(self) -> str:
        """The host's end of the cable between the host and the node."""
        return f"sdpnode{self.slot}"

    @property
    def link(self) -> str:
        """The range of that cable."""
        return f"10.199.{self.slot}.0/30"

    @property
    def host(self) -> str:
        """The host's address, where the API server listens."""
        return f"10.199.{self.slot}.1"

    @property
    def node(self) -> str:
        """The node's address."""
        return f"10.199.{self.slot}.2"

    @property
    def pods(self) -> str:
        """The pods' range."""
        return f"10.244.{self.slot}.0/24"

    @property
    def services(self) -> str:
        """The Services' range."""
        return f"10.96.{self.slot}.0/24"

    @property
    def kubernetes_service(self) -> str:
        """The Service of the API server: Kubernetes gives it the first address."""
        return f"10.96.{self.slot}.1"

    @property
    def dns_service(self) -> str:
        """The Service of the cluster's DNS."""
        return f"10.96.{self.slot}.10"
