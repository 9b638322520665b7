"""Which versions go: pure."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from sdp_exporter.artifacts.listing import Artifact, State
from sdp_exporter.artifacts.pipelines import InUse

if TYPE_CHECKING:
    from sdp_serving.contract.artifact import ModelUri

UNFINISHED_AGE: Final = timedelta(days=1)
"""What no export that is under way has left untouched for so long."""


@dataclass(frozen=True)
class Pruning:
    """What is to be deleted, and what would be if no pipeline used it."""

    doomed: Sequence[Artifact]
    used: Sequence[Artifact]


def prune(artifacts: Sequence[Artifact], keep: int, in_use: InUse, now: datetime) -> Pruning:
    """Of each model all that is older than the last `keep` whole versions, and what exports that died have left.

    Args:
        artifacts: every version.
        keep: how many of each model stay.
        in_use: what pipelines use, which stays.
        now: the time.
    """
    whole: dict[ModelUri, list[Artifact]] = defaultdict(list)
    for one in artifacts:
        if one.stored.is_whole:
            whole[one.model].append(one)
    old = [one for versions in whole.values() for one in _older(versions, keep)]
    dead = [one for one in artifacts if not one.stored.is_whole and one.stored.changed < now - UNFINISHED_AGE]
    candidates = sorted(old + dead, key=artifacts.index)
    used = [one for one in candidates if in_use.uses(one.uri)]
    return Pruning(doomed=[one for one in candidates if one not in used], used=used)


def _older(versions: Sequence[Artifact], keep: int) -> Sequence[Artifact]:
    """Those below the last `keep`, of which a damaged one is none: it could take the place of the last that serves."""
    newest_first = sorted(versions, key=lambda each: each.stored.version, reverse=True)
    kept = [one for one in newest_first if one.state is not State.DAMAGED][:keep]
    return newest_first[newest_first.index(kept[-1]) + 1 :] if len(kept) == keep else []
