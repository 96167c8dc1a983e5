"""Population Gram matrices on the sphere: x uniform on sqrt(d) S^{d-1}, features of degree k as spherical harmonics.

With Q_k the Gegenbauer polynomial of S^{d-1} normalised by Q_k(1) = 1, N_k the dimension of the harmonics of degree k
and a_k = sqrt(N_k) E[s(t) Q_k(t / sqrt(d))] under the law of one coordinate t = <w, x>, ||w|| = 1,

    E s(w.x) s(w'.x) = sum_k a_k^2 Q_k(w.w'),    E<grad s(w.x), grad s(w'.x)> = sum_k k (k + d - 2)/d a_k^2 Q_k(w.w')

with the tangential gradient, and E[Y(x) s(w.x)] = a_k / sqrt(N_k) Y(sqrt(d) w) for a harmonic Y of degree k
(Funk-Hecke; Dai & Xu 2013, section 1.2). Averages over t are taken in the angle, t = sqrt(d) sin(theta) of
density cos(theta)^(d-2), by panels that end at the kinks.
"""

from __future__ import annotations

import math

import numpy as np

from numerics.activations import Activation
from numerics.hermite import Host, panels
from numerics.lab import Array, gram, namespace
from numerics.population_grams import DEGREE, DEVIATIONS, TOLERANCE, PopulationGrams
from numerics.population_regression import eye_like


def sphere_grams(rows: Array, activation: Activation, /) -> PopulationGrams:
    """The Gram matrices of an (m, d) array of rows of norm 1, d at least 3, the features centred on the sphere.

    `curvatures` are such that the covariance of s(w_j.x) with x^T B x, tr B = 0, is curvatures_j w_j^T B w_j. Raises
    ValueError for d < 3, ArithmeticError where degree 400 does not suffice.
    """
    xp, dimension = namespace(rows), rows.shape[1]
    if dimension < 3:
        raise ValueError(f"rows: dimension {dimension} has no sphere of harmonics; it must be at least 3")
    points, weights = coordinate_grid(dimension, activation)
    value, slope = activation.uncentred(points), activation.slope(points)
    mean = float(weights @ value)
    energy = float(weights @ (value - mean) ** 2)
    slope_energy = float(weights @ (slope**2 * (1 - points**2 / dimension)))
    overlaps = gram(rows)
    identity = eye_like(overlaps)
    series = _Series(points / math.sqrt(dimension), weights * (value - mean), dimension)
    values, slopes = _sum_series(overlaps * (1 - identity), series, energy, slope_energy)
    ones = xp.ones_like(overlaps[:, 0])
    return PopulationGrams(
        overlaps=overlaps,
        values=values * (1 - identity) + energy * identity,
        slopes=slopes * (1 - identity) + slope_energy * identity,
        means=mean * ones,
        curvatures=dimension * series.second * ones,
    )


def coordinate_grid(dimension: int, activation: Activation, /) -> tuple[Host, Host]:
    """Points (P,) and weights (P,) of the law of one coordinate of a uniform point on sqrt(d) S^{d-1}."""
    radius = math.sqrt(dimension)
    reach = min(math.pi / 2, DEVIATIONS / radius)
    kinks = [math.asin(kink / radius) for kink in activation.switches if abs(kink) < radius]
    angles, weights = panels(-reach, reach, 1 / radius, kinks)
    density = np.cos(angles) ** (dimension - 2) * weights
    return radius * np.sin(angles), density / density.sum()


class _Series:
    """E[s Q_k] = a_k / sqrt(N_k) and N_k, degree by degree; `second` is E[s Q_2]."""

    def __init__(self, cosines: Host, weighted: Host, dimension: int) -> None:
        self.cosines, self.weighted, self.dimension = cosines, weighted, dimension
        self.before, self.now = np.ones_like(cosines), cosines
        self.count = float(dimension)
        self.second = float(weighted @ next_gegenbauer(1, dimension, cosines, cosines, self.before))

    def advance(self, degree: int) -> None:
        """From degree k to k + 1."""
        step = next_gegenbauer(degree, self.dimension, self.cosines, self.now, self.before)
        self.before, self.now = self.now, step
        d, k = self.dimension, degree
        self.count *= (2 * k + d) * (k + d - 2) / ((2 * k + d - 2) * (k + 1))

    @property
    def projection(self) -> float:
        """E[s Q_k] at the present degree."""
        return float(self.weighted @ self.now)


def next_gegenbauer(degree: int, dimension: int, cosines: Array, now: Array, before: Array, /) -> Array:
    """Q_{k+1} from Q_k = `now` and Q_{k-1} = `before` at the given cosines."""
    k, d = degree, dimension
    return ((2 * k + d - 2) * cosines * now - k * before) / (k + d - 2)


def _sum_series(cosines: Array, series: _Series, energy: float, slope_energy: float) -> tuple[Array, Array]:
    """The two series off the diagonal, up to where two degrees in turn, times all that is left, change nothing."""
    xp, d = namespace(cosines), series.dimension
    before, now = xp.ones_like(cosines), cosines
    values, slopes = xp.zeros_like(cosines), xp.zeros_like(cosines)
    left, slope_left, quiet = energy, slope_energy, 0
    for k in range(1, DEGREE + 1):
        square, factor = series.count * series.projection**2, k * (k + d - 2) / d
        values, slopes = values + square * now, slopes + factor * square * now
        left, slope_left = left - square, slope_left - factor * square
        before, now = now, next_gegenbauer(k, d, cosines, now, before)
        missing = max(left / energy, slope_left / slope_energy) * float(xp.max(xp.abs(now)))
        quiet = quiet + 1 if missing <= TOLERANCE else 0
        if quiet == 2:
            return values, slopes
        series.advance(k)
    raise ArithmeticError(f"population Gram on the sphere: its Gegenbauer series needs degree above {DEGREE}")
