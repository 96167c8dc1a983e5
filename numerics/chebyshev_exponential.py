r"""Products of matrix functions of Theta W with vectors by Chebyshev series: no exponential and no inverse of a matrix.

Theta is symmetric and positive semidefinite (m, m), W = diag(w) with w >= 0. Theta W is similar to W^1/2 Theta W^1/2
where w > 0, so its eigenvalues are real and lie in [0, reach], reach = max_i sum_j |Theta_ij| w_j. With psi(z) = (1 -
e^-z)/z,

    P(w) = W psi(Theta W) y                                            the training points' combination after time 1
    (dP)^T G = sum over classes of  int_0^1 [e^{-(1-s) Theta W} G]_k [e^{-s Theta W} y]_k ds        its gradient in w_k

(derived here; both hold for w_k = 0 and singular Theta). The integral is a bivariate Chebyshev series as well, that of
the divided difference (e^-a - e^-b)/(b - a), so one sequence of products T_k(Theta W) y serves both. The degree is
about sqrt(2 reach log(1/tolerance)).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.fft

from numerics.lab import Array, device_of, namespace

TOLERANCE = 1e-15
LARGEST_REACH = 1e9
LARGEST_GRADIENT = 1e5
"""The reach up to which a gradient is worth forming: its series has about 3000 terms each way."""
ENTRIES = 2**22
"""Entries of the matrix whose absolute values are in memory at a time."""


def psi(z: np.ndarray[Any, Any], /) -> np.ndarray[Any, Any]:
    """(1 - e^-z)/z for z >= 0, entry by entry, 1 at 0."""
    return np.where(z > 0, -np.expm1(-z) / np.where(z > 0, z, 1.0), 1.0)


def degree(reach: float, /) -> int:
    """How many Chebyshev polynomials on [0, reach] give e^-z to about a rounding.

    Raises ValueError where `reach` is not a number from 0 to 10^9.
    """
    if not 0 <= reach <= LARGEST_REACH:
        raise ValueError(f"reach: {reach!r} is not allowed; the largest eigenvalue times the time lies in [0, 1e9]")
    count = math.ceil(math.sqrt(2.2 * reach * math.log(1 / TOLERANCE)) + math.log(1 / TOLERANCE))
    series = np.abs(chebyshev_series(np.exp(-chebyshev_points(count, reach))))
    return max(1, int(np.flatnonzero(series > TOLERANCE)[-1]) + 1)


def chebyshev_points(count: int, reach: float, /) -> np.ndarray[Any, Any]:
    """(count,) Chebyshev points of the first kind on [0, reach], the largest first."""
    return reach / 2 * (1 + np.cos(math.pi * (np.arange(count) + 0.5) / count))


def chebyshev_series(values: np.ndarray[Any, Any], /) -> np.ndarray[Any, Any]:
    """Coefficients of the interpolating Chebyshev series from values at the Chebyshev points, along every axis."""
    series = values
    for axis in range(values.ndim):
        series = scipy.fft.dct(series, type=2, axis=axis) / values.shape[axis]
        first: list[slice | int] = [slice(None)] * values.ndim
        first[axis] = 0
        series[tuple(first)] /= 2
    return series


def find_reach(theta: Array, weights: Array, /) -> float:
    """A bound of the eigenvalues of Theta diag(weights), weights >= 0."""
    xp = namespace(theta)
    step = max(1, ENTRIES // theta.shape[0])
    starts = range(0, theta.shape[0], step)
    return max(float(xp.max(xp.abs(theta[top : min(top + step, theta.shape[0]), :]) @ weights)) for top in starts)


def chebyshev_vectors(theta: Array, weights: Array, right: Array, reach: float, count: int, /) -> Array:
    """(count, m, c) array of T_k(2 Theta W/reach - 1) right, k < count."""
    xp = namespace(theta)
    vectors = xp.empty((count, *right.shape), dtype=right.dtype, device=right.device)
    scaled = (4 / reach if reach > 0 else 0.0) * weights[:, None]
    vectors[0, :, :] = right
    for k in range(1, count):
        moved = theta @ (scaled * vectors[k - 1, :, :]) - 2 * vectors[k - 1, :, :]
        vectors[k, :, :] = moved / 2 if k == 1 else moved - vectors[k - 2, :, :]
    return vectors


def _combine(series: np.ndarray[Any, Any], vectors: Array) -> Array:
    """Series (n, k) against vectors (k, m, c): (n, m, c)."""
    xp = namespace(vectors)
    there = device_of(vectors).asarray(series, dtype=vectors.dtype)
    count, *shape = vectors.shape
    return xp.reshape(there @ xp.reshape(vectors, (count, -1)), (series.shape[0], *shape))


@dataclass(frozen=True, eq=False)
class Combination:
    """P(w) = W psi(Theta W) y, (m, c), with what its gradient needs: the Chebyshev vectors of y, (k, m, c)."""

    values: Array
    theta: Array
    weights: Array
    reach: float
    vectors: Array

    def pull_back(self, cotangent: Array, /) -> Array:
        """(m,) gradient in w of sum(cotangent * P(w)) for an (m, c) cotangent."""
        xp = namespace(self.theta)
        count = self.vectors.shape[0]
        points = chebyshev_points(count, self.reach)
        near = np.exp(-np.minimum(points[:, None], points[None, :]))
        series = chebyshev_series(near * psi(np.abs(points[:, None] - points[None, :])))
        mixed = _combine(series, self.vectors)
        other = chebyshev_vectors(self.theta, self.weights, cotangent, self.reach, count)
        return xp.sum(other * mixed, axis=(0, 2))


def combination(theta: Array, weights: Array, labels: Array, /, *, largest: float = LARGEST_REACH) -> Combination:
    """P(w) = W psi(Theta W) y for weights (m,) >= 0 and labels (m, c); f(x) = Theta(x, X) P is trained for times w.

    Raises ValueError where the eigenvalues of Theta W may exceed `largest`: LARGEST_GRADIENT if the gradient is wanted.
    """
    reach = find_reach(theta, weights)
    if not reach <= largest:
        raise ValueError(
            f"reach: {reach:g} is not allowed; the largest eigenvalue times the time is at most {largest:g}"
        )
    count = degree(reach)
    vectors = chebyshev_vectors(theta, weights, labels, reach, count)
    series = chebyshev_series(psi(chebyshev_points(count, reach)))
    values = weights[:, None] * _combine(series[None, :], vectors)[0, :, :]
    return Combination(values, theta, weights, reach, vectors)


def stopped_combinations(theta: Array, labels: Array, times: list[float], /) -> Array:
    """(n, m, c) array of t psi(t Theta) y for each of n times t: gradient flow stopped there. One series for all.

    Raises ValueError where the largest time exceeds 10^9 over the largest eigenvalue.
    """
    ones = namespace(theta).ones_like(labels[:, 0])
    reach = find_reach(theta, ones)
    count = degree(reach * max(times))
    points = chebyshev_points(count, reach)
    series = np.stack([time * chebyshev_series(psi(time * points)) for time in times])
    xp = namespace(theta)
    total = xp.zeros((len(times), *labels.shape), dtype=labels.dtype, device=labels.device)
    before, now = labels, theta @ ((2 / reach) * labels) - labels
    for k in range(count):
        there = device_of(theta).asarray(series[:, k], dtype=labels.dtype)[:, None, None]
        total += there * before[None, :, :]
        before, now = now, theta @ ((4 / reach) * now) - 2 * now - before
    return total
