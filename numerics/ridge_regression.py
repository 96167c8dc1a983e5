"""Ridge regression and, without a ridge, the least-squares solution of least norm: the attack of radius zero."""

from numerics.lab import Array, LinAlgError, cholesky, cholesky_solve, gram, namespace, solve
from numerics.newton_systems import identity


def ridge_regression(features: Array, labels: Array, /, *, ridge: float = 0.0) -> Array:
    """(N,) minimiser of ||labels - features theta||^2 + ridge ||theta||^2 for (n, N) features and ridge >= 0.

    At ridge = 0 it is the minimiser of least norm, the limit of a vanishing ridge. The smaller of the two Gram matrices
    is factorised, and one step of iterative refinement follows; rank-deficient features go through eigenvalues.
    """
    samples, width = features.shape
    if samples == width and ridge == 0.0:
        try:
            return solve(features, labels)
        except LinAlgError:
            return _least_norm(features, labels)
    tall = samples >= width
    matrix = gram(features.T if tall else features)
    if ridge > 0.0:
        matrix = matrix + ridge * identity(matrix.shape[0], matrix)
    try:
        factor = cholesky(matrix)
    except LinAlgError:
        return _least_norm(features, labels)

    def respond(residuals: Array, shift: Array) -> Array:
        if tall:
            return cholesky_solve(factor, features.T @ residuals - shift)
        return features.T @ cholesky_solve(factor, residuals)

    theta = respond(labels, 0.0 * features[0, :])
    if tall or ridge == 0.0:
        theta = theta + respond(labels - features @ theta, ridge * theta)
    return theta


def _least_norm(features: Array, labels: Array) -> Array:
    """The pseudo-inverse by a singular value decomposition, small singular values dropped as rounding."""
    xp = namespace(features)
    left, values, right = xp.linalg.svd(features, full_matrices=False)
    keep = values > 1e-13 * max(features.shape) * xp.max(values)
    inverse = xp.where(keep, 1.0 / xp.where(keep, values, 1.0 + values), 0.0 * values)
    return right.T @ (inverse * (left.T @ labels))
