"""Spectral averages: the forms for floats against many digits, eigenvalues, densities and difference quotients."""

from __future__ import annotations

import math

import mpmath
import numpy as np
import pytest
from sympy import Integral, Rational, Symbol, Tuple, lambdify

from derivations import spectral_formulas as formulas
from derivations.core import Derivation, Level, Source, Symbolic
from derivations.lemmas import spectral_averages as lemma
from derivations.relations import equal
from numerics.sampling import stream
from verify.kernel import Context, judge
from verify.verdict import Outcome

nu, a, rho, z, u = (Symbol(name, positive=True) for name in ("nu", "a", "rho", "z", "u"))
GRAM = lambdify((nu, a, rho), formulas.gram_trace(nu, a, rho), modules="math")
SLOPE = lambdify((nu, a, rho), formulas.gram_trace_slope(nu, a, rho), modules="math")
RESOLVENT = lambdify((z, rho), formulas.resolvent_mean(z, rho), modules="math")


def exact_gram(at_nu: float, at_a: float, at_rho: float) -> mpmath.mpf:
    """The root to 60 digits, from the quadratic."""
    with mpmath.workdps(60):
        n, w, r = mpmath.mpf(at_nu), mpmath.mpf(at_a), mpmath.mpf(at_rho)
        shift = n + w * (1 - r)
        return (mpmath.sqrt(shift**2 + 4 * n * w * r) - shift) / (2 * n * w * r)


@pytest.mark.parametrize("at_nu", [1e-8, 0.3, 1e6])
@pytest.mark.parametrize("at_rho", [1e-6, 0.7, 0.999999, 1.0, 1.000001, 30.0, 1e9])
def test_the_gram_trace_keeps_its_digits_everywhere(at_nu, at_rho):
    expected = exact_gram(at_nu, 0.25, at_rho)
    assert abs(GRAM(at_nu, 0.25, at_rho) / expected - 1) < 1e-14
    with mpmath.workdps(60):
        step = mpmath.mpf(at_nu) * mpmath.mpf(10) ** -20
        quotient = (exact_gram(at_nu - step, 0.25, at_rho) - exact_gram(at_nu + step, 0.25, at_rho)) / (2 * step)
    assert abs(SLOPE(at_nu, 0.25, at_rho) / quotient - 1) < 1e-13


def test_without_a_linear_part_the_gram_traces_are_those_of_the_identity():
    for at_rho in (0.5, 1.0, 3.0):
        assert GRAM(0.3, 0.0, at_rho) == pytest.approx(1 / 0.3, rel=1e-15)
        assert SLOPE(0.3, 0.0, at_rho) == pytest.approx(1 / 0.09, rel=1e-15)


@pytest.mark.parametrize("at_z", [1e-9, 0.4, 1e8])
@pytest.mark.parametrize("at_rho", [0.01, 1.0, 50.0])
def test_the_resolvent_keeps_its_digits(at_z, at_rho):
    with mpmath.workdps(60):
        shift = mpmath.mpf(at_z) + at_rho - 1
        expected = (mpmath.sqrt(shift**2 + 4 * mpmath.mpf(at_z)) - shift) / (2 * mpmath.mpf(at_z))
    # z + rho - 1 next to rho = 1 has an error of 1e-16 beside the root, 2 sqrt(z)
    assert abs(RESOLVENT(at_z, at_rho) / expected - 1) < 1e-15 * (20 + 1 / math.sqrt(at_z))


def by_angle(integral: Integral, values: dict, points: int = 400) -> float:
    """An integral over an angle from 0 to pi by the midpoint rule."""
    function = lambdify((*values, integral.variables[0]), integral.function, modules="numpy")
    angles = (np.arange(points) + 0.5) * math.pi / points
    return float(np.mean(function(*values.values(), angles)) * math.pi)


def laplace(time: float, ratio: float) -> float:
    whole = formulas.laplace_mean(u, rho)
    (integral,) = whole.atoms(Integral)
    return float(whole.xreplace({integral: by_angle(integral, {u: time, rho: ratio})}).subs({u: time, rho: ratio}))


@pytest.mark.parametrize("ratio", [0.3, 1.0, 2.5])
@pytest.mark.parametrize("time", [0.01, 1.0, 40.0])
def test_the_laplace_transform_is_that_of_the_density_with_its_atom(ratio, time):
    """sqrt((s+ - s)(s - s-))/(2 pi s) between s- and s+, and mass 1 - rho at 0 for rho < 1."""
    low, high = (1 - mpmath.sqrt(ratio)) ** 2, (1 + mpmath.sqrt(ratio)) ** 2

    def weighed(s):
        return mpmath.exp(-time * s) * mpmath.sqrt((high - s) * (s - low)) / (2 * mpmath.pi * s)

    expected = max(1 - ratio, 0) + mpmath.quad(weighed, [low, low + (high - low) / 50, (low + high) / 2, high])
    assert laplace(time, ratio) == pytest.approx(float(expected), abs=1e-9)


@pytest.mark.parametrize("ratio", [0.3, 1.0, 2.5])
def test_the_laplace_transform_is_one_less_rho_times_the_integral_of_the_bessel_form(ratio):
    def ell(w):
        root = mpmath.sqrt(ratio)
        return mpmath.exp(-(1 + ratio) * w) * mpmath.besseli(1, 2 * root * w) / (root * w)

    assert laplace(2.0, ratio) == pytest.approx(float(1 - ratio * mpmath.quad(ell, [0, 1, 2])), abs=1e-13)
    integral = formulas.size_biased_laplace(u, rho)
    assert by_angle(integral, {u: 2.0, rho: ratio}) == pytest.approx(float(ell(2)), rel=1e-13)


def test_the_laplace_transform_survives_any_time():
    assert laplace(0.0, 0.5) == 1
    assert laplace(1e8, 0.5) == pytest.approx(0.5, abs=1e-12)
    assert laplace(1e8, 3.0) == pytest.approx(0, abs=1e-12)


def test_gram_traces_agree_with_eigenvalues_of_a_first_layer():
    d, at_nu, at_a = 400, 0.3, 0.6
    for ratio in (0.5, 2.0):
        rows = stream(0, f"gram {ratio}", 0).standard_normal((round(ratio * d), d)) / math.sqrt(d)
        values = 1 / (at_a * np.linalg.eigvalsh(rows @ rows.T) + at_nu)
        assert np.mean(values) == pytest.approx(GRAM(at_nu, at_a, ratio), rel=0.01)
        assert np.mean(values**2) == pytest.approx(SLOPE(at_nu, at_a, ratio), rel=0.02)


def covariance_root(at_nu, law) -> mpmath.mpf:
    psi = Symbol("psi", positive=True)
    gap = lambdify(psi, psi / formulas.covariance_trace(psi, at_nu, Rational(1, 2), 2, law) - 1, modules="mpmath")
    return mpmath.findroot(gap, (mpmath.mpf("0.1"), 5), solver="anderson")


def test_the_slope_under_a_covariance_is_a_difference_quotient():
    law = Tuple(Tuple(Rational(1, 5), Rational(1, 3)), Tuple(Rational(7, 5), Rational(2, 3)))
    with mpmath.workdps(40):
        at, step = mpmath.mpf("0.7"), mpmath.mpf(10) ** -12
        root, *beside = (covariance_root(x, law) for x in (at, at - step, at + step))
        slope = formulas.covariance_trace_slope(root, at, Rational(1, 2), 2, law)
        assert abs(slope - (beside[0] - beside[1]) / (2 * step)) < mpmath.mpf(10) ** -18


def judge_claim(claim):
    trial = Derivation("derivations.trial", title="trial", source=Source("k", ("A, B",), "t", 2000))
    step = trial.step(Symbolic())(claim)
    return judge(step, Context(level=Level.quick, seed=0, device="cpu")).outcome


def test_a_covariance_slope_with_a_first_power_or_a_lost_sign_fails():
    atoms = Tuple(Tuple(Rational(2, 5), Rational(1, 2)), Tuple(Rational(8, 5), Rational(1, 2)))
    gap = lemma.psi / formulas.covariance_trace(lemma.psi, lemma.nu, lemma.a, lemma.rho, atoms)
    implicit = gap.diff(lemma.nu) / gap.diff(lemma.psi)
    mean = formulas.covariance_mean(lemma.psi, lemma.a, lemma.rho, atoms)
    right = formulas.covariance_trace_slope(lemma.psi, lemma.nu, lemma.a, lemma.rho, atoms)

    def first_power():
        """A mistake."""
        return equal(implicit, lemma.psi / (lemma.nu + lemma.a * mean))

    def lost_sign():
        """A mistake."""
        return equal(implicit, -right)

    def correct():
        """No mistake."""
        return equal(implicit, right)

    assert [judge_claim(claim) for claim in (first_power, lost_sign)] == [Outcome.fails] * 2
    assert judge_claim(correct) is Outcome.holds
