"""How far the closed form exp(-Theta Xi) u0 is from the residual, and how fast the residual decays.

Norms are |v|_{Theta^-1} = sqrt(v' Theta^-1 v), with the Frobenius norm over columns where there are several outputs.
Integrals over time run along with a fixed-step method, so that the same code serves NumPy and CuPy. Derived in
derivations.robust_overfitting.error_bound and .degeneration.
"""

import math
from collections.abc import Sequence

from numerics.dynamics import Strength, check_times, diagonal_at, rates
from numerics.lab import Array, cholesky, namespace, solve_triangular
from numerics.runge_kutta import runge_kutta


def kernel_norm(theta: Array, v: Array, /) -> float:
    """|v|_{Theta^-1} of an (n,) or (n, c) array. LinAlgError where theta is not positive definite."""
    whitened = solve_triangular(cholesky(theta), v)
    return math.sqrt(float(namespace(v).sum(whitened**2)))


def turning_norm(theta: Array, xi: Array, diagonal: Array, /) -> float:
    """The spectral norm of Theta^1/2 (Theta o M) Theta^1/2, M_ij = xi_i d_j - d_i xi_j: that of [Theta Xi, Theta D].

    With a Cholesky factor L in place of the root the matrix L' (Theta o M) L has the same norm.
    """
    xp = namespace(theta, xi, diagonal)
    factor = cholesky(theta)
    turned = factor.T @ (theta * (xi[:, None] * diagonal[None, :] - diagonal[:, None] * xi[None, :])) @ factor
    # The matrix is antisymmetric: the squares of its singular values are the eigenvalues of -turned^2.
    return math.sqrt(max(float(xp.linalg.eigvalsh(turned @ turned.T)[-1]), 0.0))


def levy_area(pieces: Sequence[tuple[float, Array]], /) -> Array:
    """(n, n) antisymmetric array 1/2 int (xi_i dxi_j - xi_j dxi_i) of the path xi with these (duration, d) pieces."""
    if not pieces:
        raise ValueError("pieces: none were given; at least one (duration, diagonal) is needed")
    xp = namespace(pieces[0][1])
    xi, area = xp.zeros_like(pieces[0][1]), 0.0
    for duration, diagonal in pieces:
        gained = duration * diagonal
        area = area + (xi[:, None] * gained[None, :] - gained[:, None] * xi[None, :]) / 2
        xi = xi + gained
    return area


def leading_error(theta: Array, area: Array, u0: Array, /) -> Array:
    """-Theta (Theta o L) u0, the first term of u - exp(-Theta Xi) u0 at short times, L being the Levy area."""
    return -(theta @ ((theta * area) @ u0))


def error_bound(
    theta: Array, strength: Strength, u0: Array, times: Sequence[float], /, *, steps: int = 400
) -> list[float]:
    """A bound on |u(t) - exp(-Theta Xi(t)) u0|_{Theta^-1} at each time, for any heterogeneity of the attack.

    1/2 |u0| int_0^t exp(-int_tau^t lam_min(Theta D)) exp(-lam_min(Theta Xi(tau))) |[Theta Xi, Theta D]| dtau, as the
    solution of B' = -lam_min(Theta D) B + ... by Runge-Kutta steps.
    """
    xp, n = namespace(theta, u0), theta.shape[0]

    def velocity(time: float, state: Array) -> Array:
        xi, diagonal = state[:n], diagonal_at(strength, time)
        source = xp.exp(-rates(theta, xi)[:1]) * turning_norm(theta, xi, diagonal) / 2
        return xp.concat([diagonal, source - rates(theta, diagonal)[:1] * state[n:]])

    start = xp.zeros((n + 1,), dtype=theta.dtype, device=theta.device)
    found = runge_kutta(velocity, start, check_times(times), steps=steps)
    scale = kernel_norm(theta, u0)
    return [scale * float(state[n]) for state in found]


def residual_bound(
    theta: Array, strength: Strength, u0: Array, times: Sequence[float], /, *, steps: int = 400
) -> list[float]:
    """|u0|_{Theta^-1} exp(-int_0^t lam_min(Theta D)), which bounds |u(t)|_{Theta^-1} at each time."""
    xp = namespace(theta, u0)
    start = xp.zeros((1,), dtype=theta.dtype, device=theta.device)
    found = runge_kutta(
        lambda time, _: rates(theta, diagonal_at(strength, time))[:1], start, check_times(times), steps=steps
    )
    scale = kernel_norm(theta, u0)
    return [scale * float(xp.exp(-state)[0]) for state in found]


def prediction_bound(kernel_at_point: float, residual_bounds: Sequence[float], /) -> list[float]:
    """Bounds on |f_t(x) - f_inf(x)| from `residual_bound` and Theta(x, x): its root times each of them."""
    if not kernel_at_point >= 0:
        raise ValueError(f"kernel_at_point: Theta(x, x) is {kernel_at_point}; at least 0 is allowed")
    return [kernel_at_point**0.5 * bound for bound in residual_bounds]
