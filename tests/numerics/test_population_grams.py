"""Averages over the data, computed: against sampling, against quadrature in two dimensions, and as laws."""

import math

import numpy as np
import pytest

from numerics.activations import compile_activation
from numerics.lab import ArrayLab
from numerics.population_grams import row_grams, unit_row_grams
from numerics.sampling import stream
from numerics.sphere_duals import coordinate_grid, next_gegenbauer, sphere_grams

ACTIVATIONS = ["relu", "tanh(t+1)", "t**2-1", "erf(t)", "max(t-0.4,0)", "t**3+t**2", "abs(t)+t/2+1"]
SMOOTH = ["tanh(t+1)", "t**2-1", "erf(t)", "sin(2*t+1)", "t**3+t**2"]


def lab(trial=0):
    return ArrayLab(stream(0, "population grams", trial))


def uneven_rows(count, dimension):
    rows = lab().sphere(count, dimension)
    return rows * np.linspace(0.3, 1.6, count)[:, None]


def assert_near_sample(found, sampled, samples):
    """`sampled` (n, k) has the means `found` (k,), to five standard errors."""
    error = np.std(sampled, axis=0) / math.sqrt(samples)
    assert np.all(np.abs(np.mean(sampled, axis=0) - found) <= 5 * error + 1e-12)


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("unit", [True, False])
def test_gram_matrices_agree_with_sampled_inputs(activation, unit):
    compiled, count, dimension, samples = compile_activation(activation), 4, 5, 60_000
    rows = lab().sphere(count, dimension) if unit else uneven_rows(count, dimension)
    grams = (unit_row_grams if unit else row_grams)(rows, compiled)
    inputs = lab(1).normal(samples, dimension)
    values, slopes = compiled.uncentred(inputs @ rows.T), compiled.slope(inputs @ rows.T)
    centred = values - grams.means
    target = np.diag(np.arange(dimension) - 1.0)
    quadratic = np.sum((inputs @ target) * inputs, axis=1) - np.trace(target)
    squares = np.sum((rows @ target) * rows, axis=1)
    assert_near_sample(grams.means, values, samples)
    assert_near_sample(grams.correlations(squares), values * quadratic[:, None], samples)
    for i in range(count):
        assert_near_sample(grams.values[i], centred * centred[:, [i]], samples)
        assert_near_sample(grams.second_moments[i], values * values[:, [i]], samples)
        assert_near_sample(grams.slopes[i], slopes * slopes[:, [i]] * (rows @ rows[i]), samples)


@pytest.mark.parametrize("activation", SMOOTH)
def test_gram_matrices_agree_with_quadrature_in_two_dimensions(activation):
    compiled = compile_activation(activation)
    first, second, correlation = 0.7, 1.4, -0.6
    rows = np.asarray([[first, 0.0], [second * correlation, second * math.sqrt(1 - correlation**2)]])
    nodes, weights = np.polynomial.hermite_e.hermegauss(120)
    weights = np.outer(weights, weights) / (2 * np.pi)
    points = np.stack(np.meshgrid(nodes, nodes, indexing="ij"), axis=-1) @ rows.T
    value, slope = compiled.uncentred(points), compiled.slope(points)
    grams = row_grams(rows, compiled)
    moments = np.einsum("pq,pqi,pqj->ij", weights, value, value)
    slopes = np.einsum("pq,pqi,pqj->ij", weights, slope, slope) * (rows @ rows.T)
    assert grams.second_moments == pytest.approx(moments, rel=1e-7, abs=1e-9)
    assert grams.slopes == pytest.approx(slopes, rel=1e-7, abs=1e-9)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_rows_of_any_norm_include_unit_rows(activation):
    rows = lab().sphere(12, 9)
    one, other = unit_row_grams(rows, compile_activation(activation)), row_grams(rows, compile_activation(activation))
    for name in ("values", "slopes", "means", "curvatures"):
        assert getattr(one, name) == pytest.approx(getattr(other, name), rel=1e-8, abs=1e-9), name


def test_error_function_of_any_norm_has_its_arc_sine_law():
    rows = uneven_rows(6, 5)
    overlaps = rows @ rows.T
    spread = 1 + 2 * np.diag(overlaps)
    grams = row_grams(rows, compile_activation("erf(t)"))
    expected = 2 / math.pi * np.arcsin(2 * overlaps / np.sqrt(np.outer(spread, spread)))
    slopes = 4 / math.pi * overlaps / np.sqrt(np.outer(spread, spread) - 4 * overlaps**2)
    assert grams.values == pytest.approx(expected, abs=1e-10)
    assert grams.slopes == pytest.approx(slopes, abs=1e-10)


def test_two_ways_to_a_homogeneous_function_agree():
    """The closed form of relu, and the series of an expression that equals it but has another kink far away."""
    rows = uneven_rows(5, 40)
    closed = row_grams(rows, compile_activation("relu"))
    summed = row_grams(rows, compile_activation("max(t,0)+max(t-12,0)/1000000000000"))
    assert summed.values == pytest.approx(closed.values, abs=1e-9)
    assert summed.slopes == pytest.approx(closed.slopes, abs=1e-9)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_gradients_exceed_values_as_the_poincare_inequality_demands(activation):
    rows = uneven_rows(20, 15)
    for grams in (
        unit_row_grams(lab().sphere(20, 15), compile_activation(activation)),
        row_grams(rows, compile_activation(activation)),
    ):
        assert np.linalg.eigvalsh(grams.values)[0] > -1e-9
        assert np.linalg.eigvalsh(grams.slopes - grams.values)[0] > -1e-9


def test_parallel_rows_of_a_kinked_activation_are_refused():
    rows = np.asarray([[1.0, 0.0], [1.1, 1e-5]])
    with pytest.raises(ArithmeticError, match="degree above 400"):
        row_grams(rows, compile_activation("max(t-0.4,0)"))


@pytest.mark.parametrize("dimension", [3, 4, 7, 60])
def test_law_of_a_coordinate_has_its_moments_and_orthogonal_polynomials(dimension):
    points, weights = coordinate_grid(dimension, compile_activation("max(t-0.4,0)"))
    assert weights @ points**2 == pytest.approx(1, rel=1e-12)
    assert weights @ points**4 == pytest.approx(3 * dimension / (dimension + 2), rel=1e-12)
    cosines = points / math.sqrt(dimension)
    polynomials = [np.ones_like(cosines), cosines]
    for k in range(1, 5):
        polynomials.append(next_gegenbauer(k, dimension, cosines, *polynomials[-1:-3:-1]))
    inner = np.asarray([[weights @ (one * other) for one in polynomials] for other in polynomials])
    sizes = [1.0] + [(2 * k + dimension - 2) / k * math.comb(k + dimension - 3, k - 1) for k in range(1, 6)]
    assert inner == pytest.approx(np.diag(1 / np.asarray(sizes)), abs=1e-12)


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("dimension", [3, 6])
def test_sphere_gram_matrices_agree_with_sampled_inputs(activation, dimension):
    compiled, count, samples = compile_activation(activation), 4, 60_000
    rows = lab(2).sphere(count, dimension)
    grams = sphere_grams(rows, compiled)
    inputs = math.sqrt(dimension) * lab(3).sphere(samples, dimension)
    values, slopes = compiled.uncentred(inputs @ rows.T), compiled.slope(inputs @ rows.T)
    target = np.diag(np.linspace(-1, 1, dimension))
    quadratic = np.sum((inputs @ target) * inputs, axis=1)
    centred = values - grams.means
    assert_near_sample(grams.means, values, samples)
    assert_near_sample(
        grams.correlations(np.sum((rows @ target) * rows, axis=1)), centred * quadratic[:, None], samples
    )
    for i in range(count):
        tangent = rows @ rows[i] - (inputs @ rows.T) * (inputs @ rows[i])[:, None] / dimension
        assert_near_sample(grams.values[i], centred * centred[:, [i]], samples)
        assert_near_sample(grams.slopes[i], slopes * slopes[:, [i]] * tangent, samples)


def test_sphere_gram_of_a_square_is_the_second_gegenbauer_polynomial():
    rows, dimension = lab().sphere(8, 5), 5
    overlaps = rows @ rows.T
    expected = 2 * (dimension * overlaps**2 - 1) / (dimension + 2)
    grams = sphere_grams(rows, compile_activation("t**2"))
    assert grams.values == pytest.approx(expected, abs=1e-12)
    assert grams.slopes == pytest.approx(2 * expected, abs=1e-12)


def test_sphere_tends_to_the_gaussian_at_rate_one_over_dimension():
    gaps = []
    for dimension in (100, 400):
        rows, compiled = lab().sphere(10, dimension), compile_activation("tanh(t+1)")
        gaps.append(np.max(np.abs(sphere_grams(rows, compiled).slopes - unit_row_grams(rows, compiled).slopes)))
    assert gaps[0] < 0.02
    assert gaps[1] == pytest.approx(gaps[0] / 4, rel=0.3)


def test_a_circle_is_refused():
    with pytest.raises(ValueError, match="dimension 2"):
        sphere_grams(lab().sphere(2, 2), compile_activation("relu"))
