"""Rigorous integrals over an angle from 0 to pi: flint's adaptive quadrature on complex balls.

The integrand is read node by node from an allow-list. What does not depend on the angle stays a real ball; what does
is extended to complex balls, where functions with branch cuts answer "not finite" on a cut whenever flint asks for an
analytic value. Source: Johansson (2018), Numerical integration in arbitrary-precision ball arithmetic.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial, reduce
from operator import add, mul
from typing import TYPE_CHECKING, TypeAlias

import sympy
from flint import acb, arb, ctx
from sympy.core.relational import Relational

from numerics import balls

if TYPE_CHECKING:
    from numerics.tape import Tape

Step: TypeAlias = tuple[Callable[..., acb], tuple[int, ...]]

COMPARED: dict[str, Callable[[arb, arb], bool | None]] = {
    "<": balls.less,
    "<=": balls.at_most,
    ">": lambda x, y: balls.less(y, x),
    ">=": lambda x, y: balls.at_most(y, x),
}
MOST_EVALUATIONS = 4000
"""Integrand evaluations before an integral is given up: its ball is then wide or not finite, never wrong."""

_NOWHERE = acb(arb.nan())
_ENTIRE: dict[type, str] = {
    sympy.exp: "exp",
    sympy.sin: "sin",
    sympy.cos: "cos",
    sympy.sinh: "sinh",
    sympy.cosh: "cosh",
    sympy.tanh: "tanh",
    sympy.tan: "tan",
}
"""Entire or meromorphic functions: at a pole flint's ball is not finite by itself."""


def compile_angle_integral(
    tape: Tape, node: sympy.Integral, unsupported: type[ValueError], /
) -> tuple[Callable[..., arb], tuple[int, ...]]:
    """The operation of an integral over one angle from 0 to pi, and the tape's slots that it takes.

    Raises `unsupported` for other limits, or for a node of the integrand that has no sound complex operation here.
    """
    integrand, *limits = node.args
    if len(limits) != 1 or tuple(limits[0])[1:] != (0, sympy.pi):
        raise unsupported(f"Integral over {limits} has no sound ball operation here: one angle from 0 to pi is allowed")
    reader = _Integrand(tape, limits[0][0], unsupported)
    result = reader.visit(integrand)
    return partial(_integrate, tuple(reader.steps), result), tuple(reader.operands)


def _integrate(steps: tuple[Step, ...], result: int, *operands: arb) -> arb:
    """The real part of the integral (that of the arrays is defined so, too)."""
    fixed = [acb(operand) for operand in operands]

    def integrand(angle: acb, analytic: bool) -> acb:
        values = [angle, acb(angle.real)]
        for operation, places in steps:
            values.append(operation(fixed, analytic, *(values[k] for k in places)))
        return values[result]

    if not integrand(acb(arb(1)), False).is_finite():
        return arb.nan()
    goal = arb(2) ** (8 - ctx.prec)
    return acb.integral(integrand, 0, arb.pi(), rel_tol=goal, abs_tol=goal, eval_limit=MOST_EVALUATIONS).real


class _Integrand:
    """Steps on complex values; value 0 is the angle, value 1 its real part, on which conditions are decided."""

    def __init__(self, tape: Tape, angle: sympy.Symbol, unsupported: type[ValueError]) -> None:
        self.tape, self.angle, self.unsupported = tape, angle, unsupported
        self.steps: list[Step] = []
        self.operands: list[int] = []
        self.on_line = sympy.Dummy("angle_on_the_line", real=True)
        self.places: dict[sympy.Basic, int] = {angle: 0, self.on_line: 1}

    def visit(self, node: sympy.Basic) -> int:
        if node not in self.places:
            operation, places = self._read(node)
            self.steps.append((operation, places))
            self.places[node] = len(self.steps) + 1
        return self.places[node]

    def _read(self, node: sympy.Basic) -> tuple[Callable[..., acb], tuple[int, ...]]:
        if not node.free_symbols & {self.angle, self.on_line}:
            self.operands.append(self.tape.visit(node))
            return partial(_fixed, len(self.operands) - 1), ()
        kind = node.func
        if kind in (sympy.Add, sympy.Mul):
            return partial(_fold, add if kind is sympy.Add else mul), tuple(self.visit(part) for part in node.args)
        if kind is sympy.Pow and node.args[1].is_Integer:
            return partial(_integer_power, int(node.args[1])), (self.visit(node.args[0]),)
        if kind is sympy.Pow and (2 * node.args[1]).is_Integer:
            return partial(_half_power, int(2 * node.args[1])), (self.visit(node.args[0]),)
        if kind in _ENTIRE:
            return partial(_entire, _ENTIRE[kind]), (self.visit(node.args[0]),)
        if kind is sympy.log:
            return _logarithm, (self.visit(node.args[0]),)
        if kind is sympy.atan:
            return _arctangent, (self.visit(node.args[0]),)
        if kind is sympy.Piecewise:
            return self._piecewise(node)
        raise self.unsupported(f"{kind.__name__} under an integral over an angle has no sound complex operation here")

    def _piecewise(self, node: sympy.Piecewise) -> tuple[Callable[..., acb], tuple[int, ...]]:
        places: list[int] = []
        kinds: list[str] = []
        for value, given in node.args:
            condition = sympy.Le(0, 1, evaluate=False) if given == sympy.true else given
            if not isinstance(condition, Relational) or condition.rel_op not in COMPARED:
                raise self.unsupported(
                    f"condition {condition.func.__name__} under an integral is not supported on balls"
                )
            kinds.append(condition.rel_op)
            sides = [side.xreplace({self.angle: self.on_line}) for side in (condition.lhs, condition.rhs)]
            places += [self.visit(value), *(self.visit(side) for side in sides)]
        return partial(_choose, tuple(kinds)), tuple(places)


def _fixed(place: int, fixed: list[acb], _analytic: bool) -> acb:
    return fixed[place]


def _fold(operation: Callable[[acb, acb], acb], _fixed: list[acb], _analytic: bool, *parts: acb) -> acb:
    return reduce(operation, parts)


def _integer_power(exponent: int, _fixed: list[acb], _analytic: bool, x: acb) -> acb:
    return x**exponent


def _half_power(doubled: int, _fixed: list[acb], analytic: bool, x: acb) -> acb:
    return x.sqrt(analytic=analytic) ** doubled


def _entire(name: str, _fixed: list[acb], _analytic: bool, x: acb) -> acb:
    value: acb = getattr(x, name)()
    return value


def _logarithm(_fixed: list[acb], analytic: bool, x: acb) -> acb:
    return x.log(analytic=analytic)


def _arctangent(_fixed: list[acb], analytic: bool, x: acb) -> acb:
    """The cuts are on the imaginary axis from i and from -i outwards."""
    if analytic and x.real.contains(0) and not abs(x.imag) < 1:
        return _NOWHERE
    return x.atan()


def _choose(kinds: tuple[str, ...], _fixed: list[acb], analytic: bool, *parts: acb) -> acb:
    """The branch whose condition is certain on the real trace of the ball: there it is the integrand, and analytic.

    Where no branch is certain the ball is not finite if an analytic value is asked for, else the union.
    """
    union: acb | None = None
    for kind, value, left, right in zip(kinds, parts[::3], parts[1::3], parts[2::3], strict=True):
        exact = left.imag == 0 and right.imag == 0
        truth = COMPARED[kind](left.real, right.real) if exact else None
        if truth is False:
            continue
        if truth is None and analytic:
            return _NOWHERE
        union = value if union is None else union.union(value)
        if truth:
            return union
    return _NOWHERE


__all__ = ["MOST_EVALUATIONS", "compile_angle_integral"]
