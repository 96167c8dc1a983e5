"""A console whose lines end where their text does when nobody but a file or a pipe is reading."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import click
from rich.console import Console


@contextmanager
def trimmed_console() -> Iterator[Console]:
    """A console on standard output; off a terminal its text comes at the end, without the blanks that fill tables."""
    console = Console(highlight=False)
    if console.is_terminal:
        yield console
        return
    with console.capture() as captured:
        yield console
    click.echo("\n".join(line.rstrip() for line in captured.get().splitlines()))
