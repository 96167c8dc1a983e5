"""Population Gram matrices of random features: averages over x ~ N(0, I_d) computed, never sampled.

For rows w_i (m, d) and an activation s, with K = W W^T, a_i = ||w_i|| and rho_ij = K_ij / (a_i a_j),

    E s(w_i.x) s(w_j.x) = E s(a_i G) s(a_j G'),        E<grad_i, grad_j> = K_ij E s'(a_i G) s'(a_j G')

with G, G' standard normal of correlation rho_ij. For unit rows these are the two dual activations. For other rows
Mehler's formula is used in its two-variance form: with c_k(a) = E[s(a G) h_k(G)],

    E s(a_i G) s(a_j G') = sum_k c_k(a_i) c_k(a_j) rho_ij^k,

and the average of the gradients has k c_k(a_i) c_k(a_j) rho_ij^k; piecewise linear functions with one kink, at 0, are
homogeneous up to a constant and have a closed form. Derived here.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from numerics.activations import VARIABLE, Activation
from numerics.dual_activations import is_piecewise_linear
from numerics.hermite import REACH, panels
from numerics.lab import Array, device_of, gram, namespace

TOLERANCE = 1e-12
DEGREE = 400
DEVIATIONS = 14.0  # beyond that many standard deviations the normal density is below 1e-42


@dataclass(frozen=True, eq=False)
class PopulationGrams:
    """Second moments of the m features s(w_j.x), and of their gradients, over x ~ N(0, I_d).

    `overlaps` K (m, m); `values` (m, m), the covariances of the features; `slopes` (m, m), the averages of the inner
    products of their gradients; `means` (m,); `curvatures` (m,): ||w_j||^2 E s''(w_j.x), so that the covariance of
    s(w_j.x) with x^T B x is curvatures_j w_j^T B w_j / ||w_j||^2.
    """

    overlaps: Array
    values: Array
    slopes: Array
    means: Array
    curvatures: Array

    @property
    def second_moments(self) -> Array:
        """(m, m) array E s(w_i.x) s(w_j.x): the covariances and the products of the means."""
        return self.values + self.means[:, None] * self.means[None, :]

    def correlations(self, squares: Array, /) -> Array:
        """(m,) covariances of the features with x^T B x, given `squares` (m,) with entries w_j^T B w_j."""
        return self.curvatures * squares / namespace(squares).linalg.diagonal(self.overlaps)


def unit_row_grams(rows: Array, activation: Activation, /) -> PopulationGrams:
    """The Gram matrices of an (m, d) array of rows of norm 1, through the two dual activations."""
    xp = namespace(rows)
    overlaps = gram(rows)
    ones = xp.ones_like(overlaps[:, 0])
    return PopulationGrams(
        overlaps=overlaps,
        values=activation.dual(overlaps),
        slopes=overlaps * activation.dual_slope(overlaps),
        means=activation.mean * ones,
        curvatures=activation.curvature * ones,
    )


def row_grams(rows: Array, activation: Activation, /) -> PopulationGrams:
    """The Gram matrices of an (m, d) array of rows of any norms but 0, no two of them parallel.

    Raises ArithmeticError where the series needs more than degree 400 (a kinked activation at rows almost parallel).
    """
    xp = namespace(rows)
    overlaps = gram(rows)
    norms = xp.sqrt(xp.linalg.diagonal(overlaps))
    products = norms[:, None] * norms[None, :]
    correlations = overlaps / products
    if not is_piecewise_linear(activation.expression, VARIABLE):
        return _sum_series(overlaps, correlations, norms, activation)
    constant = float(activation.uncentred(np.zeros(1))[0])
    return PopulationGrams(
        overlaps=overlaps,
        values=products * activation.dual(correlations),
        slopes=overlaps * activation.dual_slope(correlations),
        means=constant + norms * (activation.mean - constant),
        curvatures=norms * activation.curvature,
    )


def _sum_series(overlaps: Array, correlations: Array, norms: Array, activation: Activation) -> PopulationGrams:
    """Horner's scheme in the correlations; the terms beyond the degree are bounded by Cauchy-Schwarz."""
    xp = namespace(norms)
    identity = xp.eye(norms.shape[0], dtype=norms.dtype, device=device_of(norms).native)
    largest = float(xp.max(xp.abs(correlations * (1 - identity))))
    coefficients, energies, slope_energies = expand_rows(norms, activation, largest)
    values, slopes = xp.zeros_like(correlations), xp.zeros_like(correlations)
    for k in range(len(coefficients) - 1, 0, -1):
        term = coefficients[k][:, None] * coefficients[k][None, :]
        values = (values + term) * correlations
        slopes = (slopes + k * term) * correlations
    means = coefficients[0]
    curvatures = 2**0.5 * coefficients[2] if len(coefficients) > 2 else xp.zeros_like(norms)
    return PopulationGrams(
        overlaps=overlaps,
        values=values + identity * (energies - means**2 - xp.linalg.diagonal(values)),
        slopes=slopes + identity * (norms**2 * slope_energies - xp.linalg.diagonal(slopes)),
        means=means,
        curvatures=curvatures,
    )


def expand_rows(norms: Array, activation: Activation, largest: float, /) -> tuple[list[Array], Array, Array]:
    """The Hermite coefficients c_k(a) = E[s(a G) h_k(G)] of every norm a (m,), E s(a G)^2 and E s'(a G)^2.

    As many k as the series of values and of slopes need at correlations up to `largest` to 1e-12 of their value at 1.
    """
    xp = namespace(norms)
    points, weights = _grid(activation, norms)
    with np.errstate(all="ignore"):
        value, slope = activation.uncentred(points), activation.slope(points)
    scaled = points[None, :] / norms[:, None]
    now = weights[None, :] * xp.exp(-(scaled**2) / 2) / norms[:, None]
    energies = xp.sum(now * value**2, axis=1)
    slope_energies = xp.sum(now * slope**2, axis=1)
    left, slope_left = energies, norms**2 * slope_energies
    before = xp.zeros_like(now)
    coefficients: list[Array] = []
    for k in range(DEGREE + 1):
        coefficients.append(now @ value)
        left, slope_left = left - coefficients[k] ** 2, slope_left - k * coefficients[k] ** 2
        shrink = largest ** (k + 1)
        missing = float(xp.max(left / energies)), float(xp.max(slope_left / (norms**2 * slope_energies)))
        if k >= 2 and max(missing) * shrink <= TOLERANCE:
            return coefficients, energies, slope_energies
        before, now = now, (scaled * now - k**0.5 * before) / (k + 1) ** 0.5
    raise ArithmeticError(
        f"population Gram: at correlation {largest:.6g} the Hermite series needs degree above {DEGREE}"
    )


def _grid(activation: Activation, norms: Array) -> tuple[Array, Array]:
    """Quadrature points (P,) for the argument a G of the activation, and weights (P,) without the normal density."""
    xp = namespace(norms)
    reach = min(REACH, DEVIATIONS * float(xp.max(norms)))
    width = min(1.0, float(xp.min(norms)))
    points, weights = panels(-reach, reach, width, activation.switches)
    device = device_of(norms)
    return device.asarray(points, dtype=norms.dtype), device.asarray(weights / (2 * np.pi) ** 0.5, dtype=norms.dtype)
