"""What one pod tells of the models in it."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime

from sdp_operator.desired import model_server, puller
from sdp_operator.objects import KubeObject
from sdp_operator.pods import is_living, is_ready, pull_report, statuses
from sdp_operator.swap.state import ROLLOUT
from sdp_operator.swap.watch import Fault, pod_fault
from sdp_serving.contract.report import Pulled
from sdp_serving.contract.swap import CandidateReport, ModelNumber, ReplicaReport


@dataclass(frozen=True)
class Witness:
    """A living pod.

    Attributes:
        name: its name.
        rollout: what it was made for; None for a pod of an operator that had no rollouts.
        created: when it was made.
        is_ready: whether it takes requests.
        has_puller: whether a puller stays beside its server, which brings in other models and tells of them.
        address: where that can be asked; None while the pod has no address.
        report: what it told; None where it was not asked, or did not answer.
        source: the model that it was made to serve, or serves now: a URI or an image; None where nothing tells.
        pulled: what its puller found when the pod started.
        fault: what its status tells against its model.
    """

    name: str
    rollout: str | None
    created: datetime
    is_ready: bool = False
    has_puller: bool = False
    address: str | None = None
    report: ReplicaReport | None = None
    source: str | None = None
    pulled: Pulled | None = None
    fault: Fault | None = None

    @property
    def serving(self) -> ModelNumber | None:
        """The number of the model that answers, as far as its puller has told."""
        return None if self.report is None else self.report.serving

    def on(self, candidate: ModelNumber) -> CandidateReport | None:
        """What it tells of this candidate."""
        said = None if self.report is None else self.report.candidate
        return said if said is not None and said.number == candidate else None


def witness(pod: KubeObject, report: ReplicaReport | None) -> Witness | None:
    """Read a pod of a component; None for one that has ended or is about to."""
    if not is_living(pod):
        return None
    meta, spec = pod["metadata"], pod["spec"]
    rollout = meta.get("annotations", {}).get(ROLLOUT)
    inits = {one["name"] for one in spec.get("initContainers", ())}
    said = pull_report(statuses(pod, "initContainerStatuses").get(puller.CONTAINER, {}))
    pulled = said if isinstance(said, Pulled) else None
    read = Witness(
        name=meta["name"],
        rollout=rollout,
        created=_created(meta),
        is_ready=is_ready(pod),
        has_puller=puller.SIDECAR in inits,
        address=pod.get("status", {}).get("podIP"),
        # One that was made for another pod's rollout comes from an address that has another owner by now.
        report=report if report is not None and report.rollout == rollout else None,
        pulled=pulled,
        fault=pod_fault(pod),
    )
    return replace(read, source=_source(read, pod, pulls=puller.CONTAINER in inits))


def _source(read: Witness, pod: KubeObject, *, pulls: bool) -> str | None:
    if read.report is not None and read.report.model is not None:
        return read.report.model.uri
    if pulls:
        return None if read.pulled is None else read.pulled.uri
    return next((one["image"] for one in pod["spec"]["containers"] if one["name"] == model_server.CONTAINER), None)


def _created(meta: KubeObject) -> datetime:
    made = meta.get("creationTimestamp")
    return datetime.fromtimestamp(0, UTC) if made is None else datetime.fromisoformat(made)
