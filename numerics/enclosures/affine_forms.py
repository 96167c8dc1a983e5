"""Affine forms: values that remember to first order how they move with a few noise symbols, each in [-1, 1].

A form stands for middle + sum slopes[i] noise[i] + rest, for some values in these balls, and for a value in `range`:
what moves together cancels, so a long program stays tight on wide balls, with an error of second order. An operation on
forms also applies its ball operation to the ranges and keeps the common part. Where it knows no rule for forms, or a
rule is not finite, its result is that ball, which remembers nothing. Source: de Figueiredo & Stolfi (2004), section 3.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial, reduce
from operator import neg
from typing import Any, TypeAlias

import sympy
from flint import arb

from derivations.symbols import ChiSquareCdf
from numerics.enclosures import balls
from numerics.enclosures.tape import COMPARISONS, Tape

Value: TypeAlias = Any
"""An AffineForm, a ball, or the truth of a condition."""
Rule: TypeAlias = Callable[..., Value]
Taylor: TypeAlias = Callable[[arb, arb], tuple[arb, arb, arb]]
"""A function and its derivative at the first ball, and its second derivative on the second."""


@dataclass(frozen=True, slots=True)
class AffineForm:
    """`deviation` is at least the largest distance of the value from `middle`."""

    range: arb
    middle: arb
    slopes: tuple[arb, ...]
    rest: arb
    deviation: arb


def make_form(natural: arb, middle: arb, slopes: Sequence[arb], rest: arb, /) -> Value:
    """The form whose value is known to lie in `natural`, too; `natural` itself where one of them is not finite."""
    deviation = sum((abs(slope) for slope in slopes), abs(rest)).upper()
    spread = middle + arb(0, deviation)
    if not natural.is_finite() or not spread.is_finite():
        return natural
    return AffineForm(natural.intersection(spread), middle, tuple(slopes), rest, deviation)


def noisy(middle: arb, slopes: Sequence[arb], /) -> Value:
    """The form middle + sum slopes[i] noise[i]."""
    spread = middle + arb(0, sum((abs(slope) for slope in slopes), arb(0)).upper())
    return make_form(spread, middle, slopes, arb(0))


def range_of(value: Value, /) -> Any:
    """The ball that contains the value; the truth of a condition as it is."""
    return value.range if isinstance(value, AffineForm) else value


def _negate(natural: arb, x: AffineForm) -> Value:
    return make_form(natural, -x.middle, [-slope for slope in x.slopes], -x.rest)


def _add(x: Value, y: Value) -> Value:
    if not isinstance(x, AffineForm):
        x, y = y, x
    if not isinstance(x, AffineForm):
        return x + y
    if not isinstance(y, AffineForm):
        return make_form(x.range + y, x.middle + y, x.slopes, x.rest)
    slopes = [a + b for a, b in zip(x.slopes, y.slopes, strict=True)]
    return make_form(x.range + y.range, x.middle + y.middle, slopes, x.rest + y.rest)


def _multiply(x: Value, y: Value) -> Value:
    if not isinstance(x, AffineForm):
        x, y = y, x
    if not isinstance(x, AffineForm):
        return balls.multiply(x, y)
    if not isinstance(y, AffineForm):
        return make_form(balls.multiply(x.range, y), x.middle * y, [slope * y for slope in x.slopes], x.rest * y)
    slopes = [x.middle * b + y.middle * a for a, b in zip(x.slopes, y.slopes, strict=True)]
    rest = x.middle * y.rest + y.middle * x.rest + arb(0, (x.deviation * y.deviation).upper())
    return make_form(balls.multiply(x.range, y.range), x.middle * y.middle, slopes, rest)


def _expand(taylor: Taylor, natural: arb, x: AffineForm) -> Value:
    """g(x) = g(m) + g'(m)(x - m) + g''(z)(x - m)^2/2 with z between m and x."""
    value, slope, curvature = taylor(x.middle, x.range.union(x.middle))
    square = balls.hull(arb(0), (x.deviation * x.deviation).upper())
    return make_form(natural, value, [slope * each for each in x.slopes], slope * x.rest + curvature * square / 2)


def _reciprocal(m: arb, z: arb) -> tuple[arb, arb, arb]:
    inverse = balls.reciprocal(m)
    return inverse, -inverse * inverse, 2 * balls.integer_power(z, -3)


def _integer_power(k: int, m: arb, z: arb) -> tuple[arb, arb, arb]:
    power = balls.integer_power
    curvature = k * (k - 1) * power(z, k - 2) if k != 1 else arb(0)
    return power(m, k), k * power(m, k - 1), curvature


def _rational_power(p: int, q: int, m: arb, z: arb) -> tuple[arb, arb, arb]:
    value, share = balls.rational_power(m, p, q), arb(p) / q
    curvature = share * (share - 1) * balls.rational_power(z, p - 2 * q, q)
    return value, share * value * balls.reciprocal(m), curvature


def _exponential(m: arb, z: arb) -> tuple[arb, arb, arb]:
    value = balls.exponential(m)
    return value, value, balls.exponential(z)


def _logarithm(m: arb, z: arb) -> tuple[arb, arb, arb]:
    return balls.logarithm(m), balls.reciprocal(m), -balls.integer_power(z, -2)


def _bell(x: arb) -> arb:
    """exp(-x^2)."""
    return balls.exponential(-balls.integer_power(x, 2))


def _error_function(sign: int, m: arb, z: arb) -> tuple[arb, arb, arb]:
    scale = sign * 2 / arb.pi().sqrt()
    value = m.erf() if sign > 0 else m.erfc()
    return value, scale * _bell(m), -2 * scale * balls.multiply(z, _bell(z))


def _chi_square(m: arb, z: arb) -> tuple[arb, arb, arb]:
    """E[G^2; |G| <= x] has the derivative 2 x^2 phi(x), phi the normal density."""
    scale, half = arb(2) / (2 * arb.pi()).sqrt(), arb(2).sqrt()
    curvature = balls.multiply(2 * z - balls.integer_power(z, 3), _bell(z / half))
    return balls.chi_square_cdf(m), scale * m * m * _bell(m / half), scale * curvature


_TAYLOR: dict[type, Taylor] = {
    sympy.exp: _exponential,
    sympy.log: _logarithm,
    sympy.erf: partial(_error_function, 1),
    sympy.erfc: partial(_error_function, -1),
    ChiSquareCdf: _chi_square,
}


def _on_ranges(operation: balls.Operation, *operands: Value) -> Any:
    return operation(*map(range_of, operands))


def _apply(operation: balls.Operation, rule: Rule, x: Value) -> Value:
    """A function of one value: its ball operation on the range, then its rule for forms."""
    natural: Any = operation(range_of(x))
    return rule(natural, x) if isinstance(x, AffineForm) and natural.is_finite() else natural


def _fold(rule: Rule, *operands: Value) -> Value:
    return reduce(rule, operands)


def _choose(operation: balls.Operation, *parts: Value) -> Value:
    """The form of the branch whose condition is the first that is not certainly false, and is certain."""
    for branch, condition in zip(parts[::2], parts[1::2], strict=True):
        if condition is True and isinstance(branch, AffineForm):
            return branch
        if condition is not False:
            break
    return operation(*map(range_of, parts))


def _guard(value: Value, *guards: Value) -> Value:
    return value if all(range_of(guard).is_finite() for guard in guards) else balls.UNDEFINED


def _compare(kind: str, x: Value, y: Value) -> bool | None:
    """By the difference of the forms, where what moves together cancels."""
    truth = COMPARISONS[kind](range_of(x), range_of(y))
    if truth is not None or not (isinstance(x, AffineForm) and isinstance(y, AffineForm)):
        return truth
    return COMPARISONS[kind](range_of(_add(x, _negate(-y.range, y))), arb(0))


class AffineTape(Tape):
    """A tape whose operations take forms, balls, and truths of conditions."""

    def compare(self, kind: str, lhs: sympy.Basic, rhs: sympy.Basic, /) -> int:
        """The slot of the truth of `lhs kind rhs`."""
        if kind not in COMPARISONS:
            return super().compare(kind, lhs, rhs)
        return super()._append(partial(_compare, kind), self.visit(lhs), self.visit(rhs))

    def guard(self, slot: int, guards: Sequence[int], /) -> int:
        """The slot of a value that is undefined wherever one of the guards is not finite."""
        return super()._append(_guard, slot, *guards) if guards else slot

    def _append(self, operation: balls.Operation, *operands: int) -> int:
        known = isinstance(operation, partial) and operation.func in (_apply, _fold, _choose)
        return super()._append(operation if known or not operands else partial(_on_ranges, operation), *operands)

    def _operation(self, node: sympy.Basic) -> tuple[balls.Operation, tuple[int, ...]]:
        operation, operands = super()._operation(node)
        kind = node.func
        if operation is neg:
            return partial(_apply, operation, _negate), operands
        if kind in (sympy.Add, sympy.Mul) and operands:
            return partial(_fold, _add if kind is sympy.Add else _multiply), operands
        if kind is sympy.Piecewise:
            return partial(_choose, operation), operands
        taylor = _power_taylor(node) if kind is sympy.Pow else _TAYLOR.get(kind)
        return (
            (operation, operands)
            if taylor is None
            else (partial(_apply, operation, partial(_expand, taylor)), operands)
        )


def _power_taylor(node: sympy.Pow) -> Taylor | None:
    exponent = node.args[1]
    if exponent == -1:
        return _reciprocal
    if exponent.is_Integer:
        return partial(_integer_power, int(exponent))
    return partial(_rational_power, int(exponent.p), int(exponent.q)) if exponent.is_Rational else None


__all__ = ["AffineForm", "AffineTape", "noisy", "range_of"]
