"""What is watched of one way while it is measured."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from benchmarks.swap.pods import Pods, watching_pods
from benchmarks.swap.rig import Rig
from benchmarks.swap.watch import watched
from benchmarks.swap.ways import KubeObject


@dataclass(frozen=True)
class Site:
    """The cluster, with its pipeline and pods as they are at the moment."""

    rig: Rig
    pods: Pods
    _pipelines: Mapping[str, KubeObject]

    def is_at_rest(self) -> bool:
        """Whether one pod answers and nothing moves."""
        match list(self._pipelines.values()):
            case [pipeline]:
                return self.pods.one_is_ready() and _is_ready(pipeline)
        return False


@contextmanager
def watched_site(rig: Rig) -> Iterator[Site]:
    """Watch for the length of a `with` block."""
    with (
        watching_pods(rig.cluster, rig.namespace) as pods,
        watched(rig.cluster, rig.namespace, "stablediffusionpipelines") as pipelines,
    ):
        yield Site(rig, pods, pipelines)


def _is_ready(pipeline: KubeObject) -> bool:
    generation = pipeline["metadata"]["generation"]
    conditions = {one["type"]: one for one in pipeline.get("status", {}).get("conditions", [])}
    ready = conditions.get("Ready", {})
    return bool(ready.get("status") == "True" and ready.get("observedGeneration") == generation)
