"""From live objects to what the status is made of."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sdp_operator.api.v1alpha1 import Pipeline, Serving
from sdp_operator.desired.deployment import revision
from sdp_operator.desired.identity import CANARY, child_name
from sdp_operator.desired.parts import ComponentPart, Desired
from sdp_operator.exports.state import Export
from sdp_operator.gpus.verdict import GpuVerdict
from sdp_operator.live import LiveChildren
from sdp_operator.objects import KubeObject
from sdp_operator.pods import Remembered, Replica, read_replica
from sdp_operator.pods_refused import pods_refused
from sdp_operator.problem import Problem
from sdp_operator.sharing import Shared, Unshared
from sdp_operator.swap.canary import CanaryProgress
from sdp_operator.swap.look import component_pods, wanted_replicas
from sdp_operator.swap.progress import Progress, Step
from sdp_operator.swap.state import ROLLOUT, KnownModel, SwapState
from sdp_operator.world import World
from sdp_serving.contract.components import Component


@dataclass(frozen=True)
class Observed:
    """What was seen of one component.

    Attributes:
        revision: what the wanted pods carry as their revision; None for a component that runs elsewhere.
        refused: why the wanted children are not there.
        pods_refused: why its Deployment can't make pods, in Kubernetes' words.
        replicas: its living pods.
        wanted_replicas: how many there are to be at present.
        gpus: whether its pods find their GPUs; None where that is not looked at.
        shared: the component of another pipeline; None for one that runs here.
        accelerators: the types of GPU of the nodes that its pods run on; none for one that asks for no GPU.
        export: what became of the export of its weights; None for one without.
        models: what is remembered of its models; None while nothing is to be served.
        progress: how far its swap is; None where there never was one.
        canary: how far its canary is; None where none is asked for.
        beside: what was seen of the canary's own replica; None where it has none.
    """

    revision: str | None
    refused: Problem | None = None
    pods_refused: str | None = None
    replicas: Sequence[Replica] = ()
    wanted_replicas: int = 1
    gpus: GpuVerdict | None = None
    shared: Shared | Unshared | None = None
    accelerators: Sequence[str] = ()
    export: Export | None = None
    models: SwapState | None = None
    progress: Progress | None = None
    canary: CanaryProgress | None = None
    beside: "Observed | None" = None

    @property
    def gpu_replicas(self) -> int:
        """How many replicas take GPUs, with the canary's own one."""
        return self.wanted_replicas + (0 if self.beside is None else self.beside.wanted_replicas)

    @property
    def rejects_canary(self) -> bool:
        """Whether it is the canary that was found bad, and not what is asked for as the model."""
        return self.progress is None or self.progress.step is not Step.ROLLED_BACK

    @property
    def current(self) -> Sequence[Replica]:
        """The pods that are as wanted."""
        return [replica for replica in self.replicas if replica.revision == self.revision]

    @property
    def ready(self) -> int:
        """How many pods are as wanted and ready."""
        return sum(replica.serving is not None for replica in self.current)

    @property
    def placed(self) -> int:
        """How many pods are as wanted and have a node."""
        return sum(replica.node is not None for replica in self.current)

    @property
    def nodes(self) -> Sequence[str]:
        """The nodes that its pods run on."""
        return sorted({replica.node for replica in self.replicas if replica.node is not None})

    @property
    def serving(self) -> Serving | None:
        """The model that answers: the one that is wanted as soon as one replica serves it, else the one before."""
        for replicas in (self.current, self.replicas):
            models = [replica.serving for replica in replicas if replica.serving is not None]
            if models:
                return max(models, key=lambda model: model.version or 0)
        return None


def observe(
    pipeline: Pipeline,
    wanted: Desired,
    world: World,
    refused: Mapping[str, Problem],
    accelerator_label: str,
) -> Mapping[Component, Observed]:
    """What was seen of each component that the pipeline asks for."""
    types = (
        {}
        if world.fleet is None
        else {
            member.node.name: member.node.labels[accelerator_label]
            for member in world.fleet.members
            if accelerator_label in member.node.labels
        }
    )
    return {
        component: _component(pipeline, component, part, world.live, refused, types)
        for component, part in wanted.components.items()
    }


def _component(
    pipeline: Pipeline,
    component: Component,
    part: ComponentPart,
    live: LiveChildren,
    refused: Mapping[str, Problem],
    types: Mapping[str, str],
) -> Observed:
    spec = pipeline.spec.components[component]
    state = part.models
    if part.deployment is None:
        return Observed(revision=None, refused=refused.get(component), shared=part.shared, wanted_replicas=0)
    replicas = _replicas(component, live, state)
    deployment = live.objects.get(("Deployment", child_name(pipeline, component)))
    return Observed(
        revision=revision(part.deployment),
        refused=refused.get(component) or part.problem,
        pods_refused=pods_refused(deployment),
        replicas=replicas,
        wanted_replicas=wanted_replicas(spec, deployment),
        gpus=part.gpus,
        export=part.export,
        models=state,
        progress=part.progress,
        canary=part.canary,
        beside=None if part.beside is None else _canary(pipeline, part.beside, live, refused.get(CANARY)),
        accelerators=sorted(
            {types[replica.node] for replica in replicas if replica.node is not None and replica.node in types}
        )
        if spec.gpus_per_replica
        else (),
    )


def _canary(pipeline: Pipeline, part: ComponentPart, live: LiveChildren, refused: Problem | None) -> Observed:
    assert part.deployment is not None, "it has a replica of its own"
    return Observed(
        revision=revision(part.deployment),
        refused=refused or part.problem,
        pods_refused=pods_refused(live.objects.get(("Deployment", child_name(pipeline, CANARY)))),
        replicas=_replicas(CANARY, live, None),
        wanted_replicas=part.deployment["spec"]["replicas"],
        gpus=part.gpus,
    )


def _replicas(part: str, live: LiveChildren, state: SwapState | None) -> Sequence[Replica]:
    pods = component_pods(part, live)
    read = (read_replica(pod, live.words.get(name), _remembered(pod, state)) for name, pod in pods.items())
    return [replica for replica in read if replica is not None]


def _remembered(pod: KubeObject, state: SwapState | None) -> Remembered | None:
    """What is remembered of the pod's model."""
    rollout = pod["metadata"].get("annotations", {}).get(ROLLOUT)
    if state is None or rollout is None:
        return None
    serving, previous = state.serving, state.previous
    if rollout == state.rollout:
        if serving.came_in_place and serving.settled is None and previous is not None:
            return _known(previous, came_later=True)
        made = pod["metadata"].get("creationTimestamp")
        # The API server writes whole seconds.
        came_later = made is not None and datetime.fromisoformat(made) < serving.since.replace(microsecond=0)
        return _known(serving, came_later=came_later)
    if previous is not None and rollout == previous.rollout:
        return _known(previous, came_later=True)
    retiring = state.retiring.get(rollout)
    if retiring is None:
        return None
    return _known(KnownModel(number=retiring.number, source=retiring.uri), came_later=False)


def _known(model: KnownModel, *, came_later: bool) -> Remembered:
    return Remembered(model.source, model.found, came_later=came_later, number=model.served_as)
