"""A network made of a teacher, one bump for each data point and a gate: assembled, or evaluated by locality.

At a point x only the bumps within radius + ramp of x matter. Where the bumps' supports are disjoint that is the bump of
the nearest centre, which a k-d tree finds; otherwise (bumps of one label may overlap in gate C) all of them are summed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property
from typing import Any

import numpy as np
from scipy.spatial import cKDTree

from numerics.gates import Gate, apply_gate, assemble, gate_budget
from numerics.kuhn_teacher import Teacher
from numerics.lab import Array, device_of, to_numpy
from numerics.relu_networks import Network
from numerics.separation import OUTWARDS, TINY, Neighbours, TooManyPairs

Numbers = np.ndarray[Any, Any]

CHUNK = 2**16
"""Points that are looked up at a time."""


@dataclass(frozen=True)
class Certificate:
    """Whether the network equals y_i on the whole closed ball of every data point, in exact arithmetic, and why not.

    `balls`: how many were certified together; `tested`: pairs that were near enough for the exact separation test;
    `rational`: those that needed rational arithmetic; `failing` (k, 2): pairs whose bumps reach each other's ball.
    """

    holds: bool
    reason: str
    balls: int
    tested: int
    rational: int
    failing: Numbers


@dataclass(frozen=True, eq=False)
class BumpNetwork:
    """The network f with bumps of this radius and ramp about centres (n, d) with labels (n,) in [-height, height].

    Calling it evaluates it by locality; `network` and `exact_network` are the sparse layers, over floats and rationals.
    """

    centres: Numbers
    labels: Numbers
    radius: float
    ramp: float
    height: float
    teacher: Teacher
    gate: Gate

    def __post_init__(self) -> None:
        for name, value in (("radius", self.radius), ("height", self.height)):
            if not 0 < value < np.inf:
                raise ValueError(f"{name}: {value!r} is not allowed; it must be a finite number above 0")
        if not TINY <= self.ramp < np.inf:
            raise ValueError(f"ramp: {self.ramp!r} is not allowed; it must be a finite number from 2^-1000 on")

    def __call__(self, points: Array, /) -> Array:
        """(B,) values at (B, d) points; the look-up is done on the host."""
        host = to_numpy(points)
        parts = [self._evaluate(host[begin : begin + CHUNK]) for begin in range(0, len(host), CHUNK)]
        return device_of(points).asarray(np.concatenate([np.zeros(0), *parts]))

    def sums(self, points: Numbers, /) -> tuple[Numbers, Numbers]:
        """A = sum phi_i and b = sum y_i phi_i, (B,) each, at (B, d) points."""
        rows, centres = (self._nearest if self._disjoint else self._all_near)(points)
        bumps = self.bump_values(points[rows], centres)
        weighted = np.bincount(rows, bumps * self.labels[centres], minlength=len(points))
        return np.bincount(rows, bumps, minlength=len(points)), weighted

    def facets(self, points: Numbers, centres: Numbers, /) -> Numbers:
        """(k,) V(x) = sum_j (|x_j - c_j| - radius)_+ of (k, d) points and centres given by their positions (k,)."""
        return np.asarray(np.maximum(np.abs(points - self.centres[centres]) - self.radius, 0).sum(axis=1))

    def bump_values(self, points: Numbers, centres: Numbers, /) -> Numbers:
        """(k,) phi at (k, d) points of the bumps about centres given by their positions (k,)."""
        return np.maximum(1 - self.facets(points, centres) / self.ramp, 0)

    @cached_property
    def tree(self) -> cKDTree:
        """The k-d tree of the centres."""
        return cKDTree(self.centres)

    @cached_property
    def network(self) -> Network:
        """The assembled network over floats."""
        return self._assemble(exact=False)

    @cached_property
    def exact_network(self) -> Network:
        """The assembled network over rationals: the one that the certificate is about."""
        return self._assemble(exact=True)

    @property
    def budget(self) -> int:
        """(6d + 3) n + P_g + K, which its size does not exceed."""
        return gate_budget(len(self.centres), self.centres.shape[1], self.teacher.size)

    @property
    def rounding(self) -> float:
        """How far, to first order, floats can be from the label on a ball, where rationals are exact."""
        count = self.centres.shape[1] + 2
        largest = float(np.abs(self.centres).max()) + self.radius
        return float(count * 2.0**-52 * self.height * (1 + largest / self.ramp))

    def with_teacher(self, teacher: Teacher, /) -> BumpNetwork:
        """The same bumps and gate with another teacher."""
        return replace(self, teacher=teacher)

    def certify(self) -> Certificate:
        """Whether f = y_i on the closed l_inf ball of every centre: exact, and local.

        phi_i is 1 on its ball by construction. Every other bump that counts (in gate C: of the other label) has to be 0
        there, which is an exact separation test of the pairs that a k-d tree finds. Then gates C and D return y_i
        whatever the teacher's value; gate E needs |g| <= height. Floats are read as the dyadic rationals they are.
        """
        count, none = len(self.labels), np.zeros((0, 2), dtype=np.int64)
        if self.gate is Gate.C and not np.isin(self.labels, (-1.0, 1.0)).all():
            return Certificate(False, "gate C needs labels -1 and 1", count, 0, 0, none)
        if not (np.abs(self.labels) <= self.height).all():
            return Certificate(False, f"a label leaves [-{self.height:g}, {self.height:g}]", count, 0, 0, none)
        if self.gate is Gate.E and not self.teacher.bound <= self.height:
            return Certificate(False, f"the teacher leaves [-{self.height:g}, {self.height:g}]", count, 0, 0, none)
        try:
            failing, tested, rational = self._neighbours.unseparated(self.radius, self.ramp)
        except TooManyPairs as error:
            return Certificate(False, str(error), count, 0, 0, none)
        reason = f"{len(failing)} pairs of bumps reach each other's ball" if len(failing) else ""
        return Certificate(not reason, reason, count, tested, rational, failing)

    def propagate(self, places: Sequence[int] | None = None, /) -> list[tuple[Fraction, Fraction]]:
        """The interval of f on the ball of each centre (or of those at `places`), through the whole exact network."""
        chosen = self.centres if places is None else self.centres[list(places)]
        exact, size = np.frompyfunc(Fraction, 1, 1)(chosen.astype(object)), Fraction(self.radius)
        return self.exact_network.propagate(exact - size, exact + size)

    @property
    def _neighbours(self) -> Neighbours:
        return Neighbours(self.centres, self.labels if self.gate is Gate.C else None)

    @cached_property
    def _disjoint(self) -> bool:
        least = Neighbours(self.centres).least_distance
        return least is None or least >= 2 * (Fraction(self.radius) + Fraction(self.ramp))

    def _assemble(self, *, exact: bool) -> Network:
        parts = {"radius": self.radius, "ramp": self.ramp, "height": self.height}
        return assemble(self.gate, self.centres, self.labels, self.teacher, exact=exact, **parts)

    def _evaluate(self, points: Numbers) -> Numbers:
        bumps, weighted = self.sums(points)
        return np.asarray(apply_gate(self.gate, self.teacher(points), bumps, weighted, self.height))

    @property
    def _reach(self) -> float:
        return (self.radius + self.ramp) * OUTWARDS

    def _nearest(self, points: Numbers) -> tuple[Numbers, Numbers]:
        near = self.tree.query(points, p=np.inf, distance_upper_bound=self._reach)[1]
        rows = np.flatnonzero(near < len(self.centres))
        return rows, near[rows]

    def _all_near(self, points: Numbers) -> tuple[Numbers, Numbers]:
        lists = self.tree.query_ball_point(points, self._reach, p=np.inf)
        counts = np.fromiter(map(len, lists), dtype=np.int64, count=len(points))
        centres = np.concatenate([np.zeros(0, dtype=np.int64), *(np.asarray(one, dtype=np.int64) for one in lists)])
        return np.repeat(np.arange(len(points)), counts), centres
