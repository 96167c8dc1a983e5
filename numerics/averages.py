"""Averages that generated array code takes: integrals over an angle by the midpoint rule, and means over a law."""

from __future__ import annotations

import math
from collections.abc import Callable

from numerics.lab import CPU, Array, device_of, namespace
from numerics.laws import Law

FIRST_COUNT, DOUBLINGS = 24, 9
"""The midpoint rule starts with 24 angles and is doubled up to 12288 of them."""
ROUNDING = 5e-14
"""Two rules in a row that agree to this, relative to the mean size of the integrand, are taken as converged."""
BLOCK = 2**21
"""Entries evaluated at a time."""


def angle_integral(integrand: Callable[[Array], Array], *references: Array) -> Array:
    """The integral over (0, pi), entry by entry of the `references`: the arrays that the integrand closes over.

    The midpoint rule, doubled until it settles; exponentially convergent for an integrand that is even, periodic and
    analytic in the angle. The real part where the integrand is complex. NaN where 12288 angles do not settle it.
    """
    size = max((math.prod(array.shape) for array in references), default=1)
    previous, settled, count = None, None, FIRST_COUNT
    for _ in range(DOUBLINGS + 1):
        total, scale = _midpoint_rule(integrand, references[0], count, max(1, BLOCK // size))
        xp = namespace(total)
        if previous is not None:
            # a value that is not finite will not become so: it is settled as it is
            settled = (xp.abs(total - previous) <= ROUNDING * scale) | ~xp.isfinite(scale)
            if bool(xp.all(settled)):
                return total
        previous, count = total, 2 * count
    return xp.where(settled, total, xp.full_like(total, math.nan))


def _midpoint_rule(
    integrand: Callable[[Array], Array], reference: Array, count: int, block: int
) -> tuple[Array, Array]:
    """The rule of `count` angles, and the same rule for the integrand's absolute value."""
    xp, device = namespace(reference), device_of(reference)
    total: Array = 0.0
    scale: Array = 0.0
    for first in range(0, count, block):
        steps = xp.arange(first, min(first + block, count), dtype=xp.float64, device=device.native)
        values = integrand(((steps + 0.5) * (math.pi / count))[:, None])
        if not xp.isdtype(values.dtype, "real floating"):
            values = xp.real(values)
        total = total + xp.sum(values, axis=0) * (math.pi / count)
        scale = scale + xp.sum(xp.abs(values), axis=0) * (math.pi / count)
    return total, scale


def law_mean(function: Callable[[Array], Array], law: Law, *references: Array) -> Array:
    """The average of `function` over the law, entry by entry of the `references`: the arrays that it closes over."""
    device = device_of(references[0]) if references else CPU
    values, weights = (device.asarray(array)[:, None] for array in (law.values, law.weights))
    return device.namespace.sum(weights * function(values), axis=0)


def lower_mean(function: Callable[[Array], Array], law: Law, share: Array, *references: Array) -> Array:
    """The part of `law_mean` that the smallest values contribute, of probability `share` in all, entry by entry."""
    device = device_of(references[0]) if references else CPU
    xp = device.namespace
    values = function(device.asarray(law.values)[:, None])
    order = xp.argsort(values, axis=0)
    weights = xp.take(device.asarray(law.weights), xp.reshape(order, (-1,)))
    weights = xp.reshape(weights, values.shape)
    room = share - (xp.cumulative_sum(weights, axis=0) - weights)
    counted = xp.maximum(xp.minimum(room, weights), xp.zeros_like(room))
    return xp.sum(counted * xp.take_along_axis(values, order, axis=0), axis=0)


__all__ = ["angle_integral", "law_mean", "lower_mean"]
