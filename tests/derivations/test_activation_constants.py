"""Activation constants: closed forms, quadrature and Hermite series agree, and what has no limit is refused."""

from __future__ import annotations

import time

import mpmath
import pytest
from sympy import Expr, N, Rational, Symbol, asin, erf, exp, oo, pi, sin, sqrt, tanh

from derivations.expressions import NAMED_ACTIVATIONS, parse_function
from derivations.gaussian_integrals import NoClosedForm, gaussian_mean
from derivations.lemmas.gaussian import ACTIVATION_CONSTANTS, activation_constants, check_activation
from derivations.smooth_pieces import numeric, smooth_pieces

t = Symbol("t", real=True)


def constants(text: str, names=ACTIVATION_CONSTANTS, **options):
    return activation_constants(parse_function(text, t), t, names, **options)


def apart(first, second) -> float:
    """The distance of two numbers, exact or multiprecision, at 40 digits."""
    with mpmath.workdps(40):
        return float(abs(mpmath.mpmathify(N(first, 40)) - mpmath.mpmathify(N(second, 40))))


def reference(function: Expr, digits: int = 20) -> dict[str, mpmath.mpf]:
    """The same constants by mpmath's own quadrature on unit intervals, for functions smooth off the integers."""
    value, slope = numeric(function, t), numeric(function.diff(t), t)
    with mpmath.workdps(digits + 5):

        def mean(weigh):
            grid = range(-13, 14)
            return mpmath.quad(lambda x: weigh(x) * mpmath.npdf(x), list(grid))

        mean_value, linear = mean(value), mean(lambda x: x * value(x))
        energy, slopes = mean(lambda x: value(x) ** 2), mean(lambda x: slope(x) ** 2)
        computed = (mean_value, linear, energy - mean_value**2 - linear**2, slopes - linear**2)
        return dict(zip(ACTIVATION_CONSTANTS, computed, strict=True))


def test_relu_has_its_closed_forms_and_centring_changes_the_mean_only():
    plain, centred = constants("relu"), constants("max(t, 0) - 1/sqrt(2*pi)")
    expected = {"linear_coefficient": Rational(1, 2), "nonlinear_energy": Rational(1, 4) - 1 / (2 * pi)}
    expected |= {"derivative_energy": Rational(1, 4)}
    assert plain == {"mean": 1 / sqrt(2 * pi), **expected}
    assert centred == {"mean": 0, **expected}


def test_erf_has_the_closed_forms_of_the_arcsine_law():
    found = constants("erf")
    assert found["linear_coefficient"] == 2 / sqrt(3 * pi)
    assert (found["nonlinear_energy"] - 2 * asin(Rational(2, 3)) / pi + 4 / (3 * pi)).equals(0)
    assert (found["derivative_energy"] - 4 / (pi * sqrt(5)) + 4 / (3 * pi)).equals(0)


@pytest.mark.parametrize("text", ["erf", "erf(2*t)", "tanh", "gelu", "elu", "sin", "exp(t**2/8)", "max(t, 0)*tanh(t)"])
def test_the_constants_agree_with_an_independent_quadrature(text):
    function = parse_function(text, t)
    pieces = smooth_pieces(function, t, digits=20)
    if len(pieces) == 1:
        expected = reference(function)
    else:
        value = [(low, high, numeric(f, t), numeric(f.diff(t), t)) for low, high, f in pieces]
        with mpmath.workdps(25):

            def mean(weigh):
                total = mpmath.mpf(0)
                for low, high, f, slope in value:
                    ends = [max(-13, low), *(k for k in range(-12, 13) if low < k < high), min(13, high)]
                    total += mpmath.quad(lambda x, f=f, slope=slope: weigh(x, f(x), slope(x)) * mpmath.npdf(x), ends)
                return total

            mu0, mu1 = mean(lambda x, f, d: f), mean(lambda x, f, d: x * f)
            energies = mean(lambda x, f, d: f * f) - mu0**2 - mu1**2, mean(lambda x, f, d: d * d) - mu1**2
            expected = dict(zip(ACTIVATION_CONSTANTS, (mu0, mu1, *energies), strict=True))
    for name, found in constants(text).items():
        assert apart(found, expected[name]) < 1e-18


def test_more_digits_refine_the_same_number():
    coarse, fine = constants("tanh", digits=20), constants("tanh", digits=50)
    for name in ACTIVATION_CONSTANTS:
        with mpmath.workdps(50):
            assert abs(coarse[name] - fine[name]) < mpmath.mpf(10) ** -20
    with mpmath.workdps(50):
        assert mpmath.nstr(fine["linear_coefficient"], 12) == "0.605705509602"


def test_an_exact_rule_and_quadrature_agree_on_the_same_function():
    smooth = constants("sin")
    disguised = activation_constants(sin(t) + tanh(t) - (exp(2 * t) - 1) / (exp(2 * t) + 1), t)
    for name in ACTIVATION_CONSTANTS:
        assert isinstance(smooth[name], Expr)
        assert isinstance(disguised[name], mpmath.mpf)
        assert apart(smooth[name], disguised[name]) < 1e-28


@pytest.mark.parametrize("text", ["relu", "tanh", "max(t**3 - t, 0)"])
def test_hermite_coefficients_sum_to_the_energies(text):
    """Bessel's inequality term by term, and the first coefficients are the mean and the linear coefficient."""
    names = [f"hermite({k})" for k in range(21)]
    found = {name: N(value, 25) for name, value in constants(text, [*ACTIVATION_CONSTANTS, *names]).items()}
    assert apart(found["hermite(0)"], found["mean"]) < 1e-24
    assert apart(found["hermite(1)"], found["linear_coefficient"]) < 1e-24
    share = sum(found[f"hermite({k})"] ** 2 for k in range(2, 21)) / found["nonlinear_energy"]
    assert 0.97 < share <= 1
    assert sum(k * found[f"hermite({k})"] ** 2 for k in range(2, 21)) < found["derivative_energy"]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("sign(t)", "jumps at t = 0"),
        ("Heaviside(t - 1)", "jumps at t = 1.0"),
        ("sign(t - 1) - sign(t + 1)", "jumps"),
        ("exp(t**2/4)", "infinite"),
        ("exp(t**2/4)*tanh(t)", "not square integrable"),
        ("exp(exp(t))", "not square integrable"),
        ("exp(exp(exp(t)))", "not square integrable"),
        ("sin(exp(t**2))", "its slope is not square integrable"),
        ("1/t", "not finite at 0"),
        ("1/(t - 1/3)", "does not settle"),
        ("log(abs(t))", "not square integrable"),
        ("sqrt(abs(t))", "not square integrable"),
        ("sqrt(t)", "not finite and real"),
        ("tan(t)", "does not settle"),
    ],
)
def test_an_activation_without_a_limit_is_refused_in_one_line(text, reason):
    with pytest.raises(ValueError, match=reason) as refusal:
        check_activation(parse_function(text, t), t)
    assert "\n" not in str(refusal.value)
    assert str(refusal.value).startswith("activation ")


def test_a_second_symbol_and_an_unknown_constant_are_named():
    with pytest.raises(ValueError, match="may use t only, not u"):
        activation_constants(t * Symbol("u", real=True), t)
    with pytest.raises(ValueError, match=r"no activation constant is called 'mu7'.*hermite\(20\)"):
        constants("relu", ["mu7"])


def test_every_named_activation_passes_and_is_quick():
    started = time.process_time()
    for name in NAMED_ACTIVATIONS:
        check_activation(parse_function(name, t), t)
    assert time.process_time() - started < 5


def test_kinks_inside_kinks_are_found():
    pieces = smooth_pieces(parse_function("abs(max(t, 0) - 1)", t), t, digits=20)
    assert [(low, high) for low, high, _ in pieces] == [(-oo, 0), (0, 1), (1, oo)]
    assert [branch for _, _, branch in pieces] == [1, 1 - t, t - 1]


def test_a_gaussian_mean_outside_the_class_has_no_closed_form():
    with pytest.raises(NoClosedForm):
        gaussian_mean(tanh(t), t)
    with pytest.raises(NoClosedForm):
        gaussian_mean(erf(t), t, 0, oo)
    with pytest.raises(NoClosedForm):
        gaussian_mean((1 + t + exp(t) + sin(t)) ** 32, t)


@pytest.mark.parametrize("integrand", [t**4, t**3 * exp(-(t**2) + t), exp(2 * t), (t - 1) ** 3])
def test_a_truncated_gaussian_mean_is_its_integral(integrand):
    value = numeric(integrand, t)
    with mpmath.workdps(25):
        expected = mpmath.quad(lambda x: value(x) * mpmath.npdf(x), [mpmath.mpf(-1) / 2, 1, 2])
    assert apart(gaussian_mean(integrand, t, -Rational(1, 2), 2), expected) < 1e-20
