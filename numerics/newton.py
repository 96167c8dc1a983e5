"""Batched Newton iteration in log variables, backtracking on the residual of each point by itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from numerics.lab import Array, namespace

MOST_STEP = 4.0
"""The longest step in any logarithm: a factor of about 55, so that a far start cannot overflow."""

ROUNDING = 1e-13
"""A log ratio that rounding alone can explain: below it a step that does not help is not tried again, shortened."""

SHORTEST_SHARE = 4.0**-8
"""The least share of a Newton step that is tried: a point that needs less is on the way to no root."""

LEAVE_TOGETHER = 0.85
"""Finished points leave the batch when less than this share of it is unfinished: each leaving copies the rest."""

Evaluate = Callable[[Array, Array], tuple[Array, Array]]
"""((m,) indices of points, (k, m) log unknowns) -> (k, m) log ratios and (k, k, m) Jacobian, equations first."""


@dataclass
class Roots:
    """What Newton reached for n points: (k, n) log unknowns, (n,) largest absolute log ratio there, (n,) error.

    The error is the largest change of an unknown's logarithm that one more Newton step would make (infinite where the
    Jacobian is singular).
    """

    logs: Array
    residual: Array
    error: Array

    def improve(self, points: Array, again: Roots) -> None:
        """Take what another attempt at some of the points reached, where that is better."""
        better = again.residual < self.residual[points]
        where = points[better]
        self.logs[:, where], self.residual[where] = again.logs[:, better], again.residual[better]
        self.error[where] = again.error[better]


def solve_batch(evaluate: Evaluate, start: Array, /, *, tolerance: float = 2e-15, rounds: int = 120) -> Roots:
    """Roots of k equations in k log unknowns for n points at once, from (k, n) logs.

    A trial that does not lower a point's residual is shortened for that point only; a point stops when its residual is
    below `tolerance` or its steps have become too small to help, and what becomes of it does not depend on the others.
    Points that did not converge come back with the residual they reached: the caller decides. Derived here.
    """
    xp = namespace(start)
    far = xp.full_like(start[0, :], xp.inf)
    found = Roots(xp.asarray(start, copy=True), far, xp.asarray(far, copy=True))
    active = xp.nonzero(far > 0)[0]
    logs, step, share = xp.zeros_like(start), xp.asarray(start, copy=True), xp.ones_like(far)
    residual, live = far, far > 0
    for _ in range(rounds):
        trial = logs + share * step
        ratio, jacobian = evaluate(active, trial)
        size = xp.max(xp.abs(ratio), axis=0)
        size = xp.where(xp.isfinite(size), size, xp.inf)
        better = live & ((size < residual * (1 - 1e-4 * share)) | (~xp.isfinite(residual) & (share == 1.0)))
        logs, residual = xp.where(better, trial, logs), xp.where(better, size, residual)
        step = xp.where(better, newton_step(ratio, jacobian), step)
        share = xp.where(better, xp.ones_like(share), share / 4)
        longest = xp.max(xp.abs(share * step), axis=0)
        live &= (residual > tolerance) & (longest > 1e-16) & (share >= SHORTEST_SHARE)
        live &= better | (residual > ROUNDING)
        left = int(xp.count_nonzero(live))
        if left < LEAVE_TOGETHER * live.shape[0]:
            _keep(found, active, logs, residual, step)
            active, residual, share = active[live], residual[live], share[live]
            logs, step, live = logs[:, live], step[:, live], live[live]
        if left == 0:
            break
    _keep(found, active, logs, residual, step)
    return found


def _keep(found: Roots, active: Array, logs: Array, residual: Array, step: Array) -> None:
    xp = namespace(step)
    longest = xp.max(xp.abs(step), axis=0)
    found.logs[:, active], found.residual[active] = logs, residual
    found.error[active] = xp.where((longest == 0) & (residual > 0), xp.inf, longest)


def newton_step(ratio: Array, jacobian: Array, /) -> Array:
    """(k, n) steps -J^-1 F, each cut to MOST_STEP; zero where J is singular (the point then stops)."""
    xp = namespace(ratio)
    if ratio.shape[0] == 1:
        step = -ratio / jacobian[0, :, :]
    elif ratio.shape[0] == 2:
        a, b, c, d = jacobian[0, 0, :], jacobian[0, 1, :], jacobian[1, 0, :], jacobian[1, 1, :]
        determinant = a * d - b * c
        f, g = ratio[0, :], ratio[1, :]
        step = xp.stack([(b * g - d * f) / determinant, (c * f - a * g) / determinant])
    else:
        step = _solve_each(jacobian, -ratio)
    step = xp.where(xp.isfinite(step), step, xp.zeros_like(step))
    longest = xp.max(xp.abs(step), axis=0)
    return step * xp.where(longest > MOST_STEP, MOST_STEP / longest, xp.ones_like(longest))


def _solve_each(matrices: Array, right: Array) -> Array:
    """Gauss-Jordan with partial pivoting for n small systems, (k, k, n) and (k, n); NaN where a matrix is singular."""
    xp = namespace(matrices)
    unknowns = right.shape[0]
    system = xp.concat([matrices, right[:, None, :]], axis=1)
    rows = xp.arange(unknowns, device=system.device)[:, None]
    for column in range(unknowns):
        pivot = column + xp.argmax(xp.abs(system[column:, column, :]), axis=0)
        is_pivot = xp.astype(rows == pivot, system.dtype)
        chosen = xp.sum(system * is_pivot[:, None, :], axis=0)
        system = system + is_pivot[:, None, :] * (system[column, :, :] - chosen)
        chosen = chosen / chosen[column, :]
        factors = system[:, column, :] * xp.astype(rows != column, system.dtype)
        system = xp.where((rows == column)[:, :, None], chosen, system - factors[:, None, :] * chosen)
    return system[:, unknowns, :]


def quiet() -> Any:
    """Overflow and division by zero in a trial point are answered by backtracking, not by a warning."""
    return np.errstate(all="ignore")
