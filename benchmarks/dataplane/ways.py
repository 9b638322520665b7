"""The ways from a prompt to pictures."""

from enum import StrEnum


class Reach(StrEnum):
    """Whom a client talks to."""

    REST = "rest"
    """The model servers, over REST, whose JSON is laid out as TensorFlow Serving's."""
    COMPACT_REST = "compact-rest"
    """The same, with JSON as short as it can be."""
    GRPC = "grpc"
    """The model servers, over gRPC."""
    GATEWAY = "gateway"
    """The gateway alone."""


class Way(StrEnum):
    """A way; the value is its title."""

    SEED = "The seed"
    SEED_COMPACT = "The seed, were JSON compact"
    REST = "Client, REST"
    GRPC = "Client, gRPC"
    GRPC_JPEG = "Client, gRPC, JPEG"
    GATEWAY = "Gateway, PNG"
    GATEWAY_JPEG = "Gateway, JPEG"

    @property
    def reach(self) -> Reach:
        """Whom its client talks to."""
        match self:
            case Way.SEED | Way.REST:
                return Reach.REST
            case Way.SEED_COMPACT:
                return Reach.COMPACT_REST
            case Way.GRPC | Way.GRPC_JPEG:
                return Reach.GRPC
            case Way.GATEWAY | Way.GATEWAY_JPEG:
                return Reach.GATEWAY
