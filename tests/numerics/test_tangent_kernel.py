"""The Gram of the tangent features: its product against the formed matrix, and both against samples."""

import math
from types import SimpleNamespace

import numpy as np
import pytest

from numerics.activations import compile_activation
from numerics.conjugate_gradients import conjugate_gradients
from numerics.experiments.learning_regimes_tangent import tangent
from numerics.lab import ArrayLab
from numerics.sampling import stream
from numerics.tangent_duals import derivative_duals, slope_of_slope, tangent_duals
from numerics.tangent_kernel import initial_correlation, tangent_gram, target_correlation

SMOOTH = ["tanh(t+1)", "sin(t+1)", "elu", "t**2 + t**3", "erf(2*t)"]


def lab(trial=0):
    return ArrayLab(stream(0, "tangent regime", trial))


def systems(activation, rows, *, centred=True):
    compiled = compile_activation(activation)
    yield tangent_gram(rows, tangent_duals(compiled, centred=centred))
    if (duals := derivative_duals(compiled)) is not None:
        yield tangent_gram(rows, duals)


@pytest.mark.parametrize("centred", [True, False])
@pytest.mark.parametrize("activation", [*SMOOTH, "relu", "abs(t) + t/2"])
def test_the_product_is_that_of_the_formed_gram(activation, centred):
    rows, weights = lab().sphere(5, 12), lab(1).normal(5, 12)
    for gram in systems(activation, rows, centred=centred):
        matrix = gram.matrix()
        assert np.allclose(matrix, matrix.T, atol=1e-13)
        assert np.min(np.linalg.eigvalsh(matrix)) > -1e-11
        assert np.allclose(gram.product(weights).ravel(), matrix @ weights.ravel(), atol=1e-12)


@pytest.mark.parametrize("activation", ["tanh(t+1)", "relu", "t**2 + t**3"])
def test_the_gram_and_its_right_hand_sides_are_those_of_samples(activation):
    one, compiled = lab(2), compile_activation(activation)
    rows, output, diagonal = one.sphere(3, 5), one.normal(3), one.normal(5)
    inputs, weights = one.normal(400_000, 5), one.normal(3, 5)
    preactivations = inputs @ rows.T
    values = np.sum(inputs @ weights.T * compiled.slope(preactivations), axis=1)
    values -= values.mean()
    duals = tangent_duals(compiled, centred=True)
    gram = tangent_gram(rows, duals)
    assert np.sum(weights * gram.product(weights)) == pytest.approx(np.mean(values**2), rel=0.02)
    target = inputs**2 @ diagonal - diagonal.sum()
    known = np.sum(weights * target_correlation(gram, duals, rows * diagonal))
    assert known == pytest.approx(np.mean(values * target), abs=0.02 * values.std() * target.std())
    start = compiled.value(preactivations) @ output
    known = np.sum(weights * initial_correlation(gram, duals, output))
    assert known == pytest.approx(np.mean(values * start), abs=0.02 * values.std() * start.std())


@pytest.mark.parametrize("activation", ["tanh(t+1)", "t**2 + t**3"])
def test_the_dirichlet_gram_is_that_of_sampled_gradients(activation):
    one, compiled = lab(3), compile_activation(activation)
    rows, output, weights, inputs = one.sphere(3, 5), one.normal(3), one.normal(3, 5), one.normal(400_000, 5)
    preactivations, bend = inputs @ rows.T, slope_of_slope(compiled)
    slopes = compiled.slope(preactivations)
    gradients = slopes @ weights + (inputs @ weights.T * bend(preactivations)) @ rows
    duals = derivative_duals(compiled)
    gram = tangent_gram(rows, duals)
    sampled = np.mean(np.sum(gradients**2, axis=1))
    assert np.sum(weights * gram.product(weights)) == pytest.approx(sampled, rel=0.02)
    initial = (slopes * output) @ rows
    known = np.sum(weights * initial_correlation(gram, duals, output))
    scale = math.sqrt(sampled * np.mean(np.sum(initial**2, axis=1)))
    assert known == pytest.approx(np.mean(np.sum(gradients * initial, axis=1)), abs=0.02 * scale)


def test_relu_on_the_diagonal_has_its_own_limits_and_off_it_the_closed_forms_are_the_series():
    relu = compile_activation("relu")
    gram = tangent_gram(lab().sphere(4, 6), tangent_duals(relu, centred=True))
    assert np.allclose(np.diag(gram.tangent), 0.5)
    assert np.allclose(np.diag(gram.radial), 0.5 - 1 / (2 * math.pi))
    assert np.all(np.isfinite(gram.tangent_slope))
    # a second corner where the normal law has no mass: the same function, but it falls to the Hermite series
    series = tangent_duals(compile_activation("max(t, 0) + max(t - 30, 0)"), centred=True)
    closed, overlaps = tangent_duals(relu, centred=True), np.asarray([-0.6, -0.1, 0.0, 0.3, 0.7])
    for kernel in ("tangent", "tangent_slope", "mixed", "radial"):
        assert np.allclose(getattr(closed, kernel)(overlaps), getattr(series, kernel)(overlaps), atol=1e-9), kernel


def test_conjugate_gradients_reach_their_tolerance_and_take_the_least_norm():
    rows, duals = lab().sphere(12, 8), tangent_duals(compile_activation("t**2"), centred=True)
    gram = tangent_gram(rows, duals)
    right = target_correlation(gram, duals, rows * lab(1).normal(8))
    found = conjugate_gradients(gram.product, right)
    assert found.relative < 1e-9
    least = np.linalg.pinv(gram.matrix(), rtol=1e-10) @ right.ravel()
    assert np.allclose(found.values.ravel(), least, atol=1e-8)
    with pytest.raises(RuntimeError, match="stopped at relative residual"):
        conjugate_gradients(gram.product, right, most=3)


def test_the_dirichlet_energy_of_relu_features_grows_without_bound_in_the_hermite_degree():
    relu = compile_activation("relu")
    assert derivative_duals(relu) is None
    assert "dirichlet_energy" not in tangent(lab(), SimpleNamespace(activation="relu", rho=1, trace_alignment=0), 12)
    squares = tangent_duals(compile_activation("max(t, 0) + max(t - 30, 0)"), centred=True).tangent.coefficients
    energies = [np.sum(((np.arange(len(squares)) + 1) * squares)[:degree]) for degree in (25, 100, 400)]
    assert energies[1] / energies[0] > 1.6
    assert energies[2] / energies[1] > 1.6
    smooth = tangent_duals(compile_activation("tanh(t+1)"), centred=True).tangent.coefficients
    energies = [np.sum(((np.arange(len(smooth)) + 1) * smooth)[:degree]) for degree in (100, 400)]
    assert energies[1] == pytest.approx(energies[0], rel=1e-3)
