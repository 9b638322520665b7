"""What the operator is told of a pod's models. Pure."""

from collections.abc import Mapping

from sdp_serving.contract.report import NotPulled, Pulled
from sdp_serving.contract.swap import Candidate, CandidateReport, CandidateState, ModelNumber, PodModels
from sdp_serving.puller.actions import Bring, Prove
from sdp_serving.puller.job import Job
from sdp_serving.puller.memory import Memory
from sdp_serving.puller.model_server import State, Statuses
from sdp_serving.puller.models_folder import OnDisk


def answering(server: Statuses | None) -> ModelNumber | None:
    """The model that requests go to: the highest that is loaded."""
    loaded = (number for number, status in (server or {}).items() if status.state is State.AVAILABLE)
    return max(loaded, default=None)


def trouble_of_serving(desired: PodModels, disk: OnDisk, memory: Memory) -> NotPulled | None:
    """Why the model that is to serve does not, or was found bad; None too while it only has not answered yet."""
    number = desired.serving.number
    if number in disk.proven:
        return None
    waiting = memory.waiting.get(number)
    if waiting is not None and not waiting.trouble.reason.may_pass and not waiting.is_lasting:
        return None
    return _trouble(number, memory)


def candidate_report(
    desired: PodModels,
    disk: OnDisk,
    server: Statuses | None,
    memory: Memory,
    jobs: Mapping[ModelNumber, Job],
) -> CandidateReport | None:
    """How far the candidate is; None when there is none.

    Args:
        desired: the models that the pod is to have.
        disk: what lies in the folder.
        server: what the model server says; None while it is down.
        memory: what was found out.
        jobs: the steps that are under way.
    """
    if desired.candidate is None:
        return None
    return _candidate(desired.candidate, disk, server, memory, jobs.get(desired.candidate.number))


def _trouble(number: ModelNumber, memory: Memory) -> NotPulled | None:
    if number in memory.failed:
        return memory.failed[number]
    return memory.waiting[number].trouble if number in memory.waiting else None


def _candidate(
    candidate: Candidate, disk: OnDisk, server: Statuses | None, memory: Memory, job: Job | None
) -> CandidateReport:
    number = candidate.number
    laid = disk.models.get(number) or disk.partial.get(number)
    found: Pulled | None = laid.model if laid is not None else memory.verified.get(number)
    done = laid.model.size_bytes if laid is not None else 0
    if laid is None and job is not None and isinstance(job.action, Bring):
        found, done = found or job.verified, job.done_bytes
    return CandidateReport(
        number=number,
        state=_state(candidate, disk, server, memory, job),
        model=found,
        trouble=_trouble(number, memory),
        done_bytes=done,
        crashes=memory.crashes[number],
    )


def _state(
    candidate: Candidate, disk: OnDisk, server: Statuses | None, memory: Memory, job: Job | None
) -> CandidateState:
    number = candidate.number
    if number in memory.failed:
        return CandidateState.FAILED
    if number in memory.waiting:
        return CandidateState.WAITING
    if candidate.step == "Verify":
        return CandidateState.VERIFIED if number in memory.verified else CandidateState.VERIFYING
    if number in disk.models:
        status = (server or {}).get(number)
        if number in disk.proven and status is not None and status.state is State.AVAILABLE:
            return CandidateState.PROVEN
        is_asked = job is not None and isinstance(job.action, Prove)
        return CandidateState.PROVING if is_asked else CandidateState.LOADING
    if disk.partial.get(number) is not None:
        return CandidateState.LOADING
    if number in memory.verified or (job is not None and job.verified is not None):
        return CandidateState.FETCHING
    return CandidateState.VERIFYING
