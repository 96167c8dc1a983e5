"""Least squares on the population: ridge, early stopping and a random start as filters of the Gram matrix.

The flow v' = -(U v - r) - lambda (v - v_0) from v_0 stands at time t at v = phi(U) r + chi(U) v_0 with

    phi(x) = (1 - exp(-t (x + lambda))) / (x + lambda),      chi(x) = 1 - x phi(x);

t = oo is ridge regression towards v_0, and lambda = 0 plain gradient flow. Derived here.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from derivations.lab import Array
from numerics.lab import cholesky, cholesky_solve, device_of, namespace

NULL = 1e-12
"""Eigenvalues below this part of the largest count as 0 where the least norm is asked for."""


@dataclass(frozen=True, eq=False)
class PopulationFit:
    """Weights phi(U) r (m,), and what a start v_0 ~ N(0, alpha^2 I/m) adds on average to the two quadratic forms.

    `start_energy` is E v_0^T chi U chi v_0, `start_slope_energy` is E v_0^T chi C chi v_0.
    """

    weights: Array
    start_energy: float
    start_slope_energy: float


def fit_population(
    gram: Array, slopes: Array, correlations: Array, *, ridge: float, time: float, init_scale: float
) -> PopulationFit:
    """The fit to correlations r (m,) with Gram matrix U (m, m), and slopes C (m, m) for the average over the start.

    One Cholesky factorisation at t = oo, else the eigenvalues. Of least norm where U is singular and lambda = 0: what
    the start leaves in the null space of U is no function.
    """
    if not math.isinf(time):
        return _fit_early(gram, slopes, correlations, ridge, time, init_scale)
    if ridge == 0.0:
        return PopulationFit(_interpolate(gram, correlations), 0.0, 0.0)
    identity = eye_like(gram)
    factor = cholesky(gram + ridge * identity)
    weights = cholesky_solve(factor, correlations)
    if init_scale == 0.0:
        return PopulationFit(weights, 0.0, 0.0)
    xp = namespace(gram)
    memory = ridge * cholesky_solve(factor, identity)
    scale = init_scale**2 / gram.shape[0]
    start = ridge * (float(xp.sum(xp.linalg.diagonal(memory))) - float(xp.sum(memory**2)))
    return PopulationFit(weights, scale * start, scale * float(xp.sum(memory * (slopes @ memory))))


def fit_from(gram: Array, correlations: Array, start: Array, *, ridge: float, time: float) -> Array:
    """(m,) weights phi(U) r + chi(U) v_0 for a given start v_0 (m,)."""
    if math.isinf(time) and ridge == 0.0:
        return _interpolate(gram, correlations)
    values, vectors = namespace(gram).linalg.eigh(gram)
    response, memory = filters(values, ridge=ridge, time=time)
    return vectors @ (response * (vectors.T @ correlations) + memory * (vectors.T @ start))


def filters(values: Array, /, *, ridge: float, time: float) -> tuple[Array, Array]:
    """(phi, chi) at eigenvalues x (m,), those that rounding made negative taken as 0; ridge or 1/time is positive."""
    xp = namespace(values)
    shifted = ridge + xp.where(values > 0.0, values, xp.zeros_like(values))
    if math.isinf(time):
        return 1 / shifted, ridge / shifted
    positive = xp.where(shifted > 0.0, shifted, xp.ones_like(shifted))
    response = xp.where(shifted > 0.0, -xp.expm1(-time * positive) / positive, xp.full_like(shifted, time))
    return response, xp.exp(-time * shifted) + ridge * response


def eye_like(matrix: Array, /) -> Array:
    """The identity of the shape and on the device of an (m, m) array."""
    return namespace(matrix).eye(matrix.shape[0], dtype=matrix.dtype, device=device_of(matrix).native)


def _fit_early(
    gram: Array, slopes: Array, correlations: Array, ridge: float, time: float, init_scale: float
) -> PopulationFit:
    xp = namespace(gram)
    values, vectors = xp.linalg.eigh(gram)
    response, memory = filters(values, ridge=ridge, time=time)
    weights = vectors @ (response * (vectors.T @ correlations))
    if init_scale == 0.0:
        return PopulationFit(weights, 0.0, 0.0)
    slope_diagonal = xp.sum(vectors * (slopes @ vectors), axis=0)
    energies = (float(xp.mean(memory**2 * diagonal)) for diagonal in (values, slope_diagonal))
    return PopulationFit(weights, *(init_scale**2 * energy for energy in energies))


def _interpolate(gram: Array, correlations: Array) -> Array:
    try:
        return cholesky_solve(cholesky(gram), correlations)
    except np.linalg.LinAlgError:
        pass
    xp = namespace(gram)
    values, vectors = xp.linalg.eigh(gram)
    seen = values > NULL * float(xp.max(values))
    inverse = xp.where(seen, 1 / xp.where(seen, values, xp.ones_like(values)), xp.zeros_like(values))
    return vectors @ (inverse * (vectors.T @ correlations))
