"""Finite-size experiments: two-layer networks at initialisation and with random features, data averaged exactly.

Each experiment takes (lab, at, size) with size the input dimension d, m = max(1, round(rho d)) neurons, the target
x^T B x - tr B with ||B||_F = 1 and tr B = trace_alignment sqrt(d), and returns test_error = E(f - f*)^2 / 2 and
dirichlet_energy = E||grad f||^2 / 4, given the draw of the first layer; x ~ N(0, I_d) is never sampled, except by
`random_features_monte_carlo`.

A constant that is trained takes its best value at every moment, so that every feature may be replaced by its centred
version. Random features also return the control variates of `numerics.row_controls`.
"""

from __future__ import annotations

import math
from types import SimpleNamespace

from derivations.lab import Array, Lab
from numerics.activations import compile_activation
from numerics.first_layers import FirstLayer, draw_first_layer, draw_gaussian_layer
from numerics.lab import gram, namespace
from numerics.monte_carlo_regression import SampledTarget, fit_twice, measure_errors
from numerics.parameters import ParameterError
from numerics.population_grams import PopulationGrams, unit_row_grams
from numerics.population_regression import fit_population
from numerics.quadratic_targets import diagonal_target, square_rows
from numerics.row_controls import measure_row_controls
from numerics.sphere_duals import sphere_grams


def initialisation(lab: Lab, at: SimpleNamespace, size: int) -> dict[str, float]:
    """The network before training, averaged over output weights v ~ N(0, alpha^2 I/m): exact given the first layer."""
    grams = draw_first_layer(lab, at, size).grams(compile_activation(at.activation))
    diagonal, scale = namespace(grams.values).linalg.diagonal, at.init_scale**2
    return {
        "test_error": 1 + scale * lab.mean(diagonal(_gram(grams, at))) / 2,
        "dirichlet_energy": scale * lab.mean(diagonal(grams.slopes)) / 4,
    }


def initialisation_draw(lab: Lab, at: SimpleNamespace, size: int) -> dict[str, float]:
    """The network before training with v drawn. Control: weight_energy = ||v||^2, of mean alpha^2."""
    layer = draw_first_layer(lab, at, size)
    grams = layer.grams(compile_activation(at.activation))
    correlations = grams.correlations(square_rows(layer.rows, layer.target))
    count = correlations.shape[0]
    weights = at.init_scale / math.sqrt(count) * lab.normal(count)
    return {**_errors(weights, _gram(grams, at), grams.slopes, correlations), "weight_energy": lab.norm(weights) ** 2}


def random_features(lab: Lab, at: SimpleNamespace, size: int) -> dict[str, float]:
    """A frozen first layer, its output weights fitted on the population: ridge, start, time, constant, covariance.

    Rows are uniform on the unit sphere, or N(0, Gamma) where the covariance is not the identity. The average over the
    start v_0 ~ N(0, alpha^2 I/m) is exact given the first layer.
    """
    _refuse_single_neuron(at)
    return _fit_layer(draw_first_layer(lab, at, size), at)


def random_features_gaussian_rows(lab: Lab, at: SimpleNamespace, size: int) -> dict[str, float]:
    """The same for rows N(0, I/d), whose norms differ."""
    _refuse_single_neuron(at)
    return _fit_layer(draw_gaussian_layer(lab, at, size), at)


def random_features_uncentred(lab: Lab, at: SimpleNamespace, size: int) -> dict[str, float]:
    """Without a trained constant on x^T B x, of mean trace_alignment sqrt(d); errors in the same units 2 and 4."""
    return _fit_layer(draw_first_layer(lab, at, size), at, constant=at.trace_alignment * math.sqrt(size))


def random_features_on_the_sphere(lab: Lab, at: SimpleNamespace, size: int) -> dict[str, float]:
    """Inputs uniform on sqrt(d) S^{d-1}, tangential gradients; errors in units of the target's own two energies.

    There x^T B x - tr B only has the traceless part of B: the limit is that of trace_alignment = 0. Of the trained
    constant and the start as in `random_features`. Raises ValueError where |trace_alignment| = 1: the target is 0.
    """
    share = 1 - at.trace_alignment**2
    if share <= 0.0:
        raise ValueError("trace_alignment: at +-1 the target is constant on the sphere; it must be inside (-1, 1)")
    layer = draw_first_layer(lab, at, size)
    if not layer.is_unit:
        raise ValueError(f"covariance: {at.covariance} does not give unit rows, as inputs on the sphere need; use 1@1")
    grams = sphere_grams(layer.rows, compile_activation(at.activation))
    traceless = layer.target - at.trace_alignment / math.sqrt(size)
    correlations = grams.correlations(square_rows(layer.rows, traceless))
    units = share * size / (size + 2)
    found = _fit(grams, correlations, at)
    return {
        "test_error": 1 + (found["test_error"] - 1) / units,
        "dirichlet_energy": found["dirichlet_energy"] / units,
        **_controls(layer, at),
    }


def random_features_monte_carlo(lab: Lab, at: SimpleNamespace, size: int) -> dict[str, float]:
    """Random features seen through samples of x only: two independent fits, both observables on fresh points.

    Products across the two fits have no excess of first order in neurons/samples. The start is drawn, the same for both
    fits. One more control: target_energy, the average of f*^2/2 over the fresh points, of mean 1.
    """
    layer = draw_first_layer(lab, at, size)
    activation = compile_activation(at.activation)
    count = layer.rows.shape[0]
    start = at.init_scale / math.sqrt(count) * lab.normal(count)
    target = SampledTarget(lab, layer.rows, layer.target, activation, has_offset=at.offset == "yes")
    fits = fit_twice(target, start, ridge=at.ridge, time=at.time)
    return {**measure_errors(target, fits), **_controls(layer, at)}


def single_neuron(lab: Lab, at: SimpleNamespace, size: int) -> dict[str, float]:
    """One neuron whose row is uniform on the sphere, and its output weight fitted.

    Control: squared_alignment = (w^T B w)^2 over its mean (2 + tr(B)^2)/(d (d + 2)), of mean 1; without ridge both
    observables are linear in it.
    """
    rows, target = lab.sphere(1, size), diagonal_target(lab, at.trace_alignment, size)
    squares = square_rows(rows, target)
    grams = unit_row_grams(rows, compile_activation(at.activation))
    mean = (2 + at.trace_alignment**2 * size) / (size * (size + 2))
    return {**_fit(grams, grams.correlations(squares), at), "squared_alignment": float(squares[0]) ** 2 / mean}


def _refuse_single_neuron(at: SimpleNamespace) -> None:
    given = getattr(at, "single_neuron_alignment", math.inf)
    if math.isfinite(given):
        raise ParameterError(f"single_neuron_alignment is {given:g}, but rho d neurons are drawn here; leave it out")


def _fit_layer(layer: FirstLayer, at: SimpleNamespace, *, constant: float | None = None) -> dict[str, float]:
    """The observables and the controls; with a constant in the target, no constant is trained."""
    grams = layer.grams(compile_activation(at.activation))
    correlations = grams.correlations(square_rows(layer.rows, layer.target))
    return {**_fit(grams, correlations, at, constant=constant), **_controls(layer, at)}


def _controls(layer: FirstLayer, at: SimpleNamespace) -> dict[str, float]:
    return measure_row_controls(
        gram(layer.rows),
        square_rows(layer.rows, layer.target),
        compile_activation(at.activation),
        ridge=at.ridge,
        dimension=layer.rows.shape[1],
        moments=layer.moments,
    )


def _fit(
    grams: PopulationGrams, correlations: Array, at: SimpleNamespace, *, constant: float | None = None
) -> dict[str, float]:
    moments = _gram(grams, at) if constant is None else grams.second_moments
    if constant is not None:
        correlations = correlations + constant * grams.means
    fit = fit_population(moments, grams.slopes, correlations, ridge=at.ridge, time=at.time, init_scale=at.init_scale)
    found = _errors(fit.weights, moments, grams.slopes, correlations)
    return {
        "test_error": found["test_error"] + (constant or 0.0) ** 2 / 2 + fit.start_energy / 2,
        "dirichlet_energy": found["dirichlet_energy"] + fit.start_slope_energy / 4,
    }


def _gram(grams: PopulationGrams, at: SimpleNamespace) -> Array:
    return grams.values if at.offset == "yes" else grams.second_moments


def _errors(weights: Array, gram: Array, slopes: Array, correlations: Array) -> dict[str, float]:
    """The two observables of the network with these output weights, the square of the target's constant apart."""
    xp = namespace(weights)
    square, overlap = float(xp.sum(weights * (gram @ weights))), float(xp.sum(weights * correlations))
    slope = float(xp.sum(weights * (slopes @ weights)))
    return {"test_error": 1 - overlap + square / 2, "dirichlet_energy": slope / 4}
