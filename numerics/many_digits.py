"""The namespaces that generated mpmath code calls: `xp` with an eager `where`, and special functions."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import mpmath

from numerics.laws import Law

mpf = mpmath.mpf
exp, log, sqrt = mpmath.exp, mpmath.log, mpmath.sqrt
tanh, sin, cos, atan, asin = mpmath.tanh, mpmath.sin, mpmath.cos, mpmath.atan, mpmath.asin
acos, sinh, cosh = mpmath.acos, mpmath.sinh, mpmath.cosh
mpc, inf = mpmath.mpc, mpmath.inf
erf, erfc, erfinv = mpmath.erf, mpmath.erfc, mpmath.erfinv
maximum, minimum = max, min


def __getattr__(name: str) -> Any:
    # pi and e depend on the working precision at the time of use
    if name in ("pi", "e"):
        return +getattr(mpmath.mp, name)
    raise AttributeError(name)


def abs(value: Any, /) -> Any:  # the array API's name
    """The absolute value."""
    return mpmath.fabs(value)


def where(condition: bool, left: Any, right: Any, /) -> Any:
    """`left` if the condition holds, else `right`."""
    return left if condition else right


def chi_square_cdf(z: Any, /) -> Any:
    """E[G^2; |G| <= z] for a standard normal G, to the working precision."""
    return mpmath.gammainc(mpmath.mpf(3) / 2, 0, z**2 / 2, regularized=True)


def bump_volume(dimension: Any, radius: Any, ramp: Any, /) -> Any:
    """sum_k C(d, k) (2 radius)^(d-k) (2 ramp)^k / k! for whole d >= 1."""
    d = int(dimension)
    terms = (mpf(math.comb(d, k)) / math.factorial(k) * (2 * radius) ** (d - k) * (2 * ramp) ** k for k in range(d + 1))
    return mpmath.fsum(terms)


def angle_integral(integrand: Callable[[Any], Any], /, *_references: Any) -> Any:
    """The integral over (0, pi), its real part where it is complex."""
    return mpmath.re(mpmath.quad(integrand, [0, mpmath.pi]))


def law_mean(function: Callable[[Any], Any], law: Law, /, *_references: Any) -> Any:
    """The average over the law, its values and weights taken as the doubles they are."""
    pairs = zip(law.values.tolist(), law.weights.tolist(), strict=True)
    return mpmath.fsum(mpmath.mpf(weight) * function(mpmath.mpf(value)) for value, weight in pairs)


def lower_mean(function: Callable[[Any], Any], law: Law, share: Any, /, *_references: Any) -> Any:
    """The part of the average over the law that the smallest values contribute, of probability `share` in all."""
    pairs = sorted((function(mpf(value)), mpf(weight)) for value, weight in zip(law.values, law.weights, strict=True))
    total, left = mpf(0), share
    for value, weight in pairs:
        total += value * max(mpf(0), min(weight, left))
        left -= weight
    return total
