"""A progress bar with the loss and the time left, on a terminal's standard error and nowhere else."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn


class LearningProgress:
    """A context whose bar moves with every `advance`; off a terminal it is silent."""

    def __init__(self, words: str, total: int, /, *, console: Console | None = None) -> None:
        console = console or Console(stderr=True, highlight=False)
        shown = console.is_terminal and not console.is_dumb_terminal
        columns = (
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TextColumn("{task.fields[note]}"),
            TimeRemainingColumn(),
        )
        self.progress = Progress(*columns, console=console, transient=True, disable=not shown)
        self.task = self.progress.add_task(words, total=total, note="")

    def __enter__(self) -> Self:
        self.progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.progress.stop()

    def advance(self, note: str = "", /) -> None:
        """One more is done; `note` is the loss or the like."""
        self.progress.update(self.task, advance=1, note=note)
