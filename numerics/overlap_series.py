"""Power series in the overlap of two unit rows whose coefficients are products of Hermite coefficients."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from numerics.lab import Array, namespace

TOLERANCE = 1e-10
ROUNDING = 1e-14

Host = np.ndarray[Any, np.dtype[np.float64]]


@dataclass(frozen=True, eq=False)
class Coefficients:
    """Hermite coefficients c_0 ... c_K of a function and its energy E f^2."""

    values: Host
    energy: float

    @property
    def remainder(self) -> Host:
        """(K + 1,) array: the energy beyond each degree, 0 where it is below rounding."""
        left = self.energy - np.cumsum(self.values**2)
        return np.where(left > ROUNDING * self.energy, left, 0.0)

    def without_mean(self) -> Coefficients:
        """The function less its mean."""
        values = self.values.copy()
        values[0] = 0.0
        return Coefficients(values, self.energy - float(self.values[0]) ** 2)


@dataclass(frozen=True, eq=False)
class OverlapSeries:
    """sum_k weights[k] left_k right_k r^k, with a bound on what the terms beyond each degree can add up to.

    The terms beyond k are at most sqrt(sum_(j>k) left_j^2 sum_(j>k) right_j^2) max_(j>k) weights[j] |r|^j.
    """

    coefficients: Host
    remainder: Host
    weights: Host
    scale: float

    @staticmethod
    def of(left: Coefficients, right: Coefficients, weights: Host, /, *, shifts: tuple[int, int, int]) -> OverlapSeries:
        """The series whose term of power k is weights[k] left[k + shifts[0]] right[k + shifts[1]].

        The last shift is that of the power: with shifts (0, 0, -1) the term k carries r^(k - 1), and the term 0 goes.
        """
        first, second, power = shifts
        length = len(weights)
        pair = slice(first, first + length), slice(second, second + length)
        terms = weights * left.values[pair[0]] * right.values[pair[1]]
        remainder = np.sqrt(left.remainder[pair[0]] * right.remainder[pair[1]])
        start = -power
        scale = (left.energy * right.energy) ** 0.5
        return OverlapSeries(terms[start:], remainder[start:], weights[start:], scale)

    def __call__(self, overlaps: Array, /) -> Array:
        """The series at an array of overlaps, to 1e-10 of the product of the two functions' norms.

        Raises ArithmeticError where degree 400 does not reach that (a kinked activation and nearly parallel rows).
        """
        xp = namespace(overlaps)
        degree = self._degree(float(xp.max(xp.abs(overlaps))))
        total = xp.full_like(overlaps, float(self.coefficients[degree]))
        for coefficient in self.coefficients[:degree][::-1]:
            total = total * overlaps + float(coefficient)
        return total

    def _degree(self, largest: float) -> int:
        powers = self.weights * largest ** np.arange(len(self.weights))
        ahead = np.maximum.accumulate(powers[::-1])[::-1]
        bound = self.remainder * np.append(ahead[1:], ahead[-1])
        enough = np.flatnonzero(bound <= TOLERANCE * self.scale)
        if len(enough) == 0:
            raise ArithmeticError(
                f"tangent kernel: its Hermite series at overlap {largest:.6g} is only known to {bound[-1]:.1e}; "
                "take the input dimension larger"
            )
        return int(enough[0])
