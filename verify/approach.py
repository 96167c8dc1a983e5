"""A limit seen from its sequence: the expression at points that approach the limit point, to many digits."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import mpmath
import sympy
from sympy import Expr, Rational, Symbol

from derivations.relations import Limit
from derivations.symbols import expand_definitions
from numerics.precise import evaluate, sample_points
from verify.second_opinion import Opinion

_DIGITS = 15
_EXPONENTS = (2, 4, 8, 16, 32)
_CLOSE = mpmath.mpf("1e-6")
_SETTLED = mpmath.mpf("1e-3")


def sample_limit(limit: Limit, box: Mapping[Symbol, Any], /, *, points: int, seed: int) -> Opinion:
    """Whether the expression settles at the claimed value, for sampled values of the other symbols.

    A point counts when the last distance is at most 1e-6 of the value (of the first distance for the value 0); it
    objects when the expression has settled elsewhere or grows without bound. Anything slower is not effective.
    """
    expression, value = expand_definitions(limit.expression), expand_definitions(limit.value)
    symbols = (expression.free_symbols | value.free_symbols) - {limit.symbol}
    given = [c for c in limit.given if limit.symbol not in c.lhs.free_symbols | c.rhs.free_symbols]
    asked = points if symbols else 1
    effective, reason = 0, ""
    for point in sample_points(symbols, box, given, count=2 * asked, seed=seed):
        try:
            seen = [evaluate(expression, {**point, limit.symbol: at}, digits=_DIGITS) for at in _sequence(limit)]
            target = _infinite(value) or evaluate(value, point, digits=_DIGITS)
        except ArithmeticError as error:
            reason = reason or str(error)
            continue
        settles = _settles(seen, target)
        if settles is None:
            reason = reason or "it converges too slowly to tell"
            continue
        if not settles:
            return _object(limit, point, seen[-1], target)
        effective += 1
        if effective == asked:
            break
    return Opinion(effective, asked, seen=reason)


def _sequence(limit: Limit) -> list[Expr]:
    """Exact points that approach the limit point, from above if it is finite."""
    tens = [Rational(10) ** k for k in _EXPONENTS]
    if limit.point in (sympy.oo, -sympy.oo):
        return [ten if limit.point == sympy.oo else -ten for ten in tens]
    return [limit.point + 1 / ten for ten in tens]


def _infinite(value: Expr) -> Any:
    return {sympy.oo: mpmath.inf, -sympy.oo: -mpmath.inf}.get(value)


def _settles(seen: list[Any], target: Any) -> bool | None:
    """Whether the values settle at the target, elsewhere or nowhere (False), or cannot be told (None)."""
    first, previous, last = seen[0], seen[-2], seen[-1]
    grows = all(abs(after) > abs(before) for before, after in pairwise(seen))
    if mpmath.isinf(target):
        toward = last * target > 0
        return bool(toward) if grows and abs(last) > 3 * abs(first) else False if _still(previous, last) else None
    distance = abs(last - target)
    if distance <= _CLOSE * (abs(target) or abs(first - target)):
        return True
    if _still(previous, last, distance) or (grows and abs(last) > max(1, abs(target)) / _CLOSE):
        return False
    return None


def _still(previous: Any, last: Any, distance: Any = None) -> bool:
    return bool(abs(last - previous) <= _SETTLED * (abs(last) if distance is None else distance))


def _object(limit: Limit, point: Mapping[Symbol, Any], last: Any, target: Any) -> Opinion:
    where = {str(symbol): str(value) for symbol, value in sorted(point.items(), key=str)}
    at = "".join(f", {name} = {value}" for name, value in where.items())
    detail = f"{mpmath.nstr(last, 8)} against {mpmath.nstr(target, 8)} near {limit.symbol} = {limit.point}{at}"
    return Opinion(0, 1, where, detail, violated=True)
