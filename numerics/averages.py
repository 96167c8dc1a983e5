"""Averages that generated array code takes: integrals over an angle by the midpoint rule, and means over a law."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable

from numerics.lab import CPU, Array, device_of, namespace
from numerics.laws import Law

FIRST_COUNT, DOUBLINGS = 24, 9
"""The midpoint rule starts with 24 angles and is doubled up to 12288 of them."""
ROUNDING = 5e-14
"""Two rules in a row that agree to this, relative to the mean size of the integrand, are taken as converged."""
SECOND_LOOK = 1e-7
"""The rule whose angles are drawn towards both ends must agree to this, on the same scale.

Where two midpoint rules agree to ROUNDING it is off by at most about 1e-9: it converges at a third of their rate.
"""
SMALLEST_NORMAL = sys.float_info.min
"""Below it doubles lose their digits."""
BLOCK = 2**21
"""Entries evaluated at a time."""


def angle_integral(integrand: Callable[[Array], Array], *references: Array) -> Array:
    """The integral over (0, pi), entry by entry of the `references`: the arrays that the integrand closes over.

    The midpoint rule, doubled until it settles; exponentially convergent for an integrand that is even, periodic and
    analytic in the angle. A feature at an end that is too narrow for two rules in a row, at the edge of a spectrum say,
    is found by a second look with angles drawn towards the ends. The real part where the integrand is complex. NaN
    where 12288 angles do not settle it.
    """
    size = max((math.prod(array.shape) for array in references), default=1)
    block = max(1, BLOCK // size)
    previous, settled, count = None, None, FIRST_COUNT
    for doubling in range(DOUBLINGS + 1):
        total, scale = _apply_rule(integrand, references[0], count, block, drawn=False)
        xp = namespace(total)
        if previous is not None:
            settled = _agree(total, previous, ROUNDING * scale)
            if bool(xp.all(settled)) or doubling == DOUBLINGS:
                look, _ = _apply_rule(integrand, references[0], count, block, drawn=True)
                settled = settled & _agree(total, look, SECOND_LOOK * scale)
                if bool(xp.all(settled)):
                    return total
        previous, count = total, 2 * count
    return xp.where(settled, total, xp.full_like(total, math.nan))


def _agree(left: Array, right: Array, tolerance: Array) -> Array:
    """Whether both agree, entry by entry; a value that is not finite will not become so: it is settled as it is."""
    xp = namespace(left)
    return (xp.abs(left - right) <= tolerance + SMALLEST_NORMAL) | ~xp.isfinite(tolerance)


def _apply_rule(
    integrand: Callable[[Array], Array], reference: Array, count: int, block: int, *, drawn: bool
) -> tuple[Array, Array]:
    """The midpoint rule of `count` angles, or of angles drawn to the ends, and the same for the absolute value."""
    xp, device = namespace(reference), device_of(reference)
    total: Array = 0.0
    scale: Array = 0.0
    for first in range(0, count, block):
        steps = xp.arange(first, min(first + block, count), dtype=xp.float64, device=device.native)
        angles, weights = ((steps + 0.5) * (math.pi / count))[:, None], math.pi / count
        if drawn:
            angles, weights = _draw_towards_ends(angles, weights)
        values = integrand(angles)
        if not xp.isdtype(values.dtype, "real floating"):
            values = xp.real(values)
        total = total + xp.sum(weights * values, axis=0)
        scale = scale + xp.sum(weights * xp.abs(values), axis=0)
    return total, scale


def _draw_towards_ends(angles: Array, weight: float) -> tuple[Array, Array]:
    """psi with tan(psi/2) = tan(angle/2)^3, all but a thousandth of it, and the weights dpsi.

    Still even and periodic, with cubic spacing; the thousandth of the angle itself keeps off the very ends, where an
    integrand may be 0/0 in doubles.
    """
    xp = namespace(angles)
    sine, cosine = xp.sin(angles / 2), xp.cos(angles / 2)
    drawn, slope = 2 * xp.atan2(sine**3, cosine**3), 3 * (sine * cosine) ** 2 / (sine**6 + cosine**6)
    return 0.001 * angles + 0.999 * drawn, weight * (0.001 + 0.999 * slope)


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
