"""Seeded instances of the frozen linear dynamics u' = -Theta D(t) u: how far the closed form is from the solution.

Every draw takes six training points with random features and integrates the system to 12 digits on the host. Errors are
in the Theta^-1 norm, relative to the same instance at a reference strength, frequency or time: the ratio has little
scatter, and the same exponent.
"""

import math
from collections.abc import Callable
from types import SimpleNamespace

import numpy as np
import numpy.typing as npt

from derivations.lab import Lab
from numerics.dynamics import closed_form, integrate, midpoint_pieces, rates
from numerics.dynamics_bounds import kernel_norm, leading_error, levy_area, turning_norm
from numerics.lab import to_numpy
from numerics.runge_kutta import runge_kutta

Vector = npt.NDArray[np.float64]
Strength = Callable[[float], Vector]

POINTS = 6
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(10)


def commuting_cases(lab: Lab, at: SimpleNamespace, size: int) -> dict[str, float]:
    """max |u - exp(-Theta Xi) u_0|/max |u_0| at t = 1 for `size` points in the four cases where the closed form holds.

    `at.amplitude` scales the attack's exponents eta S g; `unequal` is a common eta(t) with unequal ARK, where it fails.
    """
    theta, u0, g = _instance(lab, size)
    levels = at.amplitude * to_numpy(lab.uniform(size))
    blocks = np.where(np.arange(size) < size // 2, 1.0, 0.0)
    apart = np.where(blocks[:, None] == blocks[None, :], theta, 0.0)
    wave = np.sin
    cases: dict[str, tuple[Vector, Strength]] = {
        "constant": (theta, lambda t: levels * g),
        "shifted": (theta, lambda t: levels * g + at.amplitude * wave(5 * t)),
        "blocks": (apart, lambda t: levels + at.amplitude * (blocks * wave(5 * t) + (1 - blocks) * wave(3 * t))),
        "equal": (theta, lambda t: at.amplitude * (1 + wave(5 * t)) * np.ones(size)),
        "unequal": (theta, lambda t: at.amplitude * (1 + wave(5 * t)) * g),
    }
    scale = float(np.max(np.abs(u0)))
    return {name: float(np.max(np.abs(_error(*case, u0, 1.0)))) / scale for name, case in cases.items()}


def heterogeneity(lab: Lab, at: SimpleNamespace, size: int) -> dict[str, float]:
    """`error` at exponents eps s_i sin(2 pi t) with eps = 1/size, over that at eps = `at.reference`; s_i in [-1, 1]."""
    theta, u0, _ = _instance(lab, POINTS)
    slopes = 2 * to_numpy(lab.uniform(POINTS)) - 1

    def strength(eps: float) -> Strength:
        return lambda t: eps * slopes * np.sin(2 * np.pi * t)

    smaller, reference = (_error(theta, strength(eps), u0, 1.0) for eps in (1 / size, at.reference))
    return {"error": kernel_norm(theta, smaller) / kernel_norm(theta, reference)}


def switching(lab: Lab, at: SimpleNamespace, size: int) -> dict[str, float]:
    """`error` at exponents amplitude s_i sin(2 pi size t), over that of the same instance at frequency 2."""
    theta, u0, _ = _instance(lab, POINTS)
    slopes = at.amplitude * (2 * to_numpy(lab.uniform(POINTS)) - 1)

    def strength(frequency: float) -> Strength:
        return lambda t: slopes * np.sin(2 * np.pi * frequency * t)

    later, first = (_error(theta, strength(n), u0, 1.0, 3 * n) for n in (size, 2))
    return {"error": kernel_norm(theta, later) / kernel_norm(theta, first)}


def leading_term(lab: Lab, at: SimpleNamespace, size: int) -> dict[str, float]:
    """`remainder`: what the Levy area leaves of u - exp(-Theta Xi) u_0 at t = 1/size, over the same at t = 1/16.

    Both are relative to that leading term; exponents are amplitude c_i (1 + sin(5 t + phase_i)).
    """
    theta, u0, g = _instance(lab, POINTS)
    phases = 2 * np.pi * to_numpy(lab.uniform(POINTS))

    def strength(t: float) -> Vector:
        return np.asarray(at.amplitude * g * (1 + np.sin(5 * t + phases)))

    def remainder(time: float) -> float:
        error = _error(theta, strength, u0, time)
        # Nested midpoint sums: 400 pieces resolve the area to 1e-5 of itself.
        leading = leading_error(theta, levy_area(midpoint_pieces(strength, 0.0, time, 400)), u0)
        return kernel_norm(theta, error - leading) / kernel_norm(theta, leading)

    return {"remainder": remainder(1 / size) / remainder(1 / 16)}


def exchanged_strengths(lab: Lab, at: SimpleNamespace, size: int) -> dict[str, float]:
    """The observables of the model of `robust_overfitting.degeneration`, from the weights of a linear model.

    Its two points have random features with the Gram of `at.correlation`; the weights take `size` Runge-Kutta steps on
    either side of the exchange, and the rates are eigenvalues. Everything is relative to |u_0|.
    """
    wanted = np.linalg.cholesky(np.array([[1.0, at.correlation], [at.correlation, 1.0]]))
    features = wanted @ np.linalg.qr(to_numpy(lab.normal(POINTS, 2)))[0].T
    theta, u0 = features @ features.T, np.array([1.0, at.residual_2])
    early = np.exp([at.exponent_1, at.exponent_2])
    pieces = [(min(at.time, at.switch), early), (max(at.time - at.switch, 0.0), early[::-1].copy())]
    weights, xi, exponent = np.zeros(POINTS), np.zeros(2), 0.0
    bound = pieces[1][0] * turning_norm(theta, pieces[0][0] * early, pieces[1][1]) / 2
    for duration, diagonal in pieces:

        def velocity(_: float, w: Vector, diagonal: Vector = diagonal) -> Vector:
            return np.asarray(-features.T @ (diagonal * (u0 + features @ w)))

        if duration > 0:
            weights = runge_kutta(velocity, weights, [duration], steps=size)[-1]
        xi, exponent = xi + duration * diagonal, exponent + duration * float(rates(theta, diagonal)[0])
    moved, closed, scale = u0 + features @ weights, closed_form(theta, xi, u0), kernel_norm(theta, u0)
    return {
        "residual": kernel_norm(theta, moved) / scale,
        "closed_form": kernel_norm(theta, closed) / scale,
        "closed_form_error": kernel_norm(theta, moved - closed) / scale,
        "error_bound": bound * math.exp(-exponent),
        "residual_bound": math.exp(-exponent),
        "closed_form_rate": math.exp(-float(rates(theta, xi)[0])),
        "standard_training": kernel_norm(theta, closed_form(theta, at.time * np.ones(2), u0)) / scale,
    }


def _instance(lab: Lab, n: int) -> tuple[Vector, Vector, Vector]:
    """A kernel Gram of n points with 2n features, initial residuals, and squared input gradients in [1/2, 3/2]."""
    features = to_numpy(lab.normal(n, 2 * n))
    return features @ features.T / (2 * n), to_numpy(lab.normal(n)), 0.5 + to_numpy(lab.uniform(n))


def _error(theta: Vector, strength: Strength, u0: Vector, time: float, panels: int = 6) -> Vector:
    """u(t) - exp(-Theta Xi(t)) u_0."""
    reached = integrate(theta, strength, u0, [time]).residuals[-1]
    return np.asarray(reached - closed_form(theta, _integral(strength, time, panels), u0))


def _integral(strength: Strength, time: float, panels: int) -> Vector:
    """Xi(t), by sums of ten Gauss-Legendre nodes on each panel."""
    edges = np.linspace(0.0, time, panels + 1)
    half = time / (2 * panels)
    places = [(a + half * (1 + x), half * w) for a in edges[:-1] for x, w in zip(_NODES, _WEIGHTS, strict=True)]
    return np.asarray(sum(w * np.exp(strength(t)) for t, w in places))
