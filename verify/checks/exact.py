"""Exact: a finite computation in integers and rationals whose two sides agree, instance by instance."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from numbers import Rational as RationalNumber
from typing import Any

import sympy

from derivations.core import Step
from derivations.evidence import Exact
from derivations.relations import Refuted, Relation
from derivations.symbols import expand_definitions
from verify.algebra import vanishes
from verify.verdict import Finding, Outcome


def check(step: Step, evidence: Exact, /) -> Finding:
    """Every (label, left, right) of the computation agrees exactly; none at all is open, a float a TypeError.

    Two sides that are the same expression in symbols as written agree whatever it means: they do not count.
    For a refuted relation the witness is substituted first: it must certainly violate the relation.
    """
    witness = _check_witness(step.claim) if isinstance(step.claim, Refuted) else None
    if witness is not None and witness.outcome is not Outcome.holds:
        return witness
    count = idle = 0
    for label, left, right in evidence.computation():
        difference = _subtract(label, left, right)
        if difference is None:
            detail = f"{label}: undecided whether {_show(left)} equals {_show(right)}"
            return Finding(Outcome.open, "exact", detail)
        if difference:
            detail = f"{label}: {_show(left)} is not {_show(right)}"
            return Finding(
                Outcome.fails, "exact", detail, counterexample={str(label): f"{_show(left)}, {_show(right)}"}
            )
        idle += _is_idle(left, right)
        count += not _is_idle(left, right)
    if count == 0 and (idle or witness is None):
        why = (
            "the two sides of every instance are the same expression" if idle else "the computation yields no instance"
        )
        return Finding(Outcome.open, "exact", f"{why}: nothing was checked")
    agreed = f"{count} instance{'s' if count > 1 else ''} agree{'' if count > 1 else 's'} exactly" if count else ""
    detail = "; ".join(part for part in (witness.detail if witness else "", agreed) if part)
    return Finding(Outcome.holds, "exact", detail)


def _subtract(label: str, left: object, right: object) -> bool | None:
    """Whether the two sides differ; None when that is not decided."""
    if isinstance(left, (tuple, list)) and isinstance(right, (tuple, list)):
        if len(left) != len(right):
            return True
        parts = [_subtract(label, *pair) for pair in zip(left, right, strict=True)]
        return True if True in parts else None if None in parts else False
    difference = _exact(label, left) - _exact(label, right)
    if difference.is_Rational:
        return bool(difference != 0)
    zero = vanishes(difference)
    return None if zero is None else not zero


def _is_idle(left: object, right: object) -> bool:
    """Whether the two sides are one expression in symbols; numbers that agree are what a computation is for."""
    if isinstance(left, (tuple, list)) and isinstance(right, (tuple, list)):
        return bool(left) and all(_is_idle(*pair) for pair in zip(left, right, strict=True))
    return isinstance(left, sympy.Expr) and bool(left.free_symbols) and bool(left == right)


def _exact(label: str, value: object) -> Any:
    if isinstance(value, (bool, int)):
        return sympy.Integer(value)
    if isinstance(value, (Fraction, RationalNumber)):
        return sympy.Rational(int(value.numerator), int(value.denominator))
    if isinstance(value, sympy.Expr) and not value.atoms(sympy.Float):
        return expand_definitions(value)
    raise TypeError(f"{label}: {value!r} is not exact; integers, rationals and SymPy expressions without floats are")


def _show(value: object) -> str:
    text = str(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _check_witness(refuted: Refuted) -> Finding:
    """Whether the published relation fails at its witness, in exact arithmetic."""
    relation, point = refuted.claim, refuted.witness
    shown = {str(symbol): str(value) for symbol, value in point.items()}
    for condition in relation.given:
        if _is_true(condition, point) is not True:
            return Finding(Outcome.open, "exact", f"the witness is outside the conditions: {_write(condition)}")
    truth = _is_true(relation, point)
    where = ", ".join(f"{name} = {value}" for name, value in shown.items()) or "as it stands"
    if truth is None:
        return Finding(Outcome.open, "exact", f"undecided at the witness {where}")
    if truth:
        return Finding(Outcome.fails, "exact", f"the published relation holds at the witness {where}", 0.0, shown)
    return Finding(Outcome.holds, "exact", f"the published relation fails at {where}")


def _write(relation: Relation) -> str:
    return _show(f"{relation.lhs} {relation.kind} {relation.rhs}")


def _is_true(relation: Relation, point: Mapping[Any, Any]) -> bool | None:
    """The truth of a relation at an exact point, None where exact arithmetic does not decide."""
    sides = [expand_definitions(side).subs(point) for side in (relation.lhs, relation.rhs)]
    for side in sides:
        _exact("witness", side)
    gap = sympy.simplify(sides[1] - sides[0])
    if gap.is_zero is None and vanishes(gap):
        gap = sympy.S.Zero
    decided = {"=": gap.is_zero, "<=": gap.is_nonnegative, "<": gap.is_positive}[relation.kind]
    return decided if decided is None else bool(decided)
