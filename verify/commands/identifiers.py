"""From what the reader types to a derivation or a step: an id, or a path to a .py file, with `:STEP` where allowed."""

from __future__ import annotations

import difflib
import os
import traceback
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from derivations.core import Derivation, Step


def use_light_symbols() -> None:
    """Keep SymPy from loading python-flint, for commands that only read: it costs a tenth of their time.

    Nothing happens when the reader has chosen the ground types.
    """
    os.environ.setdefault("SYMPY_GROUND_TYPES", "python")


def load_one(text: str, /) -> Derivation:
    """The derivation with this id or path. Raises click.UsageError in one line when there is none or it fails."""
    from derivations.discover import load

    try:
        return load(text)
    except (ValueError, OSError) as error:
        raise click.UsageError(f"ID: {error}{_place(text, error)}") from error
    except SystemExit as error:
        raise click.UsageError(f"ID: {text} does not load: it ends the program") from error


def load_every(texts: Iterable[str], /) -> list[Derivation]:
    """The derivations with these ids or paths, or in these folders, each once; all of them when nothing is named."""
    from derivations.discover import all_ids

    known = all_ids()
    found: dict[str, Derivation] = {}
    for text in [one for each in texts for one in _in_folder(each, known)] or known:
        derivation = load_one(text)
        found.setdefault(derivation.id, derivation)
    return list(found.values())


def _in_folder(text: str, known: Iterable[str]) -> list[str]:
    """The ids below a folder such as `learning_regimes`, or the text itself when it names none."""
    return [each for each in known if each.startswith(f"{text.strip('/.')}.")] or [text]


def load_target(text: str, /) -> tuple[Derivation, Step | None]:
    """The derivation, and the step when `text` ends in `:STEP`. Raises click.UsageError for an unknown step."""
    head, _, name = text.rpartition(":")
    if not head or not name.isidentifier():
        return load_one(text), None
    derivation = load_one(head)
    if name not in derivation.steps:
        near = difflib.get_close_matches(name, derivation.steps, n=3, cutoff=0.4)
        hint = f"did you mean {' or '.join(near)}?" if near else f"allowed are {', '.join(derivation.steps)}"
        raise click.UsageError(f"STEP: {derivation.id} has no step {name!r}; {hint}")
    return derivation, derivation.steps[name]


def _place(text: str, error: Exception) -> str:
    """Where in the derivation's own file its code raised; empty when it did not."""
    if error.__cause__ is None or isinstance(error.__cause__, SyntaxError):
        return ""
    file = Path(text if text.endswith(".py") else f"{text.rpartition('.')[2]}.py").name
    lines = [f.lineno for f in traceback.extract_tb(error.__cause__.__traceback__) if Path(f.filename).name == file]
    place = f" ({file}, line {lines[-1]})" if lines else ""
    return "" if str(error).endswith(place) else place
