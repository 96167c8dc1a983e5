"""Finite-size experiments of adversarially trained random features: the rungs of the ladder, each on a draw of its own.

Each experiment takes (lab, at, size) with size the input dimension d, N = round(psi1 d), n = round(psi2 d), and returns
standard_risk, robust_risk (at epsilon_test), robust_training_loss, gradient_norm and weight_norm_squared. What is known
given theta is computed, not sampled. The rungs also return label_energy and target_energy, whose means are known:
control variates. A robust regression without a certified gap raises RuntimeError: its draw is never
used.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from types import SimpleNamespace
from typing import TypeAlias

from derivations.lab import Array, Lab
from numerics.activations import compile_activation
from numerics.adversarial_regression import RegressionResult, Status, solve_mean_gradient, solve_per_sample
from numerics.adversarial_training import train_against_attack
from numerics.ensembles import RandomFeaturesDraw, count, draw_linear_targets, draw_random_features
from numerics.experiments.random_features_risks import (
    TestPoints,
    TrueRisks,
    draw_test_points,
    gaussian_features_risks,
    gaussian_robust_risk,
    known_energies,
    list_observables,
)
from numerics.lab import cholesky, namespace, solve_triangular
from numerics.ridge_regression import ridge_regression as solve_ridge

GAP = 1e-8
TRUE_OPTIMALITY = 1e-3

Trained: TypeAlias = tuple[Array, float]
"""Weights theta (N,) and the robust training loss."""


def true_adversary(lab: Lab, at: SimpleNamespace, size: int) -> dict[str, float]:
    """Rung L0: trained and tested against the l2 attack itself, found by projected gradient ascent."""
    draw, points = _draw_with_test_points(lab, at, size)
    theta, loss = train_true_adversary(draw, at)
    return {**risks(draw, points, theta, at).true_adversary(loss), **known_energies(draw)}


def first_order(lab: Lab, at: SimpleNamespace, size: int) -> dict[str, float]:
    """Rung L1: the attack on the tangent at each sample, with a gradient for every sample."""
    draw, points = _draw_with_test_points(lab, at, size)
    theta, loss = train_first_order(draw, at)
    return {**risks(draw, points, theta, at).first_order(loss), **known_energies(draw)}


def mean_gradient(lab: Lab, at: SimpleNamespace, size: int) -> dict[str, float]:
    """Rung L2: true features, and one gradient norm A(theta) for all samples."""
    draw, points = _draw_with_test_points(lab, at, size)
    theta, loss = train_mean_gradient(draw, at)
    return {**risks(draw, points, theta, at).mean_gradient(loss), **known_energies(draw)}


def gaussian_features(lab: Lab, at: SimpleNamespace, size: int) -> dict[str, float]:
    """Rung L3: the Gaussian equivalent mu_1 W x + mu_2 u of the features; nothing is sampled given theta."""
    draw = draw_random_features(lab, at, size)
    theta, loss = train_gaussian_features(draw, at)
    return {**gaussian_features_risks(draw, theta, at, loss), **known_energies(draw)}


def linear_regression(lab: Lab, at: SimpleNamespace, size: int) -> dict[str, float]:
    """Adversarial linear regression (identity first layer, N = d, sigma(t) = t): A = ||theta||."""
    inputs, target, labels = draw_linear_targets(lab, at, count("psi2", at.psi2, size), size)
    identity = namespace(inputs).eye(size, dtype=inputs.dtype, device=inputs.device)
    theta, loss = _train_with_gram(inputs, labels, identity, at)
    norm = lab.norm(theta)
    risk = lab.norm(target - theta) ** 2 + at.noise**2
    return list_observables(risk, gaussian_robust_risk(risk, norm, at.epsilon_test), loss, norm, theta)


def critical_epsilon(lab: Lab, at: SimpleNamespace, size: int) -> dict[str, float]:
    """The radius from which theta = 0 is robustly optimal on this draw (rung L3): ||V^T y|| / ||y||_1.

    V = F L^-T with F the features and L L^T = mu_1^2 W W^T + nu^2 I. Where `at` has an epsilon, `collapsed` is 1 if
    that is at least the critical radius, else 0.
    """
    draw = draw_random_features(lab, at, size)
    features = draw.gaussian_features(at.linear_coefficient, at.nonlinear_energy)
    return _collapse(features, draw, at)


def critical_epsilon_true_features(lab: Lab, at: SimpleNamespace, size: int) -> dict[str, float]:
    """The same with the true features (rung L2)."""
    draw = draw_random_features(lab, at, size)
    return _collapse(draw.true_features(compile_activation(at.activation)), draw, at)


def ridge_regression(lab: Lab, at: SimpleNamespace, size: int) -> dict[str, float]:
    """Plain ridge regression on the true features, by the normal equations; at.epsilon plays no part in training."""
    draw, points = _draw_with_test_points(lab, at, size)
    theta, loss = fit_ridge(draw.true_features(compile_activation(at.activation)), draw.labels, at.ridge)
    return risks(draw, points, theta, at).first_order(loss)


def ridge_regression_gaussian(lab: Lab, at: SimpleNamespace, size: int) -> dict[str, float]:
    """Plain ridge regression on the Gaussian equivalent of the features, by the normal equations."""
    draw = draw_random_features(lab, at, size)
    features = draw.gaussian_features(at.linear_coefficient, at.nonlinear_energy)
    theta, loss = fit_ridge(features, draw.labels, at.ridge)
    return gaussian_features_risks(draw, theta, at, loss)


RUNGS: dict[str, Callable[[Lab, SimpleNamespace, int], dict[str, float]]] = {
    "L0": true_adversary,
    "L1": first_order,
    "L2": mean_gradient,
    "L3": gaussian_features,
}


def train_true_adversary(draw: RandomFeaturesDraw, at: SimpleNamespace, /) -> Trained:
    """L0 on a given draw, started from L1.

    RuntimeError where the relative optimality stays above 1e-3, and where L1 has collapsed to theta = 0: whether L0 has
    too is not decided here.
    """
    start, loss = train_first_order(draw, at)
    if at.epsilon == 0:
        return start, loss
    if not bool(namespace(start).any(start != 0)):
        raise RuntimeError("training against the true attack: the first-order solution has collapsed to 0 on this draw")
    activation = compile_activation(at.activation)
    found = train_against_attack(
        draw.inputs, draw.labels, draw.first_layer, activation, at.epsilon, ridge=at.ridge, start=start
    )
    if not found.optimality <= TRUE_OPTIMALITY:
        raise RuntimeError(f"training against the true attack stopped at relative optimality {found.optimality:.1e}")
    return found.theta, found.robust_training_loss


def train_first_order(draw: RandomFeaturesDraw, at: SimpleNamespace, /) -> Trained:
    """L1 on a given draw."""
    activation = compile_activation(at.activation)
    features = draw.true_features(activation)
    if at.epsilon == 0:
        return fit_ridge(features, draw.labels, at.ridge)
    slopes = draw.true_slopes(activation)
    result = solve_per_sample(
        features, draw.labels, draw.first_layer, slopes, at.epsilon, ridge=at.ridge, tolerance=GAP
    )
    return _weights_and_loss(result, at)


def train_mean_gradient(draw: RandomFeaturesDraw, at: SimpleNamespace, /) -> Trained:
    """L2 on a given draw."""
    features = draw.true_features(compile_activation(at.activation))
    gram = draw.mean_gram(at.linear_coefficient, at.derivative_energy)
    return _train_with_gram(features, draw.labels, gram, at)


def train_gaussian_features(draw: RandomFeaturesDraw, at: SimpleNamespace, /) -> Trained:
    """L3 on a given draw."""
    features = draw.gaussian_features(at.linear_coefficient, at.nonlinear_energy)
    gram = draw.mean_gram(at.linear_coefficient, at.derivative_energy)
    return _train_with_gram(features, draw.labels, gram, at)


def fit_ridge(features: Array, labels: Array, ridge: float, /) -> Trained:
    """argmin (1/2n) ||y - F theta||^2 + (ridge/2) ||theta||^2 for (n, N) features, of least norm where ridge is 0.

    The loss is the mean squared residual.
    """
    theta = solve_ridge(features, labels, ridge=ridge * features.shape[0])
    return theta, float(namespace(features).mean((labels - features @ theta) ** 2))


def risks(draw: RandomFeaturesDraw, points: TestPoints, theta: Array, at: SimpleNamespace, /) -> TrueRisks:
    """The risks of theta on the true features."""
    return TrueRisks(draw, theta, compile_activation(at.activation), at, points)


def _draw_with_test_points(lab: Lab, at: SimpleNamespace, size: int) -> tuple[RandomFeaturesDraw, TestPoints]:
    return draw_random_features(lab, at, size), draw_test_points(lab, at, size)


def _train_with_gram(features: Array, labels: Array, gram: Array, at: SimpleNamespace) -> Trained:
    if at.epsilon == 0:
        return fit_ridge(features, labels, at.ridge)
    result = solve_mean_gradient(features, labels, gram, at.epsilon, ridge=at.ridge, tolerance=GAP)
    return _weights_and_loss(result, at)


def _weights_and_loss(result: RegressionResult, at: SimpleNamespace) -> Trained:
    """The training loss is twice the objective less its ridge term."""
    if result.status is Status.NOT_CERTIFIED:
        raise RuntimeError(f"robust regression: relative gap {result.gap:.1e}, above {GAP:.0e}. {result.status.advice}")
    square = float(namespace(result.theta).sum(result.theta**2))
    return result.theta, 2 * float(result.objective) - at.ridge * square


def _collapse(features: Array, draw: RandomFeaturesDraw, at: SimpleNamespace) -> dict[str, float]:
    xp = namespace(features)
    factor = cholesky(draw.mean_gram(at.linear_coefficient, at.derivative_energy))
    pulled = solve_triangular(factor, features.T @ draw.labels)
    critical = float(xp.linalg.vector_norm(pulled)) / float(xp.sum(xp.abs(draw.labels)))
    epsilon = getattr(at, "epsilon", math.nan)
    if math.isnan(epsilon):
        return {"critical_epsilon": critical}
    return {"critical_epsilon": critical, "collapsed": float(epsilon >= critical)}
