"""From a Model to numbers: phases first, then safeguarded Newton on generated code, for any arrays of parameters."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from derivations.core import Derivation
from derivations.model import Model, Phase
from numerics import special
from numerics.generated import load_source
from numerics.lab import CPU, Array, Device, namespace, to_numpy
from numerics.newton import Roots, quiet, solve_batch
from numerics.parameters import complete, constants
from numerics.provenance import provenance

CHUNK = 8192
"""Points per Newton batch: the temporaries of one batch stay in the processor's cache."""

REGULAR = "regular"
"""The phase of a point whose equations were solved."""

ACCEPTED = 1e-10
"""The largest residual that counts as converged."""

ILL_CONDITIONED = 1e-8
"""The error from which a converged point carries a note: the residual is small, but the root is not as sharp."""

RETRIES = ((3.0, 0.0), (-3.0, 0.0), (0.0, -3.0), (3.0, -3.0), (8.0, 0.0), (0.0, -8.0), (20.0, 0.0))
"""Shifts of the start's logarithms, tried in order for points that did not converge."""


class Status(Enum):
    """What became of a point; the value is what a user is told."""

    converged = "the equations hold at the returned values"
    collapsed = "the attack is so strong that the zero estimator is optimal: observables in closed form"
    outside_domain = "admissible, but the limit does not exist or is infinite here: see the notes"
    not_converged = "no root was found to the accepted residual: try many digits, or report the point"


@dataclass(frozen=True, repr=False)
class Solution:
    """Solved points; every array has the broadcast shape of the parameters.

    `observables` and `unknowns` are NaN where `status` says so, with the reason in `notes`. `residual` is the largest
    |log(left/right)| over the model's equations (0 in closed-form phases), `error` the relative change that one more
    Newton step would make to an unknown.
    """

    id: str
    parameters: dict[str, npt.NDArray[np.float64] | str]
    observables: dict[str, npt.NDArray[np.float64]]
    unknowns: dict[str, npt.NDArray[np.float64]]
    status: npt.NDArray[np.str_]
    phase: npt.NDArray[np.str_]
    residual: npt.NDArray[np.float64]
    error: npt.NDArray[np.float64]
    phases: tuple[Phase, ...]
    seconds: float
    provenance: dict[str, object]

    def __repr__(self) -> str:
        names, counts = np.unique(self.status, return_counts=True)
        found = ", ".join(f"{count} {name}" for name, count in zip(names, counts, strict=True))
        return f"Solution({self.id!r}, shape {self.status.shape}, {found})"

    def notes(self, index: int = 0, /) -> list[str]:
        """What there is to say about the point at this flat index, in lines."""
        name = str(self.phase.flat[index])
        lines = [phase.note for phase in self.phases if phase.name == name]
        status = Status[str(self.status.flat[index])]
        if status is Status.not_converged:
            lines.append(f"{status.value} (residual {self.residual.flat[index]:.1e})")
        elif self.error.flat[index] > ILL_CONDITIONED:
            lines.append(f"ill conditioned: rounding may move an unknown by {self.error.flat[index]:.0e} of its value")
        missing = [key for key, value in self.observables.items() if not math.isfinite(value.flat[index])]
        if missing:
            lines.append(f"undefined or infinite here: {', '.join(missing)}")
        return lines


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
        shape = np.broadcast_shapes(*(value.shape for value in values.values()))
        flat = {name: _flatten(value, shape) for name, value in values.items()}
        state = self.solve_values(flat, math.prod(shape))
        texts = {name: value for name, value in completed.items() if isinstance(value, str)}
        numbers = {name: np.array(np.broadcast_to(values[name], shape)) for name in completed if name not in texts}
        return state.solution(
            shape,
            id=self.title,
            parameters={**numbers, **texts},
            phases=self.model.phases,
            seconds=time.perf_counter() - begun,
            provenance=provenance(self.device, source_hash=self.code.content_hash),
        )

    def solve_values(self, flat: Mapping[str, npt.NDArray[np.float64]], points: int, /) -> SolvedPoints:
        """Solve `points` points: (points,) or scalar arrays by the names of the model's symbols, taken as they are."""
        state = SolvedPoints(self.model, points)
        with quiet():
            rest = self._closed_phases(flat, state)
            for first in range(0, len(rest), CHUNK):
                self._solve(flat, rest[first : first + CHUNK], state)
        return state

    def _closed_phases(self, flat: Mapping[str, Any], state: SolvedPoints) -> npt.NDArray[np.int64]:
        """Fill every point that lies in a closed-form phase; return the indices of the rest."""
        rest = np.arange(state.points)
        for phase in self.model.phases:
            here = _at(flat, rest)
            inside = np.broadcast_to(self.code.call(f"in_{phase.name}", np, special, here), rest.shape)
            where = rest[inside]
            found = _at(flat, where)
            values = self.code.call(f"observables_{phase.name}", np, special, found) if len(where) else {}
            state.fill_phase(where, phase, values)
            rest = rest[~inside]
        return rest

    def _solve(self, flat: Mapping[str, Any], where: npt.NDArray[np.int64], state: SolvedPoints) -> None:
        arrays = {name: self.device.asarray(value) for name, value in _at(flat, where).items()}
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
        """A model without unknowns is a closed form: its residual is zero by definition."""
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
    return {name: namespace(value).take(value, points) if value.ndim else value for name, value in values.items()}


class SolvedPoints:
    """The flat arrays of a solution: observables, unknowns, status, phase, residual and error of each point."""

    def __init__(self, model: Model, points: int) -> None:
        self.points = points
        self.observables = {name: np.full(points, np.nan) for name in model.observables}
        self.unknowns = {name: np.full(points, np.nan) for name in [*map(str, model.unknowns), *model.reported]}
        self.status = np.full(points, Status.not_converged.name, dtype="<U16")
        self.phase = np.full(points, "", dtype="<U32")
        self.residual, self.error = np.full(points, np.nan), np.full(points, np.nan)

    def fill_phase(self, where: npt.NDArray[np.int64], phase: Phase, values: Mapping[str, Any]) -> None:
        for name, value in values.items():
            self.observables[name][where] = value
        self.status[where], self.phase[where] = phase.status, phase.name
        closed = phase.status != Status.outside_domain.name
        self.residual[where], self.error[where] = (0.0, 0.0) if closed else (np.nan, np.nan)

    def fill_roots(
        self,
        where: npt.NDArray[np.int64],
        observables: Mapping[str, Any],
        unknowns: Mapping[str, Any],
        residual: npt.NDArray[np.float64],
        error: npt.NDArray[np.float64],
    ) -> None:
        good = residual <= ACCEPTED
        for target, source in ((self.observables, observables), (self.unknowns, unknowns)):
            for name, value in source.items():
                target[name][where] = np.where(good, to_numpy(value), np.nan)
        self.status[where] = np.where(good, Status.converged.name, Status.not_converged.name)
        self.phase[where] = np.where(good, REGULAR, "")
        self.residual[where], self.error[where] = residual, error

    def solution(self, shape: tuple[int, ...], **rest: Any) -> Solution:
        def lay(values: dict[str, npt.NDArray[np.float64]]) -> dict[str, npt.NDArray[np.float64]]:
            return {name: value.reshape(shape) for name, value in values.items()}

        return Solution(
            observables=lay(self.observables),
            unknowns=lay(self.unknowns),
            status=self.status.reshape(shape),
            phase=self.phase.reshape(shape),
            residual=self.residual.reshape(shape),
            error=self.error.reshape(shape),
            **rest,
        )


def solve(derivation: str | Path | Derivation, /, *, device: Device = CPU, **parameters: object) -> Solution:
    """Solve a derivation's model, by id, path or object, at parameters that broadcast against one another.

    Returns a Solution of named arrays. Raises ParameterError for inadmissible parameters and ValueError for an unknown
    id or a derivation without a model, each in one line.
    """
    if not isinstance(derivation, Derivation):
        from derivations.discover import load

        derivation = load(str(derivation))
    return Solver(derivation.model, title=derivation.id, device=device)(**parameters)
