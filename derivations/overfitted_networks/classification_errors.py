"""Errors of an overfitted classifier around a saturated teacher, and their bounds, as expressions in the parameters."""

from __future__ import annotations

from sympy import Expr, Min, S

from derivations.overfitted_networks.settings import (
    bad_samples,
    bump_mass,
    by_dimension,
    density,
    dimension,
    label_noise,
    radius,
    ramp,
)


def standard_error() -> Expr:
    """R_0(f), exact for a saturated teacher."""
    return label_noise + bad_samples * (1 - 2 * label_noise) * bump_mass(radius, ramp / 2)


def robust_error() -> Expr:
    """R_delta(f), exact for a saturated teacher and gates C and D."""
    touched, inside = bump_mass(2 * radius, ramp / 2), bump_mass(S.Zero, ramp / 2)
    return label_noise + bad_samples * ((1 - label_noise) * touched - label_noise * inside)


def robust_error_bound() -> Expr:
    """R_delta(g) + p n_bad V_d(2 delta, tau) with R_delta(g) = eta, at most 1."""
    return Min(1, label_noise + bad_samples * bump_mass(2 * radius, ramp))


def lower_bound() -> Expr:
    """What every function with zero adversarial training error has at least, for bad samples 4 delta apart."""
    return label_noise + (1 - 2 * label_noise) * density * bad_samples * (4 * radius) ** dimension


def sharp_lower_bound() -> Expr:
    """The same for sets of the wrong sign that are cubes, reached as tau -> 0."""
    return label_noise + (1 - label_noise) * density * bad_samples * (4 * radius) ** dimension


def size_without_teacher() -> Expr:
    """Nonzeros of gate C around the teacher's: 6d + 2 a bad sample, 9 (d = 1) or 2d + 6."""
    return (6 * dimension + 2) * bad_samples + by_dimension(9, 2 * dimension + 6)
