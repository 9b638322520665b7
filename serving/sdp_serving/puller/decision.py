"""What to do next about a pod's models, from what is wanted and what there is. Pure.

The order of the numbers is what all rests on: the server sends requests to the highest one that is loaded, and a newer
model has a lower one. So a candidate is tried in the dark, and the model that answers goes last, when all is well.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Final

from sdp_serving.contract.artifact import ModelUri, UnusableUriError
from sdp_serving.contract.report import NotPulled, Pulled, PullFailure
from sdp_serving.contract.swap import Candidate, ModelNumber, NumberedModel, PodModels
from sdp_serving.puller.actions import (
    Action,
    Bring,
    Copy,
    Fail,
    Inspect,
    Keep,
    Lay,
    Lengthy,
    Prove,
    Quick,
    Remove,
    Withdraw,
)
from sdp_serving.puller.model_server import State, Status, Statuses
from sdp_serving.puller.models_folder import PREVIOUS, OnDisk

_CRASHES: Final = 3
"""How often the server may end beside a candidate until that is what did it."""
_OLD_NEWS_SECONDS: Final = 30.0
"""For which a server may go on telling of a model what it told before that was laid again: it looks every second."""
_LOAD_SECONDS: Final = 600.0
_LOAD_BYTES_A_SECOND: Final = 4 << 20
"""Of the slowest disk from which a model is loaded."""


@dataclass(frozen=True)
class Shown:
    """A model that the server sees.

    Attributes:
        seconds: for how long.
        before: what the server told of it when it was laid; None for nothing.
    """

    seconds: float
    before: Status | None = None


@dataclass(frozen=True)
class Known:
    """What was found out about models, by their numbers.

    Attributes:
        failed: they are bad, and are not tried again.
        blocked: something that may pass keeps them; it is not time yet to go on with them.
        verified: what was found in storage.
        crashes: how often the server ended while it had them as candidates.
        shown: those that the server sees.
    """

    failed: Mapping[ModelNumber, NotPulled] = field(default_factory=dict)
    blocked: Collection[ModelNumber] = frozenset()
    verified: Mapping[ModelNumber, Pulled] = field(default_factory=dict)
    crashes: Mapping[ModelNumber, int] = field(default_factory=dict)
    shown: Mapping[ModelNumber, Shown] = field(default_factory=dict)


def decide(desired: PodModels, disk: OnDisk, server: Statuses | None, known: Known) -> Quick | Collection[Lengthy]:
    """The next thing to do at once; where there is none, what to take time over, which is nothing where all waits.

    Args:
        desired: the models that the pod is to have.
        disk: what lies in the folder.
        server: what the model server says of its models; None while it is down.
        known: what was found out about models.
    """
    if (clutter := _tidy(desired, disk, known)) is not None:
        return clutter
    serving = _serve(desired, disk, server, known)
    if isinstance(serving, Quick):
        return serving
    if isinstance(serving, Bring):
        # Nothing is to delay this one.
        return {serving}
    following = _advance(desired, disk, server, known)
    if isinstance(following, Quick):
        return following
    return {step for step in (serving, following) if step is not None}


def load_seconds(size: int) -> float:
    """For how long a candidate of `size` bytes may load, which a good one never takes."""
    return _LOAD_SECONDS + size / _LOAD_BYTES_A_SECOND


def _tidy(desired: PodModels, disk: OnDisk, known: Known) -> Quick | None:
    """Remove what neither serves, nor is to, nor did before."""
    serving, candidate = desired.serving.number, _brought(desired.candidate, known)
    for name in sorted(disk.clutter):
        return Remove(name)
    for number in sorted(disk.partial.keys() - {serving, candidate}):
        return Remove(f".{number}.partial")
    if serving not in disk.models:
        # What lies there may yet be what it is made of.
        return None
    # Newer than the one that is to serve: candidates that were dropped, which answer nobody.
    for number in sorted(disk.models.keys() - {serving, candidate}):
        if number < serving:
            return Remove(str(number))
    for number in sorted(disk.previous.keys() - {desired.previous.number if desired.previous else None}):
        return Remove(f"{PREVIOUS}/{number}")
    return None


def _serve(desired: PodModels, disk: OnDisk, server: Statuses | None, known: Known) -> Action | None:
    """Bring about that the one that is to serve does, and alone."""
    number = desired.serving.number
    if number not in disk.models:
        if disk.partial.get(number) is not None:
            return _lay(number, server, known)
        return _obtain(desired.serving, _normal(desired.serving.uri), disk, known)
    if server is None:
        # Nobody is answered, so nothing is lost: it starts with this model instead of one that may be what ended it.
        return _withdraw(desired.candidate, disk, known) or _take_over(desired, disk, known)
    if (error := _load_error(number, server, known)) is not None:
        return None if number in known.failed else Fail(number, _unloadable(desired.serving, error))
    if not _answers(server, number):
        return None
    if number in disk.proven:
        return _take_over(desired, disk, known)
    is_bad = number in known.failed and known.failed[number].reason is PullFailure.GOLDEN_REQUEST_FAILED
    return None if is_bad or number in known.blocked else Prove(number)


def _take_over(desired: PodModels, disk: OnDisk, known: Known) -> Quick | None:
    """Take the others away, the lowest first: so none of them answers that did not before."""
    others = disk.models.keys() - {desired.serving.number, _brought(desired.candidate, known)}
    if not others:
        return None
    lowest = min(others)
    if desired.previous is not None and desired.previous.number == lowest:
        return Keep(lowest)
    return Remove(str(lowest))


def _withdraw(candidate: Candidate | None, disk: OnDisk, known: Known) -> Quick | None:
    if candidate is None or candidate.number not in disk.models or candidate.number in known.failed:
        return None
    crashes = known.crashes.get(candidate.number, 0) + 1
    if crashes < _CRASHES:
        return Withdraw(candidate.number)
    message = (
        f"the model server ended {crashes} times while it had {candidate.uri} beside the model that serves: read the"
        " server's log, and give it more memory or choose swap.strategy Surge or Drain"
    )
    return Fail(candidate.number, NotPulled(reason=PullFailure.LOAD_FAILED, message=message))


def _advance(desired: PodModels, disk: OnDisk, server: Statuses | None, known: Known) -> Action | None:
    """Bring the candidate further."""
    candidate = desired.candidate
    if candidate is None or candidate.number in known.failed:
        return None
    number = candidate.number
    if candidate.step == "Verify":
        return None if number in known.verified or number in known.blocked else Inspect(_plain(candidate))
    if number in disk.models:
        return _try_out(candidate, disk, server, known)
    if disk.partial.get(number) is None:
        return _obtain(candidate, _version_of(candidate, known), disk, known)
    # The first that a server loads would answer requests.
    return _lay(number, server, known) if any(_answers(server, each) for each in disk.models if each > number) else None


def _try_out(candidate: Candidate, disk: OnDisk, server: Statuses | None, known: Known) -> Action | None:
    number = candidate.number
    if (error := _load_error(number, server, known)) is not None:
        return Fail(number, _unloadable(candidate, error))
    if not _answers(server, number):
        limit = load_seconds(disk.models[number].model.size_bytes)
        is_late = number in known.shown and known.shown[number].seconds > limit
        return Fail(number, _endless(candidate, limit)) if is_late else None
    return None if number in disk.proven or number in known.blocked else Prove(number)


def _lay(number: ModelNumber, server: Statuses | None, known: Known) -> Action | None:
    """Let the server see a model, unless it still has to do with one that was withdrawn from it under that number."""
    status = (server or {}).get(number)
    is_there = status is not None and status.state is not State.END
    return None if is_there or number in known.blocked else Lay(number)


def _load_error(number: ModelNumber, server: Statuses | None, known: Known) -> str | None:
    """Why the server could not load a model; None when it did, may yet do it, or only tells of another time."""
    status, shown = (server or {}).get(number), known.shown.get(number)
    if status is None or (shown is not None and status == shown.before and shown.seconds < _OLD_NEWS_SECONDS):
        return None
    return status.error


def _obtain(model: NumberedModel, known_as: str | None, disk: OnDisk, known: Known) -> Action | None:
    """Bring a model in: from the disk, where it is there under the URI by which it is known, else from storage."""
    source = None if known_as is None else disk.holding(known_as, but=known.failed.keys())
    if source is not None:
        return Copy(source, model.number)
    if model.number in known.failed or model.number in known.blocked:
        return None
    return Bring(_plain(model))


def _brought(candidate: Candidate | None, known: Known) -> ModelNumber | None:
    """The candidate's number, where it is to be in the folder."""
    if candidate is None or candidate.step != "BringIn" or candidate.number in known.failed:
        return None
    return candidate.number


def _version_of(candidate: Candidate, known: Known) -> str | None:
    """The URI of the one version that is meant; None while it is not known."""
    try:
        uri = ModelUri.parse(candidate.uri)
    except UnusableUriError:
        return None
    if uri.version is not None:
        # It may be another than this pod found when it verified: all replicas are to have the same.
        return str(uri)
    found = known.verified.get(candidate.number)
    return None if found is None else found.uri


def _answers(server: Statuses | None, number: ModelNumber) -> bool:
    status = (server or {}).get(number)
    return status is not None and status.state is State.AVAILABLE


def _unloadable(model: NumberedModel, error: str) -> NotPulled:
    message = f"the model server cannot load {model.uri} ({error}): export the model again"
    return NotPulled(reason=PullFailure.LOAD_FAILED, message=message)


def _endless(model: NumberedModel, limit: float) -> NotPulled:
    message = (
        f"the model server did not come to an end with loading {model.uri} in {limit / 60:.0f} minutes: read the"
        " server's log, and give it more memory and processors"
    )
    return NotPulled(reason=PullFailure.LOAD_FAILED, message=message)


def _normal(uri: str) -> str:
    """The URI as records have it."""
    try:
        return str(ModelUri.parse(uri))
    except UnusableUriError:
        return uri


def _plain(model: NumberedModel) -> NumberedModel:
    """The same, whether it is a candidate or is to serve by now."""
    return NumberedModel(number=model.number, uri=model.uri)
