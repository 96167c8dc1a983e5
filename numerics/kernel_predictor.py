"""Predictors f(x) = Theta(x, X) P of an infinitely wide network, and attacks on them within an l_inf ball."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace

from numerics.kernels import Architecture, contracted_gradient, ntk, ntk_with_partials
from numerics.lab import Array, device_of, namespace

ATTACKS = ("pgd", "one-gradient")
"""pgd: projected gradient descent from a random start. one-gradient: what the code released with Fu & Wang (2024) does,
all steps along the sign of the gradient at the random start, in the ball about that start; it can end 2 radii away."""
ENTRIES = 2**24
"""Kernel entries in memory at a time."""


@dataclass(frozen=True, eq=False)
class Predictor:
    """f(x) = Theta(x, X) P: training points X (m, d), combination P (m, c), both of one dtype, and the network."""

    points: Array
    combination: Array
    network: Architecture

    def with_combination(self, combination: Array, /) -> Predictor:
        """The same network and points with another P, converted to the points' dtype."""
        return replace(self, combination=namespace(combination).astype(combination, self.points.dtype))

    def values(self, inputs: Array, /) -> Array:
        """(n, c) array f(x_i) of (n, d) inputs."""
        xp = namespace(inputs)
        parts = [
            ntk(inputs[rows, :], self.points, **asdict(self.network)) @ self.combination for rows in self.rows(inputs)
        ]
        return xp.concat(parts)

    def loss_gradient(self, inputs: Array, targets: Array, /) -> Array:
        """(n, d) gradients of |f(x_i) - y_i|^2/2 in x_i, for (n, d) inputs and (n, c) targets."""
        xp = namespace(inputs)
        parts = []
        for rows in self.rows(inputs):
            theta, theta_q, theta_p = ntk_with_partials(inputs[rows, :], self.points, **asdict(self.network))
            residual = theta @ self.combination - targets[rows, :]
            contract = residual @ self.combination.T
            parts.append(contracted_gradient(contract, theta_q, theta_p, inputs[rows, :], self.points))
        return xp.concat(parts)

    def rows(self, inputs: Array, /) -> Iterator[slice]:
        """Slices of the inputs whose kernels with the points fit in memory."""
        step = max(1, ENTRIES // self.points.shape[0])
        for begin in range(0, inputs.shape[0], step):
            yield slice(begin, min(begin + step, inputs.shape[0]))


@dataclass(frozen=True)
class Attack:
    """An l_inf attack on |f(x) - y|^2/2 with sign steps, inputs clipped to [low, high].

    `step` is a fifth of the radius when left out. Raises ValueError for a radius that is not positive, another kind, or
    fewer than one step.
    """

    radius: float
    kind: str = "pgd"
    steps: int = 10
    step: float | None = None
    low: float = -0.5
    high: float = 0.5

    def __post_init__(self) -> None:
        if not 0 < self.radius < math.inf:
            raise ValueError(f"radius: {self.radius!r} is not allowed; it must be a finite number above 0")
        if self.kind not in ATTACKS:
            raise ValueError(f"kind: {self.kind!r} is unknown; allowed are {', '.join(ATTACKS)}")
        if self.steps < 1:
            raise ValueError(f"steps: {self.steps!r} is not allowed; at least 1")

    def perturb(self, predictor: Predictor, inputs: Array, targets: Array, uniform: Array, /) -> Array:
        """(n, d) attacked inputs; `uniform` (n, d) in [-1, 1] times the radius is where the attack starts.

        For "pgd" every entry stays within the radius of the input.
        """
        xp = namespace(inputs)
        start = self._clip(inputs + self.radius * uniform, None)
        step = self.radius / 5 if self.step is None else self.step
        if self.kind == "one-gradient":
            sign = xp.sign(predictor.loss_gradient(start, targets))
            return self._clip(start + min(self.steps * step, self.radius) * sign, None)
        found = start
        for _ in range(self.steps):
            found = self._clip(found + step * xp.sign(predictor.loss_gradient(found, targets)), inputs)
        return found

    def _clip(self, inputs: Array, centre: Array | None) -> Array:
        xp = namespace(inputs)
        if centre is not None:
            inputs = xp.maximum(xp.minimum(inputs, centre + self.radius), centre - self.radius)
        return xp.clip(inputs, self.low, self.high)


@dataclass(frozen=True)
class Accuracy:
    """A share of right answers, with the binomial standard error, among `count`."""

    value: float
    standard_error: float
    count: int


def measure_accuracy(predictor: Predictor, inputs: Array, labels: Array, /) -> Accuracy:
    """The share of (n, d) inputs whose largest output is that of their label; labels (n,) are positions from 0."""
    xp = namespace(inputs)
    right = xp.argmax(predictor.values(inputs), axis=1) == labels
    return share(float(xp.sum(xp.astype(right, xp.float64))) / labels.shape[0], labels.shape[0])


def share(value: float, count: int, /) -> Accuracy:
    """A share with the standard error of `count` independent answers."""
    return Accuracy(value, math.sqrt(value * (1 - value) / count), count)


def one_hot(labels: Array, classes: int, like: Array, /) -> Array:
    """(n, classes) array of ones at the labels and zeros elsewhere, in the dtype of `like`."""
    xp = namespace(labels)
    places = xp.arange(classes, dtype=labels.dtype, device=device_of(labels).native)
    return xp.astype(labels[:, None] == places[None, :], like.dtype)
