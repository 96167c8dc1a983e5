"""First layers of two-layer networks, drawn with the quadratic target that they are to learn."""

from __future__ import annotations

import math
from dataclasses import dataclass
from types import SimpleNamespace

from derivations.lab import Array, Lab
from numerics.activations import Activation
from numerics.lab import namespace
from numerics.population_grams import PopulationGrams, row_grams, unit_row_grams
from numerics.quadratic_targets import covariance_eigenvalues, diagonal_target, general_target, is_isotropic


@dataclass(frozen=True, eq=False)
class FirstLayer:
    """Rows (m, d), the target B as (d, d) or its diagonal (d,), and tr Gamma^2 and tr Gamma B of the rows' covariance.

    `is_unit`: all rows have norm 1.
    """

    rows: Array
    target: Array
    moments: tuple[float, float]
    is_unit: bool

    def grams(self, activation: Activation, /) -> PopulationGrams:
        """The population Gram matrices of the features."""
        return (unit_row_grams if self.is_unit else row_grams)(self.rows, activation)


def draw_first_layer(lab: Lab, at: SimpleNamespace, size: int, /) -> FirstLayer:
    """Unit rows and a diagonal target, or rows N(0, Gamma) and a target in general position to Gamma."""
    law = getattr(at, "covariance_law", None)
    if law is not None and not is_isotropic(law):
        eigenvalues = covariance_eigenvalues(law, size)
        variances = lab.asarray(eigenvalues)
        target = general_target(lab, at.trace_alignment, size)
        overlap = float(namespace(target).sum(namespace(target).linalg.diagonal(target) * variances))
        rows = lab.normal(count_neurons(at, size), size) * variances**0.5
        return FirstLayer(rows, target, (float(eigenvalues @ eigenvalues), overlap), is_unit=False)
    target = diagonal_target(lab, at.trace_alignment, size)
    return FirstLayer(lab.sphere(count_neurons(at, size), size), target, isotropic_moments(at, size), is_unit=True)


def draw_gaussian_layer(lab: Lab, at: SimpleNamespace, size: int, /) -> FirstLayer:
    """Rows N(0, I/d) and a diagonal target."""
    rows = lab.normal(count_neurons(at, size), size) / math.sqrt(size)
    target = diagonal_target(lab, at.trace_alignment, size)
    return FirstLayer(rows, target, isotropic_moments(at, size), is_unit=False)


def count_neurons(at: SimpleNamespace, size: int, /) -> int:
    """m = max(1, round(rho d))."""
    return max(1, round(float(at.rho) * size))


def isotropic_moments(at: SimpleNamespace, size: int, /) -> tuple[float, float]:
    """(tr Gamma^2, tr Gamma B) for Gamma = I/d."""
    return 1 / size, at.trace_alignment / math.sqrt(size)
