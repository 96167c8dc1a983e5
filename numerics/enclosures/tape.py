"""A straight-line program of ball operations, read off SymPy expressions node by node."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial, reduce
from operator import add, neg
from typing import Any

import sympy
from flint import arb, ctx
from sympy.core.relational import Relational

from derivations.overfitted_networks.bump_volume import BumpVolume
from derivations.symbols import ChiSquareCdf
from numerics.enclosures import balls, weighted_balls
from numerics.enclosures.angle_integrals import compile_angle_integral
from numerics.enclosures.exact_numbers import to_flint
from numerics.enclosures.weighted_balls import SEMICIRCLE_SUPPORT, SmallestSum

_CONSTANTS: dict[object, Callable[[], arb]] = {
    sympy.S.Pi: arb.pi,
    sympy.S.Exp1: arb.const_e,
    sympy.S.EulerGamma: arb.const_euler,
    sympy.S.Catalan: arb.const_catalan,
    sympy.S.Infinity: arb.pos_inf,
    SEMICIRCLE_SUPPORT: partial(arb, 0, 2),
}
_FUNCTIONS: dict[type, Callable[[arb], arb]] = {
    sympy.exp: balls.exponential,
    sympy.log: balls.logarithm,
    sympy.erf: balls.error_function,
    sympy.erfc: balls.complementary_error_function,
    sympy.erfinv: balls.monotone("erfinv"),
    ChiSquareCdf: balls.chi_square_cdf,
    sympy.sin: balls.sin,
    sympy.cos: balls.cos,
    sympy.tan: balls.tan,
    sympy.sinh: balls.monotone("sinh"),
    sympy.cosh: balls.cosh,
    sympy.tanh: balls.monotone("tanh"),
    sympy.atan: balls.monotone("atan"),
    sympy.asin: balls.monotone("asin"),
    sympy.acos: balls.monotone("acos"),
    sympy.Abs: balls.absolute,
    sympy.sign: balls.sign,
}
_FOLDS: dict[type, Callable[[arb, arb], arb]] = {
    sympy.Add: add,
    sympy.Mul: balls.multiply,
    sympy.Max: balls.maximum,
    sympy.Min: balls.minimum,
}
COMPARISONS: dict[str, Callable[[arb, arb], bool | None]] = {
    "<": balls.less,
    "<=": balls.at_most,
    ">": lambda x, y: balls.less(y, x),
    ">=": lambda x, y: balls.at_most(y, x),
    "=": balls.same,
    "==": balls.same,
    "!=": lambda x, y: balls.opposite(balls.same(x, y)),
}
_SEVERAL: dict[type, Callable[..., arb]] = {
    BumpVolume: weighted_balls.bump_volume,
    SmallestSum: weighted_balls.sum_smallest,
}
_CONNECTIVES: dict[type, Callable[..., bool | None]] = {
    sympy.And: balls.both,
    sympy.Or: balls.either,
    sympy.Not: balls.opposite,
}


_LONGEST = 80


class UnsupportedNode(ValueError):
    """An expression contains a node that has no sound ball operation here."""


class Tape:
    """Slots for the symbols and then one operation per distinct subexpression, each on earlier slots.

    With `slopes`, a unit step (Heaviside) counts as the interval of slopes of max(x, 0), as derivatives need it, and a
    Piecewise is undefined unless one branch is certain on the whole ball: its derivative there is then the branch's.
    """

    def __init__(self, symbols: Sequence[sympy.Symbol], /, *, slopes: bool = False) -> None:
        if len(set(symbols)) != len(symbols):
            raise ValueError(f"symbols {', '.join(map(str, symbols))}: each may occur once")
        self.inputs = len(symbols)
        self._slots: dict[sympy.Basic, int] = {symbol: k for k, symbol in enumerate(symbols)}
        self.operations: list[tuple[balls.Operation, tuple[int, ...]]] = []
        self._functions = {**_FUNCTIONS, sympy.Heaviside: balls.unit_step} if slopes else _FUNCTIONS
        self._choose = balls.choose_certain_branch if slopes else balls.choose_branch
        self._constants: dict[int, list[Any]] = {}

    def run(self, inputs: Sequence[arb], /) -> list[Any]:
        """The values of all slots. Constants are built once for each precision that is in force at a call."""
        if len(inputs) != self.inputs:
            raise ValueError(f"inputs: {len(inputs)} balls given, {self.inputs} symbols to fill")
        values: list[Any] = [*inputs]
        known = self._constants.get(ctx.prec)
        if known is None or len(known) != len(self.operations):
            known = [None if operands else operation() for operation, operands in self.operations]
            self._constants[ctx.prec] = known
        read, append = values.__getitem__, values.append
        for (operation, operands), constant in zip(self.operations, known, strict=True):
            append(operation(*map(read, operands)) if operands else constant)
        return values

    def visit(self, node: sympy.Basic, /) -> int:
        """The slot of an expression's value. Raises UnsupportedNode."""
        if node not in self._slots:
            operation, operands = self._operation(node)
            self._slots[node] = self._append(operation, *operands)
        return self._slots[node]

    def define(self, name: sympy.Symbol, expression: sympy.Basic, /) -> None:
        """Let later expressions use `name` for the value of `expression`."""
        if name in self._slots:
            raise ValueError(f"symbol {name} is given or defined twice")
        self._slots[name] = self.visit(expression)

    def visit_condition(self, node: sympy.Basic, /) -> int:
        """The slot of a condition's truth: True, False or None."""
        if node in self._slots:
            return self._slots[node]
        if node in (sympy.true, sympy.false):
            slot = self._append(partial(bool, node == sympy.true))
        elif isinstance(node, Relational):
            slot = self.compare(node.rel_op, node.lhs, node.rhs)
        elif node.func in _CONNECTIVES:
            slot = self._append(_CONNECTIVES[node.func], *(self.visit_condition(part) for part in node.args))
        else:
            raise UnsupportedNode(f"condition {node} is a {node.func.__name__}, which balls do not support")
        self._slots[node] = slot
        return slot

    def compare(self, kind: str, lhs: sympy.Basic, rhs: sympy.Basic, /) -> int:
        """The slot of the truth of `lhs kind rhs`."""
        if kind not in COMPARISONS:
            raise UnsupportedNode(f"relation {kind!r} is not supported on balls: use one of {', '.join(COMPARISONS)}")
        return self._append(COMPARISONS[kind], self.visit(lhs), self.visit(rhs))

    def guard(self, slot: int, guards: Sequence[int], /) -> int:
        """The slot of a value that is undefined wherever one of the guards is not finite."""
        return self._append(_guarded, slot, *guards) if guards else slot

    def _append(self, operation: balls.Operation, *operands: int) -> int:
        self.operations.append((operation, operands))
        return self.inputs + len(self.operations) - 1

    def _operation(self, node: sympy.Basic) -> tuple[balls.Operation, tuple[int, ...]]:
        kind = node.func
        if isinstance(node, sympy.Rational):
            return partial(arb, to_flint(node)), ()
        if node in _CONSTANTS:
            return _CONSTANTS[node], ()
        if kind is sympy.Mul and node.args[0] is sympy.S.NegativeOne:
            return neg, (self.visit(node.func(*node.args[1:], evaluate=False)),)
        if kind in _FOLDS:
            operands = tuple(self.visit(part) for part in node.args)
            return _FOLDS[kind] if len(operands) == 2 else partial(fold, _FOLDS[kind]), operands
        if kind is sympy.Pow:
            return self._power(*node.args)
        if kind in self._functions:
            return self._functions[kind], (self.visit(node.args[0]),)
        if kind is sympy.besseli and node.args[0].is_Integer:
            return partial(_bessel_i, int(node.args[0])), (self.visit(node.args[1]),)
        if kind is sympy.Piecewise:
            exhaustive = sympy.Or(*(condition for _, condition in node.args)) == sympy.true
            parts = [slot for e, c in node.args for slot in (self.visit(e), self.visit_condition(c))]
            return partial(self._choose, exhaustive), tuple(parts)
        if kind in _SEVERAL:
            return _SEVERAL[kind], tuple(self.visit(part) for part in node.args)
        if isinstance(node, sympy.Integral):
            return compile_angle_integral(self, node, UnsupportedNode)
        raise UnsupportedNode(_reason(node))

    def _power(self, base: sympy.Expr, exponent: sympy.Expr) -> tuple[balls.Operation, tuple[int, ...]]:
        if exponent.is_Integer:
            power = int(exponent)
            if power == -1:
                return balls.reciprocal, (self.visit(base),)
            return partial(integer_power, power), (self.visit(base),)
        if exponent.is_Rational:
            return partial(rational_power, int(exponent.p), int(exponent.q)), (self.visit(base),)
        return balls.general_power, (self.visit(base), self.visit(exponent))


def _guarded(value: arb, *guards: arb) -> arb:
    return value if all(guard.is_finite() for guard in guards) else balls.UNDEFINED


def fold(operation: Callable[[arb, arb], arb], *parts: arb) -> arb:
    """The parts combined from left to right."""
    return reduce(operation, parts)


def integer_power(exponent: int, x: arb) -> arb:
    """x**exponent."""
    return balls.integer_power(x, exponent)


def rational_power(numerator: int, denominator: int, x: arb) -> arb:
    """x**(numerator/denominator)."""
    return balls.rational_power(x, numerator, denominator)


def _bessel_i(order: int, x: arb) -> arb:
    return balls.bessel_i(x, order)


def _reason(node: sympy.Basic) -> str:
    if isinstance(node, sympy.Float):
        return f"Float {node} is not an exact number: write it as a Rational"
    if isinstance(node, sympy.Symbol):
        return f"Symbol {node} has no value: name it among the symbols of the box or the values"
    shown = str(node) if len(str(node)) <= _LONGEST else f"{str(node)[:_LONGEST]}..."
    return f"{node.func.__name__} in {shown} has no sound ball operation here"
