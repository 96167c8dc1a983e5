"""Exact propagators of u' = -Theta D u for rational matrices whose rates are rational: powers of E = exp(-h).

Theta D has n different rational eigenvalues in every instance here, so that exp(-h Theta D) is the sum of E^rate P_rate
with rational spectral projectors P: all claims about it are then claims about polynomials in E.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from sympy import Expr, ImmutableMatrix, Matrix, Poly, Symbol, diag, diff, eye, zeros

E = Symbol("E", positive=True)
"""exp(-h), h the duration of each of two pieces."""


@cache
def spectral_projectors(matrix: ImmutableMatrix, /) -> tuple[tuple[Expr, Matrix], ...]:
    """(rate, projector) pairs, ascending. Raises ValueError unless the n eigenvalues are rational and different."""
    roots = Poly(matrix.charpoly().as_expr(), matrix.charpoly().gen).ground_roots()
    if len(roots) != matrix.rows:
        raise ValueError(f"the matrix has {len(roots)} different rational eigenvalues; {matrix.rows} are needed")
    found = []
    for rate in sorted(roots):
        projector = eye(matrix.rows)
        for other in roots:
            if other != rate:
                projector = projector * (matrix - other * eye(matrix.rows)) / (rate - other)
        found.append((rate, projector))
    return tuple(found)


def power(base: Expr, matrix: Matrix, /) -> Matrix:
    """The matrix base^matrix: exp(-h matrix) at base = E."""
    total = zeros(matrix.rows)
    for rate, projector in spectral_projectors(ImmutableMatrix(matrix)):
        total += base**rate * projector
    return total


def coefficients(matrix: Matrix, /) -> list[Expr]:
    """The coefficients of the entries as polynomials in E: rationals, which differ where the entries do."""
    return [coefficient for entry in matrix for coefficient in Poly(entry, E).all_coeffs()]


def slope_in_time(matrix: Matrix, /) -> Matrix:
    """d/dh of a matrix in E = exp(-h)."""
    return -E * diff(matrix, E)


@dataclass(frozen=True, eq=False)
class TwoPieces:
    """D = diag(first), then D = diag(second), each for a time h; Theta is positive definite."""

    theta: Matrix
    first: tuple[int, ...]
    second: tuple[int, ...]

    def pieces(self) -> tuple[Matrix, Matrix]:
        """Theta D on each piece."""
        return self.theta * diag(*self.first), self.theta * diag(*self.second)

    def exact(self) -> Matrix:
        """The propagator at time 2h: the later piece multiplies from the left."""
        early, late = self.pieces()
        return power(E, late) * power(E, early)

    def closed_form(self) -> Matrix:
        """exp(-Theta Xi) at time 2h, Xi = h (diag first + diag second)."""
        return power(E, sum(self.pieces(), zeros(self.theta.rows)))

    def turning(self) -> Matrix:
        """Theta o (a b' - b a') with a, b the diagonals: antisymmetric, [Theta A, Theta B] = Theta times it."""
        a, b = Matrix(self.first), Matrix(self.second)
        return self.theta.multiply_elementwise(a * b.T - b * a.T)


SWAPPED = TwoPieces(Matrix([[2, 1], [1, 2]]), (8, 3), (3, 8))
"""Two points that exchange their attack strengths, eta S g in {log 8, log 3}: Xi = 11 h is a multiple of 1."""

THREE_POINTS = TwoPieces(Matrix([[2, 1, 0], [1, 3, 1], [0, 1, 2]]), (3, 5, 7), (7, 5, 3))
"""Three points in a row; the outer two exchange their strengths, and Xi = 10 h."""


def leading_minors(matrix: Matrix, /) -> tuple[Expr, ...]:
    """The leading principal minors: the matrix is positive definite exactly where all are positive (Sylvester)."""
    return tuple(matrix[:k, :k].det() for k in range(1, matrix.rows + 1))
