"""Finite-size draws: the first layer, the inputs, the targets, and the two families of features.

Conventions: rows of the first layer are uniform on the unit sphere, inputs are standard normal, targets are
y = <target, x> + noise z with ||target|| = signal.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from types import SimpleNamespace

from derivations.lab import Array, Lab
from numerics.activations import Activation
from numerics.lab import namespace


@dataclass(frozen=True, eq=False)
class RandomFeaturesDraw:
    """One draw that every rung shares.

    first_layer W (N, d), inputs X (n, d), target (d,), labels y (n,). `draw_surrogate` gives the (n, N) standard
    normals in the place of the nonlinear part of the features; they are drawn when a rung first needs them.
    """

    first_layer: Array
    inputs: Array
    target: Array
    labels: Array
    draw_surrogate: Callable[[], Array]

    @cached_property
    def surrogate(self) -> Array:
        """(n, N) independent standard normals, the same at every use."""
        return self.draw_surrogate()

    @property
    def overlaps(self) -> Array:
        """(N, N) correlations W W^T of the preactivations."""
        return self.first_layer @ self.first_layer.T

    def true_features(self, activation: Activation, /) -> Array:
        """(n, N) array sigma(X W^T), sigma centred."""
        return activation.value(self.inputs @ self.first_layer.T)

    def true_slopes(self, activation: Activation, /) -> Array:
        """(n, N) array sigma'(X W^T)."""
        return activation.slope(self.inputs @ self.first_layer.T)

    def gaussian_features(self, linear_coefficient: float, nonlinear_energy: float, /) -> Array:
        """(n, N) array mu_1 X W^T + mu_2 U, the Gaussian equivalent of the features."""
        linear = self.inputs @ self.first_layer.T
        return linear_coefficient * linear + nonlinear_energy**0.5 * self.surrogate

    def mean_gram(self, linear_coefficient: float, derivative_energy: float, /) -> Array:
        """(N, N) array J = mu_1^2 W W^T + nu^2 I, so that A(theta)^2 = theta^T J theta."""
        xp = namespace(self.first_layer)
        gram = linear_coefficient**2 * self.overlaps
        return gram + derivative_energy * xp.eye(gram.shape[0], dtype=gram.dtype, device=gram.device)


def draw_random_features(lab: Lab, at: SimpleNamespace, dimension: int, /) -> RandomFeaturesDraw:
    """One draw at input dimension d, with N = round(psi1 d) features and n = round(psi2 d) samples.

    Raises ValueError where one of them would be 0.
    """
    features = count("psi1", at.psi1, dimension)
    samples = count("psi2", at.psi2, dimension)
    first_layer = lab.sphere(features, dimension)
    inputs, target, labels = draw_linear_targets(lab, at, samples, dimension)
    return RandomFeaturesDraw(first_layer, inputs, target, labels, lambda: lab.normal(samples, features))


def draw_linear_targets(lab: Lab, at: SimpleNamespace, samples: int, dimension: int, /) -> tuple[Array, Array, Array]:
    """(inputs (n, d), target (d,), labels (n,)); the target's direction is uniform, its norm is at.signal."""
    inputs = lab.normal(samples, dimension)
    target = at.signal * lab.sphere(1, dimension)[0, :]
    return inputs, target, inputs @ target + at.noise * lab.normal(samples)


def count(name: str, ratio: float, dimension: int, /) -> int:
    """round(ratio * dimension); ValueError where that is 0."""
    number = round(ratio * dimension)
    if number < 1:
        raise ValueError(f"dimension: {name} = {ratio:g} at dimension {dimension} leaves none; take it larger")
    return number
