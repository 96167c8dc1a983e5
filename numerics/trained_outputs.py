"""What the trained network computes away from the training points, given the residual u(t) or its propagator.

f_t(x) = f_0(x) - Theta(x, X) Theta^-1 (u_0 - u(t)) holds for every attack strength; only u(t) depends on the attack.
Source: Fu & Wang (2024); derivations.robust_overfitting.dynamics, steps trained_output and output_law.
"""

from numerics.lab import Array, cholesky, cholesky_solve, namespace


def predict(theta_cross: Array, theta: Array, f0: Array, u0: Array, u: Array, /) -> Array:
    """(m,) or (m, c) outputs at m points from f0 there, Theta(x, X) (m, n), Theta and residuals (n,) or (n, c)."""
    return f0 - theta_cross @ cholesky_solve(cholesky(theta), u0 - u)


def output_law(
    theta_cross: Array, theta: Array, propagator: Array, y: Array, nngp: tuple[Array, Array, Array], /
) -> tuple[Array, Array]:
    """Mean (m,) or (m, c) and covariance (m, m) of f_t over initialisations, for a deterministic D(t).

    `propagator` is the (n, n) matrix U with u(t) = U u_0; `nngp` holds K at (points, points), (points, X) and (X, X).
    With A = Theta(x, X) Theta^-1 (1 - U) the mean is A y and the covariance that of f_0(x) - A f_0(X). At a fixed input
    dimension D depends on the random input gradients of f_0: the law then holds given those gradients only.
    """
    xp = namespace(theta, propagator)
    identity = xp.eye(theta.shape[0], dtype=theta.dtype, device=theta.device)
    mixing = theta_cross @ cholesky_solve(cholesky(theta), identity - propagator)
    among, cross, train = nngp
    crossed = mixing @ cross.T
    return mixing @ y, among - crossed - crossed.T + mixing @ train @ mixing.T
