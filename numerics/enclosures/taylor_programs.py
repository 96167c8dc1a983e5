"""SymPy expressions as straight-line programs on Taylor models, every distinct operation done once."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from functools import partial, reduce
from typing import Any, TypeAlias

import sympy
from flint import arb, ctx
from sympy.core.relational import Relational

from numerics.enclosures import balls
from numerics.enclosures.ball_programs import compile_balls
from numerics.enclosures.tape import COMPARISONS, UnsupportedNode
from numerics.enclosures.taylor_models import SMOOTH, Value, plus, power, range_of, smooth, times

Operation: TypeAlias = Callable[..., Any]
Recipe: TypeAlias = "tuple[Hashable, Operation, tuple[sympy.Basic, ...]]"
"""What tells the operation from others, the operation, and its operands."""


class TaylorProgram:
    """Expressions as functions of Taylor models (or balls) of the symbols.

    A node without a rule here is evaluated by balls on the ranges of its symbols. A Piecewise is undefined unless one
    branch is certain on the whole box.
    """

    def __init__(self, symbols: Sequence[sympy.Symbol], /) -> None:
        self._slots: dict[sympy.Basic, int] = {symbol: k for k, symbol in enumerate(symbols)}
        self._known: dict[Hashable, int] = {}
        self._inputs = len(symbols)
        self._operations: list[tuple[Operation, tuple[int, ...]]] = []

    def define(self, name: sympy.Symbol, expression: sympy.Expr, /) -> None:
        """Let later expressions use `name`. Raises UnsupportedNode for what balls do not support either."""
        if name in self._slots:
            raise ValueError(f"symbol {name} is given or defined twice")
        self._slots[name] = self.visit(expression)

    def visit(self, node: sympy.Basic, /) -> int:
        """The slot of an expression's value. Raises UnsupportedNode."""
        if node not in self._slots:
            kind, operation, parts = _recipe(node)
            operands = tuple(map(self.visit, parts))
            key = (kind, operands)
            if key not in self._known:
                self._operations.append((operation, operands))
                self._known[key] = self._inputs + len(self._operations) - 1
            self._slots[node] = self._known[key]
        return self._slots[node]

    def select(self, expressions: Sequence[sympy.Expr], /) -> Callable[[Sequence[Value]], list[Value]]:
        """A function from values of the symbols to values of the expressions, which does no more than these need."""
        outputs = [self.visit(expression) for expression in expressions]
        wanted, chosen = set(outputs), list[tuple[int, Operation, tuple[int, ...]]]()
        for k in reversed(range(len(self._operations))):
            if self._inputs + k in wanted:
                operation, operands = self._operations[k]
                wanted.update(operands)
                chosen.append((self._inputs + k, operation, operands))
        chosen.reverse()

        def run(inputs: Sequence[Value], /) -> list[Value]:
            store: dict[int, Any] = dict(enumerate(inputs))
            for slot, operation, operands in chosen:
                store[slot] = operation(*[store[k] for k in operands])
            return [store[k] for k in outputs]

        return run


def _recipe(node: sympy.Basic) -> Recipe:
    kind, parts = node.func, node.args
    if not node.free_symbols:
        return node, _constant(node), ()
    if kind in _FOLDS:
        return kind, _FOLDS[kind] if len(parts) == 2 else partial(_fold, _FOLDS[kind]), parts
    if kind is sympy.Pow and parts[1].is_Rational:
        return (kind, parts[1]), partial(power, parts[1]), parts[:1]
    if kind in SMOOTH:
        return kind, partial(smooth, SMOOTH[kind]), parts
    if kind is sympy.Piecewise:
        return kind, _choose, tuple(part for pair in parts for part in pair)
    if isinstance(node, Relational):
        return kind, partial(_compare, COMPARISONS[node.rel_op]), parts
    if not isinstance(node, sympy.Expr) or isinstance(node, sympy.Symbol):
        raise UnsupportedNode(f"{node} has no value here: name it among the symbols, or use an expression")
    symbols = tuple(sorted(node.free_symbols, key=str))
    program = compile_balls([node], symbols)
    return node, lambda *values: program([range_of(value) for value in values])[0], symbols


def _constant(node: sympy.Basic) -> Operation:
    """A number or a truth value, built once for each precision."""
    if node in (sympy.true, sympy.false):
        return partial(bool, node == sympy.true)
    program, known = compile_balls([node], []), dict[int, arb]()

    def build() -> arb:
        if ctx.prec not in known:
            known[ctx.prec] = program([])[0]
        return known[ctx.prec]

    return build


def _fold(operation: Callable[[Value, Value], Value], *parts: Value) -> Value:
    return reduce(operation, parts)


def _compare(relation: Callable[[arb, arb], bool | None], x: Value, y: Value) -> bool | None:
    return relation(range_of(x), range_of(y))


def _choose(*parts: Any) -> Value:
    """The branch whose condition is certain, all earlier ones being certainly false; else undefined."""
    for branch, condition in zip(parts[::2], parts[1::2], strict=True):
        if condition is not False:
            found: Value = branch if condition is True else balls.UNDEFINED
            return found
    return balls.UNDEFINED


_FOLDS: dict[type, Callable[[Value, Value], Value]] = {sympy.Add: plus, sympy.Mul: times}
