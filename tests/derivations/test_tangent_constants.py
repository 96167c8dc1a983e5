"""Tangent constants: Hermite series, quadrature and exact rules agree; quadratics give 0 and jumps of the slope oo."""

from __future__ import annotations

import time

import mpmath
import pytest
from sympy import N, Rational, Symbol, erf, exp, expand, hermite_prob, oo, pi, sin, sqrt, tanh

from derivations.activations import activation_constants
from derivations.expressions import NAMED_ACTIVATIONS, parse_function
from derivations.gaussian_moments import LINEAR, MEAN, SLOPE, SLOPE_ENERGY, exact_moments
from derivations.smooth_pieces import smooth_pieces
from derivations.tangent_constants import (
    CURVED,
    TANGENT_CONSTANTS,
    TANGENT_MOMENTS,
    slope_jumps,
    tangent_constants,
)

t = Symbol("t", real=True)


def constants(text: str, names=TANGENT_CONSTANTS, **options):
    return activation_constants(parse_function(text, t), t, names, **options)


def apart(first, second) -> float:
    """The distance of two numbers, exact or multiprecision, at 40 digits."""
    with mpmath.workdps(40):
        return float(abs(mpmath.mpmathify(N(first, 40)) - mpmath.mpmathify(N(second, 40))))


def series(coefficients: list) -> dict:
    """The constants by their definitions as sums over degrees, hermite(0), hermite(1), ... being given."""
    mu = dict(enumerate(map(mpmath.mpmathify, coefficients)))
    top = len(mu) - 2
    beta = {k: mpmath.sqrt(k + 1) * mu[k + 1] for k in range(top)}
    eta = {k: k * mu[k] + mpmath.sqrt((k + 1) * (k + 2)) * mu[k + 2] for k in range(top)}
    return {
        "tangent_energy": sum(beta[k] ** 2 for k in range(2, top)),
        "radial_tangent_energy": sum(eta[k] ** 2 for k in range(3, top)),
        "tangent_derivative_energy": sum((k + 1) * beta[k] ** 2 for k in range(2, top)),
        "radial_tangent_derivative_energy": sum(k * eta[k] ** 2 for k in range(3, top)),
        "radial_overlap": sum(mu[k] * eta[k] for k in range(3, top)),
        "radial_derivative_overlap": sum(k * mu[k] * eta[k] for k in range(3, top)),
    }


def test_a_sine_and_an_exponential_have_the_constants_of_their_hermite_series():
    """mu_k of exp(t/2) is 2^-k e^(1/8)/sqrt(k!), that of sin(t + 1) e^(-1/2) sin(1 + k pi/2)/sqrt(k!)."""
    with mpmath.workdps(40):
        root = [mpmath.sqrt(mpmath.factorial(k)) for k in range(50)]
        cases = {
            "exp(t/2)": [mpmath.exp(mpmath.mpf(1) / 8) / 2**k / root[k] for k in range(50)],
            "sin(t + 1)": [mpmath.exp(-0.5) * mpmath.sin(1 + k * mpmath.pi / 2) / root[k] for k in range(50)],
        }
        expected = {text: series(mu) for text, mu in cases.items()}
    for text, sums in expected.items():
        for name, value in constants(text).items():
            assert apart(value, sums[name]) < 1e-25, (text, name)


def test_quadrature_agrees_with_the_exact_rule_on_the_same_function():
    """erf(t/2) is outside the exact class; sin is inside, and disguised it is not."""
    plain = constants("sin(t + 1)")
    disguised = activation_constants(sin(t + 1) + tanh(t) - (exp(2 * t) - 1) / (exp(2 * t) + 1), t, TANGENT_CONSTANTS)
    for name in TANGENT_CONSTANTS:
        assert isinstance(disguised[name], mpmath.mpf)
        assert apart(plain[name], disguised[name]) < 1e-28, name


def test_the_slope_constants_of_erf_follow_from_its_gaussian_slope():
    """erf' is in the exact class though erf is not: the constants without f itself by the exact rule."""
    b = Rational(3, 2)
    slope = erf(b * t).diff(t)
    moments = exact_moments(((-oo, oo, slope),), t, [(0, 1, 0, 0), (1, 1, 0, 0), (0, 2, 0, 0), (0, 0, 2, 0)])
    mean, first, energy, curvature = moments.values()
    found = constants("erf(3*t/2)")
    assert apart(found["tangent_energy"], energy - mean**2 - first**2) < 1e-28
    assert apart(found["tangent_derivative_energy"], curvature + energy - mean**2 - 2 * first**2) < 1e-28


@pytest.mark.parametrize("text", ["t**2 - 1", "3*t**2 - t + 5", "t", "max(t, 0)**2 + min(t, 0)**2"])
def test_quadratics_have_no_constants_at_all(text):
    found = constants(text)
    assert all(value == 0 and not isinstance(value, mpmath.mpf) for value in found.values()), found


def test_relu_has_its_closed_forms():
    found = constants("relu", (*TANGENT_CONSTANTS, "hermite(2)"))
    beta_1, eta_2 = sqrt(2) * found["hermite(2)"], found["hermite(2)"]
    assert expand(found["tangent_energy"] / beta_1**2 - pi / 2 + 1) == 0
    assert expand(found["radial_tangent_energy"] / eta_2**2 - pi + 3) == 0


@pytest.mark.parametrize("text", ["relu", "abs(t)", "leaky_relu"])
def test_a_homogeneous_activation_overlaps_with_its_radial_feature(text):
    """t f' = f, so mu_k = eta_k."""
    found = constants(text)
    assert found["radial_overlap"] == found["radial_tangent_energy"]


@pytest.mark.parametrize(
    ("text", "jumps"),
    [
        ("relu", True),
        ("max(abs(t) - 1/2, 0)*sign(t)", True),
        ("max(exp(t) - 2, 0)", True),
        ("t**2 + max(t - 1, 0)/10**12", True),
        ("max(t, 0)**1.1", False),
        ("max(t, 0)**2", False),
        ("max(exp(t) - 2, 0)**2", False),
        ("elu", False),
        ("tanh(t)", False),
        ("10**6*t + max(t - 1, 0)**2", False),
        ("abs(t)**0.9", True),
    ],
)
def test_a_jump_of_the_slope_is_seen_and_a_kink_of_higher_order_is_none(text, jumps):
    assert slope_jumps(tuple(smooth_pieces(parse_function(text, t), t, digits=30)), t) is jumps


@pytest.mark.parametrize("text", ["relu", "max(abs(t) - 1/2, 0)*sign(t)", "max(exp(t) - 2, 0)"])
def test_where_the_slope_jumps_what_needs_a_second_derivative_is_infinite(text):
    found = constants(text)
    assert [name for name, value in found.items() if value == oo] == list(CURVED)


def test_a_second_derivative_that_is_not_square_integrable_is_refused_only_when_asked_for():
    assert constants("abs(t)**1.4", ["tangent_energy"])["tangent_energy"] > 0
    with pytest.raises(ValueError, match="one of its first two derivatives is not square integrable"):
        constants("abs(t)**1.4", ["tangent_derivative_energy"])


def test_a_small_factor_squares():
    """Quadrature is absolute; a small f is brought to the order of one and the constants, all quadratic, follow."""
    plain, small = constants("tanh(t + 1)"), constants("tanh(t + 1)/10**12")
    for name in TANGENT_CONSTANTS:
        with mpmath.workdps(40):
            assert abs(small[name] * mpmath.mpf(10) ** 24 / plain[name] - 1) < 1e-25


def test_inequalities_between_the_constants():
    """sum (k+1) beta_k^2 >= 3 sum beta_k^2 from k = 2 on, sum k eta_k^2 >= 3 sum eta_k^2 from 3 on; Cauchy-Schwarz."""
    for name in NAMED_ACTIVATIONS:
        found = constants(name, (*TANGENT_CONSTANTS, "nonlinear_energy"))
        slack = mpmath.mpf("1e-25")
        assert found["tangent_derivative_energy"] >= 3 * found["tangent_energy"] - slack
        assert found["radial_tangent_derivative_energy"] >= 3 * found["radial_tangent_energy"] - slack
        overlap, energy = N(found["radial_overlap"], 30), N(found["nonlinear_energy"], 30)
        assert overlap**2 <= N(found["radial_tangent_energy"], 30) * energy + slack


@pytest.mark.parametrize(
    "wrong",
    [
        {"tangent_energy": lambda m: m[SLOPE_ENERGY] - m[SLOPE] ** 2},
        {"radial_tangent_energy": lambda m: m[2, 0, 2, 0] - m[1, 0, 1, 0] ** 2 - m[2, 0, 1, 0] ** 2},
        {"radial_overlap": lambda m: m[1, 1, 1, 0] - m[MEAN] * m[1, 0, 1, 0] - m[LINEAR] * m[2, 0, 1, 0]},
    ],
)
def test_a_forgotten_degree_is_caught_by_the_series(wrong):
    keys = {MEAN, LINEAR, SLOPE, SLOPE_ENERGY}.union(*TANGENT_MOMENTS.values())
    function = expand(hermite_prob(2, t) + hermite_prob(5, t))
    moments = exact_moments(((-oo, oo, function),), t, keys)
    sums = series([0, 0, mpmath.sqrt(2), 0, 0, mpmath.sqrt(120), 0, 0, 0])
    right = tangent_constants(moments, TANGENT_CONSTANTS)
    for name, mistake in wrong.items():
        assert apart(right[name], sums[name]) < 1e-10
        assert apart(mistake(moments), sums[name]) > 0.1


def test_named_activations_are_quick():
    started = time.process_time()
    for name in NAMED_ACTIVATIONS:
        constants(name, (*TANGENT_CONSTANTS, "hermite(4)"), digits=29)
    assert time.process_time() - started < 5
