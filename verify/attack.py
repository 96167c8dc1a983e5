"""An attack: a mutant, how to see what it changes, and the checks that it goes through."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from verify.context import Context
from verify.mutants import Mutant
from verify.mutation_effect import Effect
from verify.verdict import Finding, Verdict


@dataclass(frozen=True)
class Attack:
    """A mutant with what shows its effect and its checks, cheapest first; `words` name their kinds of evidence."""

    mutant: Mutant[Any]
    effect: Callable[[], Effect]
    checks: tuple[Callable[[Context], Finding | Verdict], ...]
    words: tuple[str, ...]
