"""How far apart data points are, exactly: floats are the dyadic rationals they are, and no comparison is rounded.

Distances are l_inf and full (scattered-data texts often halve them). A k-d tree proposes pairs with its radius rounded
outwards; each difference of two floats is then held without error as a sum of two floats (Dekker, Knuth), which decides
comparisons for arrays of pairs at once. Sums are bounded in floats, and taken in rationals where the bound is too wide.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Any

import numpy as np
from scipy.spatial import cKDTree

Numbers = np.ndarray[Any, Any]

OUTWARDS = 1 + 2.0**-40
"""More than the few rounding errors of one distance in a k-d tree can add up to."""
TINY = 2.0**-1000
GRID_BITS = 36
CHUNK = 2**12
MOST_ENTRIES = 2**22
MOST_PAIRS = 10**7
"""Pairs that are listed at most."""


class TooManyPairs(ValueError):
    """More pairs of points are close to each other than can be listed; one line that says how many."""


@dataclass(frozen=True)
class ExactDistances:
    """l_inf distances (k,), each exactly the sum of its two parts, the first being the sum rounded to a float."""

    rounded: Numbers
    rest: Numbers

    def at_most(self, bound: float, /) -> Numbers:
        """(k,) which of them are at most `bound`."""
        return np.asarray((self.rounded < bound) | ((self.rounded == bound) & (self.rest <= 0)))

    def least(self) -> Fraction:
        """The smallest of them, exactly."""
        ties = np.flatnonzero(self.rounded == self.rounded.min())
        place = ties[np.argmin(self.rest[ties])]
        return Fraction(float(self.rounded[place])) + Fraction(float(self.rest[place]))


def exact_distances(first: Numbers, second: Numbers, /) -> ExactDistances:
    """The l_inf distances between the rows of two (k, d) arrays; exact where no difference overflows."""
    high = first - second
    virtual = high - first
    low = (first - (high - virtual)) - (second + virtual)
    negative = (high < 0) | ((high == 0) & (low < 0))
    high, low = np.where(negative, -high, high), np.where(negative, -low, low)
    rounded = high.max(axis=1)
    rest = np.where(high == rounded[:, None], low, -np.inf).max(axis=1)
    return ExactDistances(rounded, rest)


def differences_fit_floats(points: Numbers, /) -> bool:
    """Whether all points lie on one grid of floats so coarse that every difference of coordinates is a float.

    With room to spare: different distances then differ by more than a k-d tree can err.
    """
    entries = np.abs(points[points != 0])
    if entries.size == 0:
        return True
    mantissas, exponents = np.frexp(entries)
    whole = (mantissas * 2.0**53).astype(np.int64)
    lowest = exponents - 53 + np.log2((whole & -whole).astype(np.float64)).astype(np.int64)
    return bool(exponents.max() - lowest.min() <= GRID_BITS)


@dataclass(frozen=True, eq=False)
class Neighbours:
    """The pairs that matter among points (n, d): all, or with labels (n,) only those whose labels differ in sign."""

    points: Numbers
    labels: Numbers | None = None

    @cached_property
    def first(self) -> Numbers:
        """Positions of the points on the first side of the pairs."""
        return np.arange(len(self.points)) if self.labels is None else np.flatnonzero(self.labels > 0)

    @cached_property
    def second(self) -> Numbers:
        """Positions of the points on the second side."""
        return self.first if self.labels is None else np.flatnonzero(self.labels <= 0)

    @cached_property
    def tree(self) -> cKDTree:
        """The tree of the second side."""
        return cKDTree(self.points[self.second])

    @property
    def exist(self) -> bool:
        """Whether there is any pair."""
        return min(len(self.first), len(self.second)) > (1 if self.labels is None else 0)

    @cached_property
    def least_distance(self) -> Fraction | None:
        """The smallest distance, exactly; None if there is no pair."""
        if not self.exist:
            return None
        rank = 2 if self.labels is None else 1
        # with this eps boxes at exactly the distance found are skipped, where ties would have all of them searched
        distances = self.tree.query(self.points[self.first], k=[rank], p=np.inf, eps=2.0**-42)[0][:, 0]
        least = float(distances.min())
        if least == 0 or differences_fit_floats(self.points):
            return Fraction(least)
        reach = least * OUTWARDS
        places = self.first[distances <= reach]
        rounded = self._may_round(places, least)
        values = [Fraction(least)] if (distances[distances <= reach][~rounded] == least).any() else []
        places = places[rounded]
        for begin in range(0, len(places), CHUNK):
            pairs = self._pairs_of(places[begin : begin + CHUNK], reach)
            values += [exact_distances(*self._ends(part)).least() for part in self._parts(pairs)]
        return min(values)

    def _may_round(self, places: Numbers, distance: float) -> Numbers:
        """Which of these points have, along an axis where differences are rounded, a point at about this distance.

        At the others a distance that comes out as `distance` is exact. Without this, one column of few values that
        decides all distances, such as a feature of 0 and 1, would leave every pair of points to be compared.
        """
        found = np.zeros(len(places), dtype=bool)
        for values in self.points.T:
            if not differences_fit_floats(values):
                line = np.sort(values)
                for sign in (1, -1):
                    ends = np.sort([sign * distance / OUTWARDS, sign * distance * OUTWARDS])
                    low, high = (values[places] + end for end in ends)
                    room = np.abs(values[places]) * 2.0**-50
                    found |= np.searchsorted(line, low - room) < np.searchsorted(line, high + room, side="right")
        return found

    def within(self, reach: float, /, *, most: int = MOST_PAIRS) -> Numbers:
        """(k, 2) positions of the pairs with distance at most `reach` and of some a little farther apart.

        Raises TooManyPairs if there are more than `most`.
        """
        if not self.exist:
            return np.zeros((0, 2), dtype=np.int64)
        radius = reach * OUTWARDS
        count = int(cKDTree(self.points[self.first]).count_neighbors(self.tree, radius, p=np.inf))
        count = (count - len(self.points)) // 2 if self.labels is None else count
        if count > most:
            raise TooManyPairs(
                f"{count} pairs of points are within {reach:.6g} of each other; at most {most} are listed"
            )
        pairs = self._pairs_of(self.first, radius)
        return pairs[pairs[:, 0] < pairs[:, 1]] if self.labels is None else pairs

    def conflicts(self, radius: float, /, *, most: int = MOST_PAIRS) -> Numbers:
        """(k, 2) the pairs whose closed balls of this radius meet: exactly those at distance at most 2 radius.

        With labels, the point of the positive label comes first. Raises TooManyPairs if more than `most` are close.
        """
        pairs = self.within(2 * radius, most=most)
        kept = [exact_distances(*self._ends(part)).at_most(2 * radius) for part in self._parts(pairs)]
        return np.asarray(pairs[np.concatenate([np.zeros(0, dtype=bool), *kept])])

    def unseparated(self, radius: float, ramp: float, /, *, most: int = MOST_PAIRS) -> tuple[Numbers, int, int]:
        """(k, 2) the pairs in which the bump of one point is not 0 on the whole ball of the other: exact.

        That is sum_j (|x_j - z_j| - 2 radius)_+ < ramp. Also returns how many pairs were near enough to be tested, and
        how many of them rational arithmetic had to decide. Raises TooManyPairs like `within`.
        """
        least = self.least_distance
        if least is None or least >= 2 * Fraction(radius) + Fraction(ramp):
            return np.zeros((0, 2), dtype=np.int64), 0, 0
        pairs = self.within(np.nextafter(2 * radius + ramp, np.inf), most=most)
        found = [self._reach_each_other(part, radius, ramp) for part in self._parts(pairs)]
        failing = np.concatenate([np.zeros(0, dtype=bool), *(one for one, _ in found)])
        return pairs[failing], len(pairs), sum(count for _, count in found)

    def _reach_each_other(self, pairs: Numbers, radius: float, ramp: float) -> tuple[Numbers, int]:
        """Which pairs (k, 2) are not separated, and how many floats with bounded errors left to rationals."""
        first, second = self._ends(pairs)
        gaps = np.abs(first - second)
        sums = np.maximum(gaps - 2 * radius, 0).sum(axis=1)
        terms = gaps.shape[1]
        margin = (terms + 4) * 2.0**-52 * (gaps.sum(axis=1) + 2 * terms * radius + sums) + TINY
        # beyond the margin, whose constant leaves room for the rounding of this very comparison, floats decide
        failing, open_ = sums < ramp, np.flatnonzero(np.abs(sums - ramp) <= margin)
        for place in open_:
            failing[place] = exact_gap(first[place], second[place], radius) < Fraction(ramp)
        return failing, len(open_)

    def _ends(self, pairs: Numbers) -> tuple[Numbers, Numbers]:
        return self.points[pairs[:, 0]], self.points[pairs[:, 1]]

    def _parts(self, pairs: Numbers) -> list[Numbers]:
        """The pairs in parts whose coordinates fit into memory."""
        step = max(1, MOST_ENTRIES // self.points.shape[1])
        return [pairs[begin : begin + step] for begin in range(0, len(pairs), step)]

    def _pairs_of(self, places: Numbers, radius: float) -> Numbers:
        """(k, 2) pairs of one of the places and a point of the second side that are close, no point with itself."""
        near = cKDTree(self.points[places]).sparse_distance_matrix(self.tree, radius, p=np.inf, output_type="ndarray")
        pairs = np.stack([places[near["i"]], self.second[near["j"]]], axis=1)
        return np.asarray(pairs[pairs[:, 0] != pairs[:, 1]])


def exact_gap(first: Numbers, second: Numbers, radius: float, /) -> Fraction:
    """sum_j (|x_j - z_j| - 2 radius)_+ in rationals: the least V of one point's bump on the other's ball."""
    gaps = (abs(Fraction(a) - Fraction(b)) - 2 * Fraction(radius) for a, b in zip(first, second, strict=True))
    return sum((max(gap, Fraction(0)) for gap in gaps), Fraction(0))
