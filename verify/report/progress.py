"""What a reader sees while a run is going: one live line on a terminal, a plain line for each step otherwise.

Everything goes to standard error, so that standard output holds the report and nothing else.
"""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Sequence
from itertools import islice
from types import TracebackType
from typing import TYPE_CHECKING, Self

from rich.console import Console
from rich.live import Live
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from verify.report.ledger import MARKS, STYLES, words

if TYPE_CHECKING:
    from rich.console import RenderableType


class RunProgress:
    """A context in which `finished` is told of every verdict; leaving it removes the live line.

    `steps` are the ids in the order in which they are started, `workers` of them at a time: the first unfinished ones
    are those being checked.
    """

    def __init__(
        self, steps: Sequence[str], /, *, workers: int = 1, quiet: bool = False, console: Console | None = None
    ) -> None:
        self.console = console or Console(stderr=True, highlight=False)
        self.total = len(steps)
        self.unfinished = dict.fromkeys(steps)
        self.workers = workers
        self.counts: Counter[str] = Counter()
        self.begun = time.monotonic()
        self.lines = not self.console.is_terminal and not quiet
        self.spinner = Spinner("dots", style="cyan")
        live = self.console.is_terminal and not self.console.is_dumb_terminal
        self.live = Live(self, console=self.console, refresh_per_second=8, transient=True) if live else None

    def __enter__(self) -> Self:
        if self.live:
            self.live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.live:
            self.live.stop()

    def finished(self, step: str, verdict: str, seconds: float, /) -> None:
        """The step with this id has its verdict."""
        self.counts[verdict] += 1
        self.unfinished.pop(step, None)
        if self.lines:
            done = sum(self.counts.values())
            sys.stderr.write(f"[{done}/{self.total}] {words(verdict)}  {step}  {seconds:.1f} s\n")
            sys.stderr.flush()

    def __rich__(self) -> RenderableType:
        """The live line: spinner, steps done, verdicts so far, seconds, and the steps being checked."""
        done = sum(self.counts.values())
        line = Text(f"{done}/{self.total} steps", style="bold", no_wrap=True, overflow="ellipsis")
        for verdict in MARKS:
            if self.counts[verdict]:
                line.append(f"  {MARKS[verdict]} {self.counts[verdict]}", STYLES[verdict])
        line.append(f"  {time.monotonic() - self.begun:.0f} s", "dim")
        line.append(f"  {', '.join(islice(self.unfinished, self.workers))}", "dim")
        grid = Table.grid(padding=(0, 1))
        grid.add_row(self.spinner, line)
        return grid
