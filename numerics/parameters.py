"""From what a user gives to what a model needs: names, domains, defaults, and the constants of its functions."""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import mpmath
import numpy as np
import numpy.typing as npt
from sympy import N, Symbol, oo

from derivations.model import ChoiceParameter, FunctionParameter, LawParameter, Model, Parameter
from numerics.laws import Law, read_law

Floats = npt.NDArray[np.float64]


class ParameterError(ValueError):
    """A parameter that is unknown, missing, or outside its domain; one line that says what is allowed."""


def complete(model: Model, given: Mapping[str, object], /) -> dict[str, Floats | str]:
    """Every parameter of `model` by name: float arrays as given (not yet broadcast), text for all that is no number.

    Defaults fill what is not given; a default that is another parameter (epsilon_test) takes its value. Raises
    ParameterError for an unknown or missing name, a value that is not a finite number, or one outside its domain.
    """
    known = {item.name: item for item in model.parameters}
    for name in given:
        if name not in known:
            raise ParameterError(_unknown(name, list(known)))
    found: dict[str, Floats | str] = {}
    for name, item in known.items():
        if not isinstance(item, Parameter):
            found[name] = _text(item, given.get(name, item.default))
        elif name in given:
            found[name] = _number(item, given[name])
    missing = [item for item in known.values() if isinstance(item, Parameter) and item.name not in found]
    if needed := [item for item in missing if item.default is None]:
        raise ParameterError(
            "; ".join(f"{item.name} is missing: {item.meaning} ({item.domain.describe(item.name)})" for item in needed)
        )
    for item in missing:
        found[item.name] = _default(item, item.default, found)
    _require_one_shape(found)
    return {name: found[name] for name in known}


def _require_one_shape(found: Mapping[str, Floats | str]) -> None:
    shapes = {name: value.shape for name, value in found.items() if not isinstance(value, str) and value.shape}
    try:
        np.broadcast_shapes(*shapes.values())
    except ValueError:
        words = ", ".join(f"{name} {shape}" for name, shape in shapes.items())
        raise ParameterError(f"the shapes do not broadcast: {words}; allowed are equal sizes or 1") from None


def _unknown(name: str, known: list[str]) -> str:
    near = difflib.get_close_matches(name, known, n=1)
    hint = f"; did you mean {near[0]}?" if near else ""
    return f"unknown parameter {name!r}{hint} (allowed: {', '.join(known)})"


def _text(item: FunctionParameter | ChoiceParameter | LawParameter, value: object) -> str:
    if isinstance(item, ChoiceParameter):
        if value not in item.options:
            raise ParameterError(f"{item.name} is {value!r}; allowed are {', '.join(item.options)}")
        return str(value)
    if not isinstance(value, str):
        what = ("law", "0.5@0.5,1.5@0.5") if isinstance(item, LawParameter) else ("function of t", "tanh(t)")
        raise ParameterError(f"{item.name} is a {what[0]}, given as text such as '{what[1]}', not {value!r}")
    return value


def _number(item: Parameter, value: object) -> Floats:
    if value is None or np.asarray(value).dtype == np.bool_:
        raise ParameterError(f"{item.name} is {value!r}; allowed is a number, {item.domain.describe(item.name)}")
    try:
        array = np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError):
        raise ParameterError(f"{item.name} is {value!r}; allowed is {item.domain.describe(item.name)}") from None
    # a parameter that may be left out (its default is infinite) takes that default when it is spelt out
    absent = np.isposinf(array) & bool(item.default == oo)
    inside = np.isfinite(array) | absent
    for bad in array[~inside][:1]:
        raise ParameterError(f"{item.name} is {bad}; allowed is a finite number, {item.domain.describe(item.name)}")
    domain = item.domain
    low, high = float(domain.lower), float(domain.upper)
    outside = ((array <= low) if domain.lower_open else (array < low)) & np.isfinite(low)
    outside |= ((array >= high) if domain.upper_open else (array > high)) & np.isfinite(high)
    for bad in array[outside & ~absent][:1]:
        raise ParameterError(f"{item.name} is {bad:g}; allowed is {domain.describe(item.name)}")
    return array


def _default(item: Parameter, default: Any, found: Mapping[str, Floats | str]) -> Floats:
    if isinstance(default, Symbol):
        value = found.get(default.name)
        if value is None:
            raise ParameterError(f"{default.name} is missing: {item.name} takes its value")
        return np.asarray(value, dtype=np.float64)
    return np.asarray(float(default))


def constants(model: Model, completed: Mapping[str, Floats | str], /) -> dict[str, Floats | Law]:
    """The value of every symbol of `model` by name: numbers, the constants of each function, choices, laws.

    Raises ParameterError when a function does not have the moments that the model needs, or a law is malformed.
    """
    values: dict[str, Floats | Law] = {}
    for item in model.parameters:
        value = completed[item.name]
        if isinstance(item, Parameter):
            values[item.name] = np.asarray(value, dtype=np.float64)
        elif isinstance(item, ChoiceParameter):
            values[item.symbol.name] = np.asarray(float(item.options[str(value)]))
        elif isinstance(item, LawParameter):
            values.update(_law_values(item, str(value)))
        else:
            for word, number in _function_constants(item, str(value)).items():
                values[item.constants[word].name] = np.asarray(number)
    return values


def _law_values(item: LawParameter, text: str) -> dict[str, Floats | Law]:
    try:
        law = read_law(item, text)
    except ValueError as error:
        raise ParameterError(str(error)) from None
    found: dict[str, Floats | Law] = {item.symbol.name: law}
    if item.kind is not None:
        found[item.kind.name] = np.asarray(float(law.kind))
    return found


def _function_constants(item: FunctionParameter, text: str) -> dict[str, float]:
    """The constants of a function by word; ParameterError quotes the text once."""
    from derivations.activations import UnusableActivation, activation_constants
    from derivations.expressions import parse_function

    t = Symbol("t", real=True)
    try:
        found = activation_constants(parse_function(text, t), t, tuple(item.constants))
        return {word: _representable(word, value) for word, value in found.items()}
    except UnusableActivation as error:
        raise ParameterError(f"{item.name} is {text!r}: {error.reason}") from None
    except OverflowError as error:
        raise ParameterError(f"{item.name} is {text!r}: {error}") from None
    except ValueError as error:
        raise ParameterError(f"{item.name}: {error}") from None


def _representable(word: str, value: Any) -> float:
    """The constant as a float whose square is one, too, where the model squares it. Raises OverflowError.

    An energy that is infinite, as that of a jump's slope, stays so: the model says what follows.
    """
    if value == oo:
        return math.inf
    exact = mpmath.mpmathify(N(value, 17))
    reach = 300 if word.endswith("energy") else 150
    if exact and not -reach < mpmath.log10(abs(exact)) < reach:
        raise OverflowError(f"its {word} is {mpmath.nstr(exact, 3)}; double precision needs 1e-{reach} to 1e{reach}")
    return float(exact)


def namespace(model: Model, at: Mapping[Any, object], /) -> SimpleNamespace:
    """What an experiment receives by name: a float for each parameter and constant, texts, and a Law for each law.

    `at` is keyed by parameter or by name; exact numbers become floats. Raises ParameterError as `complete` does.
    """
    given = {str(key): value if isinstance(value, str) else float(value) for key, value in at.items()}  # type: ignore[arg-type]
    completed = complete(model, given)
    texts = {name: value for name, value in completed.items() if isinstance(value, str)}
    values = constants(model, completed)
    return SimpleNamespace(
        **texts, **{name: value if isinstance(value, Law) else float(value) for name, value in values.items()}
    )
