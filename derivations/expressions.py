"""Functions of one variable that a user types (an activation, say), read by an allow-list, never run as code."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Mapping
from typing import Any

from sympy import (
    Abs,
    E,
    Expr,
    Heaviside,
    I,
    Max,
    Min,
    Number,
    Pow,
    Rational,
    Symbol,
    asinh,
    atan,
    cos,
    cosh,
    erf,
    erfc,
    exp,
    log,
    nan,
    oo,
    pi,
    sign,
    sin,
    sinh,
    sqrt,
    tan,
    tanh,
    zoo,
)

LONGEST_TEXT, DEEPEST_NESTING, LARGEST_EXPONENT, MOST_BITS, LARGEST_EXPONENTIAL = 300, 40, 32, 512, 300
MOST_DIGITS = 154
"""MOST_BITS in decimal digits."""

NAMED_ACTIVATIONS: Mapping[str, str] = {
    "relu": "max(t, 0)",
    "leaky_relu": "max(t, 0.01*t)",
    "tanh": "tanh(t)",
    "erf": "erf(t)",
    "sigmoid": "1/(1 + exp(-t))",
    "softplus": "log(1 + exp(t))",
    "gelu": "t*erfc(-t/sqrt(2))/2",
    "silu": "t/(1 + exp(-t))",
    "elu": "max(t, 0) + exp(min(t, 0)) - 1",
    "abs": "abs(t)",
    "sin": "sin(t)",
    "linear": "t",
}
"""Activations known by name, as text in the variable t; `relu` is max(t, 0), not centred."""

_ONE_ARGUMENT: Mapping[str, Callable[[Expr], Expr]] = {
    **{f.__name__: f for f in (exp, log, sqrt, sin, cos, tan, sinh, cosh, tanh, erf, erfc, atan, asinh, sign)},
    "abs": Abs,
    "Abs": Abs,
    "Heaviside": Heaviside,
}
_ANY_ARGUMENTS: Mapping[str, Callable[..., Expr]] = {"max": Max, "Max": Max, "min": Min, "Min": Min}
_CONSTANTS: Mapping[str, Expr] = {"pi": pi, "E": E}
_OPERATIONS: Mapping[type[ast.operator], Callable[[Any, Any], Expr]] = {
    ast.Add: lambda a, b: a + b,
    ast.Sub: lambda a, b: a - b,
    ast.Mult: lambda a, b: a * b,
    ast.Div: lambda a, b: a / b,
}
_FUNCTIONS = sorted({*_ONE_ARGUMENT, *_ANY_ARGUMENTS, *NAMED_ACTIVATIONS} - {"Abs", "Max", "Min"})
_NUMBER = re.compile(r"(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,2})?")
_WIDE_NUMBER = re.compile(r"(\d+\.?\d*|\.\d+)[eE][+-]?\d+")


def parse_function(text: str, variable: Symbol, /) -> Expr:
    """The function of `variable` that `text` writes, as a SymPy expression with exact numbers (0.1 is one tenth).

    Allowed: numbers, + - * / **, the variable, pi, E, the functions of one argument, max and min, and the names of
    `NAMED_ACTIVATIONS` with an argument or alone ("relu" is max(t, 0)). Exponents are numbers between -32 and 32.
    The variable must be declared real. Raises ValueError, in one line, for anything else.
    """
    if variable.is_real is not True:
        raise ValueError(f"the variable of a function must be a real symbol, got {variable!r} without that assumption")
    if not isinstance(text, str) or not text.strip():
        raise ValueError(f"a function of {variable} is a text such as 'max({variable}, 0)', got {text!r}")
    if len(text) > LONGEST_TEXT:
        raise ValueError(f"a function of {variable} has at most {LONGEST_TEXT} characters, got {len(text)}")
    text = " ".join(text.split())
    if text in NAMED_ACTIVATIONS and text != str(variable):
        return named_activation(text, variable)
    try:
        tree = ast.parse(text, mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise ValueError(f"'{text}' is not a formula in {variable}; allowed: {allowed(variable)}") from None
    return _Reader(text, variable).read(tree, 0)


def named_activation(name: str, variable: Symbol, /) -> Expr:
    """The activation called `name`, as an expression in `variable`. Raises ValueError for a name that is not known."""
    if name not in NAMED_ACTIVATIONS:
        raise ValueError(f"no activation is called '{name}'; named ones: {', '.join(NAMED_ACTIVATIONS)}")
    t = Symbol("t", real=True)
    text = NAMED_ACTIVATIONS[name]
    return _Reader(text, t).read(ast.parse(text, mode="eval").body, 0).xreplace({t: variable})


def allowed(variable: Symbol, /) -> str:
    """What a typed function may contain, in words."""
    return f"numbers, + - * / **, {variable}, pi, E, {', '.join(_FUNCTIONS)}"


class _Reader:
    """One walk over a syntax tree; every node type that is not named here is refused."""

    def __init__(self, text: str, variable: Symbol) -> None:
        self.text = text
        self.variable = variable

    def read(self, node: ast.expr, depth: int) -> Expr:
        if depth > DEEPEST_NESTING:
            raise ValueError(f"'{self.text}' is nested more than {DEEPEST_NESTING} deep")
        match node:
            case ast.Constant():
                return self._number(node)
            case ast.Name(id=name):
                return self._name(name)
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return -self.read(operand, depth + 1)
            case ast.UnaryOp(op=ast.UAdd(), operand=operand):
                return self.read(operand, depth + 1)
            case ast.BinOp(op=ast.Pow(), left=left, right=right):
                return self._power(self.read(left, depth + 1), self.read(right, depth + 1))
            case ast.BinOp(op=operator, left=left, right=right) if type(operator) in _OPERATIONS:
                return self._small(_OPERATIONS[type(operator)](self.read(left, depth + 1), self.read(right, depth + 1)))
            case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]):
                return self._call(name, [self.read(argument, depth + 1) for argument in arguments])
            case ast.BinOp(op=ast.BitXor()):
                raise ValueError(f"'{self.text}' uses ^: powers are written with **")
        raise self._refused(ast.get_source_segment(self.text, node) or type(node).__name__)

    def _refused(self, what: str) -> ValueError:
        where = "" if what == self.text else f" in '{self.text}'"
        return ValueError(f"'{what}' is not allowed{where}; allowed: {allowed(self.variable)}")

    def _oversized(self) -> ValueError:
        return ValueError(
            f"'{self.text}' has too large a number: at most {MOST_DIGITS} digits above and below the line"
        )

    def _number(self, node: ast.Constant) -> Expr:
        written = ast.get_source_segment(self.text, node) or ""
        if isinstance(node.value, bool) or not _NUMBER.fullmatch(written):
            raise self._out_of_range(written) if _WIDE_NUMBER.fullmatch(written) else self._refused(written)
        return self._small(Rational(written))

    def _out_of_range(self, written: str) -> ValueError:
        return ValueError(f"'{written}' in '{self.text}' is too large or too small: powers of ten go from e-99 to e99")

    def _name(self, name: str) -> Expr:
        if name == str(self.variable):
            return self.variable
        if name in _CONSTANTS:
            return _CONSTANTS[name]
        if name in _ANY_ARGUMENTS:
            raise ValueError(
                f"'{self.text}' names the function {name} without arguments: write {name}({self.variable}, 0)"
            )
        if name in _ONE_ARGUMENT or name in NAMED_ACTIVATIONS:
            raise ValueError(
                f"'{self.text}' names the function {name} without its argument: write {name}({self.variable})"
            )
        raise self._refused(name)

    def _power(self, base: Expr, exponent: Expr) -> Expr:
        if not isinstance(exponent, Rational):
            raise ValueError(f"'{self.text}' has the exponent {exponent}: exponents are numbers, else write exp(...)")
        if abs(exponent) > LARGEST_EXPONENT:
            raise ValueError(f"'{self.text}' has the exponent {exponent}: at most {LARGEST_EXPONENT} is allowed")
        if isinstance(base, Number) and abs(exponent) * _bits(base) > MOST_BITS:
            raise self._oversized()
        return self._small(Pow(base, exponent))

    def _call(self, name: str, arguments: list[Expr]) -> Expr:
        if name in _ANY_ARGUMENTS and len(arguments) >= 2:
            return self._small(_ANY_ARGUMENTS[name](*arguments))
        if name not in _ONE_ARGUMENT and name not in NAMED_ACTIVATIONS and name not in _ANY_ARGUMENTS:
            raise self._refused(name)
        if len(arguments) != 1 or name in _ANY_ARGUMENTS:
            wanted = "two or more arguments" if name in _ANY_ARGUMENTS else "one argument"
            raise ValueError(f"{name} takes {wanted}, got {len(arguments)} in '{self.text}'")
        argument = arguments[0]
        if argument.is_number and name in {"exp", "sinh", "cosh"} and not abs(argument) <= LARGEST_EXPONENTIAL:
            raise self._oversized()
        if name in _ONE_ARGUMENT:
            return self._small(_ONE_ARGUMENT[name](argument))
        t = Symbol("t", real=True)
        return self._small(named_activation(name, t).xreplace({t: argument}))

    def _small(self, value: Expr) -> Expr:
        if value.has(nan, zoo, oo, -oo, I):
            raise ValueError(f"'{self.text}' is not a finite real function of {self.variable}")
        exponents = [power.exp for power in value.atoms(Pow) if isinstance(power.exp, Number)]
        if any(_bits(number) > MOST_BITS for number in value.atoms(Number)):
            raise self._oversized()
        if any(abs(exponent) > LARGEST_EXPONENT for exponent in exponents):
            raise ValueError(f"'{self.text}' has an exponent beyond {LARGEST_EXPONENT}")
        return value


def _bits(value: Number) -> int:
    if not isinstance(value, Rational):
        return 0
    return max(int(value.p).bit_length(), int(value.q).bit_length())
