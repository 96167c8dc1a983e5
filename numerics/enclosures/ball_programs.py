"""SymPy expressions on balls: values with a proven error, at a point or on a whole box.

An expression becomes a straight-line list of operations, equal subexpressions shared, from an allow-list of node types.
Anything else raises: a printed program would take a function that balls lack from `math`, and 1/10 as a double, and
the enclosure would then be about another expression.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from fractions import Fraction
from functools import cached_property
from typing import TypeAlias

import sympy
from flint import arb, ctx

from derivations.relations import Relation
from numerics.enclosures import balls
from numerics.enclosures.exact_numbers import as_rational
from numerics.enclosures.fused import FusedTape
from numerics.enclosures.tape import Tape, UnsupportedNode
from numerics.enclosures.weighted_balls import SmallestSum

Exact: TypeAlias = "int | Fraction | sympy.Expr"
Value: TypeAlias = "arb | Exact | tuple[Exact, Exact]"
Condition: TypeAlias = "Relation | sympy.Basic"

__all__ = [
    "BallProgram",
    "CentredForm",
    "Enclosure",
    "EnclosureStatus",
    "UnsupportedNode",
    "as_ball",
    "compile_balls",
    "compile_conditions",
    "compile_jacobian",
    "enclose",
    "evaluate_on_box",
]


class EnclosureStatus(Enum):
    """How an enclosure ended; the value is the advice."""

    reached = "The ball has the digits that were asked for."
    too_wide = "The ball is right but wider than asked: its inputs are wide, or the value is 0; ask for fewer digits."
    undefined = "Some point of the inputs may lie outside the expression's domain; narrow the inputs."


@dataclass(frozen=True)
class Enclosure:
    """A ball that contains the value, how it ended, and the precision in bits that it took."""

    ball: arb
    status: EnclosureStatus
    precision: int


@dataclass(frozen=True)
class BallProgram:
    """A compiled list of expressions: call it with one ball per symbol, under flint's current precision."""

    tape: Tape
    outputs: tuple[int, ...]

    def __call__(self, inputs: Sequence[arb], /) -> list[arb]:
        """The balls of the expressions, in their order."""
        values = self.tape.run(inputs)
        return [values[k] for k in self.outputs]

    def on_narrow(self, inputs: Sequence[arb], /) -> list[arb]:
        """Balls of the same values by flint's own operations: sound on every ball, tight on narrow ones, and fast."""
        if not all(ball.is_finite() for ball in inputs):
            return self(inputs)
        found: list[arb] = self._fused(inputs)
        return found

    @cached_property
    def _fused(self) -> FusedTape:
        return FusedTape(self.tape, self.outputs)


def compile_balls(
    expressions: Iterable[sympy.Expr],
    symbols: Sequence[sympy.Symbol],
    /,
    *,
    definitions: Iterable[tuple[sympy.Symbol, sympy.Expr]] = (),
    kind: type[Tape] = Tape,
) -> BallProgram:
    """A function from balls of `symbols` to balls of `expressions`; flint's precision counts when it is called.

    Definitions are (name, expression) pairs in order, which the expressions may use. Raises UnsupportedNode (a
    ValueError) for a node outside the allow-list, a Float, or a symbol that is neither given nor defined.
    """
    tape = kind(symbols)
    for name, definition in definitions:
        tape.define(name, definition)
    return BallProgram(tape, tuple(tape.visit(sympy.sympify(e, strict=True)) for e in expressions))


def compile_conditions(
    conditions: Iterable[Condition], symbols: Sequence[sympy.Symbol], /
) -> Callable[[Sequence[arb]], list[bool | None]]:
    """A function from balls of `symbols` to True, False or None (undecided) for each condition."""
    tape = Tape(symbols)
    outputs = [
        tape.compare(c.kind, c.lhs, c.rhs) if isinstance(c, Relation) else tape.visit_condition(sympy.sympify(c))
        for c in conditions
    ]

    def decide(inputs: Sequence[arb], /) -> list[bool | None]:
        values = tape.run(inputs)
        return [values[k] for k in outputs]

    return decide


class CentredForm:
    """An expression and its gradient on a box: natural extension and mean-value form, intersected.

    The mean-value form f(m) + f'(box) (box - m) is used where f is defined on the whole box and continuous, that is
    has no Piecewise or sign, and its SymPy gradient is supported; slopes of |x| and max at a kink are whole intervals.
    Source: Moore, Kearfott & Cloud (2009), section 6.1, with slopes in the sense of Clarke.
    """

    def __init__(self, expression: sympy.Expr, symbols: Sequence[sympy.Symbol], /) -> None:
        self.value = compile_balls([expression], symbols)
        self.gradient = compile_jacobian([expression], symbols, symbols)

    def __call__(self, box: Sequence[arb], /) -> arb:
        """A ball that contains the expression's values on the box, under flint's current precision."""
        natural = self.value(box)[0]
        if self.gradient is None or not natural.is_finite():
            return natural
        middle = [ball.mid() for ball in box]
        centred = self.value(middle)[0]
        for slope, ball, point in zip(self.gradient(box), box, middle, strict=True):
            centred += slope * (ball - point)
        return balls.intersect(natural, centred) if centred.is_finite() else natural


def compile_jacobian(
    expressions: Sequence[sympy.Expr],
    symbols: Sequence[sympy.Symbol],
    unknowns: Sequence[sympy.Symbol],
    /,
    *,
    definitions: Iterable[tuple[sympy.Symbol, sympy.Expr]] = (),
    piecewise: bool = False,
    values: bool = False,
    kind: type[Tape] = Tape,
) -> BallProgram | None:
    """The derivatives of each expression in each unknown, row by row, from balls of `symbols` (`unknowns` among them).

    With `values`, the values of the expressions follow. None where an expression can jump (Piecewise, sign) or a
    derivative is not supported. With `piecewise`, a Piecewise is allowed, and the derivative is not finite on a box on
    which no single branch is certain. Definitions (name, expression) are differentiated one by one and chained.
    Derivatives are taken in real symbols without further assumptions, since a box may reach where an assumption fails.
    """
    definitions = tuple(definitions)
    jumps = (sympy.sign, SmallestSum) if piecewise else (sympy.Piecewise, sympy.sign, SmallestSum)
    if any(e.has(*jumps) for e in [*expressions, *(d for _, d in definitions)]):
        return None
    real = {s: sympy.Dummy(s.name, real=True) for s in [*symbols, *(name for name, _ in definitions)]}
    tape = kind([real[symbol] for symbol in symbols], slopes=True)
    chained: dict[sympy.Symbol, dict[sympy.Symbol, sympy.Symbol]] = {unknown: {} for unknown in unknowns}

    def differentiate(expression: sympy.Expr, unknown: sympy.Symbol) -> sympy.Expr:
        inner = (expression.diff(name) * slope for name, slope in chained[unknown].items())
        return sympy.Add(expression.diff(real[unknown]), *inner)

    if piecewise and _moves_a_switch([*definitions, *((None, e) for e in expressions)], unknowns):
        return None
    try:
        for name, definition in definitions:
            tape.define(real[name], definition.xreplace(real))
            slopes = {unknown: differentiate(definition.xreplace(real), unknown) for unknown in unknowns}
            for unknown, slope in slopes.items():
                if slope == 0:
                    continue
                chained[unknown][real[name]] = sympy.Dummy(f"d{name}_d{unknown}", real=True)
                tape.define(chained[unknown][real[name]], slope)
        rows = [expression.xreplace(real) for expression in expressions]
        slots = [tape.visit(differentiate(row, unknown)) for row in rows for unknown in unknowns]
        # a jump between constants leaves no trace in the derivative: the values themselves must be certain, too
        checked = [*rows, *(definition.xreplace(real) for _, definition in definitions)] if piecewise else []
        guards = [tape.visit(each) for each in checked if each.has(sympy.Piecewise)]
        slots += [tape.visit(row) for row in rows] if values else []
        return BallProgram(tape, tuple(tape.guard(slot, guards) for slot in slots))
    except UnsupportedNode:
        return None


def _moves_a_switch(
    named: Iterable[tuple[sympy.Symbol | None, sympy.Expr]], unknowns: Sequence[sympy.Symbol], /
) -> bool:
    """Whether an unknown moves the place where an integrand switches: a jump there has no trace in the derivative."""
    moving = set(unknowns)
    for name, expression in named:
        for node in expression.atoms(sympy.Integral):
            conditions = [condition for each in node.atoms(sympy.Piecewise) for _, condition in each.args]
            if any(condition.free_symbols & moving for condition in conditions):
                return True
        if name is not None and expression.free_symbols & moving:
            moving.add(name)
    return False


def as_ball(value: object, name: str, /) -> arb:
    """The ball of an exact number, of an interval (low, high), or of a ball, under flint's current precision.

    Exact numbers are int, Fraction and SymPy expressions without symbols; the ends of an interval are rational.
    """
    if isinstance(value, arb):
        return value
    if isinstance(value, tuple) and len(value) == 2:
        low, high = as_rational(value[0], f"the low end of {name}"), as_rational(value[1], f"the high end of {name}")
        if low > high:
            raise ValueError(f"the interval of {name} is ({value[0]}, {value[1]}): low <= high is required")
        return balls.between(low, high)
    if isinstance(value, sympy.Expr) and not value.is_Rational:
        return compile_balls([value], [])([])[0]
    return arb(as_rational(value, name))


def enclose(
    expression: sympy.Expr, values: Mapping[sympy.Symbol, Value], /, *, digits: int = 30, most_digits: int = 1000
) -> Enclosure:
    """A ball of the expression at `values` with relative radius at most 10**-digits, or a status that says why not.

    The precision doubles from a little over `digits` until the ball is narrow enough or `most_digits` is reached.
    """
    symbols = tuple(values)
    program = compile_balls([expression], symbols)
    precision, most = 32 + (digits * 10) // 3, 64 + (max(digits, most_digits) * 10) // 3
    goal = arb(10) ** -digits
    while True:
        with ctx.workprec(precision):
            ball = program([as_ball(values[symbol], str(symbol)) for symbol in symbols])[0]
            if ball.is_finite() and ball.rad() <= goal * ball.abs_lower():
                return Enclosure(ball, EnclosureStatus.reached, precision)
        if precision >= most:
            status = EnclosureStatus.too_wide if ball.is_finite() else EnclosureStatus.undefined
            return Enclosure(ball, status, precision)
        precision = min(2 * precision, most)


def evaluate_on_box(expression: sympy.Expr, box: Mapping[sympy.Symbol, Value], /, *, precision: int = 128) -> arb:
    """A ball that contains the expression's values on the whole box; not finite where it may be undefined."""
    symbols = tuple(box)
    form = CentredForm(expression, symbols)
    with ctx.workprec(precision):
        return form([as_ball(box[symbol], str(symbol)) for symbol in symbols])
