"""Fully trained networks of finite size: the closed flow against integration, best fits against brute force."""

from __future__ import annotations

import itertools
import math
from types import SimpleNamespace

import array_api_strict
import numpy as np
import pytest

from numerics.experiments import learning_regimes_trained as experiments
from numerics.lab import ArrayLab, Device
from numerics.laws import Law, semicircle


def setting(**given: object) -> SimpleNamespace:
    values = {
        "rho": 0.5,
        "trace_alignment": math.inf,
        "time": math.inf,
        "init_scale": 1.0,
        "has_offset": 1.0,
        "hermite_2": math.sqrt(2),
        "spectrum_law": semicircle(),
    }
    return SimpleNamespace(**{**values, **given})


def law(*atoms: tuple[float, float]) -> Law:
    return Law(np.array([value for value, _ in atoms]), np.array([weight for _, weight in atoms]))


def lab(seed: int = 0) -> ArrayLab:
    return ArrayLab(np.random.default_rng(seed))


@pytest.mark.parametrize("rho", [0.1, 0.7, 1.0, 2.0])
def test_the_best_fit_is_the_truncated_eigendecomposition(rho):
    b = experiments.draw_eigenvalues(lab(), setting(), 30)
    turn = np.linalg.qr(np.random.default_rng(1).standard_normal((30, 30)))[0]
    left, values, right = np.linalg.svd(turn * b @ turn.T)
    m = min(30, round(30 * rho))
    fit = left[:, :m] * values[:m] @ right[:m]
    found = experiments.best_approximation(lab(), setting(rho=rho), 30)
    target = turn * b @ turn.T
    assert found["test_error"] == pytest.approx(np.sum((fit - target) ** 2) / np.sum(b**2), abs=1e-12)
    assert found["dirichlet_energy"] == pytest.approx(np.sum(fit**2) / np.sum(b**2))


@pytest.mark.parametrize("alignment", [0.0, 0.5, -0.9])
def test_the_best_fit_without_an_offset_is_the_best_of_all_subsets(alignment):
    at = setting(rho=0.4, trace_alignment=alignment, has_offset=0.0)
    b = experiments.draw_eigenvalues(lab(3), at, 10)
    losses = {}
    for kept in itertools.combinations(range(10), 4):
        chosen = b[list(kept)]
        matrix = np.eye(4) + np.ones((4, 4)) / 2
        fit = np.linalg.solve(matrix, chosen)
        losses[np.sum(b**2) - np.sum(chosen**2) + np.sum((fit - chosen) ** 2) + np.sum(fit) ** 2 / 2] = np.sum(fit**2)
    least = min(losses)
    found = experiments.best_approximation(lab(3), at, 10)
    assert found["test_error"] == pytest.approx(least / np.sum(b**2))
    assert found["dirichlet_energy"] == pytest.approx(losses[least] / np.sum(b**2))


@pytest.mark.parametrize(
    "given",
    [
        {"rho": 0.5, "time": 1.0},
        {"rho": 1.5, "time": 2.0, "init_scale": 4.0},
        {"rho": 0.3, "time": 0.4, "spectrum_law": law((1.0, 0.5), (0.0, 0.5))},
        {"rho": 0.3, "time": 4.0, "hermite_2": -0.5 * math.sqrt(2), "trace_alignment": 0.6},
        {"rho": 0.2, "time": 20.0, "init_scale": 0.01},
    ],
)
def test_the_closed_flow_is_the_flow(given):
    at = setting(**given)
    closed, integrated = experiments.riccati_flow(lab(5), at, 20), experiments.network_training(lab(5), at, 20)
    for name, value in closed.items():
        assert integrated[name] == pytest.approx(value, abs=1e-6), name


def test_stages_of_the_flow_add_up():
    b, rows = np.array([1.5, 0.0, -1.0, 1e-9]), np.random.default_rng(2).standard_normal((3, 4))
    once = experiments.flow_factor(b, rows, 1.2)
    twice = experiments.flow_factor(b, experiments.flow_factor(b, rows, 0.5), 0.7)
    np.testing.assert_allclose(twice.T @ twice, once.T @ once, rtol=1e-12)


def test_the_flow_starts_at_the_rows_and_obeys_the_energy_law():
    b, rows = np.array([1.5, 0.3, -1.0]), np.random.default_rng(2).standard_normal((2, 3))
    np.testing.assert_allclose(experiments.flow_factor(b, rows, 1e-12).T @ rows, rows.T @ rows, atol=1e-10)
    step = 1e-5
    ahead, behind = (experiments.flow_factor(b, rows, 0.4 + s) for s in (step, -step))
    growth = (np.sum(ahead**2) - np.sum(behind**2)) / (2 * step)
    found = experiments.measure(lab(), b, experiments.flow_factor(b, rows, 0.4))
    expected = 1 - found["test_error"] - growth / np.sum(b**2)
    assert found["dirichlet_energy"] == pytest.approx(expected, abs=1e-8)
    assert abs(growth) > 0.01


def test_a_late_flow_keeps_the_largest_positive_eigenvalues():
    at = setting(rho=0.2, time=400.0, spectrum_law=law((3.0, 0.1), (2.0, 0.1), (-4.0, 0.4), (1.0, 0.4)))
    late, limit = (experiments.riccati_flow(lab(), setting(**{**vars(at), "time": t}), 20) for t in (400.0, math.inf))
    assert late["test_error"] == pytest.approx(limit["test_error"], abs=1e-9)
    best = experiments.trained_from_random(lab(), setting(**{**vars(at), "time": math.inf}), 20)
    assert best["test_error"] < limit["test_error"] - 0.1


def test_the_clock_and_the_rows_depend_on_how_the_target_is_normalised():
    """||B||_F = 1 instead of sqrt(d): the same function needs rows d^(-1/4) as large and a time sqrt(d) as long."""
    d, b = 16, experiments.draw_eigenvalues(lab(), setting(), 16)
    rows = np.random.default_rng(7).standard_normal((8, d)) / math.sqrt(d)
    here = experiments.measure(lab(), b, experiments.flow_factor(b, rows, 0.8))
    small = b / math.sqrt(d)
    moved = experiments.flow_factor(small, rows * d**-0.25, 0.8 * math.sqrt(d))
    naive = experiments.flow_factor(small, rows, 0.8)
    assert experiments.measure(lab(), small, moved)["test_error"] == pytest.approx(here["test_error"], rel=1e-10)
    assert abs(experiments.measure(lab(), small, naive)["test_error"] - here["test_error"]) > 0.5


def test_training_both_layers_conserves_the_imbalance_and_nears_the_best_fit():
    found = experiments.network_training_both_layers(lab(1), setting(rho=0.2, time=30.0), 20)
    assert found["imbalance"] < 1e-5
    assert -1e-9 < found["excess"] < 0.02
    assert found["test_error"] + found["dirichlet_energy"] == pytest.approx(1, abs=2e-3)
    start = experiments.network_training_both_layers(lab(1), setting(rho=0.2, time=0.3), 20)
    assert start["excess"] > 0.1


@pytest.mark.parametrize("alignment", [-1.0, 0.0, 0.7])
def test_eigenvalues_have_mean_square_one_and_the_asked_alignment(alignment):
    for spectrum in (semicircle(), law((1.0, 0.5), (-3.0, 0.25), (0.5, 0.25))):
        b = experiments.draw_eigenvalues(lab(), setting(trace_alignment=alignment, spectrum_law=spectrum), 40)
        assert np.mean(b**2) == pytest.approx(1)
        assert np.mean(b) == pytest.approx(alignment, abs=1e-12)
    own = experiments.draw_eigenvalues(lab(), setting(spectrum_law=law((1.0, 0.5), (-3.0, 0.5))), 40)
    assert sorted(set(np.round(own * math.sqrt(5), 9))) == [-3, 1]


def test_one_value_has_no_alignment_but_its_own():
    at = setting(trace_alignment=0.5, spectrum_law=law((2.0, 1.0)))
    with pytest.raises(ValueError, match="-1 or 1"):
        experiments.draw_eigenvalues(lab(), at, 10)


@pytest.mark.parametrize(
    "name", ["best_approximation", "riccati_flow", "network_training", "network_training_both_layers"]
)
def test_another_array_library_gives_the_same_numbers(name):
    device = Device("second", "strict", array_api_strict, array_api_strict.Device("device1"))
    for given in ({"time": 0.5}, {"time": 0.5, "has_offset": 0.0, "trace_alignment": 0.3}):
        at, experiment = setting(**given), getattr(experiments, name)
        there = experiment(ArrayLab(np.random.default_rng(0), device=device), at, 8)
        for key, value in experiment(lab(), at, 8).items():
            assert there[key] == pytest.approx(value, abs=1e-10)
