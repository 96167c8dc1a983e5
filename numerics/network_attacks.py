"""Attacks on the loss (f(x) - y)^2/2 of networks that are being trained: the gradient flow, its linear form, and
PGD.

An attack gets `predict`, which returns outputs (B, m) and input gradients (B, m, d) at (B, m, d) points, the clean
inputs and the labels (m,) or (B, m). It returns the attacked points, and the residuals f - y there unless they are
to be evaluated.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from numerics.lab import Array, namespace
from numerics.runge_kutta import solve_autonomous

Predict: TypeAlias = Callable[[Array], tuple[Array, Array]]


class Attack(Protocol):
    """What training needs of an attack."""

    def __call__(self, predict: Predict, inputs: Array, labels: Array, /) -> tuple[Array, Array | None]:
        """Attacked points (B, m, d) and the residuals there (B, m), or None where these are f - y at the points."""

    def amplification(self, gradients: Array, /) -> Array:
        """(B, m) factors by which residuals grow under the attack, for clean input gradients (B, m, d)."""


@dataclass(frozen=True)
class GradientFlow:
    """dx/ds = eta grad_x loss for s in [0, S], integrated by `steps` Runge-Kutta steps; strength = eta S, a float
    or (m,).

    The residual keeps its sign and grows: r(S) = r(0) exp(eta int |grad_x f|^2 ds).
    """

    strength: Array | float
    steps: int = 4

    def __post_init__(self) -> None:
        if self.steps < 1:
            raise ValueError(f"steps: {self.steps} is not allowed; at least 1 is needed")

    def __call__(self, predict: Predict, inputs: Array, labels: Array, /) -> tuple[Array, Array | None]:
        """Attacked points (B, m, d); None in place of the residuals there, which are those of f."""

        def velocity(points: Array) -> Array:
            outputs, gradients = predict(points)
            return (self.strength * (outputs - labels))[..., None] * gradients

        return solve_autonomous(velocity, inputs, 1.0, steps=self.steps), None

    def amplification(self, gradients: Array, /) -> Array:
        """exp(eta S |grad_x f|^2), exact where f is linear in x."""
        return namespace(gradients).exp(self.strength * namespace(gradients).sum(gradients**2, axis=-1))


@dataclass(frozen=True)
class TangentFlow:
    """The same flow on the tangent of f at the clean input: r = e^(eta S g) u, delta = J (e^(eta S g) - 1) u/g, g =
    |J|^2.

    `frozen`, if given, is the (B, m, d) array of input gradients that is used at all times, in place of the current
    ones.
    """

    strength: Array | float
    frozen: Array | None = None

    def __call__(self, predict: Predict, inputs: Array, labels: Array, /) -> tuple[Array, Array]:
        """Attacked points (B, m, d) and the residuals of the tangent there (B, m)."""
        outputs, gradients = predict(inputs)
        return self.attack_tangent(inputs, outputs - labels, gradients)

    def attack_tangent(self, inputs: Array, residuals: Array, gradients: Array, /) -> tuple[Array, Array]:
        """The same from clean residuals (B, m) and clean input gradients (B, m, d)."""
        xp = namespace(gradients)
        used = gradients if self.frozen is None else self.frozen
        square = xp.sum(used**2, axis=-1)
        growth = self.strength * square
        safe = xp.where(square > 0, square, xp.ones_like(square))
        length = xp.where(square > 0, xp.expm1(growth) / safe, self.strength * xp.ones_like(square))
        return inputs + (length * residuals)[..., None] * used, xp.exp(growth) * residuals

    def amplification(self, gradients: Array, /) -> Array:
        """exp(eta S |J|^2)."""
        used = gradients if self.frozen is None else self.frozen
        return namespace(used).exp(self.strength * namespace(used).sum(used**2, axis=-1))


@dataclass(frozen=True)
class ProjectedGradient:
    """Projected gradient ascent of the loss: `steps` steps of length `step` in a ball of radius `radius` about x.

    norm "linf": steps step * sign(gradient), coordinates clipped; "l2": steps step * gradient/|gradient|, projected.
    The start is the clean input: no random numbers. ValueError for another norm, or a radius,
    step or number of steps that is not positive.
    """

    radius: float
    step: float
    steps: int = 10
    norm: str = "linf"

    def __post_init__(self) -> None:
        if self.norm not in ("linf", "l2"):
            raise ValueError(f"norm: {self.norm!r} is unknown; allowed are linf, l2")
        for name in ("radius", "step", "steps"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name}: {getattr(self, name)} is not allowed; it must be above 0")

    def __call__(self, predict: Predict, inputs: Array, labels: Array, /) -> tuple[Array, Array | None]:
        """Attacked points (B, m, d); None in place of the residuals there, which are those of f."""
        points = inputs
        for _ in range(self.steps):
            outputs, gradients = predict(points)
            ascent = (outputs - labels)[..., None] * gradients
            points = inputs + self._project(points + self.step * self._direction(ascent) - inputs)
        return points, None

    def amplification(self, gradients: Array, /) -> Array:
        """1: the length of the displacement does not grow with the residual."""
        return namespace(gradients).ones_like(gradients[..., 0])

    def _direction(self, ascent: Array) -> Array:
        xp = namespace(ascent)
        if self.norm == "linf":
            return xp.sign(ascent)
        length = xp.linalg.vector_norm(ascent, axis=-1, keepdims=True)
        return ascent / xp.where(length > 0, length, xp.ones_like(length))

    def _project(self, move: Array) -> Array:
        xp = namespace(move)
        if self.norm == "linf":
            return xp.clip(move, -self.radius, self.radius)
        length = xp.linalg.vector_norm(move, axis=-1, keepdims=True)
        return move * (self.radius / xp.where(length > self.radius, length, self.radius * xp.ones_like(length)))
