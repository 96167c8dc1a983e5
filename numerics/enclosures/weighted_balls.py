"""Sums over finitely many atoms on balls: the part of a mean that the smallest values contribute, volumes of bumps."""

from __future__ import annotations

import math
from typing import Any

from flint import arb
from sympy import Function, Symbol

from numerics.enclosures import balls

MOST_DIMENSIONS = 10_000


SEMICIRCLE_SUPPORT = Symbol("semicircle_support", real=True)
"""Stands for every value of the semicircle law of radius 2 at once: the ball [-2, 2]."""


class SmallestSum(Function):
    """sum of value * weight over the smallest values, of weight `share` in all: (share, value, weight, value, ...).

    What `LowerMean` means on explicit atoms whose values are not known numbers yet. It has no derivative.
    """

    def fdiff(self, argindex: int = 1) -> Any:
        """Raises TypeError: the sum has kinks."""
        raise TypeError(f"the sum over the smallest values has no derivative (argument {argindex})")


def sum_smallest(share: arb, *pairs: arb) -> arb:
    """The sum over the smallest values; increasing in every value, so the ends of their balls bound it.

    Each weight is positive. The middle of a ball never decides an order: the values that are sorted are exact ends.
    """
    values, weights = pairs[::2], pairs[1::2]
    if not all(ball.is_finite() for ball in (share, *pairs)):
        return balls.UNDEFINED
    low = _sum_sorted(share, [(value.lower(), weight) for value, weight in zip(values, weights, strict=True)])
    high = _sum_sorted(share, [(value.upper(), weight) for value, weight in zip(values, weights, strict=True)])
    return low.union(high)


def _sum_sorted(share: arb, pairs: list[tuple[arb, arb]]) -> arb:
    total, left = arb(0), share
    for value, weight in sorted(pairs, key=lambda pair: pair[0]):
        total += value * balls.maximum(arb(0), balls.minimum(weight, left))
        left = left - weight
    return total


def bump_volume(dimension: arb, radius: arb, ramp: arb) -> arb:
    """sum_k C(d, k) (2 radius)^(d-k) (2 ramp)^k / k! for an exact whole d of at least 1, else undefined."""
    if not (dimension.is_exact() and dimension.is_integer() and 1 <= dimension <= MOST_DIMENSIONS):
        return balls.UNDEFINED
    d = int(float(dimension.mid()))
    total = arb(0)
    for k in range(d + 1):
        power = balls.multiply(balls.integer_power(2 * radius, d - k), balls.integer_power(2 * ramp, k))
        total += power * math.comb(d, k) / math.factorial(k)
    return total


__all__ = ["MOST_DIMENSIONS", "SEMICIRCLE_SUPPORT", "SmallestSum", "bump_volume", "sum_smallest"]
