"""Random features fitted to samples, and the errors of the fit on fresh samples: a witness that computes no average.

Two fits to independent samples are used throughout. In a product across them their errors are independent, so that
neither the test error nor the gradient energy has the excess (neurons/samples) of a single fit. Derived here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from derivations.lab import Array, Lab
from numerics.activations import Activation
from numerics.lab import namespace
from numerics.population_regression import fit_from

SAMPLES = 200
"""Samples for each neuron, in each fit and in the test."""

SampledFit: TypeAlias = tuple[Array, float]
"""Output weights (m,) and the constant."""


@dataclass(frozen=True, eq=False)
class SampledTarget:
    """Where samples come from: x ~ N(0, I_d), f* = x^T B x - tr B, features s(w_j.x) as the activation is written."""

    lab: Lab
    rows: Array
    target: Array
    activation: Activation
    has_offset: bool

    def draw(self) -> tuple[Array, Array]:
        """(preactivations (n, m), values of f* (n,)) at n = 200 m fresh points."""
        inputs = self.lab.normal(SAMPLES * self.rows.shape[0], self.rows.shape[1])
        xp = namespace(inputs)
        if self.target.ndim == 1:
            return inputs @ self.rows.T, (inputs**2 - 1) @ self.target
        trace = float(xp.sum(xp.linalg.diagonal(self.target)))
        return inputs @ self.rows.T, xp.sum((inputs @ self.target) * inputs, axis=1) - trace


def fit_twice(target: SampledTarget, start: Array, *, ridge: float, time: float) -> tuple[SampledFit, SampledFit]:
    """Two fits to independent samples, from the same start (m,): the sample means stand for the population's."""
    return _fit(target, start, ridge, time), _fit(target, start, ridge, time)


def measure_errors(target: SampledTarget, fits: tuple[SampledFit, SampledFit], /) -> dict[str, float]:
    """test_error and dirichlet_energy as products across the fits on fresh points, and target_energy of mean 1."""
    (first, one), (second, other) = fits
    preactivations, wanted = target.draw()
    xp = namespace(wanted)
    features, slopes = target.activation.uncentred(preactivations), target.activation.slope(preactivations)
    residuals = (features @ first + one - wanted) * (features @ second + other - wanted)
    gradients = ((slopes * first) @ target.rows) * ((slopes * second) @ target.rows)
    return {
        "test_error": float(xp.mean(residuals)) / 2,
        "dirichlet_energy": float(xp.sum(gradients)) / wanted.shape[0] / 4,
        "target_energy": float(xp.mean(wanted**2)) / 2,
    }


def _fit(target: SampledTarget, start: Array, ridge: float, time: float) -> SampledFit:
    preactivations, wanted = target.draw()
    xp = namespace(wanted)
    features = target.activation.uncentred(preactivations)
    centre, level = xp.mean(features, axis=0), float(xp.mean(wanted))
    if target.has_offset:
        features, wanted = features - centre, wanted - level
    count = wanted.shape[0]
    gram, correlations = features.T @ features / count, features.T @ wanted / count
    weights = fit_from(gram, correlations, start, ridge=ridge, time=time)
    return weights, level - float(xp.sum(centre * weights)) if target.has_offset else 0.0
