"""Progress on the terminal, on standard error."""

from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bars

from sdp_exporter.export import Request
from sdp_exporter.stores import Progress
from sdp_serving.contract.artifact import ModelUri


class TerminalObserver:
    """A line for each model: a bar while it is made and stored, then what became of it."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._bars = Bars(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(),
            DownloadColumn(),
            TimeElapsedColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._task: TaskID | None = None

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bars.stop()

    def writing(self, request: Request) -> None:
        """Start the model's bar."""
        self._task = self._bars.add_task(f"{request.name}: building and saving", total=None)

    def publishing(self, request: Request, size: int) -> Progress:
        """Let the bar show bytes."""
        task = self._task
        if task is None:
            raise AssertionError("a model is written before it is published")
        self._bars.update(task, description=f"{request.name}: storing", total=size, completed=0)
        return lambda stored: self._bars.advance(task, stored)

    def published(self, request: Request, uri: ModelUri) -> None:
        """Replace the bar by a line."""
        self._close(f"{request.name}: published as version {uri.version}")

    def unchanged(self, request: Request, uri: ModelUri) -> None:
        """Say that nothing was to do."""
        self._close(f"{request.name}: unchanged, version {uri.version} is the same model")

    def _close(self, line: str) -> None:
        if self._task is not None:
            self._bars.remove_task(self._task)
            self._task = None
        self._console.print(line, highlight=False, soft_wrap=True)
