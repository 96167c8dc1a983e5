"""From a Model to numbers: phases first, then safeguarded Newton on generated code, for any arrays of parameters."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from derivations.core import Derivation
from derivations.model import Branch, Model, Phase, Refusal
from numerics import special
from numerics.generated import load_source
from numerics.lab import CPU, Array, Device, namespace, to_numpy
from numerics.laws import Law
from numerics.newton import Roots, quiet, solve_batch
from numerics.parameters import ParameterError, complete, constants
from numerics.provenance import provenance
from numerics.solution import ACCEPTED, Solution, SolvedPoints, all_phases

CHUNK = 8192
"""Points per Newton batch: the temporaries of one batch stay in the processor's cache."""

RETRIES = ((3.0, 0.0), (-3.0, 0.0), (0.0, -3.0), (3.0, -3.0), (8.0, 0.0), (0.0, -8.0), (20.0, 0.0))
"""Shifts of the start's logarithms, tried in order for points that did not converge."""


class Solver:
    """A model's generated solver. Calling it solves all points of broadcastable parameter arrays at once."""

    def __init__(self, model: Model, /, *, title: str = "", device: Device = CPU) -> None:
        self.model, self.title, self.device = model, title, device
        self.code = load_source(model, title)

    def __call__(self, /, **given: object) -> Solution:
        """Solve at the given parameters (numbers or arrays by name). Raises ParameterError for inadmissible input."""
        begun = time.perf_counter()
        completed = complete(self.model, given)
        values = constants(self.model, completed)
        shape = np.broadcast_shapes(*(value.shape for value in values.values() if not isinstance(value, Law)))
        flat = {name: value if isinstance(value, Law) else _flatten(value, shape) for name, value in values.items()}
        state = self.solve_values(flat, math.prod(shape))
        texts = {name: value for name, value in completed.items() if isinstance(value, str)}
        numbers = {
            name: np.array(np.broadcast_to(value, shape)) for name, value in completed.items() if name not in texts
        }
        return state.solution(
            shape,
            id=self.title,
            parameters={**numbers, **texts},
            phases=tuple(all_phases(self.model)),
            seconds=time.perf_counter() - begun,
            provenance=provenance(self.device, source_hash=self.code.content_hash),
        )

    def solve_values(self, flat: Mapping[str, Any], points: int, /) -> SolvedPoints:
        """Solve `points` points: (points,) or scalar arrays (or a Law) by the names of the model's symbols.

        Raises ParameterError, with its reason, when a point lies in one of the model's refusals.
        """
        state = SolvedPoints(self.model, points)
        with quiet():
            self._refuse(flat, points)
            rest = self._closed_phases(flat, state)
            rest = self._branches(flat, rest, state)
            for first in range(0, len(rest), CHUNK):
                self._solve(flat, rest[first : first + CHUNK], state)
        return state

    def _inside(self, region: Phase | Branch | Refusal, flat: Mapping[str, Any], where: npt.NDArray[np.int64]) -> Any:
        """Whether each of the points lies in the region."""
        found = self.code.call(f"in_{region.name}", np, special, _at(flat, where))
        return np.broadcast_to(found, where.shape)

    def _refuse(self, flat: Mapping[str, Any], points: int) -> None:
        for refusal in self.model.refusals:
            if np.any(self._inside(refusal, flat, np.arange(points))):
                raise ParameterError(refusal.reason)

    def _branches(
        self, flat: Mapping[str, Any], rest: npt.NDArray[np.int64], state: SolvedPoints
    ) -> npt.NDArray[np.int64]:
        """Solve the points of every branch with the branch's own model; return the indices of the others."""
        for branch in self.model.branches:
            inside = self._inside(branch, flat, rest)
            where, rest = rest[inside], rest[~inside]
            if len(where):
                solver = Solver(branch.model, title=f"{self.title}, {branch.name}", device=self.device)
                state.fill_branch(where, branch.name, solver.solve_values(_at(flat, where), len(where)))
        return rest

    def _closed_phases(self, flat: Mapping[str, Any], state: SolvedPoints) -> npt.NDArray[np.int64]:
        """Fill every point that lies in a closed-form phase; return the indices of the rest."""
        rest = np.arange(state.points)
        for phase in self.model.phases:
            inside = self._inside(phase, flat, rest)
            where = rest[inside]
            found = _at(flat, where)
            values = self.code.call(f"observables_{phase.name}", np, special, found) if len(where) else {}
            state.fill_phase(where, phase, values)
            rest = rest[~inside]
        return rest

    def _solve(self, flat: Mapping[str, Any], where: npt.NDArray[np.int64], state: SolvedPoints) -> None:
        here = _at(flat, where)
        arrays = {name: x if isinstance(x, Law) else self.device.asarray(x) for name, x in here.items()}
        if not self.model.unknowns:
            self._evaluate_formula(arrays, where, state)
            return
        xp = self.device.namespace
        guess = self.code.call("start", xp, special, arrays)
        start = xp.log(xp.stack([self._spread(value, len(where)) for value in guess]))
        roots = solve_batch(self._evaluator(arrays), start)
        for shift in RETRIES:
            again = ~(roots.residual <= ACCEPTED)
            bad = xp.nonzero(again)[0]
            if bad.shape[0] == 0:
                break
            moved = xp.take(start, bad, axis=1) + self.device.asarray(np.resize(shift, (start.shape[0], 1)))
            roots = roots.improved(again, solve_batch(self._evaluator(_at(arrays, bad)), moved))
        self._report(arrays, roots, where, state)

    def _evaluate_formula(self, arrays: Mapping[str, Array], where: npt.NDArray[np.int64], state: SolvedPoints) -> None:
        """A model without unknowns is a closed form: its residual is zero, unless a quadrature did not settle."""
        _, observables, reported = self.code.call("report", self.device.namespace, special, arrays)
        zero = np.zeros(len(where))
        state.fill_roots(where, observables, reported, zero, zero)

    def _spread(self, value: Array, count: int) -> Array:
        xp = self.device.namespace
        return xp.broadcast_to(self.device.asarray(value, dtype=xp.float64), (count,))

    def _evaluator(self, arrays: Mapping[str, Array]) -> Any:
        xp = self.device.namespace
        unknowns = [str(u) for u in self.model.unknowns]
        held, here = 0, arrays

        def evaluate(points: Array, logs: Array) -> tuple[Array, Array]:
            nonlocal held, here
            count = points.shape[0]
            if count != held:
                held, here = count, _at(arrays, points)
            trial = {name: xp.exp(logs[i, :]) for i, name in enumerate(unknowns)}
            ratios, rows = self.code.call("evaluate", xp, special, {**here, **trial})
            jacobian = xp.stack([xp.stack([self._spread(entry, count) for entry in row]) for row in rows])
            return xp.stack([self._spread(ratio, count) for ratio in ratios]), jacobian

        return evaluate

    def _report(
        self, arrays: Mapping[str, Array], found: Roots, where: npt.NDArray[np.int64], state: SolvedPoints
    ) -> None:
        xp = self.device.namespace
        roots = {str(u): xp.exp(found.logs[i, :]) for i, u in enumerate(self.model.unknowns)}
        ratios, observables, reported = self.code.call("report", xp, special, {**arrays, **roots})
        residual = xp.max(xp.stack([self._spread(xp.abs(ratio), len(where)) for ratio in ratios]), axis=0)
        state.fill_roots(where, observables, {**roots, **reported}, to_numpy(residual), to_numpy(found.error))


def _flatten(value: npt.NDArray[np.float64], shape: tuple[int, ...]) -> npt.NDArray[np.float64]:
    """One number for each point, or one number for all of them: what all points share is computed once."""
    return value.reshape(()) if value.size == 1 else np.ascontiguousarray(np.broadcast_to(value, shape)).ravel()


def _at(values: Mapping[str, Array], points: Array) -> dict[str, Array]:
    """The values at some of the points."""
    return {
        name: value if isinstance(value, Law) or not value.ndim else namespace(value).take(value, points)
        for name, value in values.items()
    }


def solve(derivation: str | Path | Derivation, /, *, device: Device = CPU, **parameters: object) -> Solution:
    """Solve a derivation's model, by id, path or object, at parameters that broadcast against one another.

    Returns a Solution of named arrays. Raises ParameterError for inadmissible parameters and ValueError for an unknown
    id or a derivation without a model, each in one line.
    """
    if not isinstance(derivation, Derivation):
        from derivations.discover import load

        derivation = load(str(derivation))
    return Solver(derivation.model, title=derivation.id, device=device)(**parameters)
