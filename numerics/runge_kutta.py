"""The classical fourth-order Runge-Kutta method with fixed steps, on arrays of any library."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from numerics.lab import Array

RUNGE_KUTTA_LIMIT = 2.7
"""The method is stable on the negative axis down to -2.785."""
_SUM_TO_ONE = (1 / 6, 1 / 3, 1 / 3, 1 / 6)


def runge_kutta(
    velocity: Callable[[float, Array], Array], start: Array, times: Sequence[float], /, *, steps: int
) -> list[Array]:
    """The solutions of w' = velocity(t, w) at `times` from `start` at 0.

    `steps` are shared out over the intervals between the times, at least one for each.
    """
    now, state, found = 0.0, start, []
    for end in times:
        count = max(1, math.ceil(steps * ((end - now) / times[-1]))) if end > now else 0
        width = (end - now) / max(count, 1)
        for k in range(count):
            at = now + k * width
            slopes = [velocity(at, state)]
            for share in (0.5, 0.5, 1.0):
                slopes.append(velocity(at + share * width, state + share * width * slopes[-1]))
            for weight, slope in zip(_SUM_TO_ONE, slopes, strict=True):
                state = state + weight * width * slope
        now = end
        found.append(state)
    return found


def solve_autonomous(velocity: Callable[[Array], Array], start: Array, time: float, /, *, steps: int) -> Array:
    """The solution of w' = velocity(w) at `time` from `start` at 0."""
    (state,) = runge_kutta(lambda _, state: velocity(state), start, [time], steps=steps)
    return state


__all__ = ["RUNGE_KUTTA_LIMIT", "runge_kutta", "solve_autonomous"]
