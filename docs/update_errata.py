"""Rewrite docs/errata.md: every published statement that a step refutes, collected from the derivations.

    .venv/bin/python docs/update_errata.py

Nothing is judged here: a step is listed because its claim is `refuted(...)`; `./run run ID` gathers its evidence.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby
from pathlib import Path

from derivations.core import Derivation, Step
from derivations.evidence import kind_of
from derivations.relations import Refuted
from verify.report.wording import SIGNS, errata_of

PAGE = Path(__file__).resolve().parent / "errata.md"
LONGEST = 160
"""Characters of a formula that is still shown; longer ones are in `./run show ID`."""
INTRODUCTION = """# Errata

Published statements that do not hold as they stand, what is shown instead, and the step that shows it. A statement
marked "recalled" is the paper's from memory, its text not having been at hand: check the paper before you quote it.
This page is generated from the derivations by `docs/update_errata.py`; `./run run ID` gathers the evidence again,
`./run show ID` prints the whole claim.
"""


def collect(derivations: Iterable[Derivation], /) -> list[Step]:
    """Every step whose claim refutes a published statement, ordered by paper and id."""
    found = [theorem.steps[name] for theorem in derivations for name in errata_of(theorem)]
    return sorted(found, key=lambda step: (step.derivation.source.year, step.derivation.source.key, step.id))


def describe(step: Step, /) -> str:
    """One erratum as Markdown. Raises TypeError for a step that refutes nothing."""
    if not isinstance(step.claim, Refuted):
        raise TypeError(f"{step.id} refutes nothing")
    relation, witness = step.claim.claim, step.claim.witness
    lines = [
        f"### {step.name.replace('_', ' ')}",
        "",
        f"- Published: {step.source or 'see the statement of the derivation'}",
    ]
    formula = f"{relation.lhs} {SIGNS[relation.kind]} {relation.rhs}"
    conditions = "".join(f"; given {c.lhs} {SIGNS[c.kind]} {c.rhs}" for c in relation.given)
    if len(formula) + len(conditions) <= LONGEST:
        lines.append(f"- As a relation: `{formula}{conditions}`")
    point = ", ".join(f"{symbol} = {value}" for symbol, value in witness.items())
    lines.append(f"- Violated at: `{point}`" if point else "- Violated: as it stands, no variable being free")
    lines.append(f"- What holds: {' '.join(step.reason.split())}")
    kinds = ", ".join(dict.fromkeys(kind_of(item) for item in step.evidence))
    lines.append(f"- Evidence: `{step.id}` ({kinds})")
    return "\n".join(lines)


def render(derivations: Iterable[Derivation], /) -> str:
    """The whole page."""
    parts = [INTRODUCTION]
    for source, steps in groupby(collect(derivations), key=lambda step: step.derivation.source):
        where = ", ".join(
            part for part in (f"*{source.title}*", source.venue, source.arxiv and f"arXiv:{source.arxiv}") if part
        )
        parts.append(f"## {source}\n\n{where}\n\n" + "\n\n".join(describe(step) for step in steps) + "\n")
    return "\n".join(parts)


def main() -> None:
    """Rewrite the page in place."""
    from derivations.discover import load_all

    PAGE.write_text(render(load_all()), encoding="utf-8")


if __name__ == "__main__":
    main()
