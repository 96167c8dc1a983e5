"""SymPy expressions of one real variable, extended to complex balls: what a rigorous quadrature evaluates.

An expression is read node by node from an allow-list. What does not depend on the variable stays a real ball; what does
is extended to complex balls. Kinks and cases become switches, decided on the real line: where all of them are decided
the expression is one analytic branch, and beside that part of the line the same branch is taken.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from operator import add, mul
from typing import TYPE_CHECKING, Any, TypeAlias

import sympy
from flint import acb, arb, ctx
from sympy.core.relational import Relational

from numerics.enclosures import balls
from numerics.enclosures import complex_operations as operations
from numerics.enclosures.complex_operations import NOWHERE, Choice, Moment
from numerics.enclosures.removable import find_removable, rewrite_hyperbolic, unfold_constant_cases

if TYPE_CHECKING:
    from numerics.enclosures.tape import Tape

Step: TypeAlias = "tuple[Callable[..., acb], tuple[int, ...]]"
Truth: TypeAlias = "bool | None"
Integrand: TypeAlias = "Callable[[acb, bool], acb]"

_ENTIRE: dict[type, str] = {
    **{f: f.__name__ for f in (sympy.exp, sympy.sin, sympy.cos, sympy.tan, sympy.sinh, sympy.cosh, sympy.tanh)},
    sympy.erf: "erf",
    sympy.erfc: "erfc",
}
_CUT_ON_THE_AXIS: dict[type, Callable[..., acb]] = {
    sympy.atan: operations.arctangent,
    sympy.asinh: operations.area_sine,
}
_CONNECTIVES: dict[type, Callable[..., Truth]] = {
    sympy.And: balls.both,
    sympy.Or: balls.either,
    sympy.Not: balls.opposite,
}
_AGAINST_ZERO: dict[str, Callable[[arb], Truth]] = {
    "<": lambda gap: balls.less(gap, arb(0)),
    "<=": lambda gap: balls.at_most(gap, arb(0)),
    ">": lambda gap: balls.less(arb(0), gap),
    ">=": lambda gap: balls.at_most(arb(0), gap),
    "==": lambda gap: balls.same(gap, arb(0)),
    "!=": lambda gap: balls.opposite(balls.same(gap, arb(0))),
}
_CANCELLED = 30
"""A quotient that has lost more bits than this is looked at in another way, too."""


class ComplexProgram:
    """A compiled expression of `variable`; `operands` are the tape's slots that hold what does not depend on it."""

    def __init__(
        self,
        tape: Tape,
        variable: sympy.Symbol,
        expression: sympy.Expr,
        unsupported: type[ValueError],
        /,
        *,
        real: bool = False,
    ) -> None:
        """With `real` the program is not finite where a root or a logarithm may not be real on the real line.

        Raises `unsupported` for a node that has no sound complex operation here.
        """
        self._setting = (tape, variable, unsupported, real)
        self.variable = variable
        self.operands: list[int] = []
        self.switches: list[Callable[..., Truth]] = []
        self.steps: list[Step] = []
        self._places: dict[sympy.Basic, int] = {variable: 0}
        self._conditions: dict[Any, int] = {}
        self.result = self._visit(rewrite_hyperbolic(unfold_constant_cases(expression, variable)))

    def bind(self, operands: Sequence[arb], /) -> BoundProgram:
        """The program with the balls of its operands."""
        return BoundProgram(self, [acb(operand) for operand in operands])

    def _inner(self, expression: sympy.Expr, variable: sympy.Symbol) -> _Inner:
        tape, _, unsupported, real = self._setting
        program = ComplexProgram(tape, variable, expression, unsupported, real=real)
        return _Inner(program, [self._place_of_slot(slot) for slot in program.operands])

    def _place_of_slot(self, slot: int) -> int:
        if slot not in self.operands:
            self.operands.append(slot)
        return self.operands.index(slot)

    def _append(self, operation: Callable[..., acb], *places: int) -> int:
        self.steps.append((operation, places))
        return len(self.steps)

    def _visit(self, node: sympy.Basic) -> int:
        if node not in self._places:
            self._places[node] = self._append(*self._read(node))
        return self._places[node]

    def _read(self, node: sympy.Basic) -> tuple[Any, ...]:
        tape, variable, unsupported, real = self._setting
        kind, visit = node.func, self._visit
        if variable not in node.free_symbols:
            return (partial(operations.take, self._place_of_slot(tape.visit(node))),)
        if kind is sympy.Mul and (found := find_removable(node, variable)) is not None:
            return self._quotient(node, *found)
        if kind in (sympy.Add, sympy.Mul):
            return partial(operations.fold, add if kind is sympy.Add else mul), *(visit(part) for part in node.args)
        if kind is sympy.Pow and node.args[1].is_Rational:
            return _power(real, node.args[1]), visit(node.args[0])
        if kind in _ENTIRE:
            return partial(operations.entire, _ENTIRE[kind]), visit(node.args[0])
        if kind is sympy.log:
            return partial(operations.logarithm, real), visit(node.args[0])
        if kind in _CUT_ON_THE_AXIS:
            return _CUT_ON_THE_AXIS[kind], visit(node.args[0])
        if (branches := _branches(node)) is not None:
            return Choice(tuple(self._switch(when) for _, when in branches)), *(visit(value) for value, _ in branches)
        raise unsupported(f"{kind.__name__} under an integral has no sound complex operation here")

    def _quotient(self, node: sympy.Mul, top: sympy.Expr, bottom: sympy.Expr, power: int) -> tuple[Any, ...]:
        """(top/bottom)**power times the rest, where top is a function of bottom that vanishes with it."""
        inside = sympy.Dummy("bottom", real=True)
        slope = self._inner(top.xreplace({bottom: inside}).diff(inside), inside)
        ratio = self._append(partial(_quotient, slope), self._visit(top), self._visit(bottom))
        factor = self._append(partial(operations.integer_power, power), ratio)
        return partial(operations.fold, mul), factor, self._visit(node / (top / bottom) ** power)

    def _switch(self, condition: Any) -> int | None:
        if condition == sympy.true:
            return None
        if condition not in self._conditions:
            self.switches.append(self._compile_condition(condition))
            self._conditions[condition] = len(self.switches) - 1
        return self._conditions[condition]

    def _compile_condition(self, condition: Any) -> Callable[..., Truth]:
        """From (fixed operands, real ball of the variable) to True, False or None."""
        if condition in (sympy.true, sympy.false):
            return partial(_constant_truth, condition == sympy.true)
        if isinstance(condition, Relational) and condition.rel_op in _AGAINST_ZERO:
            gap = self._inner(condition.lhs - condition.rhs, self.variable)
            return partial(_compare, _AGAINST_ZERO[condition.rel_op], gap)
        if condition.func in _CONNECTIVES:
            parts = [self._compile_condition(part) for part in condition.args]
            return partial(_connect, _CONNECTIVES[condition.func], parts)
        raise self._setting[2](f"condition {condition.func.__name__} under an integral is not supported on balls")


class BoundProgram:
    """A program with balls for its operands: it decides its switches, and evaluates where they are decided."""

    def __init__(self, program: ComplexProgram, fixed: Sequence[acb], /) -> None:
        self.program, self.fixed = program, fixed
        self.undecided: tuple[Truth, ...] = (None,) * len(program.switches)

    def decide(self, trace: arb, /) -> tuple[Truth, ...]:
        """The truth of every switch on a real ball of the variable."""
        return tuple(switch(self.fixed, trace) for switch in self.program.switches)

    def specialise(self, truths: Sequence[Truth], /) -> Integrand:
        """The expression on complex balls where these switches are decided; others are decided ball by ball."""
        steps, result = _live_steps(self.program, truths)
        open_places = [place for place, truth in enumerate(truths) if truth is None]
        plain = (Moment(self.fixed, False, truths), Moment(self.fixed, True, truths))

        def evaluate(ball: acb, analytic: bool) -> acb:
            moment = plain[analytic]
            if open_places:
                merged = list(truths)
                for place in open_places:
                    merged[place] = self.program.switches[place](self.fixed, ball.real)
                moment = Moment(self.fixed, analytic, merged)
            values = [ball]
            for operation, places in steps:
                values.append(operation(moment, *[values[k] for k in places]))
            return values[result]

        return evaluate


def _live_steps(program: ComplexProgram, truths: Sequence[Truth]) -> tuple[list[Step], int]:
    """The steps that the result needs, choices that are settled being skipped, and the place of the result."""
    steps: list[Step] = []
    moved: dict[int, int] = {0: 0}

    def keep(place: int) -> int:
        if place not in moved:
            operation, places = program.steps[place - 1]
            branch = operation.settled(truths) if isinstance(operation, Choice) else None
            if branch is None:
                kept = tuple(keep(each) for each in places)
                steps.append((operation, kept))
                moved[place] = len(steps)
            else:
                moved[place] = keep(places[branch])
        return moved[place]

    result = keep(program.result)
    return steps, result


def _power(real: bool, exponent: sympy.Rational) -> Callable[..., acb]:
    if exponent.is_Integer:
        return partial(operations.integer_power, int(exponent))
    if exponent.q == 2:
        return partial(operations.half_power, real, int(exponent.p))
    return partial(operations.rational_power, real, int(exponent.p), int(exponent.q))


def _branches(node: Any) -> list[tuple[Any, Any]] | None:
    """(value, condition) pairs of a function with cases, None for another one."""
    kind, parts = node.func, node.args
    if kind is sympy.Piecewise:
        return [(value, condition) for value, condition in parts]
    if kind is sympy.Abs:
        return [(parts[0], parts[0] >= 0), (-parts[0], sympy.true)]
    if kind is sympy.sign:
        return [(sympy.S.One, parts[0] > 0), (sympy.S.NegativeOne, parts[0] < 0), (sympy.S.Zero, sympy.true)]
    if kind is sympy.Heaviside:
        return [(sympy.S.One, parts[0] > 0), (sympy.S.Zero, parts[0] < 0), (sympy.S.Half, sympy.true)]
    if kind in (sympy.Max, sympy.Min):
        first, rest = parts[0], kind(*parts[1:])
        return [(first, first >= rest if kind is sympy.Max else first <= rest), (rest, sympy.true)]
    return None


class _Inner:
    """A program inside another one, whose operands are at `places` among the other's; kept bound to the last ones."""

    def __init__(self, program: ComplexProgram, places: Sequence[int]) -> None:
        self._program, self._places = program, places
        self._fixed: Sequence[acb] | None = None

    def __call__(self, fixed: Sequence[acb], ball: acb, analytic: bool) -> acb:
        if self._fixed is not fixed:
            bound = BoundProgram(self._program, [fixed[k] for k in self._places])
            self._fixed, self._evaluate = fixed, bound.specialise(bound.undecided)
        return self._evaluate(ball, analytic)


def _quotient(slope: _Inner, moment: Moment, top: acb, bottom: acb) -> acb:
    """top/bottom for top = n(bottom), n(0) = 0; near 0 as the mean of n' on the way from 0 to the bottom."""
    direct = NOWHERE if bottom.contains(0) else top / bottom
    if direct.rel_accuracy_bits() > ctx.prec - _CANCELLED:
        return direct
    mean = slope(moment.fixed, bottom.union(acb(0)), True)
    return direct if direct.is_finite() and not mean.rad() < direct.rad() else mean


def _constant_truth(truth: bool, _fixed: Sequence[acb], _trace: arb) -> bool:
    return truth


def _compare(against_zero: Callable[[arb], Truth], gap: _Inner, fixed: Sequence[acb], trace: arb) -> Truth:
    """The relation of the two sides on the whole ball; undecided where their difference is not real."""
    value = gap(fixed, acb(trace), False)
    return against_zero(value.real) if value.is_finite() and value.imag == 0 else None


def _connect(
    connective: Callable[..., Truth], parts: Sequence[Callable[..., Truth]], fixed: Sequence[acb], trace: arb
) -> Truth:
    return connective(*(part(fixed, trace) for part in parts))


__all__ = ["BoundProgram", "ComplexProgram", "Integrand"]
