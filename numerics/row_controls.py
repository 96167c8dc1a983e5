"""Control variates of a first layer: sums over its rows whose means are known exactly, and that features follow.

For independent rows w_i of covariance Gamma whose law does not change when one of them changes sign. Derived here.
"""

from __future__ import annotations

import math

from derivations.lab import Array
from numerics.activations import Activation
from numerics.lab import cholesky, cholesky_solve, namespace
from numerics.population_regression import eye_like

MEANS = {
    "row_overlap": 1.0,
    "row_energy": 1.0,
    "square_overlap": 0.0,
    "target_overlap": 0.0,
    "resolvent_overlap": 0.0,
    "squared_resolvent_overlap": 0.0,
}
"""The exact mean of each control."""


def measure_row_controls(
    overlaps: Array,
    targets: Array,
    activation: Activation,
    *,
    ridge: float,
    dimension: int,
    moments: tuple[float, float],
) -> dict[str, float]:
    """The controls of rows with K = `overlaps` (m, m) and w_j^T B w_j = `targets` (m,); `MEANS` are their means.

    Those of `measure_quadratic_overlaps`, row_overlap = 1^T K 1/m and row_energy = tr K/m. With
    R = (mu_1^2 K + nu)^-1 and nu the energy of the degrees above 1 plus the ridge, resolvent_overlap =
    (1^T R 1 - tr R)/m and squared_resolvent_overlap = (1^T R^2 1 - tr R^2)/m: random signs leave only the diagonal.
    """
    xp, count = namespace(overlaps), overlaps.shape[0]
    sums, squares = _resolvent(overlaps, activation, ridge)
    return {
        "row_overlap": float(xp.sum(overlaps)) / count,
        "row_energy": float(xp.mean(xp.linalg.diagonal(overlaps))),
        **measure_quadratic_overlaps(overlaps, targets, dimension=dimension, moments=moments),
        "resolvent_overlap": sums / count,
        "squared_resolvent_overlap": squares / count,
    }


def measure_quadratic_overlaps(
    overlaps: Array, targets: Array, *, dimension: int, moments: tuple[float, float]
) -> dict[str, float]:
    """Those of degree two, given `moments` = (tr Gamma^2, tr Gamma B): both of mean 0.

    square_overlap = sum_{i != j} (K_ij^2 - tr Gamma^2)/m and target_overlap = sqrt(d) mean_j (w_j^T B w_j - tr Gamma
    B).
    """
    xp, count = namespace(overlaps), overlaps.shape[0]
    off_diagonal = float(xp.sum(overlaps**2)) - float(xp.sum(xp.linalg.diagonal(overlaps) ** 2))
    return {
        "square_overlap": off_diagonal / count - (count - 1) * moments[0],
        "target_overlap": math.sqrt(dimension) * (float(xp.mean(targets)) - moments[1]),
    }


def _resolvent(overlaps: Array, activation: Activation, ridge: float) -> tuple[float, float]:
    """(1^T R 1 - tr R, 1^T R^2 1 - tr R^2); 0 where R is a multiple of the identity or does not exist."""
    shift = activation.nonlinear_energy + ridge
    slope = activation.linear_coefficient**2
    if slope <= 1e-12 * activation.energy or shift <= 0.0:
        return 0.0, 0.0
    xp, identity = namespace(overlaps), eye_like(overlaps)
    resolvent = cholesky_solve(cholesky(slope * overlaps + shift * identity), identity)
    row_sums, trace = xp.sum(resolvent, axis=1), xp.sum(xp.linalg.diagonal(resolvent))
    return float(xp.sum(row_sums) - trace), float(xp.sum(row_sums**2) - xp.sum(resolvent**2))
