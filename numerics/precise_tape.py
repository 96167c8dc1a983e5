"""A straight-line program of many-digit operations, read off a SymPy expression node by node."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import reduce
from operator import eq, ge, gt, le, lt, mul, ne
from typing import Any, TypeAlias

import mpmath
import sympy
from mpmath import mp
from sympy.core.function import AppliedUndef
from sympy.core.relational import Relational
from sympy.utilities.lambdify import MPMATH_TRANSLATIONS

from numerics import quadrature

Values: TypeAlias = list[Any]
Environment: TypeAlias = Mapping[sympy.Symbol, Any]
Operation: TypeAlias = Callable[[Values, Environment], Any]

_FAILURES = (ArithmeticError, ValueError, mpmath.libmp.NoConvergence, mpmath.libmp.ComplexResult)
_COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {"<": lt, "<=": le, ">": gt, ">=": ge, "==": eq, "!=": ne}
_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "sign": mp.sign,
    "Max": max,
    "Min": min,
    "Heaviside": lambda x, at_zero=0.5: mp.mpf(x > 0) if x != 0 else at_zero,
    "erf2": lambda x, y: mp.erf(y) - mp.erf(x),
    "uppergamma": mp.gammainc,
    "lowergamma": lambda s, x: mp.gammainc(s, 0, x),
    "polygamma": mp.psi,
    "cbrt": mp.cbrt,
}
_BRANCHING = (sympy.Piecewise, sympy.Integral, sympy.Sum, sympy.Product)


class Undefined(ArithmeticError):
    """The expression has no finite value at this point."""


class Tape:
    """One operation per distinct subexpression, each on earlier slots.

    `symbols` is what has to be given; `run` returns the value and the size of its terms before they cancel.
    """

    def __init__(self, expression: sympy.Expr, /) -> None:
        self.symbols: frozenset[sympy.Symbol] = frozenset(expression.free_symbols)
        self._operations: list[Operation] = []
        self._slots: dict[Any, int] = {}
        self._reads: list[frozenset[sympy.Symbol]] = []
        self._output = self._visit(expression)
        self._terms = self._visit_terms(expression)

    def run(self, environment: Environment, /) -> tuple[Any, Any]:
        """(value, size of its terms) at the working precision. Raises Undefined where there is no finite value."""
        value, terms = self.run_unbounded(environment)
        if not (isinstance(value, bool) or mp.isfinite(value)):
            raise Undefined("the value is not finite")
        return value, terms

    def run_unbounded(self, environment: Environment, /) -> tuple[Any, Any]:
        """As `run`, with infinite values allowed, as the ends of an interval are."""
        values: Values = []
        try:
            for operation in self._operations:
                values.append(operation(values, environment))
        except _FAILURES as error:
            raise Undefined(str(error) or type(error).__name__) from error
        except TypeError as error:
            raise Undefined(f"not real: {error}") from error
        return values[self._output], values[self._terms]

    def bind(self, variable: sympy.Symbol, environment: Environment, /, *, terms: bool = False) -> Callable[[Any], Any]:
        """The expression, or the size of its terms, as a function of one symbol; what does not vary is done once."""
        scope = dict(environment)
        scope[variable] = mp.mpf(0)
        result = self._terms if terms else self._output
        # the operations of the value come first, and those of the terms may read them
        operations = self._operations[: max(result, self._output) + 1]
        varying = [k for k, reads in enumerate(self._reads[: len(operations)]) if variable in reads]
        skipped = set(varying)
        values: Values = []
        for k, operation in enumerate(operations):
            values.append(None if k in skipped else operation(values, scope))

        def function(point: Any, /) -> Any:
            scope[variable] = point
            for k in varying:
                values[k] = operations[k](values, scope)
            return values[result]

        return function

    def _append(self, operation: Operation, reads: frozenset[sympy.Symbol]) -> int:
        self._operations.append(operation)
        self._reads.append(reads)
        return len(self._operations) - 1

    def _visit(self, node: sympy.Basic) -> int:
        if node not in self._slots:
            self._slots[node] = self._append(self._operation(node), frozenset(node.free_symbols))
        return self._slots[node]

    def _operation(self, node: Any) -> Operation:
        if isinstance(node, sympy.Symbol):
            return lambda _, environment: environment[node]
        if node in (sympy.true, sympy.false):
            truth = node == sympy.true
            return lambda *_: truth
        if node.is_Atom:
            return _number(node)
        if isinstance(node, (sympy.Derivative, sympy.Subs)):
            done = node.doit()
            if isinstance(done, type(node)):
                raise TypeError(f"{node} has no closed form, so it has no many-digit evaluation")
            return self._copy(done)
        if hasattr(node, "closed_form"):
            return self._copy(node.closed_form())
        if isinstance(node, sympy.Piecewise):
            return _piecewise(node)
        if isinstance(node, _BRANCHING):
            return _bound_operation(node)
        if isinstance(node, Relational):
            return _apply(_COMPARISONS[node.rel_op], self._visit_all(node))
        if isinstance(node, (sympy.And, sympy.Or, sympy.Not)):
            return _connective(node, self._visit_all(node))
        if isinstance(node, sympy.Pow):
            return self._power(node)
        function = _find_function(node)
        if function is None and node.is_number:
            return _number(node)
        if function is None:
            raise TypeError(f"{type(node).__name__} has no many-digit evaluation (in {str(node)[:60]})")
        return _apply(function, self._visit_all(node))

    def _copy(self, node: sympy.Basic) -> Operation:
        slot = self._visit(node)
        return lambda values, _: values[slot]

    def _visit_all(self, node: sympy.Basic) -> tuple[int, ...]:
        return tuple(self._visit(argument) for argument in node.args)

    def _power(self, node: sympy.Pow) -> Operation:
        base, exponent = self._visit(node.base), node.exp
        if exponent.is_Integer:
            power = int(exponent)
            return lambda values, _: values[base] ** power
        if exponent == sympy.S.Half:
            return lambda values, _: mp.sqrt(values[base])
        if exponent == -sympy.S.Half:
            return lambda values, _: 1 / mp.sqrt(values[base])
        return _apply(mp.power, (base, self._visit(exponent)))

    def _visit_terms(self, node: sympy.Basic) -> int:
        """The slot of the size of a node's terms: sums add up, products and integer powers multiply."""
        key = (node, "terms")
        if key not in self._slots:
            self._slots[key] = self._append(self._terms_operation(node), frozenset(node.free_symbols))
        return self._slots[key]

    def _terms_operation(self, node: Any) -> Operation:
        if isinstance(node, (sympy.Add, sympy.Mul)):
            parts = tuple(self._visit_terms(argument) for argument in node.args)
            return _apply(_ARITHMETIC[type(node)], parts)
        if isinstance(node, sympy.Pow) and node.exp.is_Integer and node.exp > 0:
            base, power = self._visit_terms(node.base), int(node.exp)
            return lambda values, _: values[base] ** power
        if isinstance(node, (sympy.Integral, sympy.Sum)):
            return _bound_operation(node, terms=True)
        slot = self._visit(node)
        return lambda values, _: mp.fabs(values[slot])


_ARITHMETIC: dict[type, Callable[..., Any]] = {
    sympy.Add: lambda *terms: sum(terms),
    sympy.Mul: lambda *factors: reduce(mul, factors),
}


def _apply(function: Callable[..., Any], slots: tuple[int, ...]) -> Operation:
    if len(slots) == 1:
        (only,) = slots
        return lambda values, _: function(values[only])
    if len(slots) == 2:
        left, right = slots
        return lambda values, _: function(values[left], values[right])
    return lambda values, _: function(*[values[slot] for slot in slots])


def _number(node: Any) -> Operation:
    if isinstance(node, sympy.Rational):
        p, q = int(node.p), int(node.q)
        return lambda *_: mp.mpf(p) / q
    if isinstance(node, sympy.Float):
        exact = node._mpf_
        return lambda *_: mp.make_mpf(exact)
    if node in (sympy.zoo, sympy.nan):
        raise Undefined(f"the expression contains {node}")
    if not node.is_number:
        raise TypeError(f"{type(node).__name__} has no many-digit evaluation (in {str(node)[:60]})")
    return lambda *_: node.evalf(mp.dps + 5)._to_mpmath(mp.prec)


def _find_function(node: Any) -> Callable[..., Any] | None:
    if type(node) in _ARITHMETIC:
        return _ARITHMETIC[type(node)]
    name = type(node).__name__
    if name in _FUNCTIONS:
        return _FUNCTIONS[name]
    if not isinstance(node, sympy.Function) or isinstance(node, AppliedUndef):
        return None
    found = getattr(mp, MPMATH_TRANSLATIONS.get(name, name), None)
    return found if callable(found) else None


def _connective(node: Any, slots: tuple[int, ...]) -> Operation:
    if isinstance(node, sympy.Not):
        return lambda values, _: not values[slots[0]]
    combine = all if isinstance(node, sympy.And) else any
    return lambda values, _: combine(values[slot] for slot in slots)


def _piecewise(node: sympy.Piecewise) -> Operation:
    """Only the branch that applies is evaluated: the others may be undefined there."""
    branches = [(Tape(condition), Tape(branch)) for branch, condition in node.args]

    def choose(_: Values, environment: Environment) -> Any:
        for condition, branch in branches:
            if condition.run(environment)[0]:
                return branch.run(environment)[0]
        raise Undefined("no case of the Piecewise applies")

    return choose


def _bound_operation(node: Any, *, terms: bool = False) -> Operation:
    """An integral, sum or product over its outermost variable; those over inner variables are nested inside."""
    if any(len(limits) != 3 for limits in node.limits):
        raise TypeError(f"{node} needs both limits for a many-digit evaluation")
    *inner, (variable, low, high) = node.limits
    integrand = node.func(node.function, *inner) if inner else node.function
    body, ends = Tape(integrand), (Tape(low), Tape(high))
    kinks = [Tape(argument) for argument in quadrature.find_kink_arguments(integrand, variable)]

    def compute(_: Values, environment: Environment) -> Any:
        first, last = (end.run_unbounded(environment)[0] for end in ends)
        function = body.bind(variable, environment, terms=terms)
        arguments = [kink.bind(variable, environment) for kink in kinks]
        if not isinstance(node, sympy.Integral):
            return quadrature.accumulate(node.func, function, first, last)
        if terms:
            return mp.fabs(quadrature.estimate(function, first, last, arguments))
        return quadrature.integrate(function, first, last, arguments)

    return compute
