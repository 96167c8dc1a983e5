"""A straight-line program in which every repeated part is computed once: derivatives share most parts with values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from sympy import Expr, Integral, Mul, Symbol, numbered_symbols
from sympy.simplify.cse_main import cse

from derivations.averages import LawMean

Assignments = Sequence[tuple[str, Expr]]


def share(assignments: Assignments, /) -> list[tuple[str, Expr]]:
    """The same assignments in order, with what occurs twice assigned once: to `shared_1`, ..., before its first use.

    A repeated part that is all of an assignment goes by the name assigned. The names must differ from one another. The
    result is the same under any hash seed and either of SymPy's ground types.
    """
    constants: dict[Expr, Symbol] = {}
    hidden = [_hide_constants(expression, constants) for _, expression in assignments]
    found, reduced = cse(hidden, symbols=numbered_symbols("_part_"))
    lines = _Lines(dict(found), {symbol: value for value, symbol in constants.items()})
    for (name, _), expression in zip(assignments, reduced, strict=True):
        if expression in lines.parts and expression not in lines.known:
            lines.add_part(expression, name)
        else:
            lines.add(name, expression)
    return lines.written


@dataclass
class _Lines:
    """The lines written so far; `parts` are to be named when a line first needs them, `known` are the names given."""

    parts: dict[Symbol, Expr]
    known: dict[Symbol, Expr]
    written: list[tuple[str, Expr]] = field(default_factory=list)
    shared: int = 0

    def add(self, name: str, expression: Expr) -> None:
        self._add_missing(expression)
        self.written.append((name, expression.xreplace(self.known)))

    def add_part(self, part: Symbol, name: str = "") -> None:
        self._add_missing(self.parts[part])
        if not name:
            self.shared += 1
            name = f"shared_{self.shared}"
        self.add(name, self.parts[part])
        self.known[part] = Symbol(name, real=True)

    def _add_missing(self, expression: Expr) -> None:
        for part in self.parts:
            if part in expression.free_symbols and part not in self.known:
                self.add_part(part)


def _hide_constants(expression: Expr, table: dict[Expr, Symbol]) -> Expr:
    """The expression with irrational numbers as symbols, so that sqrt(2/pi) is neither split nor computed apart.

    Averages are hidden as well: what depends on the variable averaged over must not be computed outside.
    """
    if isinstance(expression, Integral | LawMean):
        return table.setdefault(expression, Symbol(f"_constant_{len(table)}"))
    if expression.is_number:
        return expression if expression.is_Rational else table.setdefault(expression, Symbol(f"_constant_{len(table)}"))
    if expression.is_Mul and not all(factor.is_Rational for factor in expression.args if factor.is_number):
        coefficient = Mul(*(factor for factor in expression.args if factor.is_number))
        sign = -1 if coefficient.is_negative else 1
        rest = [_hide_constants(factor, table) for factor in expression.args if not factor.is_number]
        return Mul(sign, _hide_constants(sign * coefficient, table), *rest)
    if expression.args:
        return expression.func(*(_hide_constants(argument, table) for argument in expression.args))
    return expression
