"""The linear systems of the interior-point method for robust regression, one class per kind of attack.

A Newton step solves, for the weights theta (N,) and the attack strengths c (m,),

    [ ridge + F' L F + e^2 A' M A    -F' tilt + e A' M_0 ] [theta]   [right_theta]
    [             ...                curvature + M_00    ] [  c  ] = [  right_c  ]

with F the features, A the linear map to the gradient rows, L = diag(weights), and W^-2 = [[M_00, M_0'], [M_0, M]] the
inverse square of the Nesterov-Todd scaling W. Each `factorise` eliminates c by hand: the large terms of W^-2 cancel on
paper instead of in floating point, and one Cholesky factorisation is left.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import array_api_compat

from numerics.lab import Array, LinAlgError, cholesky, cholesky_solve, gram, namespace, solve
from numerics.second_order_cone import Scaling

Solve = Callable[[Array, Array], tuple[Array, Array]]

# A few roundings of the diagonal: enough to keep a Newton step out of the null space of a singular matrix.
DAMPING = 1e-15
# Terms of this ratio are subtracted on the kernel side of the Woodbury identity before it is left for the other side.
LARGEST_RATIO = 1e10
STRONGER_DAMPING = (1e-12, 1e-10)


@dataclass(frozen=True)
class Coefficients:
    """What changes from one Newton system to the next: (n,) weights and tilt, (m,) curvature, the scaling."""

    weights: Array
    tilt: Array
    curvature: Array
    scaling: Scaling


@dataclass(frozen=True)
class Elimination:
    """Per gradient row, what is left of W^-2 once its attack strength has been eliminated; (m,) arrays.

    With f the pulled-back tilt and g the pulled-back space part of the scaling, eliminating c leaves the terms
    `level` A'A - f f'/corner - (mixed/corner)(f g' + g f') + last g g', and the column of c is -(f + mixed g).
    """

    level: Array
    corner: Array
    mixed: Array
    last: Array

    @classmethod
    def of(cls, coefficients: Coefficients, epsilon: float, /) -> "Elimination":
        """The terms for one Newton system."""
        square, time = coefficients.scaling.size**2, coefficients.scaling.time
        level = epsilon**2 / square
        corner = coefficients.curvature + (2.0 * time**2 - 1.0) / square
        last = 2.0 * level * (coefficients.curvature * square - 1.0) / (square * corner)
        return cls(level, corner, 2.0 * time * epsilon / square, last)


class Attack(Protocol):
    """A linear map A from theta to m rows of gradients, with the features and the ridge in the same coordinates."""

    features: Array
    epsilon: float

    def rows(self, theta: Array, /) -> Array:
        """(m, k) array A theta; m is 1 or n."""

    def adjoint(self, rows: Array, /) -> Array:
        """(N,) array A' rows."""

    def ridge(self, theta: Array, /) -> Array:
        """(N,) array: the gradient of the ridge term."""

    def pool(self, samples: Array, /) -> Array:
        """(m,) array: (n,) samples summed over those that share a row."""

    def factorise(self, coefficients: Coefficients, /) -> Solve:
        """Factorise the Newton system; LinAlgError if it is not positive definite."""


def identity(width: int, like: Array, /) -> Array:
    """(width, width) identity beside `like`, in its dtype."""
    xp: Any = namespace(like)
    return xp.eye(width, dtype=like.dtype, device=array_api_compat.device(like))


def regularised_cholesky(matrix: Array, /, *, damping: float = 0.0) -> Array:
    """Cholesky factor of a positive semidefinite matrix, its diagonal raised by `damping` of itself, more if need be.

    Without damping a singular matrix may pass with pivots of pure rounding, and a step runs away in its null space.
    """
    for relative in (damping, *STRONGER_DAMPING):
        raised = matrix if relative == 0.0 else matrix * (1.0 + relative * identity(matrix.shape[0], matrix))
        try:
            return cholesky(raised)
        except LinAlgError:
            continue
    raise LinAlgError("the matrix is not positive semidefinite")


class MeanGradient:
    """One gradient row for all samples, in the coordinates w = L' theta, in which A w = w (rungs L2 and L3)."""

    def __init__(self, features: Array, epsilon: float, /, *, ridge: Array | None = None) -> None:
        """`features` (n, N) are those of w; `ridge` is the (N, N) matrix of the ridge term in w, None for no ridge."""
        self.features = features
        self.epsilon = epsilon
        self._ridge = ridge
        self._identity = identity(features.shape[1], features)
        self._kernel = gram(features) if ridge is None and features.shape[0] == features.shape[1] else None
        self._size = 0.0 if self._kernel is None else float(namespace(features).linalg.trace(self._kernel))

    def rows(self, theta: Array, /) -> Array:
        """(1, N) array: theta itself."""
        return theta[None, :]

    def adjoint(self, rows: Array, /) -> Array:
        """(N,) array: the only row."""
        return rows[0, :]

    def ridge(self, theta: Array, /) -> Array:
        """(N,) array: ridge matrix times theta."""
        return 0.0 * theta if self._ridge is None else self._ridge @ theta

    def pool(self, samples: Array, /) -> Array:
        """(1,) array: the sum over all samples."""
        return namespace(samples).sum(samples, keepdims=True)

    def factorise(self, coefficients: Coefficients, /) -> Solve:
        """The rank-two part (f and g) is added by the Woodbury identity."""
        xp, left = namespace(self.features), Elimination.of(coefficients, self.epsilon)
        base = self._base(coefficients.weights, left.level)
        pair = xp.stack([self.features.T @ coefficients.tilt, coefficients.scaling.space[0, :]], axis=1)
        entries = [-1.0 / left.corner, -left.mixed / left.corner, -left.mixed / left.corner, left.last]
        small = xp.reshape(xp.concat(entries), (2, 2))
        column = -(pair[:, 0] + left.mixed * pair[:, 1])
        solved = base(pair)
        reduced = identity(2, pair) + small @ (pair.T @ solved)

        def solve_system(right: Array, right_strengths: Array) -> tuple[Array, Array]:
            first = base(right - column * (right_strengths / left.corner))
            theta = first - solved @ solve(reduced, small @ (pair.T @ first))
            return theta, (right_strengths - xp.sum(column * theta)) / left.corner

        return solve_system

    def _base(self, weights: Array, level: Array) -> Callable[[Array], Array]:
        """Solve with F' L F + level + ridge, on the side of the samples where that is cheap and loses no digits."""
        xp = namespace(weights)
        if self._kernel is not None and float(xp.max(weights) / level[0]) * self._size < LARGEST_RATIO:
            root = xp.sqrt(weights / level)
            factor = regularised_cholesky(root[:, None] * self._kernel * root + self._identity)

            def solve_base(right: Array) -> Array:
                scale = root if right.ndim == 1 else root[:, None]
                inner = scale * cholesky_solve(factor, scale * (self.features @ right))
                return (right - self.features.T @ inner) / level

            return solve_base
        matrix = gram((xp.sqrt(weights)[:, None] * self.features).T) + level * self._identity
        factor = regularised_cholesky(matrix if self._ridge is None else matrix + self._ridge)
        return lambda right: cholesky_solve(factor, right)


class PerSampleGradient:
    """One gradient row for each sample, J_i theta = W' (slopes_i * theta) (rung L1)."""

    def __init__(
        self, features: Array, first_layer: Array, slopes: Array, epsilon: float, /, *, ridge: float = 0.0
    ) -> None:
        """`features` and `slopes` are (n, N), the first layer W is (N, d), `ridge` multiplies ||theta||^2 / 2."""
        self.features = features
        self.first_layer = first_layer
        self.slopes = slopes
        self.epsilon = epsilon
        self._ridge = ridge
        self._overlaps = gram(first_layer)

    def rows(self, theta: Array, /) -> Array:
        """(n, d) array of the gradients J_i theta."""
        return (self.slopes * theta) @ self.first_layer

    def adjoint(self, rows: Array, /) -> Array:
        """(N,) array sum_i J_i' rows_i."""
        return namespace(rows).sum(self._pull_back(rows), axis=0)

    def ridge(self, theta: Array, /) -> Array:
        """(N,) array: ridge times theta."""
        return self._ridge * theta

    def pool(self, samples: Array, /) -> Array:
        """(n,) array: no row is shared."""
        return samples

    def gradient_gram(self, weights: Array, /) -> Array:
        """(N, N) array sum_i weights_i J_i' J_i: a Hadamard product, no n x d x N array is formed."""
        root = namespace(weights).sqrt(weights)
        return self._overlaps * gram((root[:, None] * self.slopes).T)

    def factorise(self, coefficients: Coefficients, /) -> Solve:
        """Per sample the 2 x 2 form in (f, g) is completed to squares, so that three products build the matrix."""
        xp, left = namespace(self.features), Elimination.of(coefficients, self.epsilon)
        tilt = coefficients.tilt
        pulled = self._pull_back(coefficients.scaling.space)
        first = coefficients.weights - tilt**2 / left.corner
        cross = -tilt * left.mixed / left.corner
        ratio = cross / first
        square = xp.sqrt(first)[:, None] * (self.features + ratio[:, None] * pulled)
        rest = left.last - cross * ratio
        matrix = self.gradient_gram(left.level) + gram(square.T) + (rest[:, None] * pulled).T @ pulled
        matrix = matrix + self._ridge * identity(matrix.shape[0], matrix)
        factor = regularised_cholesky(matrix, damping=DAMPING)
        columns = -(tilt[:, None] * self.features + left.mixed[:, None] * pulled)

        def solve_system(right: Array, right_strengths: Array) -> tuple[Array, Array]:
            right = right - columns.T @ (right_strengths / left.corner)
            theta = cholesky_solve(factor, right)
            theta = theta + cholesky_solve(factor, right - matrix @ theta)
            return theta, (right_strengths - columns @ theta) / left.corner

        return solve_system

    def _pull_back(self, rows: Array) -> Array:
        """(n, N) array whose rows are J_i' rows_i."""
        return self.slopes * (rows @ self.first_layer.T)
