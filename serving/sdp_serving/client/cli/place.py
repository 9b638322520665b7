"""Which pipeline a command draws with: its options, and the way to it."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial, wraps
from typing import Any, Final

import click

from sdp_serving.client.cli.sections import option
from sdp_serving.client.connection import DEFAULT_TIMEOUT, Protocol, Route
from sdp_serving.client.pipeline import Pipeline
from sdp_serving.contract.routes import Variant

_AUTO: Final = "auto"


@dataclass(frozen=True)
class Place:
    """Which pipeline draws, and the way to it."""

    pipeline: str | None
    namespace: str | None
    context: str | None
    transport: str
    route: str
    timeout: float

    def connect(self, variant: Variant | None = None) -> AbstractContextManager[Pipeline]:
        """The pipeline, to be used in a `with`.

        Args:
            variant: of the diffusion model; None for either.

        Raises:
            PipelineError: one of its kinds.
        """
        return Pipeline.connect(
            self.pipeline,
            namespace=self.namespace,
            context=self.context,
            protocol=Protocol(self.transport),
            route=None if self.route == _AUTO else Route(self.route),
            timeout=self.timeout,
            variant=variant,
        )


def place_options(function: Callable[..., None]) -> Callable[..., None]:
    """Options for a command that is then called with a `place`, a Place, instead of them."""
    which = partial(option, "Which pipeline, and the way to it")
    choices = [
        which("--pipeline", metavar="NAME", help="The pipeline's name.  [default: the only one in the namespace]"),
        which("--namespace", metavar="NAME", help="Its namespace.  [default: the kubeconfig's, or the pod's]"),
        which("--context", metavar="NAME", help="The kubeconfig's context.  [default: the current one]"),
        which(
            "--transport",
            type=click.Choice([protocol.value for protocol in Protocol]),
            default=Protocol.GRPC.value,
            show_default=True,
            help="How tensors travel.",
        ),
        which(
            "--route",
            type=click.Choice([_AUTO, *(route.value for route in Route)]),
            default=_AUTO,
            show_default=True,
            help="The way to the Services: kubectl port-forward or, as auto does in a pod, directly by their names.",
        ),
        which(
            "--timeout",
            metavar="SECONDS",
            type=click.FloatRange(min=0, min_open=True),
            default=DEFAULT_TIMEOUT,
            help="How long a request to a server may take; over REST the component's restTimeoutSeconds ends it too."
            f"  [default: {DEFAULT_TIMEOUT:g}]",
        ),
    ]

    @wraps(function)
    def with_place(**chosen: Any) -> None:
        place = Place(**{name: chosen.pop(name) for name in Place.__dataclass_fields__})
        function(**chosen, place=place)

    command: Callable[..., None] = with_place
    for choice in reversed(choices):
        command = choice(command)
    return command
