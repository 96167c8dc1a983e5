"""Many digits: a SymPy expression at exact values, to as many digits as asked, whatever cancels on the way."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, TypeAlias

import mpmath
import sympy
from mpmath import mp
from sympy import Expr, Rational, Symbol

from derivations.relations import Relation
from derivations.symbols import expand_definitions
from numerics.points import Interval, draw_candidates, find_interval, is_admissible
from numerics.precise_tape import Tape, Undefined

__all__ = ["Imprecise", "Undefined", "evaluate", "measure_terms", "sample_points", "satisfies"]

Number: TypeAlias = Any
"""A real or complex mpmath number."""
Point: TypeAlias = dict[Symbol, Expr]

_GUARD = 10
_DOUBLINGS = 3
_FAR = 100
_ATTEMPTS = 60
_CONDITION_DIGITS = 12


class Imprecise(ArithmeticError):
    """Two working precisions never agreed to the digits asked."""


def evaluate(expression: Expr, values: Mapping[Symbol, Any], /, *, digits: int = 30) -> Number:
    """The value of `expression` at `values`, to `digits` significant digits: an mpf, or an mpc where it is not real.

    Values are exact numbers (int, SymPy numbers without symbols) or mpmath numbers, taken as they are. The working
    precision grows until two of them agree, so cancellation costs time, never digits; a value more than 90 digits (and
    twice those asked) below the terms it is made of is returned as exactly 0. Integrals over finite or infinite
    intervals are split at the kinks of the integrand. Raises Undefined where there is no finite value, Imprecise when
    precisions never agree (ask for fewer digits), TypeError for a node that has no many-digit evaluation, ValueError
    for a symbol without a value.
    """
    tape = _compiled(sympy.sympify(expression, strict=True))
    _require_values(tape, expression, values)
    enough = digits + 2 * _GUARD
    previous = None
    far = max(2 * enough, _FAR)
    for working in (digits + _GUARD, enough, *(far * 2**k for k in range(_DOUBLINGS))):
        with mp.workdps(working):
            value, terms = tape.run(_at_precision(values))
            if value == terms == 0:
                return value
            # Two precisions may agree by accident on what is left where larger terms rounded to nothing.
            clear = abs(value) >= mpmath.mpf(10) ** (digits - working) * terms
            if previous and clear and abs(value - previous) <= mpmath.mpf(10) ** -digits * abs(value):
                return _rounded(value, digits)
            # A resolved value stops shrinking; one that is still rounding noise so far down is 0.
            if working >= far and abs(value) <= mpmath.mpf(10) ** (_GUARD - working) * terms:
                return mpmath.mpf(0)
            previous = value
    raise Imprecise(f"no {digits} digits with {working} working digits; ask for fewer")


def measure_terms(expression: Expr, values: Mapping[Symbol, Any], /) -> Number:
    """The size of the terms of `expression` before they cancel: the sum of their absolute values, to a few digits."""
    tape = _compiled(sympy.sympify(expression, strict=True))
    _require_values(tape, expression, values)
    with mp.workdps(15):
        return tape.run(_at_precision(values))[1]


def satisfies(relation: Relation, values: Mapping[Symbol, Any], /) -> bool:
    """Whether the relation holds at the point; False where a side is undefined, not real, or not resolved."""
    difference = expand_definitions(relation.rhs - relation.lhs)
    try:
        gap = evaluate(difference, values, digits=_CONDITION_DIGITS)
    except ArithmeticError:
        return False
    if isinstance(gap, mpmath.mpc):
        return False
    return bool(gap == 0 if relation.kind == "=" else gap >= 0 if relation.kind == "<=" else gap > 0)


def sample_points(
    symbols: Iterable[Symbol],
    box: Mapping[Symbol, Any],
    given: Sequence[Relation] = (),
    /,
    *,
    count: int,
    seed: int = 0,
) -> Iterator[Point]:
    """Yields at most `count` points, an exact number per symbol, that satisfy assumptions, domains, `box` and `given`.

    Unbounded domains are covered evenly in the logarithm over six decades, some points over twelve; some lie close to
    an end. Points are rational but where an equation in `given` determines a symbol: it is solved for. Deterministic
    by the seed. Fewer points or none mean that the conditions are hard to meet. Raises ValueError for an empty domain.
    """
    wanted = {*symbols, *(s for relation in given for side in (relation.lhs, relation.rhs) for s in side.free_symbols)}
    solved = _solve_equations(given, wanted)
    intervals = {symbol: find_interval(symbol, box) for symbol in wanted}
    free = {symbol: interval for symbol, interval in intervals.items() if symbol not in solved}
    if not free:
        candidates: Iterable[Point] = [{}]
    else:
        candidates = islice(draw_candidates(free, seed=seed), _ATTEMPTS * count)
    accepted: set[tuple[Expr, ...]] = set()
    for candidate in candidates:
        point = _complete(candidate, solved, intervals)
        if point is None or not all(satisfies(relation, point) for relation in given):
            continue
        values = tuple(point[symbol] for symbol in sorted(point, key=str))
        if values not in accepted:
            accepted.add(values)
            yield point
        if len(accepted) == count:
            return


def _solve_equations(given: Sequence[Relation], symbols: set[Symbol]) -> dict[Symbol, Expr]:
    """The symbols that equations in `given` determine, in terms of the others, each at most once."""
    solved: dict[Symbol, Expr] = {}
    for relation in given:
        if relation.kind != "=":
            continue
        difference = expand_definitions(relation.lhs - relation.rhs).xreplace(solved)
        for symbol in sorted(difference.free_symbols & symbols, key=str):
            slope = sympy.diff(difference, symbol)
            if symbol not in slope.free_symbols and slope != 0:
                solution = sympy.cancel(-difference.xreplace({symbol: sympy.S.Zero}) / slope)
                solved = {each: value.xreplace({symbol: solution}) for each, value in solved.items()}
                solved[symbol] = solution
                break
    return solved


def _complete(candidate: Point, solved: Mapping[Symbol, Expr], intervals: Mapping[Symbol, Interval]) -> Point | None:
    point = dict(candidate)
    for symbol, expression in solved.items():
        value = expression.xreplace(candidate)
        known = value.is_number and value.is_finite and value.is_real
        if not (known and is_admissible(symbol, value, intervals[symbol])):
            return None
        point[symbol] = value
    return point


@functools.lru_cache(maxsize=512)
def _compiled(expression: Expr) -> Tape:
    return Tape(expression)


def _require_values(tape: Tape, expression: Expr, values: Mapping[Symbol, Any]) -> None:
    missing = tape.symbols - set(values)
    if missing:
        raise ValueError(f"values: {', '.join(sorted(map(str, missing)))} of {str(expression)[:60]} has no value")


def _at_precision(values: Mapping[Symbol, Any]) -> dict[Symbol, Any]:
    """The values at the working precision that is in force."""
    found = {}
    for symbol, value in values.items():
        if isinstance(value, Rational):
            found[symbol] = mpmath.mpf(int(value.p)) / int(value.q)
        else:
            found[symbol] = _compiled(value).run({})[0] if isinstance(value, Expr) else mpmath.mpmathify(value)
    return found


def _rounded(value: Number, digits: int) -> Number:
    if isinstance(value, mpmath.mpc) and abs(value.imag) <= mpmath.mpf(10) ** -digits * abs(value.real):
        return value.real
    return value
