"""What a mutation does: nothing (equivalent), too little to be seen, or enough that a check has to notice.

Looked at away from the checks: at points of its own, at 50 digits, whatever the evidence of the step does.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import StrEnum
from itertools import islice
from typing import Any

import mpmath
from sympy import Expr, Integer, Integral, Symbol, oo

from derivations.averages import LawMean
from derivations.evidence import Certified, Evidence, Sampled, Symbolic
from derivations.relations import Limit, Relation
from derivations.symbols import expand_definitions
from numerics.precise import evaluate, measure_terms, sample_points
from verify.second_opinion import solve_once

Values = dict[Symbol, Any]
_DIGITS = 50
_INTEGRAL_DIGITS = 20
_POINTS = 4
_INEQUALITY_POINTS = 24
_INTEGRAL_POINTS = 6
_OTHER_SEED = 7_919
_SETTLED = mpmath.mpf("1e-6")


class Effect(StrEnum):
    """Only `counted` mutants enter the score."""

    counted = "counted"
    equivalent = "equivalent"
    invisible = "invisible"
    undefined = "undefined"


def measure_effect(original: Relation | Limit, mutant: Relation | Limit, evidence: Evidence, seed: int, /) -> Effect:
    """What the change of a relation or limit does on the domain that the evidence declares.

    An equation's mutant is equivalent when its changed side has the same values, an inequality's or a limit's when it
    is still true at every point; invisible when the change is below twice the tolerance of the evidence; undefined
    when it has no value anywhere. Points are roots of the model where the evidence is gathered at roots.
    """
    if isinstance(original, Limit) and isinstance(mutant, Limit):
        return _of_limit(mutant, evidence, seed)
    if not (isinstance(original, Relation) and isinstance(mutant, Relation)):
        raise TypeError("measure_effect() compares two relations or two limits")
    if original.kind == "=":
        return _of_equation(original, mutant, evidence, seed)
    return _of_inequality(mutant, evidence, seed)


def _of_equation(original: Relation, mutant: Relation, evidence: Evidence, seed: int) -> Effect:
    name = "lhs" if mutant.rhs == original.rhs else "rhs"
    before, after = getattr(original, name), getattr(mutant, name)
    seen, small = False, False
    for values in islice(_points(original, mutant, evidence, seed, count=4 * _POINTS), _POINTS):
        try:
            old, new = (evaluate(side, values, digits=_digits(side)) for side in (before, after))
        except (ArithmeticError, ValueError, TypeError):
            continue
        seen = True
        scale = max(abs(old), abs(new))
        if isinstance(evidence, (Sampled, Certified)) and evidence.roots_of is not None:
            scale = max(scale, measure_terms(before, values))
        # At a root known to finitely many digits, two values that agree to those are the same.
        if abs(new - old) > 2 * _tolerance(evidence) * scale:
            return Effect.counted
        small = small or abs(new - old) > mpmath.mpf(10) ** (10 - _digits(before)) * scale
    return Effect.invisible if small else Effect.equivalent if seen else Effect.undefined


def _of_inequality(mutant: Relation, evidence: Evidence, seed: int) -> Effect:
    count = _INTEGRAL_POINTS if _is_costly(mutant.lhs) or _is_costly(mutant.rhs) else _INEQUALITY_POINTS
    effect = Effect.undefined
    for values in _points(mutant, mutant, evidence, seed, count=count):
        try:
            left, right = (evaluate(side, values, digits=_digits(side)) for side in (mutant.lhs, mutant.rhs))
        except (ArithmeticError, ValueError, TypeError):
            continue
        if isinstance(left, mpmath.mpc) or isinstance(right, mpmath.mpc):
            continue
        effect = Effect.equivalent if effect is Effect.undefined else effect
        tied = left == right
        if (mutant.kind == "<" and tied) or left - right > 2 * _tolerance(evidence) * max(abs(left), abs(right)):
            return Effect.counted
        if left > right:
            effect = Effect.invisible
    return effect


def _of_limit(mutant: Limit, evidence: Evidence, seed: int) -> Effect:
    """Whether the mutated expression, far out, still has the mutated value within reach."""
    expression, value = expand_definitions(mutant.expression), expand_definitions(mutant.value)
    symbols = (expression.free_symbols | value.free_symbols) - {mutant.symbol}
    given = [c for c in mutant.given if mutant.symbol not in c.lhs.free_symbols | c.rhs.free_symbols]
    effect = Effect.undefined
    for point in islice(sample_points(symbols, _box(evidence), given, count=8, seed=seed + _OTHER_SEED), _POINTS):
        try:
            near, far = (
                evaluate(expression, {**point, mutant.symbol: _approach(mutant, k)}, digits=_INTEGRAL_DIGITS)
                for k in (12, 24)
            )
            target = value if value.is_infinite else evaluate(value, point, digits=_INTEGRAL_DIGITS)
        except (ArithmeticError, ValueError, TypeError):
            continue
        if not _still_tends(near, far, target):
            return Effect.counted
        effect = Effect.equivalent
    return effect


def _approach(limit: Limit, exponent: int) -> Expr:
    step = Integer(10) ** exponent
    if limit.point in (oo, -oo):
        return step if limit.point == oo else -step
    return limit.point + 1 / step


def _still_tends(near: Any, far: Any, target: Any) -> bool:
    if target in (oo, -oo):
        return bool(abs(far) > abs(near) and (far > 0) == (target == oo))
    distance = abs(far - target)
    return bool(distance <= _SETTLED * (abs(target) or abs(near)) or distance < abs(near - target) / 2)


def _points(
    original: Relation, mutant: Relation, evidence: Evidence, seed: int, *, count: int
) -> Iterator[Mapping[Symbol, Any]]:
    sides = (original.lhs, original.rhs, mutant.lhs, mutant.rhs)
    used = set[Any]().union(*(side.free_symbols for side in sides))
    other = seed + _OTHER_SEED
    if not (isinstance(evidence, (Sampled, Certified)) and evidence.roots_of is not None):
        yield from sample_points(used, _box(evidence), original.given, count=count, seed=other)
        return
    model = evidence.roots_of()
    bound = {*model.unknowns, *(name for name, _ in model.program)}
    early = [c for c in original.given if not (c.lhs.free_symbols | c.rhs.free_symbols) & bound]
    for point in sample_points((used | set(model.symbols)) - bound, _box(evidence), early, count=count, seed=other):
        try:
            yield {**point, **solve_once(model, tuple((s, point[s]) for s in model.symbols), _DIGITS)}
        except ArithmeticError:
            continue


def _box(evidence: Evidence) -> Mapping[Symbol, Any]:
    if isinstance(evidence, (Symbolic, Sampled)):
        return evidence.domain
    return evidence.box if isinstance(evidence, Certified) else {}


def _tolerance(evidence: Evidence) -> Any:
    digits = evidence.digits if isinstance(evidence, (Symbolic, Sampled)) else 15
    return mpmath.mpf(10) ** -digits


def _is_costly(expression: Expr) -> bool:
    return bool(expression.has(Integral, LawMean))


def _digits(expression: Expr) -> int:
    return _INTEGRAL_DIGITS if _is_costly(expression) else _DIGITS
