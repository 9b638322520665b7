"""All children of a pipeline."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sdp_operator.api.v1alpha1 import ComponentSpec, Pipeline
from sdp_operator.desired.deployment import deployment
from sdp_operator.desired.identity import child_name
from sdp_operator.desired.puller import refusal
from sdp_operator.desired.service import service
from sdp_operator.desired.source import Pulled, Source, declared_source
from sdp_operator.drift import is_as_applied, stamped
from sdp_operator.gpu_check import driver_check, gpu_verdict
from sdp_operator.gpus.verdict import GpuVerdict
from sdp_operator.objects import KubeObject
from sdp_operator.problem import Problem
from sdp_operator.reasons import Reason
from sdp_operator.settings import Settings
from sdp_operator.sharing import Shared, share
from sdp_operator.world import World
from sdp_serving.contract.components import Component


@dataclass(frozen=True)
class Part:
    """What a part of a pipeline should have.

    Attributes:
        children: what is to be there, in the order in which it is applied.
        withheld: what is wanted and must not be made or changed for now; what there is of it stays as it is.
        problem: why.
    """

    children: tuple[KubeObject, ...] = ()
    withheld: tuple[KubeObject, ...] = ()
    problem: Problem | None = None


@dataclass(frozen=True)
class ComponentPart(Part):
    """What a component should have.

    Attributes:
        deployment: the Deployment among `children` or `withheld`; None for a component that runs elsewhere.
        gpus: whether its pods find their GPUs; None where that is not looked at.
        shared: the component as its owner has it; None for one that runs here.
    """

    deployment: KubeObject | None = None
    gpus: GpuVerdict | None = None
    shared: Shared | None = None


@dataclass(frozen=True)
class Desired:
    """What a pipeline should have."""

    components: Mapping[Component, ComponentPart]

    @property
    def parts(self) -> Mapping[str, Part]:
        """All parts, by their names."""
        return {str(component): part for component, part in self.components.items()}


def desired(pipeline: Pipeline, world: World, settings: Settings, now: datetime) -> Desired:
    """What the pipeline should have, given what was seen of the cluster."""
    return Desired(
        {
            component: _component(pipeline, component, spec, world, settings, now)
            for component, spec in pipeline.spec.components.items()
        }
    )


def _component(
    pipeline: Pipeline, component: Component, spec: ComponentSpec, world: World, settings: Settings, now: datetime
) -> ComponentPart:
    if spec.from_ is not None:
        return ComponentPart(shared=share(pipeline, component, spec.from_, world.owners.get(component)))
    source = declared_source(spec)
    assert source is not None
    wanted = deployment(pipeline, component, spec, source, settings)
    gpus = gpu_verdict(pipeline, component, spec, wanted, world, settings, now)
    others = (service(pipeline, component),)
    live = world.live.objects.get(("Deployment", child_name(pipeline, component)))
    problem = _forbidden(source, settings) or _unchecked(pipeline, spec, gpus)
    if problem is None or (live is not None and is_as_applied(live, stamped(wanted))):
        return ComponentPart((*others, wanted), deployment=wanted, gpus=gpus)
    return ComponentPart(others, (wanted,), problem, deployment=wanted, gpus=gpus)


def _forbidden(source: Source, settings: Settings) -> Problem | None:
    message = refusal(source.uri, settings) if isinstance(source, Pulled) else None
    return None if message is None else Problem(Reason.FILES_FORBIDDEN, message)


def _unchecked(pipeline: Pipeline, spec: ComponentSpec, gpus: GpuVerdict | None) -> Problem | None:
    """Why the driver check forbids to make pods. A warning does not: a node pool scales up only for pods that wait."""
    if gpus is None or driver_check(pipeline, spec) != "Enforce" or gpus.status != "False":
        return None
    return Problem(gpus.reason, f"no replica is made until the driver check passes: {gpus.message}")
