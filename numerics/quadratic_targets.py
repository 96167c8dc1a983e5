"""Quadratic targets x^T B x - tr B with ||B||_F = 1 and trace alignment tr B / sqrt(d), and the rows that see them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from derivations.lab import Array, Lab
from numerics.lab import namespace


def diagonal_target(lab: Lab, alignment: float, dimension: int, /) -> Array:
    """(d,) diagonal of B = tau I/sqrt(d) + sqrt(1 - tau^2) B0, B0 = diag(+-1)/sqrt(d) traceless (one 0 if d is odd).

    In general position relative to everything whose law is invariant under rotations, and to nothing else. Raises
    ValueError at d = 1 where |tau| < 1: there is no traceless part.
    """
    _require_room(alignment, dimension)
    pairs = dimension // 2
    signs = np.concatenate([np.ones(pairs), -np.ones(pairs), np.zeros(dimension - 2 * pairs)])
    traceless = signs / math.sqrt(max(2 * pairs, 1))
    return lab.asarray(alignment / math.sqrt(dimension) + math.sqrt(1 - alignment**2) * traceless)


def general_target(lab: Lab, alignment: float, dimension: int, /) -> Array:
    """(d, d) array B = tau I/sqrt(d) + sqrt(1 - tau^2) B0, B0 a traceless Gaussian symmetric matrix of norm 1.

    Its law is invariant under rotations, so that B0 is in general position relative to any covariance of the rows: a
    diagonal B0 with random signs is not, tr(Gamma B0 Gamma B0) would be mean(g^2)/d^2 and not 1/d^2. Raises ValueError
    at d = 1 where |tau| < 1.
    """
    _require_room(alignment, dimension)
    xp = lab.xp
    normal = lab.normal(dimension, dimension)
    identity = xp.eye(dimension, dtype=normal.dtype, device=normal.device)
    symmetric = normal + normal.T
    traceless = symmetric - float(xp.sum(xp.linalg.diagonal(symmetric))) / dimension * identity
    scale = math.sqrt(1 - alignment**2) / max(lab.norm(traceless), np.finfo(float).tiny)
    return alignment / math.sqrt(dimension) * identity + scale * traceless


def square_rows(rows: Array, target: Array, /) -> Array:
    """(m,) array w_j^T B w_j for rows (m, d) and B given as (d, d), or by its diagonal (d,)."""
    xp = namespace(rows, target)
    if target.ndim == 1:
        return rows**2 @ target
    return xp.sum((rows @ target) * rows, axis=1)


def covariance_eigenvalues(law: Any, dimension: int, /) -> np.ndarray[Any, np.dtype[np.float64]]:
    """(d,) eigenvalues of the covariance Gamma of the rows: the d quantiles of the law, scaled to sum to 1."""
    levels = (np.arange(dimension) + 0.5) / dimension
    places = np.searchsorted(np.cumsum(law.weights), levels).clip(max=len(law.values) - 1)
    eigenvalues = np.asarray(law.values, dtype=float)[places]
    return np.asarray(eigenvalues / eigenvalues.sum())


def is_isotropic(law: Any, /) -> bool:
    """Whether every value of the law is 1."""
    return bool(np.all(np.abs(np.asarray(law.values, dtype=float) - 1) < 1e-12))


def _require_room(alignment: float, dimension: int) -> None:
    if dimension == 1 and abs(alignment) < 1:
        raise ValueError(f"dimension: 1 leaves no traceless part for trace_alignment = {alignment:g}; take at least 2")
