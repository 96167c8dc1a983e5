"""Solved points: the statuses, the flat arrays that a solver fills, and the Solution that a user receives."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

import numpy as np
import numpy.typing as npt

from derivations.model import Model, Phase
from numerics.lab import to_numpy

REGULAR = "regular"
"""The phase of a point whose equations were solved."""

ACCEPTED = 1e-10
"""The largest residual that counts as converged."""

ILL_CONDITIONED, HIDDEN = 1e-8, 1e-2
"""From the first error on a converged point carries a note, since the root is not as sharp as the residual is small;
from the second on rounding hides the root, and the point counts as not converged.
"""


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
            lines.append(self._failure(float(self.residual.flat[index]), float(self.error.flat[index])))
        elif self.error.flat[index] > ILL_CONDITIONED:
            lines.append(f"ill conditioned: rounding may move an unknown by {self.error.flat[index]:.0e} of its value")
        missing = [key for key, value in self.observables.items() if not math.isfinite(value.flat[index])]
        if missing and status is not Status.not_converged:
            lines.append(f"undefined or infinite here: {', '.join(missing)}")
        return lines

    @staticmethod
    def _failure(residual: float, error: float) -> str:
        if error > HIDDEN and residual <= ACCEPTED:
            return f"rounding hides the root: it may move an unknown by {error:.0e} of its value; ask for many digits"
        if not residual > ACCEPTED:
            return "a quadrature did not settle in double precision here"
        return f"{Status.not_converged.value} (residual {residual:.1e})"


class SolvedPoints:
    """The flat arrays of a solution: observables, unknowns, status, phase, residual and error of each point."""

    def __init__(self, model: Model, points: int) -> None:
        self.points = points
        self.observables = {name: np.full(points, np.nan) for name in model.observables}
        self.unknowns = {name: np.full(points, np.nan) for name in all_names(model)}
        self.status = np.full(points, Status.not_converged.name, dtype="<U16")
        self.phase = np.full(points, "", dtype="<U32")
        self.residual, self.error = np.full(points, np.nan), np.full(points, np.nan)

    def fill_phase(self, where: npt.NDArray[np.int64], phase: Phase, values: Mapping[str, Any]) -> None:
        for name, value in values.items():
            self.observables[name][where] = value
        self.status[where], self.phase[where] = phase.status, phase.name
        closed = phase.status != Status.outside_domain.name
        for value in values.values():
            self.status[where[np.broadcast_to(np.isnan(value), where.shape)]] = Status.not_converged.name
        self.residual[where], self.error[where] = (0.0, 0.0) if closed else (np.nan, np.nan)

    def fill_branch(self, where: npt.NDArray[np.int64], name: str, found: SolvedPoints) -> None:
        """Take over the points that a branch's own model solved; its regular phase goes by the branch's name."""
        for target, source in ((self.observables, found.observables), (self.unknowns, found.unknowns)):
            for key, value in source.items():
                target[key][where] = value
        self.status[where] = found.status
        self.phase[where] = np.where(found.phase == REGULAR, name, found.phase)
        self.residual[where], self.error[where] = found.residual, found.error

    def fill_roots(
        self,
        where: npt.NDArray[np.int64],
        observables: Mapping[str, Any],
        unknowns: Mapping[str, Any],
        residual: npt.NDArray[np.float64],
        error: npt.NDArray[np.float64],
    ) -> None:
        good = (residual <= ACCEPTED) & ~(error > HIDDEN)
        for value in observables.values():
            good = good & ~np.isnan(to_numpy(value))
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


def all_phases(model: Model) -> Iterator[Phase]:
    """The closed phases of the model and of its branches."""
    yield from model.phases
    for branch in model.branches:
        yield from all_phases(branch.model)


def all_names(model: Model) -> list[str]:
    """What is reported as an unknown by the model or by one of its branches."""
    names = [*map(str, model.unknowns), *model.reported]
    for branch in model.branches:
        names += all_names(branch.model)
    return list(dict.fromkeys(names))
