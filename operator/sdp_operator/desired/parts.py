"""What the parts of a pipeline should have: its components, their canary and its gateway."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from sdp_operator.desired.identity import CANARY, GATEWAY
from sdp_operator.exports.state import Export
from sdp_operator.gpus.verdict import GpuVerdict
from sdp_operator.objects import KubeObject
from sdp_operator.problem import Problem
from sdp_operator.sharing import Shared, Unshared
from sdp_operator.swap.canary import CanaryProgress
from sdp_operator.swap.progress import Progress
from sdp_operator.swap.state import SwapState
from sdp_serving.contract.components import Component


@dataclass(frozen=True)
class Part:
    """What a part of a pipeline should have.

    Attributes:
        children: what is to be there, in the order in which it is applied.
        withheld: what is wanted and must not be made or changed for now; what there is of it stays as it is.
        problem: why.
        to_tell: the pods that are to look at what is desired of them, with a digest of it.
    """

    children: tuple[KubeObject, ...] = ()
    withheld: tuple[KubeObject, ...] = ()
    problem: Problem | None = None
    to_tell: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class ComponentPart(Part):
    """What a component should have.

    Attributes:
        deployment: the Deployment among `children` or `withheld`; None for a component that runs elsewhere.
        gpus: whether its pods find their GPUs; None where that is not looked at.
        export: what became of the export of its weights; None for one without.
        models: what is remembered of its models; None while nothing is to be served.
        progress: how far its swap is; None where there never was one.
        look_again: when to look again although no watch tells of anything; None for never.
        canary: how far its canary is; None where none is asked for.
        beside: what the canary's own replica should have; None where it has none.
        shared: the component of another pipeline; None for one that runs here.
    """

    deployment: KubeObject | None = None
    gpus: GpuVerdict | None = None
    export: Export | None = None
    models: SwapState | None = None
    progress: Progress | None = None
    look_again: timedelta | None = None
    canary: CanaryProgress | None = None
    beside: "ComponentPart | None" = None
    shared: Shared | Unshared | None = None


@dataclass(frozen=True)
class Desired:
    """What a pipeline should have.

    Attributes:
        components: what each component should have.
        gateway: what the gateway should have; None when there is to be none.
    """

    components: Mapping[Component, ComponentPart]
    gateway: Part | None = None

    @property
    def parts(self) -> Mapping[str, Part]:
        """All parts, by their names."""
        gateway = {} if self.gateway is None else {GATEWAY: self.gateway}
        beside = next((part.beside for part in self.components.values() if part.beside is not None), None)
        canary = {} if beside is None else {CANARY: beside}
        return {**{str(component): part for component, part in self.components.items()}, **canary, **gateway}
