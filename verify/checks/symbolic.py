"""Symbolic: the computer algebra system shows the claim, and a sampled second opinion agrees."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import sympy

from derivations.core import Step
from derivations.evidence import Symbolic
from derivations.relations import Limit, Relation
from derivations.symbols import expand_definitions
from verify.algebra import is_manifestly, vanishes
from verify.approach import sample_limit
from verify.context import Context
from verify.second_opinion import Opinion, sample_relation
from verify.time_limit import run_within
from verify.verdict import Finding, Outcome

POINTS = 8
LIMIT_POINTS = 3


def check(step: Step, evidence: Symbolic, context: Context, /) -> Finding:
    """Holds only when algebra and sampling agree; fails when a sampled point objects, whatever the algebra says.

    Two sides that are the same expression as written leave nothing to check: open.
    """
    claim, seed = step.claim, context.seed
    if isinstance(claim, Limit):
        opinion = sample_limit(claim, evidence.domain, points=LIMIT_POINTS, seed=seed)
        return _conclude(opinion, "converges at", partial(_shows_limit, claim, context.algebra_limit))
    if not isinstance(claim, Relation):
        raise TypeError(f"algebra needs a relation or a limit; the claim is a {type(claim).__name__}")
    if claim.lhs == claim.rhs:
        return Finding(Outcome.open, "symbolic", "the two sides are the same expression: nothing was checked")
    opinion = sample_relation(claim, evidence.domain, digits=evidence.digits, points=POINTS, seed=seed)
    return _conclude(opinion, "agrees at", partial(_shows_relation, claim, context.algebra_limit))


def _conclude(opinion: Opinion, verb: str, show: Callable[[], bool | None]) -> Finding:
    """Algebra is asked only where sampling has no objection; it decides nothing alone."""
    if opinion.violated:
        return Finding(Outcome.fails, "symbolic", opinion.seen, counterexample=opinion.counterexample)
    shown = show()
    if shown is False:
        return Finding(Outcome.fails, "symbolic", "the difference reduces to a number other than 0")
    if shown is None:
        seen = f"{verb} {opinion}" if opinion.agrees else str(opinion)
        return Finding(Outcome.open, "symbolic", f"not reduced; {seen}")
    if not opinion.agrees:
        return Finding(Outcome.open, "symbolic", f"reduced, but no second opinion: {opinion}")
    return Finding(Outcome.holds, "symbolic", f"reduced; {verb} {opinion}")


def _shows_relation(claim: Relation, seconds: float) -> bool | None:
    """True when shown, False when refuted, None when algebra cannot tell."""
    plain = claim.expanded()
    if plain.kind == "=":
        return vanishes(plain.rhs - plain.lhs, seconds=seconds)
    return is_manifestly(plain.kind, plain.rhs - plain.lhs, plain.given, seconds=seconds) or None


def _shows_limit(claim: Limit, seconds: float) -> bool | None:
    expression, value = expand_definitions(claim.expression), expand_definitions(claim.value)
    found = run_within(seconds / 2, lambda: sympy.limit(expression, claim.symbol, claim.point, "+"))
    if found is None or found.has(sympy.Limit, sympy.AccumBounds, sympy.nan):
        return None
    if found == value:
        return True
    return vanishes(found - value, seconds=seconds / 2) or None
