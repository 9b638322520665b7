"""Counting the operator's requests in the API server's audit log, which has every one."""

from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import orjson

from benchmarks.scale.results import Requests

_LEASES: Final = "leases.coordination.k8s.io"


class AuditLog:
    """The log, read as it grows."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._offset = 0
        self._seen: set[str] = set()

    def since_last(self) -> Requests:
        """Give the requests that were recorded since the last call, or since the log began."""
        if not self._path.exists():
            return count([], self._seen)
        with self._path.open("rb") as log:
            log.seek(self._offset)
            written = log.read()
        whole = written[: written.rfind(b"\n") + 1]
        self._offset += len(whole)
        return count(whole.splitlines(), self._seen)


def count(lines: Iterable[bytes], seen: set[str]) -> Requests:
    """Count the requests in lines of the log; a watch has two, when it starts and when it ends.

    Args:
        lines: of the log.
        seen: the requests that were counted before, to which these are added.
    """
    names: Counter[str] = Counter()
    for line in lines:
        event = orjson.loads(line)
        if event["auditID"] not in seen:
            seen.add(event["auditID"])
            names[f"{event['verb']} {_resource(event)}"] += 1
    leases = sum(number for name, number in names.items() if name.endswith(_LEASES))
    return Requests(counts={name: names[name] for name in sorted(names) if not name.endswith(_LEASES)}, leases=leases)


def _resource(event: dict[str, dict[str, str]]) -> str:
    """Such as `deployments.apps` or `stablediffusionpipelines.sdpipeline.dev/status`; `-` for what is no resource."""
    about = event.get("objectRef", {})
    name = ".".join(part for part in (about.get("resource"), about.get("apiGroup")) if part)
    return "/".join(part for part in (name, about.get("subresource")) if part) or "-"
