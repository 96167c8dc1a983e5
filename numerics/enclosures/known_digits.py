"""How many digits of a number a ball settles, and how many bits are missing where it settles too few."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable

from flint import arb

_SPARE_BITS = 16


def has_digits(ball: arb, digits: int, /) -> bool:
    """Whether the radius is far below half a unit of the last of `digits` significant digits; an exact 0 has all."""
    if not ball.is_finite():
        return False
    return bool(ball.rad() * arb(10) ** (digits + 2) <= ball.abs_lower())


def count_missing_bits(balls: Iterable[arb | None], digits: int, /) -> int:
    """How many more bits give all balls their digits if the radii shrink alike; very many where one contains 0."""
    most = 0.0
    for ball in balls:
        if ball is None or ball.is_exact():
            continue
        excess = ball.rad() * arb(10) ** (digits + 2) / ball.abs_lower()
        if not excess.is_finite():
            return sys.maxsize
        most = max(most, float(excess.log().mid()) / math.log(2))
    return _SPARE_BITS + math.ceil(most)


__all__ = ["count_missing_bits", "has_digits"]
