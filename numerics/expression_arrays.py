"""SymPy expressions of one variable as array functions: an interpreter over an allow-list of nodes, no source text."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import reduce
from typing import Any, TypeAlias

import sympy
from sympy import Basic, Expr, Symbol

from numerics.lab import Array, erf, erfc, namespace

ArrayFunction: TypeAlias = Callable[[Array], Array]

ELEMENTWISE = {
    sympy.exp: "exp",
    sympy.log: "log",
    sympy.sin: "sin",
    sympy.cos: "cos",
    sympy.tan: "tan",
    sympy.sinh: "sinh",
    sympy.cosh: "cosh",
    sympy.tanh: "tanh",
    sympy.asin: "asin",
    sympy.acos: "acos",
    sympy.atan: "atan",
    sympy.asinh: "asinh",
    sympy.Abs: "abs",
    sympy.sign: "sign",
}
SPECIAL: dict[Any, ArrayFunction] = {sympy.erf: erf, sympy.erfc: erfc}
COMPARISONS: dict[Any, Callable[[Array, Array], Array]] = {
    sympy.StrictGreaterThan: lambda a, b: a > b,
    sympy.GreaterThan: lambda a, b: a >= b,
    sympy.StrictLessThan: lambda a, b: a < b,
    sympy.LessThan: lambda a, b: a <= b,
    sympy.Equality: lambda a, b: a == b,
    sympy.Unequality: lambda a, b: a != b,
}


def compile_expression(expression: Expr, variable: Symbol, /) -> ArrayFunction:
    """The expression as a function of an array of any shape, in the array's own namespace and dtype.

    Heaviside is 0 at 0, so that the slope of max(t, 0) at its kink is 0. Raises ValueError for a node that is not on
    the allow-list, or for a symbol other than `variable`.
    """
    return _as_arrays(_compile(expression, variable))


def _as_arrays(function: ArrayFunction) -> ArrayFunction:
    def evaluate(t: Array) -> Array:
        values = function(t)
        return namespace(t).full_like(t, values) if isinstance(values, float) else values

    return evaluate


def _compile(node: Basic, variable: Symbol) -> ArrayFunction:
    if node == variable:
        return lambda t: t
    if node.is_number:
        return _constant(node)
    if isinstance(node, sympy.Piecewise):
        return _piecewise(node, variable)
    parts = [_compile(argument, variable) for argument in node.args]
    kind = node.func
    if kind is sympy.Pow:
        return _power(node, parts[0], parts[1])
    if kind in (sympy.Add, sympy.Mul, sympy.Max, sympy.Min):
        combine = {sympy.Add: _add, sympy.Mul: _multiply, sympy.Max: _maximum, sympy.Min: _minimum}[kind]
        return lambda t: reduce(combine, [part(t) for part in parts])
    if kind is sympy.Heaviside:
        return lambda t: _indicator(parts[0](t) > 0, t)
    if kind in ELEMENTWISE:
        return lambda t: getattr(namespace(t), ELEMENTWISE[kind])(parts[0](t))
    if kind in SPECIAL:
        return lambda t: SPECIAL[kind](parts[0](t))
    allowed = ", ".join(sorted(str(one.__name__) for one in [*ELEMENTWISE, *SPECIAL]))
    raise ValueError(f"expression: {kind.__name__} in {node} cannot be evaluated on arrays; allowed are {allowed}, ...")


def _constant(node: Basic) -> ArrayFunction:
    value = float(node)
    if not math.isfinite(value):
        raise ValueError(f"expression: the constant {node} is not a finite real number")
    return lambda t: value


def _power(node: Any, base: ArrayFunction, exponent: ArrayFunction) -> ArrayFunction:
    if node.exp == sympy.Rational(1, 2):
        return lambda t: namespace(t).sqrt(base(t))
    if node.exp.is_number:
        fixed = float(node.exp)
        return lambda t: base(t) ** fixed
    return lambda t: base(t) ** exponent(t)


def _piecewise(node: Any, variable: Symbol) -> ArrayFunction:
    cases = [(_as_arrays(_compile(value, variable)), _condition(test, variable)) for value, test in node.args]
    if node.args[-1][1] != True:  # noqa: E712  # a SymPy truth value
        raise ValueError(f"expression: {node} needs a branch for every {variable}")

    def evaluate(t: Array) -> Array:
        result = cases[-1][0](t)
        for value, test in reversed(cases[:-1]):
            result = namespace(t).where(test(t), value(t), result)
        return result

    return evaluate


def _condition(test: Basic, variable: Symbol) -> ArrayFunction:
    if test in (sympy.true, sympy.false):
        flag = bool(test)
        return lambda t: namespace(t).full_like(t, flag, dtype=namespace(t).bool)
    if isinstance(test, sympy.And | sympy.Or):
        parts = [_condition(part, variable) for part in test.args]
        both = isinstance(test, sympy.And)
        return lambda t: reduce(lambda a, b: a & b if both else a | b, [part(t) for part in parts])
    compare = COMPARISONS.get(test.func)
    if compare is None:
        raise ValueError(f"expression: the condition {test} cannot be evaluated on arrays")
    left, right = (_compile(side, variable) for side in test.args)
    return lambda t: compare(left(t), right(t))


def _add(a: Array, b: Array) -> Array:
    return a + b


def _multiply(a: Array, b: Array) -> Array:
    return a * b


def _maximum(a: Array, b: Array) -> Array:
    return _any_namespace(a, b).where(a >= b, a, b)


def _minimum(a: Array, b: Array) -> Array:
    return _any_namespace(a, b).where(a <= b, a, b)


def _any_namespace(a: Array, b: Array) -> Any:
    return namespace(b if isinstance(a, float) else a)


def _indicator(condition: Array, like: Array) -> Array:
    return namespace(like).astype(condition, like.dtype)
