"""Integrals to many digits by the trapezoidal rule: directly on the line, after a tanh-sinh map between kinks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeAlias

import mpmath

Vector: TypeAlias = Sequence[Any]
FIRST_LEVEL, LAST_LEVEL = 3, 8


class NotIntegrable(ValueError):
    """The quadrature did not settle, or the integrand is not finite at some point."""


def integrate_smooth(integrand: Callable[[Any], Vector], lower: Any, upper: Any, /, *, digits: int) -> list[Any]:
    """Integrals of the components of an analytic integrand that is negligible at and beyond both ends.

    The trapezoidal rule, halved until two steps in a row agree to 10^-digits of the largest component (its own error
    is then about the square of that). Raises NotIntegrable when they do not.
    """
    return _refine(lambda u: (u, mpmath.mpf(1)), integrand, lower, upper, digits)


def integrate_between(integrand: Callable[[Any], Vector], lower: Any, upper: Any, /, *, digits: int) -> list[Any]:
    """Integrals of the components between kinks or weak singularities at the ends (tanh-sinh rule).

    Raises NotIntegrable when the rule does not settle, or when the mass next to an end does not vanish.
    """
    half, reach = (upper - lower) / 2, mpmath.asinh((digits + 5) * mpmath.log(10) * 2 / mpmath.pi)

    def node(u: Any) -> tuple[Any, Any]:
        stretched = mpmath.pi / 2 * mpmath.sinh(u)
        distance = half * mpmath.exp(-abs(stretched)) / mpmath.cosh(stretched)
        weight = half * mpmath.pi / 2 * mpmath.cosh(u) / mpmath.cosh(stretched) ** 2
        return (upper - distance if u > 0 else lower + distance), weight

    return _refine(node, integrand, -reach, reach, digits)


def _refine(
    node: Callable[[Any], tuple[Any, Any]], integrand: Callable[[Any], Vector], low: Any, high: Any, digits: int
) -> list[Any]:
    """Trapezoidal sums at steps 2^-level over [low, high], each level reusing the one before."""
    tolerance = mpmath.mpf(10) ** -digits
    sums = _add_terms(node, integrand, _multiples(low, high, FIRST_LEVEL, odd=False))
    previous: list[Any] | None = None
    for level in range(FIRST_LEVEL, LAST_LEVEL + 1):
        if level > FIRST_LEVEL:
            more = _add_terms(node, integrand, _multiples(low, high, level, odd=True))
            sums = [a + b for a, b in zip(sums, more, strict=True)]
        current = [value / 2**level for value in sums]
        size = max(1, *(abs(value) for value in current))
        if previous is not None and all(abs(a - b) <= tolerance * size for a, b in zip(current, previous, strict=True)):
            ends = [max(abs(v) for v in _add_terms(node, integrand, [end])) for end in (low, high)]
            if max(ends) <= tolerance * size * 1000:
                return current
        previous = current
    raise NotIntegrable("the quadrature does not settle: a pole, or a feature too narrow to resolve")


def _multiples(low: Any, high: Any, level: int, *, odd: bool) -> Iterator[Any]:
    first, last = int(mpmath.ceil(low * 2**level)), int(mpmath.floor(high * 2**level))
    for k in range(first, last + 1):
        if not odd or k % 2:
            yield mpmath.mpf(k) / 2**level


def _add_terms(node: Callable[[Any], tuple[Any, Any]], integrand: Callable[[Any], Vector], points: Any) -> list[Any]:
    total: list[Any] | None = None
    for u in points:
        x, weight = node(u)
        try:
            values = [weight * value for value in integrand(x)]
        except (ZeroDivisionError, ValueError, OverflowError):
            raise NotIntegrable(f"it is not finite at {mpmath.nstr(x, 8)}") from None
        if not all(isinstance(value, mpmath.mpf) and mpmath.isfinite(value) for value in values):
            raise NotIntegrable(f"it is not finite and real at {mpmath.nstr(x, 8)}")
        total = values if total is None else [a + b for a, b in zip(total, values, strict=True)]
    return total or []
