"""Lazy training: limits of the variants, what the initialisation adds, and where nothing is stated."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import special

from numerics.parameters import ParameterError
from numerics.solver import solve

OBSERVABLES = ("test_error", "dirichlet_energy")
SHIFTED = "tanh(t+1)"
RHOS, TAU = (0.3, 0.9, 2.5), 0.6


def values(**parameters: object) -> np.ndarray:
    """(2, ...) array of the observables."""
    solution = solve("learning_regimes.lazy", trace_alignment=TAU, **parameters)
    return np.array([solution.observables[name] for name in OBSERVABLES])


def projection(rho: float) -> np.ndarray:
    """The quadratic tangent projection: (1 - tau^2)(1 - rho)_+^2 + tau^2 (1 - rho)_+, and one minus that."""
    left = max(1 - rho, 0)
    error = (1 - TAU**2) * left**2 + TAU**2 * left
    return np.array([error, 1 - error])


def spectrum(rho: float) -> tuple[np.ndarray, np.ndarray]:
    """Nodes and weights of the Marchenko-Pastur law of W'W, atom included, from its density at 2000 places."""
    angles = (np.arange(2000) + 0.5) * np.pi / 2000
    nodes, radius = 1 + rho + 2 * np.sqrt(rho) * np.cos(angles), 2 * np.sqrt(rho) * np.sin(angles)
    weights = radius / (2 * np.pi * nodes) * radius * np.pi / 2000
    return np.append(nodes, 0.0), np.append(weights, max(1 - rho, 0.0))


@pytest.mark.parametrize("rho", RHOS)
def test_a_flow_starts_at_the_random_initialisation(rho):
    found = values(rho=rho, variant="flow", activation="t**2", time=1e-9, init_scale=1.5)
    assert found == pytest.approx([1 + 1.5**2, 1.5**2], abs=1e-7)


@pytest.mark.parametrize("rho", RHOS)
def test_a_long_flow_and_one_without_time_forget_the_initialisation(rho):
    for time in (3e4, math.inf):
        given = {} if time == math.inf else {"time": time}
        found = values(rho=rho, variant="flow", activation="t**2+3", init_scale=5, **given)
        assert found == pytest.approx(projection(rho), abs=1e-9)


@pytest.mark.parametrize("rho", RHOS)
def test_a_flow_is_the_mean_over_the_spectrum(rho):
    time, alpha, a = 0.4, 1.3, 0.5
    u = a**2 * time

    s, weights = spectrum(rho)

    def laplace(at):
        return np.sum(weights * np.exp(-at * s))

    def seen(at):
        return np.sum(weights * s * np.exp(-at * s)) / rho

    extra = (alpha * a * seen(2 * u)) ** 2
    error = (1 - TAU**2) * laplace(2 * u) ** 2 + TAU**2 * laplace(4 * u) + extra
    energy = (1 - TAU**2) * (1 - 2 * laplace(u) ** 2 + laplace(2 * u) ** 2)
    energy += TAU**2 * (1 - 2 * laplace(2 * u) + laplace(4 * u)) + extra
    found = values(rho=rho, variant="flow", activation="t**2/2", time=time, init_scale=alpha)
    assert found == pytest.approx([error, energy], rel=1e-10)


def test_a_long_flow_at_rho_one_decays_as_the_bessel_functions_say():
    for time in (1e2, 1e5, 1e8):
        found = values(rho=1, variant="flow", activation="t**2", time=time, init_scale=0)[0]
        once, twice = (special.ive(0, 2 * u) + special.ive(1, 2 * u) for u in (2 * time, 4 * time))
        assert found == pytest.approx((1 - TAU**2) * once**2 + TAU**2 * twice, rel=1e-9)


@pytest.mark.parametrize("rho", RHOS)
def test_a_heavy_ridge_leaves_the_random_initialisation_and_a_light_one_the_projection(rho):
    heavy = values(rho=rho, variant="ridge", activation="t**2", ridge=1e9, init_scale=2)
    assert heavy == pytest.approx([5, 4], abs=1e-6)
    for ridge in (0, 1e-9):
        light = values(rho=rho, variant="ridge", activation="t**2", ridge=ridge, init_scale=2)
        assert light == pytest.approx(projection(rho), abs=1e-6)


@pytest.mark.parametrize("rho", RHOS)
def test_ridge_regression_is_the_double_mean_over_the_spectrum(rho):
    ridge, alpha, a = 0.7, 1.3, 0.5
    c = ridge / (4 * a**2)

    s, weights = spectrum(rho)
    both, pairs = s[:, None] + s, weights[:, None] * weights
    extra = (alpha * a / rho) ** 2 * np.sum(pairs * s[:, None] * s * (c / (c + both)) ** 2)
    error = (1 - TAU**2) * np.sum(pairs * (c / (c + both)) ** 2)
    error += TAU**2 * np.sum(weights * (c / (c + 2 * s)) ** 2) + extra
    energy = (1 - TAU**2) * np.sum(pairs * (both / (c + both)) ** 2)
    energy += TAU**2 * np.sum(weights * (2 * s / (c + 2 * s)) ** 2) + extra
    found = values(rho=rho, variant="ridge", activation="t**2/2", ridge=ridge, init_scale=alpha)
    assert found == pytest.approx([error, energy], rel=1e-10)


def test_ridge_without_an_initial_function_is_tangent_ridge_regression():
    pulled = values(rho=0.7, variant="ridge", activation="t**2", ridge=0.8, init_scale=0)
    assert pulled == pytest.approx(values(rho=0.7, variant="zero_output", activation="t**2", ridge=0.8), rel=1e-13)


@pytest.mark.parametrize("activation", ["relu", "t**2", "Abs(t)"])
def test_fitting_the_residual_of_a_homogeneous_activation_forgets_the_initialisation(activation):
    fitted = values(rho=0.5, variant="residual", activation=activation, init_scale=[0, 1, 10])[0]
    assert fitted == pytest.approx(np.repeat(fitted[:1], 3), rel=1e-10)
    assert fitted[0] == pytest.approx(values(rho=0.5, variant="zero_output", activation=activation)[0], rel=1e-12)


def test_fitting_the_residual_of_another_activation_does_not():
    small, large = values(rho=0.5, variant="residual", activation=SHIFTED, init_scale=[0, 3]).T
    assert (large > small + 0.05).all()


def test_the_unfitted_part_is_at_most_the_initial_function():
    grid = {"rho": np.array([0.05, 0.5, 1, 4]), "init_scale": 2}
    base = values(rho=grid["rho"], variant="zero_output", activation=SHIFTED)
    kept = values(variant="residual", activation=SHIFTED, **grid) - base
    whole = values(variant="unfitted", activation=SHIFTED, **grid) - base
    assert (kept > 0).all()
    assert (kept < whole).all()


@pytest.mark.parametrize("offset", ["yes", "no"])
def test_unfitted_adds_the_initialisation_to_the_tangent_errors(offset):
    start = solve("learning_regimes.initialisation", rho=0.5, activation=SHIFTED, offset=offset, init_scale=2)
    initial = np.array([start.observables["test_error"] - 1, start.observables["dirichlet_energy"]])
    base = values(rho=0.5, variant="zero_output", activation=SHIFTED, offset=offset, ridge=0.1)
    found = values(rho=0.5, activation=SHIFTED, offset=offset, init_scale=2, ridge=0.1)
    assert found == pytest.approx(base + initial, rel=1e-12)


@pytest.mark.parametrize("activation", ["t**2", SHIFTED])
def test_without_an_initial_function_the_tangent_limits_are_left(activation):
    there = solve("learning_regimes.tangent", rho=0.5, trace_alignment=TAU, activation=activation)
    expected = np.array([there.observables[name] for name in OBSERVABLES])
    for variant in ("zero_output", "residual", "unfitted"):
        found = values(rho=0.5, variant=variant, activation=activation, init_scale=0)
        assert found == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(
    "given",
    [
        {"variant": "unfitted", "activation": SHIFTED},
        {"variant": "flow", "activation": "t**2", "time": 0.5},
        {"variant": "ridge", "activation": "t**2", "ridge": 0.5},
    ],
    ids=lambda given: given["variant"],
)
def test_a_larger_initialisation_hurts_both_observables_as_its_square(given):
    nothing, one, two = values(rho=0.8, init_scale=[0, 1, 2], **given).T
    assert (one > nothing + 0.001).all()
    assert two - nothing == pytest.approx(4 * (one - nothing), rel=1e-12)


def test_the_dirichlet_energy_of_relu_is_infinite_in_one_line_and_its_test_error_is_not():
    for variant in ("zero_output", "residual", "unfitted"):
        solution = solve("learning_regimes.lazy", rho=0.5, variant=variant)
        assert math.isfinite(solution.observables["test_error"])
        assert math.isnan(solution.observables["dirichlet_energy"])
        assert sum("slope of the activation jumps" in line for line in solution.notes()) == 1


@pytest.mark.parametrize(
    ("given", "word"),
    [
        ({"time": 1}, "variant=flow only"),
        ({"variant": "ridge", "activation": "t**2", "ridge": 1, "time": 1}, "variant=flow only"),
        ({"variant": "residual", "ridge": 1}, "no meaning for variant=residual"),
        ({"variant": "flow", "activation": "t**2", "time": 1, "ridge": 1}, "no meaning for variant=flow"),
        ({"variant": "flow", "time": 1}, "a[*]t[*][*]2"),
        ({"variant": "ridge", "activation": SHIFTED, "ridge": 1}, "a[*]t[*][*]2"),
        ({"variant": "flow", "activation": "t**2+t", "time": 1}, "linear part"),
        ({"variant": "ridge", "activation": "t**2", "ridge": 1, "offset": "no"}, "offset=yes"),
        ({"activation": "tanh(t)"}, "mu_2"),
        ({"activation": "t**3-3*t+t**2"}, "mu_3"),
        ({"variant": "lazy"}, "zero_output, residual, unfitted, flow, ridge"),
        ({"init_scale": -1}, "init_scale"),
    ],
)
def test_what_is_not_stated_is_refused_in_one_line(given, word):
    with pytest.raises(ParameterError, match=word) as refusal:
        solve("learning_regimes.lazy", rho=0.5, **given)
    assert "\n" not in str(refusal.value)
