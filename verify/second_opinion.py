"""A relation at exact random points, to many digits: what algebra cannot be trusted to say alone."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, TypeAlias

import mpmath
from sympy import Expr, Symbol, erf, erfc, exp

from derivations.model import Model
from derivations.relations import Relation
from numerics.points import find_interval, is_admissible, list_simple_values
from numerics.precise import evaluate, measure_terms, sample_points, satisfies
from verify.algebra import vanishes

Values: TypeAlias = dict[Symbol, Any]

_SPARE = 4
"""This many times more points are drawn than asked, since some have no value or no root."""
_SIGN_DIGITS = 10
_ROOT_GUARD = 10
_TIE_SECONDS = 1.0
_LARGEST_ARGUMENT = 100


@dataclass(frozen=True)
class Opinion:
    """How many points were effective, out of how many asked, and the simplest counterexample found.

    `seen` says what the two sides were at the counterexample, or why points were not effective.
    """

    effective: int
    asked: int
    counterexample: Mapping[str, str] = field(default_factory=dict)
    seen: str = ""
    violated: bool = False

    @property
    def agrees(self) -> bool:
        """Whether nothing objects and at least half of the points asked were effective."""
        return not self.violated and 2 * self.effective >= self.asked

    def __str__(self) -> str:
        if self.violated:
            return self.seen
        if self.agrees:
            return f"{self.effective} point{'s' if self.effective > 1 else ''}"
        why = f" ({self.seen})" if self.seen else ""
        return (
            f"only {self.effective} of {self.asked} points effective{why}"
            if self.effective
            else f"no effective point{why}"
        )


def sample_relation(
    relation: Relation, box: Mapping[Symbol, Any], /, *, digits: int, points: int, seed: int
) -> Opinion:
    """The relation at `points` points that satisfy assumptions, domains, `box` and the relation's own conditions.

    An equality has to hold to `digits` digits of its larger side, an inequality strictly where it is strict.
    """
    symbols = relation.lhs.free_symbols | relation.rhs.free_symbols
    asked = points if symbols else 1
    candidates = sample_points(symbols, box, relation.given, count=_SPARE * asked, seed=seed)

    def compare(values: Values) -> bool:
        return _compare(relation, values, digits)

    def allowed(values: Values) -> bool:
        return _inside(values, box) and all(satisfies(condition, values) for condition in relation.given)

    opinion, found = _collect(compare, candidates, asked)
    return _describe(relation, _simplify(found, compare, allowed), opinion, digits) if opinion.violated else opinion


def sample_at_roots(
    relation: Relation, model: Model, box: Mapping[Symbol, Any], /, *, digits: int, points: int, seed: int
) -> Opinion:
    """The relation at roots of `model` for sampled parameters; names of the model's program may occur in it.

    A side that is 0 is compared with the sum of the absolute values of the other side's terms, since a root is only
    known to finitely many digits.
    """
    used = _collect_symbols([relation, *relation.given])
    bound = {*model.unknowns, *(name for name, _ in model.program)}
    early = [condition for condition in relation.given if not _collect_symbols([condition]) & bound]
    late = [condition for condition in relation.given if condition not in early]
    candidates, skipped = [], ""
    for point in sample_points((used | set(model.symbols)) - bound, box, early, count=_SPARE * points, seed=seed):
        try:
            values = _at_root(model, point, digits + _ROOT_GUARD)
        except ArithmeticError as error:
            skipped = skipped or str(error)
            continue
        if _inside(values, box) and all(satisfies(condition, values) for condition in late):
            candidates.append(values)
        if len(candidates) == points:
            break
    opinion, found = _collect(lambda values: _compare(relation, values, digits, rounded=True), candidates, points)
    if opinion.violated:
        return _describe(relation, found, opinion, digits)
    return opinion if opinion.seen else Opinion(opinion.effective, opinion.asked, seen=skipped)


def _collect_symbols(relations: Iterable[Relation]) -> set[Symbol]:
    return {symbol for each in relations for side in (each.lhs, each.rhs) for symbol in side.free_symbols}


def _at_root(model: Model, point: Values, digits: int) -> Values:
    return {**point, **solve_once(model, tuple((symbol, point[symbol]) for symbol in model.symbols), digits)}


@lru_cache(maxsize=1024)
def solve_once(model: Model, point: tuple[tuple[Symbol, Any], ...], digits: int) -> Values:
    """The root; several claims at one model's roots, and changed ones, meet the same points again."""
    from numerics.precise_root import solve_root

    return dict(solve_root(model, dict(point), digits=digits))


def _collect(compare: Callable[[Values], bool], candidates: Iterable[Values], asked: int) -> tuple[Opinion, Values]:
    """The opinion, and the first point at which the relation is violated."""
    effective, reason = 0, ""
    for values in candidates:
        try:
            holds = compare(values)
        except ArithmeticError as error:
            reason = reason or str(error)
            continue
        if not holds:
            return Opinion(effective, asked, violated=True), values
        effective += 1
        if effective == asked:
            break
    return Opinion(effective, asked, seen=reason), {}


def _compare(relation: Relation, values: Values, digits: int, *, rounded: bool = False) -> bool:
    """Whether the relation holds at the point. Raises ArithmeticError where that cannot be told."""
    if relation.kind != "=" and not rounded:
        gap = _real(evaluate(relation.rhs - relation.lhs, values, digits=_SIGN_DIGITS))
        if gap != 0:
            return bool(gap > 0)
        if relation.kind == "<":
            return _decide_tie(relation, values)
    with mpmath.workdps(digits + 2 * _ROOT_GUARD):
        left, right = (evaluate(side, values, digits=digits + 5) for side in (relation.lhs, relation.rhs))
        error = mpmath.mpf(10) ** -digits * _find_scale(relation, left, right, values, rounded)
        if relation.kind == "=":
            if abs(left - right) > error and 0 in (left, right) and not rounded:
                _require_resolved(relation, left, right, values, digits)
            return bool(abs(left - right) <= error)
        return bool(_real(right - left) > error if relation.kind == "<" else _real(right - left) >= -error)


def _find_scale(relation: Relation, left: Any, right: Any, values: Values, rounded: bool) -> Any:
    sides = (relation.lhs, relation.rhs)
    if rounded and 0 in sides:
        return sum(measure_terms(side, values) for side in sides)
    return max(abs(left), abs(right))


def _decide_tie(relation: Relation, values: Values) -> bool:
    """False where the sides are exactly equal; a difference far below its terms has a sign that numbers do not show."""
    difference = (relation.rhs - relation.lhs).xreplace(values)
    if _is_tame(difference) and vanishes(difference, seconds=_TIE_SECONDS):
        return False
    raise ArithmeticError("the sign is lost among much larger terms")


def _is_tame(number: Expr) -> bool:
    """Whether algebra may touch the number: SymPy needs as many digits as the exponent of exp(-10**9) has."""
    arguments = [node.args[0] for node in number.atoms(exp, erf, erfc)]
    return all(each.is_number and abs(evaluate(each, {}, digits=3)) < _LARGEST_ARGUMENT for each in arguments)


def _require_resolved(relation: Relation, left: Any, right: Any, values: Values, digits: int) -> None:
    """A side that is 0 among much larger terms does not contradict a tiny value on the other side."""
    vanished, other = (relation.lhs, right) if left == 0 else (relation.rhs, left)
    if abs(other) <= mpmath.mpf(10) ** (-2 * digits) * measure_terms(vanished, values):
        raise ArithmeticError("a side is lost among much larger terms")


def _real(value: Any) -> Any:
    if isinstance(value, mpmath.mpc):
        raise ArithmeticError("a side of the inequality is not real")
    return value


def _inside(values: Values, box: Mapping[Symbol, Any]) -> bool:
    return all(find_interval(s, box).contains(_comparable(values[s])) for s in box if s in values)


def _comparable(value: Any) -> Any:
    return value if isinstance(value, Expr) else float(value)


def _simplify(values: Values, compare: Callable[[Values], bool], allowed: Callable[[Values], bool]) -> Values:
    """A counterexample with simpler numbers, one symbol at a time, as long as it stays one."""
    for symbol in sorted(values, key=str):
        interval = find_interval(symbol, {})
        for simple in list_simple_values(symbol, interval):
            trial = {**values, symbol: simple}
            if simple == values[symbol]:
                break
            if is_admissible(symbol, simple, interval) and allowed(trial) and _violates(compare, trial):
                values = trial
                break
    return values


def _violates(compare: Callable[[Values], bool], values: Values) -> bool:
    try:
        return not compare(values)
    except ArithmeticError:
        return False


def _describe(relation: Relation, values: Values, opinion: Opinion, digits: int) -> Opinion:
    where = {str(symbol): _write(values[symbol], digits) for symbol in sorted(values, key=str)}
    sides = []
    for side in (relation.lhs, relation.rhs):
        try:
            sides.append(evaluate(side, values, digits=digits))
        except ArithmeticError:
            sides.append(None)
    left, right = _tell_apart(sides[0], sides[1], digits)
    at = f" at {', '.join(f'{name} = {value}' for name, value in where.items())}" if where else ""
    return Opinion(opinion.effective, opinion.asked, where, f"{left} against {right}{at}", violated=True)


def _tell_apart(left: Any, right: Any, digits: int) -> tuple[str, str]:
    """The two values with as many digits as it takes to see the difference."""
    if left is None or right is None:
        return str(left), str(right)
    for shown in range(6, digits + 1):
        texts = mpmath.nstr(left, shown), mpmath.nstr(right, shown)
        if texts[0] != texts[1]:
            return texts
    return mpmath.nstr(left, digits), mpmath.nstr(right, digits)


def _write(value: Any, digits: int) -> str:
    return str(value) if isinstance(value, Expr) else mpmath.nstr(value, min(digits, 12))
