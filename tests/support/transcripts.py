"""What commands print, without what differs from one run to the next, and the pages that show it.

A page shows a transcript in a block of its own:

    <!-- made by tests: NAME -->
    ```console
    $ the command
    what it prints
    ```
"""

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

_TIME: Final = "2026-11-23T09:30:00Z"
_SAME_EACH_TIME: Final = (
    (re.compile(r"\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"), _TIME),
    (re.compile(r"\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b"), "3f0c7a52-5d1e-4b4f-9c55-0e6f0a7f2b11"),
    (re.compile(r"(?<=Resource Version: )( +)\d+"), r"\g<1>48211"),
    (re.compile(r"(?<=[ /])\d{13}\b"), "1795426200000"),
    (re.compile(r"sha256:[0-9a-f]{64}"), f"sha256:{'7d41c0a9' * 8}"),
    (re.compile(r"(?m)^( +Seconds: +)\d+$"), r"\g<1>8"),
)
_AGE: Final = "40s"


def described(output: str) -> str:
    """What `kubectl describe` prints."""
    head, title, events = output.partition("Events:\n")
    if not title:
        return _same_each_time(output.rstrip())
    heading, _, *rows = _cells(events.splitlines())
    rows = [_aged(heading, row, "Age") for row in rows]
    table = _table([heading, ["-" * len(one) for one in heading], *rows], gap=2)
    return "\n".join([_same_each_time(head) + "Events:", *(f"  {line}" for line in table)])


def tabulated(output: str) -> str:
    """What `kubectl get` prints."""
    heading, *rows = _cells(output.splitlines())
    return "\n".join(_table([heading, *(_aged(heading, row, "AGE") for row in rows)], gap=3))


class Page:
    """A page of the documentation that shows transcripts."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def holds(self, name: str, transcript: str) -> None:
        """Compare the page's block with what was printed; with UPDATE_DOCS=1 in the environment, write it instead."""
        page = self._path.read_text()
        block = re.compile(rf"(<!-- made by tests: {re.escape(name)} -->\n```console\n)(.*?)(```\n)", re.DOTALL)
        found = block.search(page)
        assert found is not None, f"{self._path.name} has no block for {name}"
        if os.environ.get("UPDATE_DOCS") == "1":
            self._path.write_text(f"{page[: found.start(2)]}{transcript}\n{page[found.end(2) :]}")
        else:
            assert _comparable(f"{transcript}\n") == _comparable(found[2]), (
                "if this is as it should be, write the page anew with UPDATE_DOCS=1"
            )


def _comparable(transcript: str) -> tuple[str, list[str]]:
    """The transcript with its Events in no order: which of those of one moment comes first is left to chance."""
    head, _, events = transcript.partition("\nEvents:")
    return head, sorted(events.splitlines())


def _same_each_time(text: str) -> str:
    for pattern, replacement in _SAME_EACH_TIME:
        text = pattern.sub(replacement, text)
    return text


def _cells(lines: Sequence[str]) -> list[list[str]]:
    """The cells of a table whose columns begin where their headings do."""
    starts = [heading.start() for heading in re.finditer(r"\S+( \S+)*", lines[0])]
    ends = [*starts[1:], None]
    return [[line[start:end].strip() for start, end in zip(starts, ends, strict=True)] for line in lines]


def _aged(heading: Sequence[str], row: Sequence[str], age: str) -> list[str]:
    return [_AGE if title == age else _same_each_time(cell) for title, cell in zip(heading, row, strict=True)]


def _table(rows: Sequence[Sequence[str]], *, gap: int) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    padded = ([cell.ljust(width) for cell, width in zip(row, widths, strict=True)] for row in rows)
    return [(" " * gap).join(row).rstrip() for row in padded]
