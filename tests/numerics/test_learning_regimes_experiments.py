"""Experiments at initialisation and with random features: laws that hold exactly at every size, and known limits."""

import math
from types import SimpleNamespace

import array_api_strict
import numpy as np
import pytest

from numerics.activations import compile_activation
from numerics.experiments import learning_regimes
from numerics.experiments.learning_regimes import (
    initialisation,
    initialisation_draw,
    random_features,
    random_features_gaussian_rows,
    random_features_monte_carlo,
    random_features_on_the_sphere,
    random_features_uncentred,
    single_neuron,
)
from numerics.first_layers import draw_first_layer
from numerics.lab import CPU, ArrayLab, Device
from numerics.population_grams import unit_row_grams
from numerics.population_regression import fit_from, fit_population
from numerics.quadratic_targets import covariance_eigenvalues, diagonal_target, general_target, square_rows
from numerics.row_controls import MEANS
from numerics.sampling import stream

STRICT = Device("strict", "array-api-strict", array_api_strict, array_api_strict.Device("device1"))
TWO_VALUES = SimpleNamespace(values=np.asarray([0.4, 1.6]), weights=np.asarray([0.5, 0.5]))
TRIVIAL = SimpleNamespace(values=np.ones(1), weights=np.ones(1))
EXPERIMENTS = [
    initialisation,
    initialisation_draw,
    random_features,
    random_features_gaussian_rows,
    random_features_uncentred,
    random_features_on_the_sphere,
    random_features_monte_carlo,
    single_neuron,
]
SETTINGS = [
    {},
    {"activation": "tanh(t+1)", "rho": 2.0, "trace_alignment": -0.9},
    {"activation": "t**2-1", "covariance_law": TWO_VALUES, "covariance": "0.4@0.5,1.6@0.5"},
    {"activation": "tanh(t+1)", "covariance_law": TWO_VALUES, "covariance": "0.4@0.5,1.6@0.5", "offset": "no"},
    {"ridge": 0.3, "init_scale": 1.0},
    {"time": 3.0, "init_scale": 0.5, "activation": "sin(t+1)"},
    {"time": 3.0, "ridge": 0.2, "offset": "no"},
]


def lab(trial=0, *, device=CPU):
    return ArrayLab(stream(0, "learning regimes", trial), device=device)


def point(**changes):
    given = {"rho": 1.0, "trace_alignment": 0.5, "ridge": 0.0, "init_scale": 0.0, "time": math.inf, "offset": "yes"}
    rest = {"activation": "relu", "covariance": "1@1", "covariance_law": TRIVIAL}
    return SimpleNamespace(**given | rest | changes)


def draws(experiment, at, size, trials):
    seen = [experiment(lab(trial), at, size) for trial in range(trials)]
    return {name: np.asarray([one[name] for one in seen]) for name in seen[0]}


def errors(found):
    return found["test_error"], found["dirichlet_energy"]


def controlled(found, name):
    """Mean and standard deviation of an observable, the controls regressed out."""
    shifts = np.stack([found[control] - mean for control, mean in MEANS.items()], axis=1)
    design = np.concatenate([np.ones((len(shifts), 1)), shifts], axis=1)
    solution = np.linalg.lstsq(design, found[name], rcond=None)[0]
    return solution[0], np.std(found[name] - design @ solution)


@pytest.mark.parametrize("setting", SETTINGS)
@pytest.mark.parametrize("experiment", EXPERIMENTS)
def test_every_experiment_runs_the_same_on_the_strict_array_standard(experiment, setting):
    at = point(**setting)
    if experiment is random_features_on_the_sphere and at.covariance_law is TWO_VALUES:
        with pytest.raises(ValueError, match="unit rows"):
            experiment(lab(), at, 8)
        return
    found, strict = experiment(lab(), at, 8), experiment(lab(device=STRICT), at, 8)
    assert found["test_error"] > 0
    assert found["dirichlet_energy"] >= 0
    assert all(isinstance(value, float) for value in strict.values())
    assert strict == pytest.approx(found, rel=1e-7, abs=1e-9)


@pytest.mark.parametrize("setting", SETTINGS)
@pytest.mark.parametrize("trial", range(3))
def test_no_network_beats_the_universal_bound(setting, trial):
    """sqrt(dirichlet_energy) >= 1 - sqrt(test_error), whatever was fitted, started or stopped."""
    for experiment in (random_features, random_features_gaussian_rows):
        test_error, energy = errors(experiment(lab(trial), point(**setting), 20))
        assert math.sqrt(energy) >= 1 - math.sqrt(test_error) - 1e-12


@pytest.mark.parametrize("setting", [{}, {"rho": 3.0}, {"covariance_law": TWO_VALUES}])
@pytest.mark.parametrize("trial", range(3))
def test_pure_squares_are_robust_by_exactly_what_they_miss(setting, trial):
    test_error, energy = errors(random_features(lab(trial), point(activation="t**2-1", **setting), 24))
    assert 0.1 < energy < 0.9
    assert energy == pytest.approx(1 - test_error, abs=1e-12)


def test_the_best_fit_is_a_projection():
    layer = draw_first_layer(lab(), point(), 30)
    grams = layer.grams(compile_activation("relu"))
    correlations = grams.correlations(square_rows(layer.rows, layer.target))
    weights = fit_population(grams.values, grams.slopes, correlations, ridge=0.0, time=math.inf, init_scale=0.0).weights
    test_error, energy = errors(random_features(lab(), point(), 30))
    assert weights @ grams.values @ weights / 2 == pytest.approx(1 - test_error, rel=1e-12)
    assert weights @ grams.slopes @ weights / 4 == pytest.approx(energy, rel=1e-12)
    assert energy >= (1 - test_error) / 2


@pytest.mark.parametrize("activation", ["tanh(t+1)", "t**2"])
@pytest.mark.parametrize("setting", [{}, {"ridge": 0.3, "init_scale": 1.0}, {"time": 3.0, "init_scale": 1.0}])
def test_a_trained_constant_does_what_centring_does(activation, setting):
    mean = compile_activation(activation).mean
    with_constant = random_features(lab(), point(activation=activation, **setting), 20)
    centred = random_features(lab(), point(activation=f"{activation}-({mean!r})", offset="no", **setting), 20)
    raw = random_features(lab(), point(activation=activation, offset="no", **setting), 20)
    assert errors(with_constant) == pytest.approx(errors(centred), rel=1e-9)
    assert errors(with_constant) != pytest.approx(errors(raw), rel=1e-3)


def test_limits_of_ridge_and_time_meet():
    fitted = errors(random_features(lab(), point(init_scale=1.0), 20))
    start = errors(initialisation(lab(), point(init_scale=1.0), 20))
    assert errors(random_features(lab(), point(init_scale=1.0, ridge=1e-9), 20)) == pytest.approx(fitted, rel=1e-6)
    assert errors(random_features(lab(), point(init_scale=1.0, time=1e4), 20)) == pytest.approx(fitted, rel=1e-6)
    assert errors(random_features(lab(), point(init_scale=1.0, ridge=1e9), 20)) == pytest.approx(start, rel=1e-6)
    assert errors(random_features(lab(), point(init_scale=1.0, time=1e-9), 20)) == pytest.approx(start, rel=1e-6)
    both = random_features(lab(), point(init_scale=1.0, ridge=0.3, time=1e4), 20)
    assert errors(both) == pytest.approx(errors(random_features(lab(), point(init_scale=1.0, ridge=0.3), 20)), rel=1e-9)


@pytest.mark.parametrize(("ridge", "time"), [(0.3, math.inf), (0.3, 2.0), (0.0, 2.0)])
def test_the_average_over_the_start_is_that_of_drawn_starts(ridge, time):
    one = lab()
    grams = unit_row_grams(one.sphere(10, 8), compile_activation("tanh(t+1)"))
    correlations = grams.curvatures * 0.2
    found = fit_population(grams.values, grams.slopes, correlations, ridge=ridge, time=time, init_scale=0.5)
    columns = [fit_from(grams.values, np.zeros(10), unit, ridge=ridge, time=time) for unit in np.eye(10)]
    memory = np.stack(columns, axis=1)
    assert found.weights == pytest.approx(fit_from(grams.values, correlations, np.zeros(10), ridge=ridge, time=time))
    assert found.start_energy == pytest.approx(0.025 * np.trace(memory.T @ grams.values @ memory))
    assert found.start_slope_energy == pytest.approx(0.025 * np.trace(memory.T @ grams.slopes @ memory))


@pytest.mark.parametrize("ridge", [0.0, 0.3])
def test_gradient_flow_is_what_small_steps_do(ridge):
    grams = unit_row_grams(lab().sphere(6, 5), compile_activation("relu"))
    correlations, start = grams.curvatures * np.linspace(-1, 1, 6), np.linspace(1, 0, 6)
    weights, steps = start, 20_000
    for _ in range(steps):
        weights = weights - 4.0 / steps * (grams.values @ weights - correlations + ridge * (weights - start))
    found = fit_from(grams.values, correlations, start, ridge=ridge, time=4.0)
    assert found == pytest.approx(weights, rel=1e-3)


def test_more_neurons_than_functions_are_fitted_with_least_norm():
    """Squares in dimension 3 span 6 functions: the target is learned exactly, from a singular Gram matrix."""
    assert errors(random_features(lab(), point(activation="t**2-1", rho=4.0), 3)) == pytest.approx((0, 1), abs=1e-9)


@pytest.mark.parametrize("activation", ["relu", "tanh(t+1)", "t**2-1"])
def test_one_neuron_has_its_closed_form(activation):
    """1 - test_error = mu_2^2 (w^T B w)^2/E sigma^2, and energy and error share the one weight."""
    compiled = compile_activation(activation)
    mean_square = (2 + 0.25 * 12) / (12 * 14)
    for trial in range(4):
        found = single_neuron(lab(trial), point(activation=activation), 12)
        square = found["squared_alignment"] * mean_square * compiled.curvature**2 / 2
        assert 1 - found["test_error"] == pytest.approx(square / compiled.energy, rel=1e-9)
        expected = square * compiled.slope_energy / (2 * compiled.energy**2)
        assert found["dirichlet_energy"] == pytest.approx(expected, rel=1e-9)
    seen = draws(single_neuron, point(activation=activation), 12, 600)["squared_alignment"]
    assert np.mean(seen) == pytest.approx(1, abs=5 * np.std(seen) / math.sqrt(600))


def test_initialisation_has_its_closed_form_at_every_size():
    compiled = compile_activation("tanh(t+1)")
    for offset, energy in (("yes", compiled.energy), ("no", compiled.energy + compiled.mean**2)):
        found = initialisation(lab(), point(activation="tanh(t+1)", init_scale=0.7, offset=offset), 9)
        expected = (1 + 0.49 * energy / 2, 0.49 * compiled.slope_energy / 4)
        assert errors(found) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(
    ("activation", "rho", "alignment", "expected"),
    [
        ("relu", 0.5, 1.0, (0.867095479497, 0.120074546336)),
        ("t**2-1", 2.0, 1.0, (1 / 3, 2 / 3)),
        ("t**2-1+t", 1.0, 0.6, (0.847846096908, 0.142871870789)),
    ],
)
@pytest.mark.parametrize("experiment", [random_features, random_features_gaussian_rows])
def test_random_features_are_near_the_limit(experiment, activation, rho, alignment, expected):
    at = point(activation=activation, rho=rho, trace_alignment=alignment)
    seen = {size: draws(experiment, at, size, 30) for size in (60, 120)}
    for name, limit in zip(("test_error", "dirichlet_energy"), expected, strict=True):
        small, large = (controlled(seen[size], name)[0] for size in (60, 120))
        assert 2 * large - small == pytest.approx(limit, abs=0.006)


def test_equal_rows_see_the_share_of_the_covariance():
    """For t^2 - 1 and any covariance: 1 - test_error tends to tau^2 rho/(1 + gamma rho)."""
    at = point(activation="t**2-1", covariance_law=TWO_VALUES, trace_alignment=0.8)
    sizes = {size: draws(random_features, at, size, 30) for size in (60, 120)}
    small, large = (controlled(sizes[size], "dirichlet_energy")[0] for size in (60, 120))
    assert 2 * large - small == pytest.approx(0.64 / (1 + 1.36), abs=0.01)


@pytest.mark.parametrize("setting", [{}, {"covariance_law": TWO_VALUES}, {"ridge": 0.3}])
@pytest.mark.parametrize("experiment", [random_features, random_features_gaussian_rows])
def test_controls_have_their_means_and_take_the_scatter(experiment, setting):
    seen = draws(experiment, point(rho=0.5, trace_alignment=0.8, activation="tanh(t+1)", **setting), 60, 120)
    for name, mean in MEANS.items():
        assert np.mean(seen[name]) == pytest.approx(mean, abs=4.5 * np.std(seen[name]) / math.sqrt(120) + 1e-12), name
    for name in ("test_error", "dirichlet_energy"):
        assert controlled(seen, name)[1] < 0.35 * np.std(seen[name])


@pytest.mark.standard
@pytest.mark.parametrize(
    "setting",
    [{}, {"offset": "no"}, {"ridge": 0.3, "init_scale": 1.0}, {"time": 3.0}, {"covariance_law": TWO_VALUES}],
)
@pytest.mark.parametrize("activation", ["relu", "tanh(t+1)"])
def test_sampled_inputs_confirm_the_exact_averages(activation, setting):
    at, trials = point(activation=activation, **setting), 40
    exact, sampled = draws(random_features, at, 20, trials), draws(random_features_monte_carlo, at, 20, trials)
    noise = sampled["test_error"] - (sampled["target_energy"] - 1) - exact["test_error"]
    assert np.mean(noise) == pytest.approx(0, abs=4 * np.std(noise) / math.sqrt(trials))
    gap = sampled["dirichlet_energy"] - exact["dirichlet_energy"]
    assert np.mean(gap) == pytest.approx(0, abs=4 * np.std(gap) / math.sqrt(trials))
    assert np.std(gap) / math.sqrt(trials) < 0.02 * (0.1 + np.mean(exact["dirichlet_energy"]))


@pytest.mark.parametrize("dimension", [1, 2, 7, 10])
@pytest.mark.parametrize("alignment", [-1.0, 0.3, 1.0])
def test_targets_have_norm_one_and_their_alignment(dimension, alignment):
    if dimension == 1 and abs(alignment) < 1:
        for draw in (diagonal_target, general_target):
            with pytest.raises(ValueError, match="no traceless part"):
                draw(lab(), alignment, dimension)
        return
    for target in (np.diag(diagonal_target(lab(), alignment, dimension)), general_target(lab(), alignment, dimension)):
        assert np.sum(target**2) == pytest.approx(1)
        assert np.trace(target) / math.sqrt(dimension) == pytest.approx(alignment)
        assert np.allclose(target, target.T)


def test_covariance_has_trace_one_and_the_law():
    law = SimpleNamespace(values=np.asarray([0.5, 3.0]), weights=np.asarray([0.8, 0.2]))
    eigenvalues = covariance_eigenvalues(law, 50)
    assert eigenvalues.sum() == pytest.approx(1)
    assert 50 * eigenvalues == pytest.approx([0.5] * 40 + [3.0] * 10)
    layer = draw_first_layer(lab(), point(covariance_law=law, rho=20.0), 50)
    assert np.mean(layer.rows**2, axis=0) == pytest.approx(eigenvalues, rel=0.25)
    assert layer.moments[1] == pytest.approx(np.sum(np.diag(layer.target) * eigenvalues))


def test_experiments_are_found_by_name_and_at_least_one_neuron_is_drawn():
    for experiment in EXPERIMENTS:
        assert getattr(learning_regimes, experiment.__name__) is experiment
        assert math.isfinite(experiment(lab(), point(rho=0.01), 5)["test_error"])
