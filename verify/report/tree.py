"""The graph of a derivation as a text tree: conclusions first, below each what it rests on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from verify.report.wording import kinds_of, may_be_erratum

if TYPE_CHECKING:
    from derivations.core import Derivation, Step


def tree_lines(derivation: Derivation, /) -> Iterator[str]:
    """The lines of the tree; steps of other files carry their full id, a subtree already drawn is drawn once."""
    yield f"{derivation.id}  ·  {derivation.title}"
    used = {parent for step in derivation.steps.values() for parent in step.parents}
    roots = [step for step in derivation.steps.values() if step not in used]
    drawn: set[Step] = set()
    for place, root in enumerate(reversed(roots)):
        yield from _branch(root, derivation, drawn, last=place == len(roots) - 1)


def _branch(step: Step, home: Derivation, drawn: set[Step], *, indent: str = "", last: bool) -> Iterator[str]:
    name = step.name if step.derivation is home else step.id
    again = step in drawn and bool(step.parents)
    erratum = may_be_erratum(step) and step.is_erratum
    marks = ("  ERRATUM" if erratum else "") + ("  (drawn above)" if again else "")
    yield f"{indent}{'└─ ' if last else '├─ '}{name}  [{kinds_of(step)}]{marks}"
    if again:
        return
    drawn.add(step)
    for place, parent in enumerate(step.parents):
        ending = place == len(step.parents) - 1
        yield from _branch(parent, home, drawn, indent=indent + ("   " if last else "│  "), last=ending)
