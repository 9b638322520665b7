"""The progress bar of a training stage, with its loss, on stderr."""

from collections.abc import Iterator
from types import TracebackType
from typing import Self

import rich.progress
import tensorflow as tf
from rich.console import Console

_LOSS_EVERY = 100


class Progress:
    """Shows how far each stage is; where stderr is no terminal, a line each hundred steps."""

    def __init__(self) -> None:
        self._console = Console(stderr=True)
        self._bar = rich.progress.Progress(
            *rich.progress.Progress.get_default_columns(),
            rich.progress.TimeElapsedColumn(),
            rich.progress.TextColumn("loss {task.fields[loss]:.4f}"),
            console=self._console,
            disable=not self._console.is_terminal,
        )
        self._stage = ""
        self._index = 0
        self._task: rich.progress.TaskID | None = None

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def steps(self, stage: str, count: int) -> Iterator[int]:
        """Counts the steps of a stage."""
        self._stage = stage
        self._task = self._bar.add_task(stage, total=count, loss=float("nan"))
        for index in range(count):
            self._index = index
            yield index
            self._bar.advance(self._task)

    def loss(self, loss: tf.Tensor) -> None:
        """Shows the loss of the present step."""
        if self._index % _LOSS_EVERY or self._task is None:
            return
        self._bar.update(self._task, loss=float(loss))
        if not self._console.is_terminal:
            self._console.print(f"{self._stage}: step {self._index}, loss {float(loss):.4f}")
