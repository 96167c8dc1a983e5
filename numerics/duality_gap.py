"""Lower bounds on the robust training objective, from any dual point: what makes a computed minimiser certified.

For u in R^n, rows v of gradients and the remainder g = F'u - A'v, convexity gives for every theta

    (1/2) sum_i (|y_i - f_i.theta| + e ||(A theta)_k(i)||)^2 + (rho/2) ||theta||^2
        >= u.y - h*(u, ||v|| / e) - ||g||^2 / (2 rho)

where h* is the conjugate of h(r, c) = (1/2) sum (|r_i| + c_k(i))^2. Everything subtracted is homogeneous of degree two
in (u, v), so the best multiple of the point gives (u.y)^2 / (4 (h* + ||g||^2 / (2 rho))). Without a ridge (rho = 0) the
bound needs g = 0. Derived here.
"""

from numerics.lab import Array, cholesky_solve, namespace
from numerics.newton_systems import Attack
from numerics.second_order_cone import norms

PROJECTIONS = 2


def robust_sum_of_squares(residuals: Array, strengths: Array, /) -> float:
    """sum_i (|r_i| + c_i)^2 of (n,) residuals and (n,) or (1,) attack strengths c = e * gradient norm."""
    xp = namespace(residuals)
    return float(xp.sum((xp.abs(residuals) + strengths) ** 2))


def conjugate_per_sample(push: Array, pull: Array, /) -> float:
    """h*(u, v) when each sample has a strength of its own: half the sum of max(|u_i|, v_i)^2; (n,) arrays."""
    xp = namespace(push)
    size = xp.abs(push)
    return 0.5 * float(xp.sum(xp.where(size > pull, size, pull) ** 2))


def conjugate_shared(push: Array, pull: float, /) -> float:
    """h*(u, v) = max over c >= 0 of v c + sum_i sup_r (u_i r - (|r| + c)^2 / 2), when the samples share one strength.

    The maximiser solves sum max(|u_i|, c) = v; c = 0 if v is at most the sum of the |u_i|.
    """
    xp, size = namespace(push), namespace(push).abs(push)
    if pull <= float(xp.sum(size)):
        return 0.5 * float(xp.sum(size**2))
    ordered = xp.sort(size)
    count = xp.cumulative_sum(xp.ones_like(ordered))
    tail = xp.sum(ordered) - xp.cumulative_sum(ordered)
    # The j smallest are raised to c: j c + tail_j = v. The right j is the first whose c does not reach the next one.
    levels = (pull - tail) / count
    following = xp.concat([ordered[1:], xp.ones_like(ordered[:1]) * float("inf")])
    strength = levels[int(xp.argmax(xp.astype(levels <= following, xp.int64)))]
    free = xp.where(size > strength, size * (0.5 * size - strength), -0.5 * strength**2)
    return float(pull * strength + xp.sum(free))


def best_multiple(linear: float, quadratic: float, /) -> float:
    """max over t >= 0 of t linear - t^2 quadratic, with quadratic >= 0; 0 where the point proves nothing."""
    if linear <= 0.0 or quadratic <= 0.0:
        return 0.0
    return linear**2 / (4.0 * quadratic)


def shared_bound(
    features: Array, labels: Array, epsilon: float, push: Array, /, *, remainder: Array | None = None, cost: float = 0.0
) -> float:
    """Lower bound from any (n,) push when the samples share one gradient row w; `features` (n, N) are those of w.

    `remainder` (N,) is the part of F'u that a ridge pays for, and `cost` = ||g||^2 / (2 rho) what it pays.
    """
    xp, rest = namespace(push), features.T @ push
    pull = float(xp.linalg.vector_norm(rest if remainder is None else rest - remainder)) / epsilon
    return best_multiple(float(xp.sum(push * labels)), conjugate_shared(push, pull) + cost)


def per_sample_bound(
    attack: Attack, labels: Array, theta: Array, point: tuple[Array, Array], factor: Array, /, *, ridge: float = 0.0
) -> float:
    """Lower bound for one gradient row per sample, from a dual point (u, v) of an (n,) and an (n, d) array.

    The point is projected onto F'u - A'v = ridge theta with `factor`, a Cholesky factor of F'F + A'A (raised a little
    where it is singular, so that rounding in its null space is not blown up), and the best bound on the way is kept.
    What is left of that equation is paid for by the ridge exactly, or, without one, by subtracting its norm times
    2 ||theta||, which covers every minimiser of at most twice the norm.
    """
    xp, (push, rows), best = namespace(labels), point, 0.0
    for _ in range(PROJECTIONS + 1):
        left = attack.features.T @ push - attack.adjoint(rows)
        quadratic = conjugate_per_sample(push, norms(rows) / attack.epsilon)
        best = max(best, best_multiple(*_pay(float(xp.sum(push * labels)), quadratic, left, theta, ridge)))
        shift = cholesky_solve(factor, left - attack.ridge(theta))
        push, rows = push - attack.features @ shift, rows + attack.rows(shift)
    return best


def least_squares_bound(features: Array, labels: Array, theta: Array, /, *, ridge: float = 0.0) -> float:
    """Lower bound without an attack, from the residuals at theta as the dual point."""
    xp = namespace(labels)
    push = labels - features @ theta
    quadratic = 0.5 * float(xp.sum(push**2))
    return best_multiple(*_pay(float(xp.sum(push * labels)), quadratic, features.T @ push, theta, ridge))


def _pay(linear: float, quadratic: float, left: Array, theta: Array, ridge: float) -> tuple[float, float]:
    norm = namespace(left).linalg.vector_norm
    if ridge > 0.0:
        return linear, quadratic + float(norm(left)) ** 2 / (2.0 * ridge)
    return linear - 2.0 * float(norm(left)) * float(norm(theta)), quadratic
