"""Exact piecewise linear functions: on an interval of the line, and cones on which several forms are linear."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import combinations, pairwise
from math import gcd

Vector = tuple[int, ...]


@dataclass(frozen=True)
class PiecewiseLinear:
    """A continuous function on [knots[0], knots[-1]], linear between consecutive knots, in exact rationals."""

    knots: tuple[Fraction, ...]
    values: tuple[Fraction, ...]

    @staticmethod
    def of(function: Callable[[Fraction], Fraction], knots: Iterable[Fraction], /) -> PiecewiseLinear:
        """The function that agrees with `function` at the knots; `function` itself if its kinks are among them."""
        places = tuple(sorted(set(knots)))
        return PiecewiseLinear(places, tuple(function(place) for place in places))

    def __call__(self, x: Fraction, /) -> Fraction:
        """The value at x. Raises ValueError outside the interval."""
        if not self.knots[0] <= x <= self.knots[-1]:
            raise ValueError(f"x is {x}; allowed is {self.knots[0]} to {self.knots[-1]}")
        right = min(bisect_right(self.knots, x), len(self.knots) - 1)
        (a, b), (u, v) = self.knots[right - 1 : right + 1], self.values[right - 1 : right + 1]
        return u + (v - u) * (x - a) / (b - a)

    def scale(self, factor: Fraction | int, shift: Fraction | int = 0, /) -> PiecewiseLinear:
        """factor f + shift."""
        return PiecewiseLinear(self.knots, tuple(factor * value + shift for value in self.values))

    def plus(self, other: PiecewiseLinear, /) -> PiecewiseLinear:
        """The sum, on the common interval."""
        return PiecewiseLinear.of(lambda x: self(x) + other(x), self._common(other))

    def maximum(self, other: PiecewiseLinear, /) -> PiecewiseLinear:
        """The larger of the two, with knots where they cross."""
        knots = self._common(other)
        knots += [x for a, b in pairwise(knots) for x in _crossing(self, other, a, b)]
        return PiecewiseLinear.of(lambda x: max(self(x), other(x)), knots)

    def window_maximum(self, radius: Fraction, /) -> PiecewiseLinear:
        """max of f over [x - radius, x + radius], for the x whose window lies in the interval."""
        low, high = self.knots[0] + radius, self.knots[-1] - radius
        moved = {knot + shift for knot in self.knots for shift in (-radius, radius)} | {low, high}
        edges = sorted(x for x in moved if low <= x <= high)
        left = PiecewiseLinear(tuple(knot + radius for knot in self.knots), self.values)
        right = PiecewiseLinear(tuple(knot - radius for knot in self.knots), self.values)
        found: dict[Fraction, Fraction] = {}
        for a, b in pairwise(edges):
            middle = (a + b) / 2
            inner = [value for knot, value in zip(self.knots, self.values, strict=True) if abs(knot - middle) <= radius]
            ends = left._restrict(a, b).maximum(right._restrict(a, b))
            piece = ends.maximum(PiecewiseLinear((a, b), (max(inner),) * 2)) if inner else ends
            found.update(zip(piece.knots, piece.values, strict=True))
        return PiecewiseLinear(tuple(sorted(found)), tuple(found[x] for x in sorted(found)))

    def window_minimum(self, radius: Fraction, /) -> PiecewiseLinear:
        """min of f over [x - radius, x + radius]."""
        return self.scale(-1).window_maximum(radius).scale(-1)

    def minimum(self, other: PiecewiseLinear, /) -> PiecewiseLinear:
        """The smaller of the two."""
        return self.scale(-1).maximum(other.scale(-1)).scale(-1)

    def integral(self, low: Fraction, high: Fraction, /) -> Fraction:
        """int f over [low, high]."""
        piece = self._restrict(low, high)
        cells = zip(piece.knots, piece.knots[1:], piece.values, piece.values[1:], strict=False)
        return sum(((b - a) * (u + v) / 2 for a, b, u, v in cells), Fraction(0))

    def integral_of_square(self, low: Fraction, high: Fraction, /) -> Fraction:
        """int f^2 over [low, high]: on a cell with end values u, v it is (u^2 + u v + v^2)/3 times the length."""
        piece = self._restrict(low, high)
        cells = zip(piece.knots, piece.knots[1:], piece.values, piece.values[1:], strict=False)
        return sum(((b - a) * (u * u + u * v + v * v) / 3 for a, b, u, v in cells), Fraction(0))

    def _restrict(self, low: Fraction, high: Fraction) -> PiecewiseLinear:
        return PiecewiseLinear.of(self, [low, high, *(knot for knot in self.knots if low < knot < high)])

    def _common(self, other: PiecewiseLinear) -> list[Fraction]:
        low, high = max(self.knots[0], other.knots[0]), min(self.knots[-1], other.knots[-1])
        return sorted({low, high, *(knot for knot in (*self.knots, *other.knots) if low < knot < high)})


def _crossing(f: PiecewiseLinear, g: PiecewiseLinear, a: Fraction, b: Fraction) -> Iterator[Fraction]:
    left, right = f(a) - g(a), f(b) - g(b)
    if left * right < 0:
        yield a + (b - a) * left / (left - right)


def list_rays(forms: Iterable[Vector], /, *, nonnegative: Iterable[Vector] = ()) -> list[Vector]:
    """The rays along which the cones meet that the hyperplanes form = 0 cut out of R^k, k <= 4, as integer vectors.

    Each form is a vector of k integers; the forms together span R^k. Only rays on which every form of `nonnegative` is
    at least 0 are listed. A function that is linear on every cone is determined by its values on the rays.
    """
    conditions = [tuple(form) for form in nonnegative]
    normals = list(dict.fromkeys([*(tuple(form) for form in forms), *conditions]))
    found: dict[Vector, None] = {}
    for rows in combinations(normals, len(normals[0]) - 1):
        direction = _kernel(rows)
        if any(direction):
            divisor = gcd(*direction)
            for sign in (1, -1):
                ray = tuple(sign * entry // divisor for entry in direction)
                if all(apply_form(form, ray) >= 0 for form in conditions):
                    found[ray] = None
    return list(found)


def apply_form(form: Vector, vector: Vector, /) -> int:
    """The inner product of two vectors of the same length."""
    return sum(a * b for a, b in zip(form, vector, strict=True))


def _kernel(rows: tuple[Vector, ...]) -> Vector:
    """The vector orthogonal to k - 1 rows of length k (their generalised cross product); 0 if they are dependent."""
    size = len(rows) + 1
    minors = [[[row[j] for j in range(size) if j != i] for row in rows] for i in range(size)]
    return tuple((-1) ** i * _determinant(minor) for i, minor in enumerate(minors))


def _determinant(matrix: list[list[int]]) -> int:
    if not matrix:
        return 1
    return sum(
        (-1) ** j * entry * _determinant([[*row[:j], *row[j + 1 :]] for row in matrix[1:]])
        for j, entry in enumerate(matrix[0])
        if entry
    )


__all__ = ["PiecewiseLinear", "Vector", "apply_form", "list_rays"]
