"""What a gateway is to do."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from yarl import URL

from sdp_serving.contract.components import GRPC_PORT, Component
from sdp_serving.servers.transport import Address


@dataclass(frozen=True)
class Config:
    """What a gateway is to do.

    Attributes:
        servers: where each component's REST API is.
        grpc: where each component's gRPC API is, if that is not on the usual port of the same host.
        hold_seconds: how long a request waits for a component that is away; 0: not at all.
        routes: the file in which the operator tells of the pipeline; None for none.
        api_keys: the file or the folder of keys; None to let in everybody.
        requests_per_minute: for pictures, of one client; 0 for any number.
        queue_length: how many requests for pictures may wait.
        batch_pictures: how many are drawn together at the most.
        request_seconds: how long a request for pictures may take in all.
    """

    servers: Mapping[Component, URL]
    grpc: Mapping[Component, Address] = field(default_factory=dict)
    hold_seconds: float = 0.0
    routes: Path | None = None
    api_keys: Path | None = None
    requests_per_minute: int = 0
    queue_length: int = 64
    batch_pictures: int = 4
    request_seconds: float = 600.0

    @property
    def grpc_addresses(self) -> Mapping[Component, Address]:
        """Where each component's gRPC API is."""
        usual = {component: Address(url.host or "", GRPC_PORT) for component, url in self.servers.items()}
        return {**usual, **self.grpc}
