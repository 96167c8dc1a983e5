"""A model's root to many digits: a double-precision start, then Newton with the generated mpmath code."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import mpmath
import numpy as np
from sympy import Symbol

from derivations.model import Model
from numerics import many_digits
from numerics.generated import Generated, load_source
from numerics.solution import REGULAR
from numerics.solver import Solver

GUARD = 20
"""Further digits carried, so that the asked ones are right where the system is moderately ill conditioned."""


class NoRoot(ArithmeticError):
    """Newton did not reach the asked digits, or the point lies in a closed-form phase."""


def solve_root(model: Model, values: Mapping[Symbol, object], /, *, digits: int = 30) -> dict[Symbol, mpmath.mpf]:
    """The unknowns at exact parameter values (one for each of `model.symbols`), correct to about `digits` digits.

    Every name that the model's program defines is returned with them, so that a claim about a fixed point is evaluated
    without substituting definitions into one another. Raises NoRoot when the point lies in a closed-form phase or
    the iteration does not converge.
    """
    given = {str(symbol): values[symbol] for symbol in model.symbols}
    with mpmath.workdps(digits + GUARD):
        exact = {
            name: mpmath.mpf(str(value)) if isinstance(value, float) else _number(value)
            for name, value in given.items()
        }
        found = find_root(model, exact, digits=digits)
        code = load_source(model, target="mpmath")
        found |= code.call("values", many_digits, many_digits, {**exact, **found})
    names = [*model.unknowns, *(name for name, _ in model.program)]
    return {name: found[str(name)] for name in names}


def find_root(model: Model, given: Mapping[str, Any], /, *, digits: int) -> dict[str, mpmath.mpf]:
    """The unknowns by name at many-digit values by name, to about `digits` digits at mpmath's working precision.

    A law is given by its values and weights. Raises NoRoot as `solve_root` does.
    """
    names = [str(unknown) for unknown in model.unknowns]
    rough = {name: value if hasattr(value, "weights") else float(value) for name, value in given.items()}
    logs = [mpmath.mpf(x) for x in _rough_root(model, rough)]
    return dict(zip(names, _refine(load_source(model, target="mpmath"), given, names, logs, digits), strict=True))


def _number(value: object) -> mpmath.mpf:
    if hasattr(value, "_to_mpmath"):
        return mpmath.mpf(value._to_mpmath(mpmath.mp.prec + 10))
    return mpmath.mpf(value)


def _rough_root(model: Model, given: Mapping[str, Any]) -> list[float]:
    """The logarithms of the unknowns in double precision, from the same solver that users call."""
    found = Solver(model).solve_values({name: np.asarray([value]) for name, value in given.items()}, 1)
    phase = str(found.phase[0])
    if phase != REGULAR:
        raise NoRoot(f"the point lies in the phase {phase}" if phase else "no root in double precision")
    return [math.log(float(found.unknowns[str(unknown)][0])) for unknown in model.unknowns]


def _refine(
    code: Generated, given: Mapping[str, Any], unknowns: list[str], logs: list[mpmath.mpf], digits: int
) -> list[mpmath.mpf]:
    """Newton steps in the logarithms until the step is below the asked digits; quadratic, so few are needed."""
    for _ in range(12):
        trial = {name: mpmath.exp(x) for name, x in zip(unknowns, logs, strict=True)}
        ratios, rows = code.call("evaluate", many_digits, many_digits, {**given, **trial})
        step = mpmath.lu_solve(mpmath.matrix(rows), -mpmath.matrix(ratios))
        logs = [x + step[i] for i, x in enumerate(logs)]
        if max(abs(entry) for entry in step) < mpmath.mpf(10) ** (-digits - 5):
            return [mpmath.exp(x) for x in logs]
    raise NoRoot(f"Newton did not reach {digits} digits in 12 steps")
