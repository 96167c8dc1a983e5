"""An attack: a mutant, how to see what it changes, and the checks that it goes through."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

from verify.context import Context
from verify.mutants import Mutant
from verify.mutation_effect import Effect
from verify.verdict import Finding, Verdict

Check: TypeAlias = Callable[[Context], "Finding | Verdict"]


@dataclass(frozen=True)
class Attack:
    """A mutant with what shows its effect and its checks, cheapest first.

    `glance`, if there is one, is the cheap beginning of a check: where it fails, so does the check, and neither the
    effect nor the rest is looked at.
    """

    mutant: Mutant[Any]
    effect: Callable[[], Effect]
    checks: tuple[Check, ...]
    glance: Check | None = None


def word_of(answer: Finding | Verdict, /) -> str:
    """The kind of evidence that answered."""
    return answer.evidence if isinstance(answer, Finding) else answer.findings[0].evidence
