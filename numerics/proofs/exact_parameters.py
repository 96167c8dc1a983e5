"""The exact value of every symbol of a model: decimals as typed, doubles as the dyadic numbers they are, exact laws.

A constant of an activation that no rule gives exactly is a ball at any precision (numerics.enclosures.gaussian_means).
What is only known to some digits is refused by name: a certificate about a nearby number would be about another model.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import Any, TypeAlias

import sympy
from sympy import Expr, Integer, Poly, Rational, Symbol, Tuple, catalan, oo

from derivations.averages import LawMean, semicircle_mean
from derivations.learning_regimes.lower_mean import LowerMean
from derivations.model import ChoiceParameter, FunctionParameter, LawParameter, Model, Parameter
from numerics.enclosures.exact_numbers import to_fraction, to_sympy
from numerics.enclosures.gaussian_means import EnclosedConstant, NotEnclosed, enclose_constants
from numerics.enclosures.weighted_balls import SEMICIRCLE_SUPPORT, SmallestSum
from numerics.laws import LONG_EXPONENT, read_law
from numerics.parameters import ParameterError, complete

SEMICIRCLE = Symbol("semicircle")
"""Stands for the semicircle law of radius 2 among exact laws."""


Number: TypeAlias = "Expr | EnclosedConstant"


class NotExact(ValueError):
    """A value that is known to some digits only; the message is one line that names it."""


@dataclass(frozen=True)
class ExactValues:
    """Numbers by symbol (oo allowed), laws by symbol (a Tuple of atoms, or SEMICIRCLE), and the values as given."""

    numbers: Mapping[Symbol, Number]
    laws: Mapping[Symbol, Any]
    given: Mapping[str, object]


def read_exact(model: Model, given: Mapping[str, object], /) -> ExactValues:
    """Exact values of the model's symbols from numbers (int, Fraction, Rational, float, decimal text) and texts.

    Raises ParameterError as `numerics.parameters.complete` does, and NotExact where a value is known numerically only.
    """
    exact = {name: _number(model, name, value) for name, value in given.items()}
    rounded = {name: value if isinstance(value, str) else _rounded(value) for name, value in exact.items()}
    completed = complete(model, rounded)
    numbers: dict[Symbol, Number] = {}
    laws: dict[Symbol, Any] = {}
    shown: dict[str, object] = {}
    for item in model.parameters:
        text = str(completed[item.name])
        if isinstance(item, Parameter):
            value = exact[item.name] if item.name in exact else _default(item, exact)
            if value != oo and not item.domain.contains(value):
                raise ParameterError(f"{item.name} is {value}; allowed is {item.domain.describe(item.name)}")
            numbers[item] = shown[item.name] = value
            continue
        shown[item.name] = text
        if isinstance(item, ChoiceParameter):
            numbers[item.symbol] = Integer(item.options[text])
        elif isinstance(item, LawParameter):
            law = laws[item.symbol] = _read_law(item, text)
            numbers |= {} if item.kind is None else {item.kind: Integer(law == SEMICIRCLE)}
        else:
            numbers |= _function_constants(item, text)
    return ExactValues(numbers, laws, shown)


def read_number(value: object, /) -> Fraction | None:
    """The finite exact number that is meant by an int, Fraction, Rational, float or decimal text; None for all else.

    Text is read without filling the memory: an exponent of more than four digits is none.
    """
    if isinstance(value, Rational):
        return to_fraction(value)
    if isinstance(value, bool) or not isinstance(value, (int, float, str, Fraction)):
        return None
    if isinstance(value, str) and LONG_EXPONENT.search(value):
        return None
    try:
        return Fraction(value)
    except (ValueError, OverflowError, ZeroDivisionError):
        return None


def _number(model: Model, name: str, value: object) -> Any:
    """A Rational (or oo); text for a parameter that is no number; what is malformed is left to `complete`."""
    item = next((item for item in model.parameters if item.name == name), None)
    if not isinstance(item, Parameter):
        return value
    if isinstance(value, float) and math.isinf(value):
        return oo if value > 0 else -oo
    if isinstance(value, type(oo)):
        return value
    exact = read_number(value)
    if exact is not None:
        return to_sympy(exact)
    raise ParameterError(f"{name} is {value!r}; allowed is an exact number, {item.domain.describe(name)}")


def _rounded(value: Any) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf


def _default(item: Parameter, exact: Mapping[str, Any]) -> Any:
    """The default; one that is another parameter takes that parameter's exact value."""
    default = item.default
    if isinstance(default, Symbol):
        return exact[default.name]
    if default is not None and (default.is_Rational or default == oo):
        return default
    raise NotExact(f"{item.name} has the default {default}, which is not an exact number: give it")


def _function_constants(item: FunctionParameter, text: str) -> dict[Symbol, Number]:
    try:
        found = _constants(text, tuple(item.constants))
    except ValueError as error:
        raise ParameterError(f"{item.name}: {error}") from None
    if not all(isinstance(value, Expr) and not value.has(sympy.Float) for value in found.values()):
        try:
            found = _enclosed_constants(text, tuple(item.constants))
        except NotEnclosed as problem:
            raise NotExact(f"{item.name}={text} has constants known by quadrature only: {problem}") from None
    return {symbol: found[word] for word, symbol in item.constants.items()}


@lru_cache(maxsize=64)
def _constants(text: str, words: tuple[str, ...]) -> Mapping[str, Any]:
    from derivations.activations import activation_constants
    from derivations.expressions import parse_function

    t = Symbol("t", real=True)
    return activation_constants(parse_function(text, t), t, words)


@lru_cache(maxsize=64)
def _enclosed_constants(text: str, words: tuple[str, ...]) -> Mapping[str, Any]:
    from derivations.expressions import parse_function

    t = Symbol("t", real=True)
    return enclose_constants(parse_function(text, t), t, words)


def _read_law(item: LawParameter, text: str) -> Any:
    """Exact atoms, their weights divided by the exact sum."""
    wanted = item.named.get(text, text)
    try:
        read_law(item, text)
    except ValueError as error:
        raise ParameterError(str(error)) from None
    if wanted == "semicircle":
        return SEMICIRCLE
    atoms = [tuple(Fraction(part.strip()) for part in atom.split("@")) for atom in wanted.split(",")]
    total = sum(weight for _, weight in atoms)
    return Tuple(*(Tuple(to_sympy(value), to_sympy(weight / total)) for value, weight in atoms))


def put_laws(expression: Expr, laws: Mapping[Symbol, Any], /) -> Any:
    """The expression with means over laws written out: sums over atoms, integrals over an angle for the semicircle."""
    if not laws or not expression.has(LawMean):
        return expression

    def write_out(node: Any) -> Any:
        body, variable, symbol, *share = node.args
        law = laws.get(symbol)
        if law == SEMICIRCLE:
            return _over_semicircle(body, variable, *share)
        if not isinstance(law, Tuple):
            return node
        if not isinstance(node, LowerMean):
            return LawMean(body, variable, law)
        pairs = [each for value, weight in law for each in (body.xreplace({variable: value}), weight)]
        return SmallestSum(share[0], *pairs)

    return expression.replace(lambda node: isinstance(node, LawMean), write_out)


def _over_semicircle(body: Expr, variable: Symbol, share: Expr | None = None) -> Any:
    """A mean over the semicircle law of radius 2, exact for a polynomial; its lowest part from the range of the values.

    The lowest part is tight where the values do not vary, as under a target that is a multiple of the identity; where
    they do, the models solve for the threshold instead.
    """
    if share is not None:
        return SmallestSum(share, body.xreplace({variable: SEMICIRCLE_SUPPORT}), Integer(1))
    if body.is_polynomial(variable):
        coefficients = Poly(body, variable).terms()
        return sum((c * catalan(k // 2) for (k,), c in coefficients if not k % 2), Integer(0))
    return semicircle_mean(lambda value: body.xreplace({variable: value}), Integer(0), Integer(2))


__all__ = ["SEMICIRCLE", "ExactValues", "NotExact", "put_laws", "read_exact", "read_number"]
