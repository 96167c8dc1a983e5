"""Where a proof starts: a root in double precision, by Newton in the unknowns' logarithms. No claim is made about it.

For one point the generated code runs on Python floats, tens of times as fast as on arrays with one entry; the batched
solver is asked for many points, or where the code needs arrays or the floats did not converge.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
from flint import arb

from derivations.model import Model
from numerics.newton import MOST_STEP, ROUNDING, SHORTEST_SHARE
from numerics.parameters import complete, constants
from numerics.proofs.exact_parameters import ExactValues
from numerics.proofs.model_balls import ModelBalls
from numerics.solution import ACCEPTED
from numerics.solver import RETRIES
from numerics.special import SERIES_BELOW, SERIES_TERMS

_MOST_STEPS = 120
_LAST_STEP = 1e-8
"""A Newton step of this length is the last: after it the error is about its square."""


def _chi_square_cdf(z: float) -> float:
    """As `numerics.special.chi_square_cdf`."""
    square = z * z
    bump = math.sqrt(2 / math.pi) * z * math.exp(-square / 2)
    if not z < SERIES_BELOW:
        return math.erf(z / math.sqrt(2)) - bump
    series = 1.0
    for k in range(SERIES_TERMS, 0, -1):
        series = 1 + series * square / (2 * k + 3)
    return bump * square * series / 3


_SPECIAL = SimpleNamespace(erf=math.erf, erfc=math.erfc, chi_square_cdf=_chi_square_cdf)
_FLOATS = SimpleNamespace(
    **{
        name: getattr(math, name)
        for name in ("sqrt", "exp", "log", "tanh", "atan", "sin", "cos", "sinh", "cosh", "inf")
    },
    abs=abs,
    maximum=max,
    minimum=min,
    where=lambda condition, value, other: value if condition else other,
)


class StartFinder:
    """Roots of a compiled model's equations, one point at a time."""

    def __init__(self, compiled: ModelBalls, /) -> None:
        self.compiled = compiled
        self._functions = {name: self._take(name) for name in ("start", "evaluate")}

    def _take(self, name: str) -> Callable[..., Any] | None:
        """A generated function with the names that it declares, None if it calls what floats do not have."""
        function = self.compiled.solver.code.functions[name]
        called = set(function.__code__.co_names)
        return function if called <= {*vars(_FLOATS), *vars(_SPECIAL)} else None

    def __call__(self, exact: ExactValues, parameters: Sequence[arb], /) -> list[arb] | None:
        """The unknowns, or None where no root was found; `parameters` are balls of the same values as `exact`."""
        values = {s.name: float(ball.mid()) for s, ball in zip(self.compiled.symbols, parameters, strict=True)}
        guess = self._call("start", values)
        if guess is not None and all(0 < value < math.inf for value in guess):
            logs = [math.log(value) for value in guess]
            for shift in ((0.0, 0.0), *RETRIES):
                found = self._follow([value + shift[k % len(shift)] for k, value in enumerate(logs)], values)
                if found is not None:
                    return [arb(value).exp().mid() for value in found]
        return solve_in_doubles(self.compiled, [exact])[0]

    def _call(self, name: str, values: Mapping[str, float]) -> Any:
        """None where the function is not offered, or leaves its domain or the range of doubles."""
        function = self._functions[name]
        if function is None:
            return None
        names = function.__code__.co_varnames[2 : function.__code__.co_argcount]
        if not values.keys() >= set(names):  # a law is an array
            return None
        try:
            return function(_FLOATS, _SPECIAL, *(values[key] for key in names))
        except (ArithmeticError, TypeError, ValueError):
            return None

    def _follow(self, logs: list[float], values: Mapping[str, float]) -> list[float] | None:
        """Newton with backtracking on the largest log ratio, as `numerics.newton.solve_batch` for one point."""
        residual, share, step = math.inf, 1.0, [0.0] * len(logs)
        for _ in range(_MOST_STEPS):
            trial = [value + share * change for value, change in zip(logs, step, strict=True)]
            size, change = self._evaluate(trial, values)
            if size < residual * (1 - 1e-4 * share):
                logs, residual, share, step = trial, size, 1.0, change
                longest = max(map(abs, step))
                if longest < _LAST_STEP:
                    return [value + change for value, change in zip(logs, step, strict=True)]
                step = [change * min(1.0, MOST_STEP / longest) for change in step]
            elif residual <= ROUNDING:
                break
            else:
                share /= 4
                if share < SHORTEST_SHARE or residual == math.inf:
                    break
        return logs if residual <= ACCEPTED else None

    def _evaluate(self, logs: list[float], values: Mapping[str, float]) -> tuple[float, list[float]]:
        """The largest log ratio and the Newton step in the logarithms; (inf, []) where one is undefined."""
        names = [unknown.name for unknown in self.compiled.model.unknowns]
        try:
            trial = {name: math.exp(value) for name, value in zip(names, logs, strict=True)}
            ratios, rows = self._call("evaluate", {**values, **trial}) or ((), ())
            step = _newton_step(ratios, rows)
            if step and all(map(math.isfinite, step)):
                return max(map(abs, ratios)), step
        except (OverflowError, TypeError):  # a power of a negative float is complex
            pass
        return math.inf, []


def _newton_step(ratios: Sequence[float], rows: Sequence[Sequence[float]]) -> list[float] | None:
    """-J^-1 F, None where J is singular or nothing is given."""
    if not ratios:
        return None
    if len(ratios) == 2:
        (a, b), (c, d), (f, g) = *rows, ratios
        determinant = a * d - b * c
        return [(b * g - d * f) / determinant, (c * f - a * g) / determinant] if determinant else None
    try:
        found: list[float] = np.linalg.solve(np.array(rows, dtype=float), -np.array(ratios, dtype=float)).tolist()
    except np.linalg.LinAlgError:
        return None
    return found


def solve_in_doubles(compiled: ModelBalls, points: Sequence[ExactValues], /) -> list[list[arb] | None]:
    """The unknowns at points that differ in numbers only, by the model's own equations: the regions are decided."""
    model = compiled.model
    columns = {
        name: value if isinstance(value, str) else np.array([float(point.given[name]) for point in points])  # type: ignore[arg-type]
        for name, value in points[0].given.items()
    }
    found = compiled.solver.solve_values(constants(model, complete(model, columns)), len(points))
    rows = zip(*(found.unknowns[str(unknown)].tolist() for unknown in model.unknowns), strict=True)
    return [[arb(root) for root in row] if all(map(math.isfinite, row)) else None for row in rows]


def find_starts(
    wanted: Sequence[tuple[ModelBalls, ExactValues] | None], guesses: Sequence[Mapping[str, float] | None], /
) -> list[list[arb] | None]:
    """The guess where one is given, else the batched solver's root; None where it finds none, or none is wanted."""
    starts: list[list[arb] | None] = [None] * len(wanted)
    groups: dict[tuple[object, ...], list[int]] = {}
    for index, (each, guess) in enumerate(zip(wanted, guesses, strict=True)):
        if each is not None and guess:
            starts[index] = read_guess(each[0].model, guess)
        elif each is not None:
            texts = tuple(value for value in each[1].given.values() if isinstance(value, str))
            groups.setdefault((id(each[0]), *texts), []).append(index)
    for indices in groups.values():
        group = [each for k in indices if (each := wanted[k]) is not None]
        solved = solve_in_doubles(group[0][0], [exact for _, exact in group])
        for index, start in zip(indices, solved, strict=True):
            starts[index] = start
    return starts


def read_guess(model: Model, guess: Mapping[str, float], /) -> list[arb]:
    """Rough values of the unknowns by name, in the model's order."""
    return [arb(float(guess[unknown.name])) for unknown in model.unknowns]


__all__ = ["StartFinder", "find_starts", "read_guess", "solve_in_doubles"]
