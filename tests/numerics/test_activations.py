"""Activations as arrays: constants, duals and smoothing against independent computations."""

import array_api_strict
import numpy as np
import pytest
import sympy
from scipy import integrate

from derivations.activations import activation_constants
from derivations.expressions import parse_function
from numerics.activations import VARIABLE, compile_activation
from numerics.hermite import GaussianGrid, find_kinks

CLOSED = ["relu", "leaky_relu", "abs", "erf", "linear", "3*erf(t/2) + 1", "2*max(t, 0) - t/3 + 1"]
SERIES = ["tanh", "softplus", "gelu", "elu", "sin", "max(t, -1/3)", "exp(t/2)"]
RHO = np.linspace(-0.9, 0.9, 19)


def series_of(activation):
    grid = GaussianGrid.split_at(find_kinks(activation.expression, VARIABLE))
    return grid.expand(activation.value), grid.expand(activation.slope)


def average_over_pairs(function, rho):
    """E[f(G) f(G')] by a double integral over half planes that meet at 0."""

    def density(b, a):
        second = rho * a + np.sqrt(1 - rho**2) * b
        return (
            float(function(np.asarray(a)) * function(np.asarray(second))) * np.exp(-(a * a + b * b) / 2) / (2 * np.pi)
        )

    return integrate.dblquad(density, -7, 7, -7, 7, epsabs=1e-7)[0]


@pytest.mark.parametrize("text", CLOSED + SERIES)
def test_constants_agree_with_exact_gaussian_integration(text):
    names = ("mean", "linear_coefficient", "nonlinear_energy", "derivative_energy")
    exact = activation_constants(parse_function(text, VARIABLE), VARIABLE, names)
    seen = compile_activation(text)
    for name in names:
        assert getattr(seen, name) == pytest.approx(float(exact[name]), rel=1e-11, abs=1e-13)


@pytest.mark.parametrize("text", CLOSED)
def test_closed_form_duals_are_their_hermite_series(text):
    activation = compile_activation(text)
    value, slope = series_of(activation)
    assert activation.dual.__qualname__ != value.evaluate.__qualname__
    np.testing.assert_allclose(activation.dual(RHO), value.evaluate(RHO), atol=2e-10 * activation.energy)
    np.testing.assert_allclose(activation.dual_slope(RHO), slope.evaluate(RHO), atol=2e-10 * activation.slope_energy)


@pytest.mark.parametrize("text", CLOSED + SERIES)
def test_duals_at_correlation_one_are_the_energies(text):
    activation = compile_activation(text)
    one = np.asarray([1.0])
    assert activation.dual(one)[0] == pytest.approx(activation.energy, rel=1e-10)
    assert activation.dual_slope(one)[0] == pytest.approx(activation.slope_energy, rel=1e-10)


@pytest.mark.parametrize("text", CLOSED + SERIES)
def test_dual_of_the_slope_is_the_derivative_of_the_dual(text):
    activation, h = compile_activation(text), 1e-5
    rho = np.linspace(-0.6, 0.6, 7)
    difference = (activation.dual(rho + h) - activation.dual(rho - h)) / (2 * h)
    np.testing.assert_allclose(activation.dual_slope(rho), difference, rtol=1e-6, atol=1e-7)


def test_dual_of_tanh_is_an_average_over_correlated_pairs():
    activation = compile_activation("tanh")
    assert float(activation.dual(np.asarray([0.6]))[0]) == pytest.approx(average_over_pairs(np.tanh, 0.6), abs=1e-6)


def test_series_that_cannot_reach_the_tolerance_says_so():
    with pytest.raises(ArithmeticError, match="only known to"):
        compile_activation("max(t, -1)").dual(np.asarray([0.9999]))


@pytest.mark.parametrize("text", ["relu", "abs", "max(t, -1)", "elu", "tanh"])
def test_smoothed_slope_is_the_derivative_of_the_smoothed_value(text):
    activation, h = compile_activation(text), 1e-6
    value, slope = activation.smoothed(0.3)
    t = np.linspace(-2, 2, 41) + 0.0123
    np.testing.assert_allclose(slope(t), (value(t + h) - value(t - h)) / (2 * h), atol=1e-6)
    assert np.max(np.abs(value(t) - activation.value(t))) <= 0.3 / 4 * sum(abs(j) for _, j in activation.kinks) + 1e-12


def test_every_pair_of_pieces_may_meet_at_a_kink():
    expression = parse_function("max(t, 0, 2*t - 0.7)", VARIABLE)
    assert 0.7 in [round(kink, 12) for kink in find_kinks(expression, VARIABLE)]
    (_, bend), (place, second) = compile_activation(expression).kinks
    assert (bend, round(place, 12), second) == (1.0, 0.7, 1.0)


def test_smoothing_makes_the_slope_continuous():
    _, slope = compile_activation("relu").smoothed(0.1)
    left, middle, right = slope(np.asarray([-1e-9, 0.0, 1e-9]))
    assert left == pytest.approx(0.5, abs=1e-6)
    assert middle == pytest.approx(0.5, abs=1e-6)
    assert right == pytest.approx(0.5, abs=1e-6)


def test_relu_has_slope_zero_at_its_kink():
    np.testing.assert_array_equal(compile_activation("relu").slope(np.asarray([-1.0, 0.0, 1.0])), [0.0, 0.0, 1.0])


@pytest.mark.parametrize("text", ["relu", "erf", "elu", "gelu", "sin(t)*exp(-t**2/3) + min(t, 1)"])
def test_strict_device_gives_the_same_numbers(text):
    activation = compile_activation(text)
    device = array_api_strict.Device("device1")
    points = array_api_strict.asarray(RHO, device=device)
    for function in (activation.value, activation.slope, activation.dual, activation.dual_slope):
        found = function(points)
        assert found.device == device
        home = array_api_strict.asarray(found, device=array_api_strict.Device("CPU_DEVICE"))
        np.testing.assert_allclose(np.asarray(home), function(RHO), rtol=1e-14, atol=1e-15)


def test_piecewise_expressions_are_selected_entry_by_entry():
    t = sympy.Symbol("t", real=True)
    expression = sympy.Piecewise((-t, t < -1), (1, sympy.And(t >= -1, t < 0)), (1 + t**2, True))
    points = np.asarray([-3.0, -0.5, 2.0])
    np.testing.assert_allclose(compile_activation(expression).uncentred(points), [3.0, 1.0, 5.0])


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("exp(t**2/3)", "not square integrable"),
        ("log(t)", "not finite"),
        ("sign(t)", "DiracDelta"),
        ("1/t", "not absolutely continuous"),
    ],
)
def test_activations_without_moments_are_refused(text, complaint):
    with pytest.raises(ValueError, match=complaint):
        compile_activation(text)


def test_expressions_of_another_variable_are_refused():
    x, y = sympy.symbols("x y", real=True)
    with pytest.raises(ValueError, match="depends on x, y"):
        compile_activation(x + y)
