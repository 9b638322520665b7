"""Which versions of a model to serve and what to do about it; pure."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from sdp_serving.standin.errors import Code


class State(StrEnum):
    """Where a version is in its life."""

    START = "START"
    LOADING = "LOADING"
    AVAILABLE = "AVAILABLE"
    UNLOADING = "UNLOADING"
    END = "END"


@dataclass(frozen=True)
class Status:
    """A version's state and, when it ended, how: an OK end is a clean unload, any other a load that failed."""

    state: State
    code: Code = Code.OK
    message: str = ""


@dataclass(frozen=True)
class Latest:
    """The versions with the highest numbers."""

    count: int = 1


@dataclass(frozen=True)
class All:
    """Every version."""


@dataclass(frozen=True)
class Specific:
    """These versions, as far as they are there."""

    versions: frozenset[int]


VersionPolicy = Latest | All | Specific


@dataclass(frozen=True)
class Plan:
    """The versions to begin loading and to begin unloading."""

    load: tuple[int, ...] = ()
    unload: tuple[int, ...] = ()


def aspired_versions(policy: VersionPolicy, found: Iterable[int]) -> frozenset[int]:
    """The versions to serve of those found."""
    versions = sorted(found)
    match policy:
        case Latest(count):
            return frozenset(versions[-count:])
        case All():
            return frozenset(versions)
        case Specific(wanted):
            return wanted & frozenset(versions)


def plan(aspired: frozenset[int], statuses: Mapping[int, Status], given_up: Collection[int]) -> Plan:
    """What to begin now, in this order: the highest version loads first, the lowest unloads first.

    A version that is there is never loaded again, wherever its files now lie. Versions no longer wanted go once a
    wanted one is available, or when none is wanted; until then all but the highest of them go. `given_up` are those
    whose load failed while they were wanted.
    """
    load = tuple(
        version for version in sorted(aspired - set(given_up), reverse=True) if _is_gone(statuses.get(version))
    )
    available = {version for version, status in statuses.items() if status.state is State.AVAILABLE}
    unload = tuple(sorted(available - aspired))
    if aspired and not available & aspired:
        unload = unload[:-1]
    return Plan(load, unload)


def _is_gone(status: Status | None) -> bool:
    return status is None or status.state is State.END
