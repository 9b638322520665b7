"""From live objects to what the status is made of."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sdp_operator.api.v1alpha1 import ComponentSpec, Pipeline, Serving
from sdp_operator.desired.children import ComponentPart, Desired
from sdp_operator.desired.deployment import revision
from sdp_operator.desired.identity import COMPONENT, child_name
from sdp_operator.exports.state import Export
from sdp_operator.gpus.verdict import GpuVerdict
from sdp_operator.live import LiveChildren
from sdp_operator.objects import KubeObject
from sdp_operator.pods import Replica, read_replica
from sdp_operator.pods_refused import pods_refused
from sdp_operator.problem import Problem
from sdp_operator.sharing import Shared, Unshared
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
        component: _component(pipeline, component, part, world.live, refused.get(component), types)
        for component, part in wanted.components.items()
    }


def _component(
    pipeline: Pipeline,
    component: Component,
    part: ComponentPart,
    live: LiveChildren,
    refused: Problem | None,
    types: Mapping[str, str],
) -> Observed:
    spec = pipeline.spec.components[component]
    if part.deployment is None:
        return Observed(revision=None, refused=refused, shared=part.shared, wanted_replicas=0)
    pods = [(name, pod) for name, pod in live.pods.items() if pod["metadata"]["labels"].get(COMPONENT) == component]
    read = (read_replica(pod, live.words.get(name)) for name, pod in pods)
    replicas = [replica for replica in read if replica is not None]
    deployment = live.objects.get(("Deployment", child_name(pipeline, component)))
    return Observed(
        revision=revision(part.deployment),
        refused=refused or part.problem,
        pods_refused=pods_refused(deployment),
        replicas=replicas,
        wanted_replicas=_wanted_replicas(spec, deployment),
        gpus=part.gpus,
        export=part.export,
        accelerators=sorted(
            {types[replica.node] for replica in replicas if replica.node is not None and replica.node in types}
        )
        if spec.gpus_per_replica
        else (),
    )


def _wanted_replicas(spec: ComponentSpec, deployment: KubeObject | None) -> int:
    """How many replicas there are to be; under an autoscaler, it says so in the Deployment."""
    if spec.autoscaling is None or deployment is None:
        return spec.least_replicas
    scaled: int = deployment["spec"].get("replicas", spec.least_replicas)
    return scaled
