"""The population Gram of the tangent features x sigma'(w_j.x), applied without being formed: O(m^2 d) a product.

The model is f(x) = sum_j (a_j.x) sigma'(w_j.x) with a_j the rows of A (m, d); data are standard normal, the rows w_j
of W are unit vectors. A row splits as a_j = alpha_j w_j + b_j with b_j orthogonal to w_j, and the kernels are those of
`numerics.tangent_duals`. On the diagonal b_j.w_j = 0, so that only D(1) and H(1) enter there: no singular limits.
"""

from __future__ import annotations

from dataclasses import dataclass

from numerics.lab import Array, device_of, namespace
from numerics.population_regression import eye_like
from numerics.tangent_duals import Kernel, TangentDuals


@dataclass(frozen=True, eq=False)
class TangentGram:
    """The symmetric operator G on (m, d) arrays with <A, G A> = ||f||^2, or E||grad f||^2, as the kernels that make it.

    rows W (m, d); radial H, mixed X, tangent D, tangent_slope D', each (m, m); X and D' are 0 on the diagonal.
    """

    rows: Array
    radial: Array
    mixed: Array
    tangent: Array
    tangent_slope: Array

    def product(self, weights: Array, /) -> Array:
        """(m, d) array G A."""
        along, across = split_rows(self.rows, weights)
        crossing = self.rows @ across.T
        mass = self.radial @ along + namespace(weights).sum(self.mixed * crossing, axis=1)
        carried = self.tangent_slope * crossing + self.mixed * along[None, :]
        image = self.tangent @ across + carried @ self.rows
        return _across(self.rows, image) + mass[:, None] * self.rows

    def matrix(self) -> Array:
        """(m d, m d) array, the Gram itself, for small sizes: its blocks are written out, not read off `product`."""
        rows, xp = self.rows, namespace(self.rows)
        neurons, dimension = rows.shape
        identity = xp.eye(dimension, dtype=rows.dtype, device=device_of(rows).native)
        across = identity[None, :, :] - rows[:, :, None] * rows[:, None, :]
        blocks = []
        for i in range(neurons):
            wi, line = rows[i, :], []
            for j in range(neurons):
                wj = rows[j, :]
                core = self.tangent[i, j] * identity + self.tangent_slope[i, j] * wj[:, None] * wi[None, :]
                block = across[i, :, :] @ core @ across[j, :, :] + self.radial[i, j] * wi[:, None] * wj[None, :]
                block += self.mixed[i, j] * (across[i, :, :] @ wj)[:, None] * wj[None, :]
                block += self.mixed[i, j] * wi[:, None] * (across[j, :, :] @ wi)[None, :]
                line.append(block)
            blocks.append(xp.concat(line, axis=1))
        return xp.concat(blocks, axis=0)


def tangent_gram(rows: Array, duals: TangentDuals, /) -> TangentGram:
    """The Gram of the unit rows W (m, d) in the inner product whose kernels are `duals`.

    Raises ArithmeticError where two rows are so nearly parallel that a kernel's series does not reach 1e-10.
    """
    overlaps = off_diagonal(rows @ rows.T)
    return TangentGram(
        rows,
        radial=_kernel(duals.radial, overlaps, duals.radial_energy),
        mixed=_kernel(duals.mixed, overlaps, 0.0),
        tangent=_kernel(duals.tangent, overlaps, duals.tangent_energy),
        tangent_slope=_kernel(duals.tangent_slope, overlaps, 0.0),
    )


def target_correlation(gram: TangentGram, duals: TangentDuals, target_rows: Array, /) -> Array:
    """(m, d) array R with <R, A> = E[f f*] for the centred target x'Bx - tr B; `target_rows` is W B (m, d).

    By Stein's identity twice: sqrt(2) eta_2 w'Bw along w, and 2 beta_1 times the part of Bw that is orthogonal to w.
    """
    along, across = split_rows(gram.rows, target_rows)
    mass = 2**0.5 * duals.radial_coefficient * along
    return 2 * duals.slope_coefficient * across + mass[:, None] * gram.rows


def initial_correlation(gram: TangentGram, duals: TangentDuals, output: Array, /) -> Array:
    """(m, d) array R with <R, A> = <f, f0> for f0 = sum_j v_j sigma(w_j.x), `output` v (m,), in the Gram's product."""
    overlaps = off_diagonal(gram.rows @ gram.rows.T)
    mass = _kernel(duals.initial, overlaps, duals.initial_energy) @ output
    image = gram.tangent @ (output[:, None] * gram.rows)
    return _across(gram.rows, image) + mass[:, None] * gram.rows


def split_rows(rows: Array, weights: Array, /) -> tuple[Array, Array]:
    """(alpha (m,), b (m, d)) with a_j = alpha_j w_j + b_j and b_j orthogonal to the unit row w_j."""
    along = namespace(rows).sum(rows * weights, axis=1)
    return along, weights - along[:, None] * rows


def off_diagonal(matrix: Array, /) -> Array:
    """The (m, m) array with zeros on its diagonal."""
    return matrix * (1 - eye_like(matrix))


def _across(rows: Array, weights: Array) -> Array:
    return split_rows(rows, weights)[1]


def _kernel(kernel: Kernel, overlaps: Array, diagonal: float) -> Array:
    return off_diagonal(kernel(overlaps)) + diagonal * eye_like(overlaps)
