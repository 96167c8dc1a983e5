"""Proven bounds of a function on a tail t >= T or t <= -T, read off its expression node by node.

Each node has a range, and |f(t)| <= amplitude exp(rate |t| + curvature t^2); where f grows like a polynomial of degree
two at most, |f| <= a + b |t| + c t^2 as well. Nodes outside the allow-list raise. Derived here from monotonicity, the
triangle inequality and |t| <= T exp(|t|/T - 1).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce
from typing import Any, TypeAlias

import sympy
from flint import arb

from numerics.enclosures.ball_programs import UnsupportedNode, compile_balls

Quadratic: TypeAlias = "tuple[arb, arb, arb]"
"""|f(t)| <= a + b |t| + c t^2."""

_INFINITY = arb.pos_inf()
_BOUNDED: dict[type, tuple[int, int]] = {
    sympy.sin: (-1, 1),
    sympy.cos: (-1, 1),
    sympy.tanh: (-1, 1),
    sympy.erf: (-1, 1),
    sympy.erfc: (0, 2),
    sympy.atan: (-2, 2),
    sympy.sign: (-1, 1),
    sympy.Heaviside: (0, 1),
}


@dataclass(frozen=True)
class Growth:
    """Bounds of a function on a tail: low <= f <= high (infinite where unknown), and of |f| as in the module's text."""

    low: arb
    high: arb
    amplitude: arb
    rate: arb
    curvature: arb
    quadratic: Quadratic | None


def bound_growth(expression: sympy.Expr, variable: sympy.Symbol, start: int, side: int, /) -> Growth:
    """Bounds of the expression for |t| >= start >= 1 on one side (1 or -1).

    Raises UnsupportedNode, by the node's name, where none is known.
    """
    return _Tail(variable, start, side).visit(expression)


class _Tail:
    def __init__(self, variable: sympy.Symbol, start: int, side: int) -> None:
        self.variable, self.side, self.start = variable, side, arb(start)
        self._rules: dict[type, Callable[[Any], Growth]] = {
            sympy.Add: lambda node: reduce(self._add, map(self.visit, node.args)),
            sympy.Mul: lambda node: reduce(self._multiply, map(self.visit, node.args)),
            sympy.Pow: self._power,
            sympy.exp: self._exponential,
            sympy.log: self._logarithm,
            sympy.sinh: lambda node: self.visit((sympy.exp(node.args[0]) - sympy.exp(-node.args[0])) / 2),
            sympy.cosh: lambda node: self.visit((sympy.exp(node.args[0]) + sympy.exp(-node.args[0])) / 2),
            sympy.asinh: lambda node: self._odd(self.visit(node.args[0])),
            sympy.Abs: lambda node: self._absolute(self.visit(node.args[0])),
            sympy.Max: lambda node: reduce(self._larger, map(self.visit, node.args)),
            sympy.Min: lambda node: self.visit(-sympy.Max(*(-part for part in node.args))),
        }

    def visit(self, node: Any) -> Growth:
        if self.variable not in node.free_symbols:
            return self._from_range(*(compile_balls([node], [])([])[0],) * 2)
        if node == self.variable:
            low, high = (self.start, _INFINITY) if self.side > 0 else (-_INFINITY, -self.start)
            return self._from_quadratic(low, high, (arb(0), arb(1), arb(0)))
        if node.func in _BOUNDED:
            for part in node.args[:1]:
                self.visit(part)
            return self._from_range(*map(arb, _BOUNDED[node.func]))
        if node.func not in self._rules:
            raise UnsupportedNode(f"no growth bound of {node.func.__name__} is known here")
        return self._rules[node.func](node)

    def _from_range(self, low: arb, high: arb) -> Growth:
        size = abs(low).max(abs(high)).upper()
        return Growth(low.lower(), high.upper(), size, arb(0), arb(0), (size, arb(0), arb(0)))

    def _from_quadratic(self, low: arb, high: arb, quadratic: Quadratic) -> Growth:
        if low.is_finite() and high.is_finite():
            return self._from_range(low, high)
        a, b, c = quadratic
        reach = self.start / arb.const_e()
        rate = arb(0) if b == 0 and c == 0 else (1 if c == 0 else 2) / self.start
        return Growth(low, high, a + b * reach + c * reach**2, rate, arb(0), quadratic)

    def _add(self, x: Growth, y: Growth) -> Growth:
        low, high = _or_infinite(x.low + y.low, -1), _or_infinite(x.high + y.high, 1)
        if x.quadratic is not None and y.quadratic is not None:
            a, b, c = (p + q for p, q in zip(x.quadratic, y.quadratic, strict=True))
            return self._from_quadratic(low, high, (a, b, c))
        rate, curvature = x.rate.max(y.rate), x.curvature.max(y.curvature)
        return Growth(low, high, x.amplitude + y.amplitude, rate, curvature, None)

    def _multiply(self, x: Growth, y: Growth) -> Growth:
        low, high = _product_range(x, y)
        if low.is_finite() and high.is_finite():
            return self._from_range(low, high)
        quadratic = _product(x, y)
        amplitude, rate, curvature = x.amplitude * y.amplitude, x.rate + y.rate, x.curvature + y.curvature
        return Growth(low, high, amplitude, rate, curvature, quadratic)

    def _power(self, node: Any) -> Growth:
        base, exponent = self.visit(node.args[0]), node.args[1]
        if not exponent.is_Rational:
            raise UnsupportedNode("no growth bound of a power with another exponent than a number is known here")
        if exponent.is_Integer and exponent > 0:
            found = reduce(self._multiply, [base] * int(exponent))
            if exponent % 2 or found.low >= 0:
                return found
            return Growth(arb(0), found.high, found.amplitude, found.rate, found.curvature, found.quadratic)
        if exponent.is_Integer:
            return reduce(self._multiply, [self._reciprocal(base)] * -int(exponent))
        return self._root(base, arb(int(exponent.p)) / int(exponent.q))

    def _reciprocal(self, base: Growth) -> Growth:
        if not (base.low > 0 or base.high < 0):
            raise UnsupportedNode("no growth bound of a quotient whose bottom may vanish is known here")
        ends = [1 / end if end.is_finite() else arb(0) for end in (base.high, base.low)]
        return self._from_range(*ends)

    def _root(self, base: Growth, exponent: arb) -> Growth:
        if not (base.low > 0 or (base.low >= 0 and exponent > 0)):
            raise UnsupportedNode("no growth bound of a root whose argument may be negative is known here")
        low = base.low**exponent if base.low > 0 else arb(0)
        if exponent < 0:
            return self._from_range(base.high**exponent if base.high.is_finite() else arb(0), low)
        if base.high.is_finite():
            return self._from_range(low, base.high**exponent)
        amplitude, rate, curvature = base.amplitude**exponent, base.rate * exponent, base.curvature * exponent
        return Growth(low.lower(), _INFINITY, amplitude, rate, curvature, None)

    def _exponential(self, node: Any) -> Growth:
        inside = self.visit(node.args[0])
        low = inside.low.exp() if inside.low.is_finite() else arb(0)
        if inside.high.is_finite():
            return self._from_range(low, inside.high.exp())
        a, b, c = self._exponent(node.args[0], inside)
        return Growth(low.lower(), _INFINITY, a.exp(), b, c, None)

    def _exponent(self, argument: Any, inside: Growth) -> Quadratic:
        """argument <= a + b |t| + c t^2; sharper than with |argument| for polynomials."""
        if argument.is_polynomial(self.variable) and sympy.degree(argument, self.variable) <= 2:
            expanded = sympy.expand(argument)
            a, b, c = compile_balls([expanded.coeff(self.variable, k) for k in range(3)], [])([])
            return a, (self.side * b).max(arb(0)), c.max(arb(0))
        if inside.quadratic is None:
            raise UnsupportedNode("no growth bound of an exponential of an exponential is known here")
        return inside.quadratic

    def _logarithm(self, node: Any) -> Growth:
        inside = self.visit(node.args[0])
        if not inside.low > 0:
            raise UnsupportedNode("no growth bound of a logarithm whose argument may vanish is known here")
        low, high = inside.low.log(), inside.high.log() if inside.high.is_finite() else _INFINITY
        a = abs(low) + abs(inside.amplitude.log())
        return self._from_quadratic(low.lower(), high.upper(), (a, inside.rate, inside.curvature))

    def _odd(self, x: Growth) -> Growth:
        """A function f with |f(x)| <= |x|."""
        return Growth(-_INFINITY, _INFINITY, x.amplitude, x.rate, x.curvature, x.quadratic)

    def _absolute(self, x: Growth) -> Growth:
        low = x.low if x.low >= 0 else -x.high if x.high <= 0 else arb(0)
        high = abs(x.low).max(abs(x.high)) if x.low.is_finite() and x.high.is_finite() else _INFINITY
        return Growth(low, high, x.amplitude, x.rate, x.curvature, x.quadratic)

    def _larger(self, x: Growth, y: Growth) -> Growth:
        """max(x, y), which is bounded by |x| + |y|."""
        found = self._add(self._absolute(x), self._absolute(y))
        low, high = x.low.max(y.low), x.high.max(y.high)
        if low.is_finite() and high.is_finite():
            return self._from_range(low, high)
        return Growth(low, high, found.amplitude, found.rate, found.curvature, found.quadratic)


def _or_infinite(end: arb, sign: int) -> arb:
    if end.is_nan() or not end.is_finite():
        return sign * _INFINITY
    return end.lower() if sign < 0 else end.upper()


def _product_range(x: Growth, y: Growth) -> tuple[arb, arb]:
    if all(end.is_finite() for end in (x.low, x.high, y.low, y.high)):
        ends = [p * q for p in (x.low, x.high) for q in (y.low, y.high)]
        return reduce(arb.min, ends).lower(), reduce(arb.max, ends).upper()
    if x.low >= 0 and y.low >= 0:
        return _or_infinite(x.low * y.low, -1), _INFINITY
    if (x.low >= 0 and y.high <= 0) or (x.high <= 0 and y.low >= 0):
        return -_INFINITY, arb(0)
    return (x.high * y.high).lower() if x.high <= 0 and y.high <= 0 else -_INFINITY, _INFINITY


def _product(x: Growth, y: Growth) -> Quadratic | None:
    """The product of two bounds of degree two at most in all."""
    if x.quadratic is None or y.quadratic is None:
        return None
    (a, b, c), (p, q, r) = x.quadratic, y.quadratic
    if not (b * r == 0 and c * q == 0 and c * r == 0):
        return None
    return a * p, a * q + b * p, a * r + b * q + c * p


__all__ = ["Growth", "bound_growth"]
