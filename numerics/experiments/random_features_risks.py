"""Risks of random-features predictors: in closed form given theta where there is one, else by controlled sampling.

With s^2 = E r^2 and A^2 = E A(x)^2 for the residual r and the gradient norm A(x) at a fresh point, the robust risk is
s^2 + 2 e E[|r| A(x)] + e^2 A^2 at the test radius e. Only E[|r| A(x)] needs a sample, and r^2, A(x)^2 and the residual
of the linear part, which is exactly normal, are control variates whose means are known.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from types import SimpleNamespace

from derivations.lab import Array, Lab
from numerics.activations import Activation
from numerics.attacks import Predictor, attack, first_order_losses
from numerics.ensembles import RandomFeaturesDraw
from numerics.lab import namespace, solve

TEST_POINTS = 2000
ATTACKED_POINTS = 200
MEAN_ABSOLUTE = math.sqrt(2 / math.pi)


def list_observables(
    standard_risk: float, robust_risk: float, training_loss: float, gradient_norm: float, theta: Array, /
) -> dict[str, float]:
    """The five observables of the theorem under their names."""
    return {
        "standard_risk": standard_risk,
        "robust_risk": robust_risk,
        "robust_training_loss": training_loss,
        "gradient_norm": gradient_norm,
        "weight_norm_squared": float(namespace(theta).sum(theta**2)),
    }


def known_energies(draw: RandomFeaturesDraw, /) -> dict[str, float]:
    """Two statistics of a draw that explain much of its scatter, and whose means are known.

    label_energy = ||y||^2/n has mean signal^2 + noise^2, target_energy = (d/N) ||W beta||^2 has mean signal^2.
    """
    xp = namespace(draw.labels)
    features, dimension = draw.first_layer.shape
    return {
        "label_energy": float(xp.mean(draw.labels**2)),
        "target_energy": float(xp.sum((draw.first_layer @ draw.target) ** 2)) * dimension / features,
    }


def gaussian_robust_risk(standard_risk: float, gradient_norm: float, radius: float, /) -> float:
    """E (|r| + radius A)^2 for r ~ N(0, standard_risk) and a gradient norm A that does not vary."""
    mixed = 2 * MEAN_ABSOLUTE * radius * math.sqrt(standard_risk) * gradient_norm
    return standard_risk + mixed + (radius * gradient_norm) ** 2


def gaussian_features_risks(
    draw: RandomFeaturesDraw, theta: Array, at: SimpleNamespace, training_loss: float, /
) -> dict[str, float]:
    """The observables for the features mu_1 W x + mu_2 u: all in closed form given theta."""
    xp = namespace(theta)
    pulled = draw.first_layer.T @ theta
    weight, width = float(xp.sum(theta**2)), float(xp.sum(pulled**2))
    missed = float(xp.sum((draw.target - at.linear_coefficient * pulled) ** 2))
    risk = missed + at.nonlinear_energy * weight + at.noise**2
    gradient = math.sqrt(at.linear_coefficient**2 * width + at.derivative_energy * weight)
    robust = gaussian_robust_risk(risk, gradient, at.epsilon_test)
    return list_observables(risk, robust, training_loss, gradient, theta)


@dataclass(frozen=True, eq=False)
class TestPoints:
    """Fresh points that the rungs of one draw share: inputs (m, d), noise (m,), already times tau."""

    __test__ = False  # pytest collects classes by their name

    inputs: Array
    noise: Array


def draw_test_points(lab: Lab, at: SimpleNamespace, dimension: int, /) -> TestPoints:
    """2000 fresh points at input dimension d."""
    return TestPoints(lab.normal(TEST_POINTS, dimension), at.noise * lab.normal(TEST_POINTS))


@dataclass(frozen=True, eq=False)
class TrueRisks:
    """What is known, and what is sampled, about sigma(W x) with weights theta."""

    draw: RandomFeaturesDraw
    theta: Array
    activation: Activation
    at: SimpleNamespace
    points: TestPoints

    @property
    def predictor(self) -> Predictor:
        """The predictor with weights theta."""
        return Predictor(self.theta, self.draw.first_layer, self.activation)

    @property
    def labels(self) -> Array:
        """(m,) labels of the test points."""
        return self.points.inputs @ self.draw.target + self.points.noise

    def standard_risk(self) -> float:
        """E (y - f(x))^2, exactly, through the dual activation."""
        xp, theta = namespace(self.theta), self.theta
        cross = self.activation.linear_coefficient * float(xp.sum(theta * (self.draw.first_layer @ self.draw.target)))
        energy = float(xp.sum(theta * (self.activation.dual(self.draw.overlaps) @ theta)))
        return self._null_risk - 2 * cross + energy

    def gradient_energy(self) -> float:
        """E A(x)^2, exactly, through the dual of the slope."""
        xp, overlaps = namespace(self.theta), self.draw.overlaps
        kernel = overlaps * self.activation.dual_slope(overlaps)
        return float(xp.sum(self.theta * (kernel @ self.theta)))

    def mean_gradient_norm(self) -> float:
        """A(theta) = sqrt(mu_1^2 ||W^T theta||^2 + nu^2 ||theta||^2)."""
        gram = self.draw.mean_gram(self.activation.linear_coefficient, self.activation.derivative_energy)
        return math.sqrt(float(namespace(self.theta).sum(self.theta * (gram @ self.theta))))

    @property
    def _null_risk(self) -> float:
        return float(namespace(self.theta).sum(self.draw.target**2)) + float(self.at.noise) ** 2

    def mean_residual_times(self, gradient_norm: float | None = None, /) -> float:
        """E[|r| A(x)], or gradient_norm * E|r| where that is given: the sample mean, corrected by the controls."""
        xp = namespace(self.theta)
        values, gradients = self.predictor.values_and_gradients(self.points.inputs)
        residual = self.labels - values
        linear_part = self.draw.target - self.activation.linear_coefficient * (self.draw.first_layer.T @ self.theta)
        linear = self.points.inputs @ linear_part + self.points.noise
        spread = float(xp.sum(linear_part**2)) + self.at.noise**2
        controls = [residual**2, xp.abs(linear), linear**2, linear * residual]
        means = [self.standard_risk(), MEAN_ABSOLUTE * math.sqrt(spread), spread, spread]
        if gradient_norm is not None:
            return gradient_norm * _controlled_mean(xp.abs(residual), controls, means)
        norms = xp.linalg.vector_norm(gradients, axis=1)
        controls, means = [*controls, norms**2], [*means, self.gradient_energy()]
        return _controlled_mean(xp.abs(residual) * norms, controls, means)

    def first_order(self, training_loss: float, /) -> dict[str, float]:
        """The observables with one gradient per sample (rung L1)."""
        risk, energy, radius = self.standard_risk(), self.gradient_energy(), self.at.epsilon_test
        robust = risk + 2 * radius * self.mean_residual_times() + radius**2 * energy if radius > 0 else risk
        return list_observables(risk, robust, training_loss, math.sqrt(energy), self.theta)

    def mean_gradient(self, training_loss: float, /) -> dict[str, float]:
        """The observables with the one gradient norm A(theta) (rung L2)."""
        risk, norm, radius = self.standard_risk(), self.mean_gradient_norm(), self.at.epsilon_test
        mixed = 2 * radius * self.mean_residual_times(norm) if radius > 0 else 0.0
        return list_observables(risk, risk + mixed + (radius * norm) ** 2, training_loss, norm, self.theta)

    def true_adversary(self, training_loss: float, /) -> dict[str, float]:
        """The observables under the true attack (rung L0): those of L1, and a sampled correction of the risk."""
        found = self.first_order(training_loss)
        true, tangent = self.attacked_losses()
        return {**found, "robust_risk": found["robust_risk"] + float(namespace(true).mean(true - tangent))}

    def attacked_losses(self) -> tuple[Array, Array]:
        """The true robust losses at the first 200 test points, and those of the tangent attack: two (200,) arrays."""
        inputs, labels = self.points.inputs[:ATTACKED_POINTS, :], self.labels[:ATTACKED_POINTS]
        radius = self.at.epsilon_test
        tangent = first_order_losses(self.predictor, inputs, labels, radius)
        return attack(self.predictor, inputs, labels, radius).losses, tangent


def _controlled_mean(values: Array, controls: list[Array], means: list[float]) -> float:
    """The mean of `values` (m,), less its regression on the controls times their sampling errors."""
    xp = namespace(values)
    centred = xp.stack([control - mean for control, mean in zip(controls, means, strict=True)], axis=1)
    errors = xp.mean(centred, axis=0)
    spread = centred - errors
    gram = spread.T @ spread
    # without a predictor some controls coincide; any coefficients keep the estimate consistent
    scale = xp.sqrt(xp.linalg.diagonal(gram))
    scale = xp.where(scale > 0, scale, xp.ones_like(scale))
    correlations = gram / scale / scale[:, None]
    identity = xp.eye(len(means), dtype=gram.dtype, device=gram.device)
    coefficients = solve(correlations + 1e-9 * identity, (spread.T @ values) / scale) / scale
    return float(xp.mean(values) - xp.sum(coefficients * errors))
