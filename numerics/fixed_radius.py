"""Attacks of a fixed length: u' = -Theta (u + rho sign u), a differential inclusion that stops at u = 0 in finite time.

A displacement of length r_i under a gradient of length sqrt(g_i) needs D_i = 1 + rho_i/|u_i|, rho_i = r_i sqrt(g_i).
At u_i = 0 the sign is any number in [-1, 1] (Filippov). The flow is steepest descent of |u|^2/2 + sum rho_i |u_i| in
the metric of Theta^-1, a convex function, so that a solution exists and is unique. Derived in
derivations.robust_overfitting.fixed_radius.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from numerics.dynamics import check_times, rates
from numerics.dynamics_bounds import kernel_norm
from numerics.lab import Array, namespace, solve

_MOST_NEWTON_STEPS = 60


class InclusionStatus(Enum):
    """How an integration of the inclusion ended; the value is the advice."""

    reached = "Every implicit step was solved to rounding."
    unsolved = "An implicit step was not solved to rounding: take more steps, or check that theta is well conditioned."


@dataclass(frozen=True)
class RadiusTrajectory:
    """`residuals` is a (T, n) array; `status` says whether every implicit step was solved."""

    residuals: Array
    status: InclusionStatus


def attack_exponents(radius: Array, gradient_square: Array, u: Array, /) -> Array:
    """(n,) array eta_i S g_i = log(1 + r_i sqrt(g_i)/|u_i|) for displacements of length r_i.

    Infinite at u_i = 0, and 0 where r_i = 0.
    """
    xp = namespace(radius, gradient_square, u)
    pushed, size = radius * xp.sqrt(gradient_square), xp.abs(u)
    still = xp.where(pushed > 0, xp.full_like(pushed, math.inf), xp.zeros_like(pushed))
    return xp.where(size > 0, xp.log1p(pushed / xp.where(size > 0, size, xp.ones_like(size))), still)


def integrate_fixed_radius(
    theta: Array, rho: Array, u0: Array, times: Sequence[float], /, *, steps: int = 400
) -> RadiusTrajectory:
    """The (n,) residuals at increasing `times` by implicit Euler steps, first order and stable at any step.

    Each step minimises the energy plus |u - u_k|^2_{Theta^-1}/(2h); its dual is solved by Newton steps on a piecewise
    quadratic, so that a residual that has reached 0 is exactly 0. Raises ValueError for a negative rho.
    """
    xp = namespace(theta, rho, u0)
    if bool(xp.any(rho < 0)):
        raise ValueError(f"rho: its smallest entry is {float(xp.min(rho)):g}; lengths are not negative")
    ends = check_times(times)
    now, u, solved, found = 0.0, u0, True, []
    for end in ends:
        count = max(1, math.ceil(steps * (end - now) / ends[-1])) if end > now else 0
        for _ in range(count):
            u, good = _implicit_step(theta, rho, u, (end - now) / count)
            solved = solved and good
        now = end
        found.append(u)
    return RadiusTrajectory(xp.stack(found), InclusionStatus.reached if solved else InclusionStatus.unsolved)


def extinction_bound(theta: Array, rho: Array, u0: Array, /) -> float:
    """A time by which u = 0: log(1 + sqrt(lam) |u0|_{Theta^-1}/min rho)/lam with lam = lam_min(Theta).

    Attained by one sample; at most |u0|_{Theta^-1}/(min rho sqrt(lam)). Raises ValueError unless min rho > 0.
    """
    xp = namespace(theta, rho, u0)
    least, slowest = float(xp.min(rho)), float(rates(theta, xp.ones_like(rho))[0])
    if not least > 0:
        raise ValueError(f"rho: its smallest entry is {least:g}; the residual stops in finite time only for rho > 0")
    return math.log1p(math.sqrt(slowest) * kernel_norm(theta, u0) / least) / slowest


def _implicit_step(theta: Array, rho: Array, u: Array, width: float) -> tuple[Array, bool]:
    """u - width Theta q with q in u_new + rho sign(u_new), that is u_new = shrink(q), and whether q was found."""
    xp = namespace(theta, u)
    zero = xp.zeros_like(u)

    def shrink(q: Array) -> Array:
        return xp.sign(q) * xp.maximum(xp.abs(q) - rho, zero)

    def energy(q: Array) -> float:
        return float(width / 2 * (q @ (theta @ q)) - q @ u + xp.sum(shrink(q) ** 2) / 2)

    q = u + rho * xp.sign(u)
    scale = float(xp.max(xp.abs(u)))
    for _ in range(_MOST_NEWTON_STEPS):
        slope = width * (theta @ q) - u + shrink(q)
        if float(xp.max(xp.abs(slope))) <= 1e-14 * scale:
            return shrink(q), True
        active = xp.astype(xp.abs(q) > rho, theta.dtype)
        change = solve(width * theta + xp.eye(u.shape[0], dtype=theta.dtype, device=theta.device) * active, slope)
        share, start = 1.0, energy(q)
        while share > 1e-3 and energy(q - share * change) > start:
            share /= 2
        q = q - share * change
    return shrink(q), float(xp.max(xp.abs(width * (theta @ q) - u + shrink(q)))) <= 1e-11 * scale
