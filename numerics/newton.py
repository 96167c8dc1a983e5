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


@dataclass(frozen=True)
class Roots:
    """What Newton reached for n points: (k, n) log unknowns, (n,) largest absolute log ratio there, (n,) error.

    The error is the largest change of an unknown's logarithm that one more Newton step would make (infinite where the
    Jacobian is singular).
    """

    logs: Array
    residual: Array
    error: Array

    def improved(self, again: Array, other: Roots) -> Roots:
        """With what another attempt at the points of the mask `again` reached, where that is better."""
        xp = namespace(again)
        counted = xp.cumulative_sum(xp.astype(again, xp.int64))
        place = xp.where(again, counted - 1, xp.zeros_like(counted))
        better = again & (xp.take(other.residual, place) < self.residual)
        return Roots(
            xp.where(better, xp.take(other.logs, place, axis=1), self.logs),
            xp.where(better, xp.take(other.residual, place), self.residual),
            xp.where(better, xp.take(other.error, place), self.error),
        )


def solve_batch(evaluate: Evaluate, start: Array, /, *, tolerance: float = 2e-15, rounds: int = 120) -> Roots:
    """Roots of k equations in k log unknowns for n points at once, from (k, n) logs.

    A trial that does not lower a point's residual is shortened for that point only; a point stops when its residual is
    below `tolerance` or its steps have become too small to help, and what becomes of it does not depend on the others.
    Points that did not converge come back with the residual they reached: the caller decides. Derived here.
    """
    xp = namespace(start)
    residual = xp.full_like(start[0, :], xp.inf)
    active, live, share = xp.nonzero(residual > 0)[0], residual > 0, xp.ones_like(residual)
    logs, step = xp.zeros_like(start), start
    left: list[tuple[Array, Roots]] = []
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
        live = live & (residual > tolerance) & (longest > 1e-16) & (share >= SHORTEST_SHARE)
        live = live & (better | (residual > ROUNDING))
        count = int(xp.count_nonzero(live))
        if count < LEAVE_TOGETHER * live.shape[0]:
            done, kept = xp.nonzero(~live)[0], xp.nonzero(live)[0]
            left.append((xp.take(active, done), _roots(logs, residual, step, done)))
            active, residual, share = xp.take(active, kept), xp.take(residual, kept), xp.take(share, kept)
            logs, step, live = xp.take(logs, kept, axis=1), xp.take(step, kept, axis=1), xp.take(live, kept)
        if count == 0:
            break
    left.append((active, _roots(logs, residual, step, xp.nonzero(residual >= 0)[0])))
    return _in_order(left)


def _roots(logs: Array, residual: Array, step: Array, points: Array) -> Roots:
    xp = namespace(logs)
    longest = xp.max(xp.abs(step), axis=0)
    error = xp.where((longest == 0) & (residual > 0), xp.inf, longest)
    return Roots(xp.take(logs, points, axis=1), xp.take(residual, points), xp.take(error, points))


def _in_order(left: list[tuple[Array, Roots]]) -> Roots:
    """The points as they were before some left early."""
    xp = namespace(left[0][0])
    order = xp.argsort(xp.concat([points for points, _ in left]))
    pieces = [roots for _, roots in left]
    return Roots(
        xp.take(xp.concat([piece.logs for piece in pieces], axis=1), order, axis=1),
        xp.take(xp.concat([piece.residual for piece in pieces]), order),
        xp.take(xp.concat([piece.error for piece in pieces]), order),
    )


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
