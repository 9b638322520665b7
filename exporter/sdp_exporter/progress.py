"""Progress on the terminal, on standard error."""

from types import TracebackType
from typing import Final, Self

from rich.console import Console
from rich.progress import BarColumn, ProgressColumn, SpinnerColumn, Task, TaskID, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bars
from rich.text import Text

from sdp_exporter.export import Exported, Request
from sdp_exporter.stages import Stage
from sdp_exporter.stores import Progress
from sdp_exporter.words import amount

_WIDTH: Final = max(map(len, Stage))


class TerminalObserver:
    """A bar for each stage of the model that is being made, then a line of what became of it."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._bars = Bars(
            SpinnerColumn(finished_text="✓"),
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            _Bytes(),
            TimeElapsedColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._stages: list[TaskID] = []

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bars.stop()

    def entered(self, request: Request, stage: Stage) -> None:
        """Fill the bar of the stage before, and begin this one's."""
        self._fill()
        self._stages.append(self._bars.add_task(_title(request, stage), total=None))

    def uploading(self, request: Request, size: int) -> Progress:
        """Let the last bar show bytes."""
        task = self._stages[-1]
        self._bars.update(task, description=_title(request, Stage.UPLOAD), total=size, completed=0, bytes=True)
        return lambda stored: self._bars.advance(task, stored)

    def exported(self, exported: Exported) -> None:
        """Replace the bars by a line."""
        for task in self._stages:
            self._bars.remove_task(task)
        self._stages.clear()
        done = "exported as" if exported.is_new else "unchanged, the same model as"
        line = f"{exported.request.name}: {done} version {exported.uri.version}"
        self._console.print(line, highlight=False, soft_wrap=True)

    def _fill(self) -> None:
        if self._stages:
            self._bars.update(self._stages[-1], total=1, completed=1)


def _title(request: Request, stage: Stage) -> str:
    return f"{request.name}  {stage:{_WIDTH}}"


class _Bytes(ProgressColumn):
    """How much is stored, of the upload only."""

    def render(self, task: Task) -> Text:
        if not task.fields.get("bytes") or task.total is None:
            return Text("")
        return Text(f"{amount(task.completed)} of {amount(task.total)}")
