"""What a component asks of the cluster's GPUs, taken from the pods that it is to have."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from typing import Final

from sdp_operator.api.v1alpha1 import ComponentSpec, DriverCheck, Pipeline
from sdp_operator.desired.identity import COMPONENT
from sdp_operator.gpus.ask import GpuAsk
from sdp_operator.gpus.check import check
from sdp_operator.gpus.verdict import GpuVerdict
from sdp_operator.objects import KubeObject
from sdp_operator.settings import Settings
from sdp_operator.world import World

_AS_FAR_AS_SEEN: Final = "as far as the operator sees: only the pods of the namespaces that it serves"
"""A GPU that a pod of another namespace holds passes for a free one."""


def driver_check(pipeline: Pipeline, spec: ComponentSpec) -> DriverCheck:
    """What is done about nodes whose GPUs or drivers are not ready."""
    return (spec.gpu and spec.gpu.driver_check) or pipeline.spec.driver_check


def gpu_verdict(
    pipeline: Pipeline,
    part: str,
    spec: ComponentSpec,
    deployment: KubeObject,
    world: World,
    settings: Settings,
    now: datetime,
) -> GpuVerdict | None:
    """Whether the pods of a component, or of the canary, find their GPUs.

    None where none are asked for, or nobody may or is to look.
    """
    if not spec.gpus_per_replica or driver_check(pipeline, spec) == "Off" or world.fleet is None:
        return None
    own = {name for name, one in world.live.pods.items() if one["metadata"]["labels"].get(COMPONENT) == part}
    ask = replace(
        _one_replica(pipeline, spec, deployment, settings),
        replicas=spec.least_replicas,
        own_pods=frozenset(own),
        autoscaler_event=next((world.live.words[name] for name in sorted(own) if _is_autoscalers(world, name)), None),
    )
    verdict = check(ask, world.fleet, now)
    if verdict.status == "True" and settings.namespaces:
        return replace(verdict, message=f"{verdict.message}, {_AS_FAR_AS_SEEN}")
    return verdict


def has_free_gpus(
    pipeline: Pipeline,
    spec: ComponentSpec,
    deployment: KubeObject,
    world: World,
    settings: Settings,
    now: datetime,
    *,
    leaving: Iterable[str] = (),
) -> bool | None:
    """Whether one replica more would find its GPUs beside those that run, but for the pods that are leaving.

    None where nobody may look.
    """
    if world.fleet is None:
        return None
    ask = replace(_one_replica(pipeline, spec, deployment, settings), own_pods=frozenset(leaving))
    return check(ask, world.fleet, now).status == "True"


def _one_replica(pipeline: Pipeline, spec: ComponentSpec, deployment: KubeObject, settings: Settings) -> GpuAsk:
    pod = deployment["spec"]["template"]["spec"]
    return GpuAsk(
        count=spec.gpus_per_replica,
        replicas=1,
        accelerator_label=settings.accelerator_label,
        node_selector=pod.get("nodeSelector", {}),
        tolerations=pod.get("tolerations", ()),
        affinity=pod.get("affinity"),
        namespace=pipeline.namespace,
    )


def _is_autoscalers(world: World, pod: str) -> bool:
    return world.live.words.get(pod, "").startswith(("NotTriggerScaleUp", "TriggeredScaleUp"))
