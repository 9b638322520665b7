"""What differs between two specs."""

from collections.abc import Iterator, Mapping
from typing import Any

from sdp_operator.plan.result import Change


def changes(before: Any, after: Any, at: str = "") -> Iterator[Change]:
    """The fields that differ, each by its path; a list is one value."""
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for key in [*before, *(key for key in after if key not in before)]:
            yield from changes(before.get(key), after.get(key), f"{at}.{key}" if at else key)
    elif before != after:
        yield Change(field=at, before=before, after=after)
