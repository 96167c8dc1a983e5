"""Robust training against the true l2 attack: random features, squared loss, the inner maximum by ascent.

The objective F(theta) = (1/2n) sum_i max_{||delta|| <= epsilon} (y_i - f(x_i + delta))^2 + (ridge/2) ||theta||^2 is
convex, because f is linear in theta. With up_i and down_i the features at the largest and at the smallest value of f in
the ball about x_i (Danskin: they carry the gradient), the loss is (|R_i| + C_i)^2 for

    R_i = y_i - <theta, up_i + down_i> / 2,      C_i = <theta, up_i - down_i> / 2.

The kink of |R| is rounded to sqrt(R^2 + mu^2) and mu is driven down; each stage is minimised by Newton steps. The
curvature of C is that of epsilon ||J theta|| with J the gradient map at the attacked point (exact where no kink of the
activation is crossed). Derived here.
"""

from __future__ import annotations

from dataclasses import dataclass

from numerics.activations import Activation
from numerics.attacks import WIDTHS, Predictor, ascend
from numerics.lab import Array, LinAlgError, namespace, solve

STAGES = (0.1, 0.03, 0.01, 0.003, 0.001, 0.0003, 0.0001)
MOST_NEWTON_STEPS = 12


@dataclass(frozen=True, eq=False)
class TrueTraining:
    """Weights theta (N,), robust_training_loss (1/n) sum max (...)^2, relative optimality, evaluations of the attack.

    `optimality` estimates (F(theta) - min F) / F: half the squared Newton decrement of the rounded objective plus what
    the rounding can hide (mu times the root mean square loss).
    """

    theta: Array
    robust_training_loss: float
    optimality: float
    evaluations: int


@dataclass(frozen=True, eq=False)
class _Problem:
    inputs: Array
    labels: Array
    first_layer: Array
    activation: Activation
    epsilon: float
    ridge: float


@dataclass(frozen=True, eq=False)
class _Attacked:
    """The attack at one theta: perturbations and features at the largest and smallest f, residual R, margin C."""

    theta: Array
    perturbations: tuple[Array, Array]
    features: tuple[Array, Array]
    residual: Array
    margin: Array

    def objective(self, rounding: float, ridge: float) -> float:
        xp = namespace(self.theta)
        losses = (xp.sqrt(self.residual**2 + rounding**2) + self.margin) ** 2
        return float(xp.mean(losses) + ridge * xp.sum(self.theta**2)) / 2


def train_against_attack(
    inputs: Array,
    labels: Array,
    first_layer: Array,
    activation: Activation,
    epsilon: float,
    /,
    *,
    ridge: float,
    start: Array,
    tolerance: float = 1e-6,
) -> TrueTraining:
    """Minimise F from `start` (N,), best the first-order solution; inputs (n, d), labels (n,), first_layer (N, d).

    Each stage stops when half the squared Newton decrement is below `tolerance` times F, or no step along it descends.
    Raises ValueError for a start at 0, where F has a kink in every direction that Newton steps do not leave.
    """
    xp = namespace(inputs)
    if not bool(xp.any(start != 0)):
        raise ValueError("start: theta = 0 is not allowed; start from weights that do not vanish")
    problem = _Problem(inputs, labels, first_layer, activation, epsilon, ridge)
    size = float(xp.sqrt(xp.mean(labels**2)))
    point, evaluations = _attack_at(problem, start, None), 1
    decrement = float("inf")
    for stage in STAGES:
        for _ in range(MOST_NEWTON_STEPS):
            gradient, hessian = _derivatives(problem, point, stage * size)
            direction = _solve_regularised(hessian, gradient)
            decrement = float(xp.sum(gradient * direction)) / 2
            if decrement <= tolerance * point.objective(stage * size, ridge):
                break
            moved, tries = _search(problem, point, direction, decrement, stage * size)
            evaluations += tries
            if moved is None:
                break
            point = moved
    fresh = _attack_at(problem, point.theta, None)
    objective = fresh.objective(0.0, ridge)
    loss = 2 * objective - ridge * float(xp.sum(fresh.theta**2))
    hidden = STAGES[-1] * size * (2 * objective) ** 0.5
    return TrueTraining(fresh.theta, loss, (decrement + hidden) / objective, evaluations + 1)


def _attack_at(problem: _Problem, theta: Array, near: _Attacked | None) -> _Attacked:
    """The attack at theta: from scratch, or from the perturbations found at a nearby theta."""
    xp = namespace(theta)
    predictor = Predictor(theta, problem.first_layer, problem.activation)
    starts = (xp.zeros_like(problem.inputs),) * 2 if near is None else near.perturbations
    widths = WIDTHS if near is None else WIDTHS[-2:]
    found = [
        ascend(predictor, problem.inputs, sign, problem.epsilon, start=start, widths=widths).perturbations
        for sign, start in zip((1.0, -1.0), starts, strict=True)
    ]
    up, down = (problem.activation.value((problem.inputs + delta) @ problem.first_layer.T) for delta in found)
    high, low = up @ theta, down @ theta
    return _Attacked(theta, (found[0], found[1]), (up, down), problem.labels - (high + low) / 2, (high - low) / 2)


def _search(
    problem: _Problem, point: _Attacked, direction: Array, decrement: float, rounding: float
) -> tuple[_Attacked | None, int]:
    """The first of the steps 1, 1/2, ... 1/64 that lowers the objective enough, and how many were tried."""
    before = point.objective(rounding, problem.ridge)
    for tries in range(7):
        step = 0.5**tries
        moved = _attack_at(problem, point.theta - step * direction, point)
        if moved.objective(rounding, problem.ridge) <= before - 0.2 * step * decrement:
            return moved, tries + 1
    return None, 7


def _derivatives(problem: _Problem, point: _Attacked, rounding: float) -> tuple[Array, Array]:
    """Gradient (N,) and model Hessian (N, N), positive semidefinite, of the rounded objective."""
    xp = namespace(point.theta)
    samples, features = point.features[0].shape
    rounded = xp.sqrt(point.residual**2 + rounding**2)
    loss, side = rounded + point.margin, point.residual / rounded
    up, down = point.features
    slope = (1 - side)[:, None] / 2 * up - (1 + side)[:, None] / 2 * down
    middle = (up + down) / 2
    gradient = slope.T @ loss / samples + problem.ridge * point.theta
    bend = (loss * rounding**2 / rounded**3)[:, None]
    hessian = (slope.T @ slope + middle.T @ (bend * middle)) / samples
    for delta, share in zip(point.perturbations, ((1 - side) / 2, (1 + side) / 2), strict=True):
        hessian = hessian + _curvature(problem, point.theta, delta, loss * share) / samples
    return gradient, hessian + problem.ridge * xp.eye(features, dtype=hessian.dtype, device=hessian.device)


def _curvature(problem: _Problem, theta: Array, delta: Array, weights: Array) -> Array:
    """(N, N) sum_i weights_i * Hessian of epsilon ||J_i theta||, J_i the gradient map at x_i + delta_i."""
    xp = namespace(theta)
    slopes = problem.activation.slope((problem.inputs + delta) @ problem.first_layer.T)
    gradients = (slopes * theta) @ problem.first_layer
    norms = xp.linalg.vector_norm(gradients, axis=1)
    norms = xp.where(norms > 0, norms, xp.ones_like(norms))
    scale = (problem.epsilon * weights / norms)[:, None]
    pulled = slopes * ((gradients / norms[:, None]) @ problem.first_layer.T)
    overlaps = problem.first_layer @ problem.first_layer.T
    return overlaps * (slopes.T @ (scale * slopes)) - pulled.T @ (scale * pulled)


def _solve_regularised(hessian: Array, gradient: Array) -> Array:
    """H^{-1} g, with the diagonal raised by 1e-10 of its mean, or more where H is singular to rounding."""
    xp = namespace(hessian)
    size = hessian.shape[0]
    identity = xp.eye(size, dtype=hessian.dtype, device=hessian.device)
    level = float(xp.linalg.trace(hessian)) / size
    for share in (1e-10, 1e-7, 1e-4):
        try:
            return solve(hessian + share * level * identity, gradient)
        except LinAlgError:
            continue
    return gradient / level
