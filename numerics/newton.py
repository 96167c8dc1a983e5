"""Batched Newton iteration in log variables, backtracking on the residual of each point by itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from numerics.lab import Array, namespace

MOST_STEP = 4.0
"""The longest step in any logarithm: a factor of about 55, so that a far start cannot overflow."""

Evaluate = Callable[[Array, Array], tuple[Array, Array]]
"""(index array of the points, (m, k) log unknowns) -> (m, k) log ratios and (m, k, k) Jacobian."""


def solve_batch(evaluate: Evaluate, start: Array, /, *, tolerance: float = 2e-15, rounds: int = 120) -> tuple[Array, Array]:
    """Roots of k equations in k log unknowns for n points at once: (n, k) logs and (n,) largest absolute log ratio.

    A trial that does not lower a point's residual is halved for that point only; a point leaves the batch when its
    residual is below `tolerance` or its steps have become too small to help. Points that did not converge come back
    with the residual they reached: the caller decides. Derived here.
    """
    xp = namespace(start)
    best, merit = xp.asarray(start, copy=True), xp.full(start.shape[0], xp.inf, dtype=start.dtype)
    active = xp.nonzero(merit > 0)[0]
    logs, step = xp.zeros_like(start), xp.asarray(start, copy=True)
    share = xp.ones(start.shape[0], dtype=start.dtype)
    merits = merit
    for _ in range(rounds):
        trial = logs + share[:, None] * step
        ratio, jacobian = evaluate(active, trial)
        size = xp.max(xp.abs(ratio), axis=-1)
        size = xp.where(xp.isfinite(size), size, xp.inf)
        better = size < merits * (1 - 1e-4 * share)
        better |= ~xp.isfinite(merits) & (share == 1.0)
        logs = xp.where(better[:, None], trial, logs)
        merits = xp.where(better, size, merits)
        step = xp.where(better[:, None], _newton_step(ratio, jacobian), step)
        share = xp.where(better, xp.ones_like(share), share / 4)
        best[active, :], merit[active] = logs, merits
        longest = xp.max(xp.abs(share[:, None] * step), axis=-1)
        keep = (merits > tolerance) & (longest > 1e-16) & xp.isfinite(longest)
        if not bool(xp.any(keep)):
            break
        if not bool(xp.all(keep)):
            active, logs, step, share, merits = active[keep], logs[keep, :], step[keep, :], share[keep], merits[keep]
    return best, merit


def _newton_step(ratio: Array, jacobian: Array) -> Array:
    """-J^-1 F for each point, cut to MOST_STEP; zero where J is singular (the point then stops)."""
    xp = namespace(ratio)
    unknowns = ratio.shape[-1]
    if unknowns == 1:
        step = -ratio / jacobian[:, :, 0]
    elif unknowns == 2:
        a, b, c, d = jacobian[:, 0, 0], jacobian[:, 0, 1], jacobian[:, 1, 0], jacobian[:, 1, 1]
        determinant = a * d - b * c
        f, g = ratio[:, 0], ratio[:, 1]
        step = xp.stack([(b * g - d * f) / determinant, (c * f - a * g) / determinant], axis=-1)
    else:
        step = _solve_each(jacobian, -ratio)
    step = xp.where(xp.isfinite(step), step, xp.zeros_like(step))
    longest = xp.max(xp.abs(step), axis=-1, keepdims=True)
    return step * xp.where(longest > MOST_STEP, MOST_STEP / longest, xp.ones_like(longest))


def _solve_each(matrices: Array, right: Array) -> Array:
    """Gauss-Jordan with partial pivoting for many small systems: a singular one yields NaN, not an exception."""
    xp = namespace(matrices)
    unknowns = right.shape[-1]
    system = xp.concat([matrices, right[:, :, None]], axis=-1)
    points = xp.arange(right.shape[0])
    for column in range(unknowns):
        pivot = column + xp.argmax(xp.abs(system[:, column:, column]), axis=-1)
        chosen, replaced = system[points, pivot, :], xp.asarray(system[:, column, :], copy=True)
        system[points, pivot, :] = replaced
        system[:, column, :] = chosen / chosen[:, column : column + 1]
        factors = xp.asarray(system[:, :, column], copy=True)
        factors[:, column] = 0
        system = system - factors[:, :, None] * system[:, column, :][:, None, :]
    return system[:, :, unknowns]


def newton_error(evaluate: Evaluate, logs: Array, /) -> Array:
    """(n,) largest relative change that one more Newton step would make: the error that the residual stands for."""
    xp = namespace(logs)
    ratio, jacobian = evaluate(xp.arange(logs.shape[0]), logs)
    return xp.max(xp.abs(_newton_step(ratio, jacobian)), axis=-1)


def quiet() -> Any:
    """Overflow and division by zero in a trial point are answered by backtracking, not by a warning."""
    return np.errstate(all="ignore")
