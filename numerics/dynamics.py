"""The frozen linear system u' = -Theta D(t) u of adversarial training, with D = diag exp(eta_i(t) S g_i) positive.

Theta is the (n, n) symmetric positive definite kernel Gram, u the (n,) residual f_t(X) - y, or (n, c) with one column
for each output; Xi(t) is the integral of D. Only arrays of one library enter a call, and the answer lives beside them;
`integrate` alone works on the host. Source: Fu & Wang (2024), re-derived in derivations.robust_overfitting.dynamics.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import pairwise
from typing import TypeAlias

import numpy as np
import scipy.integrate

from numerics.lab import Array, device_of, namespace, to_numpy
from numerics.runge_kutta import RUNGE_KUTTA_LIMIT, runge_kutta

Strength: TypeAlias = Callable[[float], Array]
"""strength(t): the (n,) array eta_i(t) S g_i; D is its exponential."""


class IntegrationStatus(Enum):
    """How an integration ended; the value is the advice."""

    reached = "Every time was reached at the tolerance that was asked for."
    stopped = "The step size became too small: the problem is too stiff for an explicit method; use midpoint_pieces."


@dataclass(frozen=True)
class Trajectory:
    """`residuals` is a (T, n) or (T, n, c) array, one row for each time; rows that were not reached hold the last one.

    `evaluations` counts the calls of the right side.
    """

    residuals: Array
    status: IntegrationStatus
    evaluations: int


def closed_form(theta: Array, xi: Array, u0: Array, /) -> Array:
    """exp(-Theta Xi) u0, shaped as u0, (n,) or (n, c), for an (n,) array xi >= 0 (the integral of D).

    exp(-Theta Xi) = Xi^-1/2 exp(-Xi^1/2 Theta Xi^1/2) Xi^1/2 has a symmetric exponent. It is the residual at the time
    where Xi is reached only if every Theta Xi commutes with every Theta D. Raises ValueError for a wrong shape or a
    negative xi.
    """
    xp = namespace(theta, xi, u0)
    _check_system(theta, xi, u0, "xi")
    if not bool(xp.all((xi >= 0) & xp.isfinite(xi))):
        raise ValueError(f"xi: its smallest entry is {float(xp.min(xi)):g}; an integral of D > 0 is finite, at least 0")
    root = xp.sqrt(xi)
    values, vectors = xp.linalg.eigh(root[:, None] * theta * root[None, :])
    scaled = vectors.T @ scale_rows(root, u0)
    if bool(xp.all(xi > 0)):
        return scale_rows(1 / root, vectors @ scale_rows(xp.exp(-values), scaled))
    # Where an entry of xi is 0 its root has no inverse: u0 - Theta Xi^1/2 phi(exponent) Xi^1/2 u0, phi(z)=(1-e^-z)/z.
    safe = xp.where(values == 0, xp.ones_like(values), values)
    gained = xp.where(values == 0, xp.ones_like(values), -xp.expm1(-values) / safe)
    return u0 - theta @ scale_rows(root, vectors @ scale_rows(gained, scaled))


def time_ordered_product(theta: Array, pieces: Iterable[tuple[float, Array]], u0: Array, /) -> Array:
    """exp(-h_k Theta D_k) ... exp(-h_1 Theta D_1) u0 for pieces (h_1, d_1), (h_2, d_2), ... in order of time.

    Each d is the (n,) diagonal of D during h >= 0; a later piece multiplies from the left. Shaped as u0. Exact for a D
    that is constant on pieces.
    """
    for duration, diagonal in pieces:
        if not duration >= 0:
            raise ValueError(f"pieces: a duration is {duration}; at least 0 is allowed")
        u0 = closed_form(theta, duration * diagonal, u0)
    return u0


def midpoint_pieces(strength: Strength, start: float, stop: float, count: int, /) -> list[tuple[float, Array]]:
    """`count` equal pieces on [start, stop] with D at their middles: a product of second order, stable at any step."""
    if count < 1:
        raise ValueError(f"count: {count} pieces were asked for; at least 1 is needed")
    width = (stop - start) / count
    return [(width, diagonal_at(strength, start + (k + 0.5) * width)) for k in range(count)]


def integrate(
    theta: Array, strength: Strength, u0: Array, times: Sequence[float], /, *, tolerance: float = 1e-12
) -> Trajectory:
    """The residuals at increasing `times` >= 0 by an adaptive method of order eight on the host (the reference).

    `tolerance` bounds the local error relative to the residual's own scale.
    """
    matrix, start = to_numpy(theta), to_numpy(u0)
    _check_system(matrix, to_numpy(diagonal_at(strength, 0.0)), start, "strength(0)")
    ends = check_times(times)

    def velocity(time: float, state: np.ndarray) -> np.ndarray:
        diagonal = to_numpy(diagonal_at(strength, time))
        return np.asarray(-(matrix @ scale_rows(diagonal, state.reshape(start.shape))).ravel())

    found = scipy.integrate.solve_ivp(
        velocity,
        (0.0, ends[-1]),
        start.ravel(),
        method="DOP853",
        t_eval=ends,
        rtol=max(tolerance, 3e-14),
        atol=tolerance * 1e-3 * float(np.max(np.abs(start), initial=1e-300)),
    )
    # no time was reached where the first step fails already: the solver then returns a list
    rows = list(np.asarray(found.y).T.reshape(-1, *start.shape)) or [start]
    rows += [rows[-1]] * (len(ends) - len(rows))
    status = IntegrationStatus.reached if found.success else IntegrationStatus.stopped
    return Trajectory(device_of(theta).asarray(np.stack(rows)), status, int(found.nfev))


def integrate_fixed_steps(
    theta: Array, strength: Strength, u0: Array, times: Sequence[float], /, *, steps: int
) -> Array:
    """(T, n) or (T, n, c) array of the residuals at increasing `times`, by Runge-Kutta steps where the arrays live.

    `steps` is the number of steps up to the last time, shared out over the intervals. Raises ValueError where a step
    times lam_max(Theta D) would exceed the method's limit of stability.
    """
    _check_system(theta, diagonal_at(strength, 0.0), u0, "strength(0)")
    if steps < 1:
        raise ValueError(f"steps: {steps} were asked for; at least 1 is needed")
    ends = check_times(times)
    fastest = max(
        _fastest_rate(theta, diagonal_at(strength, float(t))) for t in np.linspace(0, ends[-1], 2 * steps + 1)
    )
    if fastest * ends[-1] / steps > RUNGE_KUTTA_LIMIT:
        least = math.ceil(fastest * ends[-1] / RUNGE_KUTTA_LIMIT)
        raise ValueError(f"steps: {steps} are unstable at rates up to {fastest:.3g}; take more than {least}")

    def velocity(time: float, state: Array) -> Array:
        return -(theta @ scale_rows(diagonal_at(strength, time), state))

    return namespace(u0).stack(runge_kutta(velocity, u0, ends, steps=steps))


def descend(theta: Array, diagonals: Iterable[Array], u0: Array, /, *, step: float) -> list[Array]:
    """The residuals u_{k+1} = (1 - step Theta D_k) u_k of gradient descent, u_0 first, for (n,) diagonals of D_k."""
    found = [u0]
    for diagonal in diagonals:
        found.append(found[-1] - step * (theta @ scale_rows(diagonal, found[-1])))
    return found


def largest_stable_step(theta: Array, diagonal: Array, /) -> float:
    """2/lam_max(Theta D): gradient descent contracts in the Theta^-1 norm exactly for steps below it."""
    return 2 / _fastest_rate(theta, diagonal)


def diagonal_at(strength: Strength, time: float, /) -> Array:
    """(n,) diagonal exp(eta_i(t) S g_i) of D at `time`."""
    exponent = strength(time)
    return namespace(exponent).exp(exponent)


def rates(theta: Array, diagonal: Array, /) -> Array:
    """(n,) eigenvalues of Theta D, ascending, from the similar symmetric matrix D^1/2 Theta D^1/2."""
    xp = namespace(theta, diagonal)
    root = xp.sqrt(diagonal)
    return xp.linalg.eigvalsh(root[:, None] * theta * root[None, :])


def scale_rows(diagonal: Array, right: Array, /) -> Array:
    """diag(diagonal) times an (n,) or (n, c) array."""
    return diagonal * right if right.ndim == 1 else diagonal[:, None] * right


def check_times(times: Sequence[float], /) -> list[float]:
    """The times as floats. Raises ValueError unless they are finite and increase from at least 0."""
    found = [float(time) for time in times]
    ordered = all(before < after for before, after in pairwise([-math.ulp(0.0), *found, math.inf]))
    if not found or not ordered:
        raise ValueError(f"times: {found} were given; finite, increasing times from 0 on are allowed")
    return found


def _fastest_rate(theta: Array, diagonal: Array) -> float:
    return float(rates(theta, diagonal)[-1])


def _check_system(theta: Array, diagonal: Array, u0: Array, name: str) -> None:
    n = theta.shape[0]
    if theta.ndim != 2 or theta.shape[1] != n:
        raise ValueError(f"theta: its shape is {tuple(theta.shape)}; a square matrix (n, n) is allowed")
    if tuple(diagonal.shape) != (n,):
        raise ValueError(f"{name}: its shape is {tuple(diagonal.shape)}; ({n},) is allowed beside theta {n} x {n}")
    if u0.ndim not in (1, 2) or u0.shape[0] != n:
        raise ValueError(f"u0: its shape is {tuple(u0.shape)}; ({n},) or ({n}, c) is allowed beside theta {n} x {n}")
