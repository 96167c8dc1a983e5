"""The experiments of overfitted networks: their means against exact formulas, and the two regimes."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
from scipy import stats

from numerics.experiments import overfitted_networks as experiments
from numerics.lab import ArrayLab
from numerics.sampling import stream


def mean_of(experiment, size, trials, **at):
    seen = [experiment(ArrayLab(stream(0, "overfitted", k)), SimpleNamespace(**at), size) for k in range(trials)]
    names = seen[0]
    return {
        name: (np.mean([one[name] for one in seen]), np.std([one[name] for one in seen]) / math.sqrt(trials))
        for name in names
    }


def volume(dimension, radius, ramp):
    """V_d: the volume of sum_j (|z_j| - radius)_+ < ramp."""
    powers = ((2 * radius) ** (dimension - k) * (2 * ramp) ** k / math.factorial(k) for k in range(dimension + 1))
    return sum(math.comb(dimension, k) * power for k, power in enumerate(powers))


@pytest.mark.parametrize(("dimension", "count", "radius"), [(1, 8, 1 / 64), (2, 9, 1 / 24), (3, 8, 1 / 16)])
def test_robust_errors_are_those_of_the_exact_formula(dimension, count, radius):
    at = {"dimension": dimension, "bad_samples": count, "samples": 99, "radius": radius, "ramp": radius, "density": 1.0}
    seen = mean_of(experiments.robust_error, 4096, 20, label_noise=0.1, **at)
    standard = 0.1 + count * 0.8 * volume(dimension, radius, radius / 2)
    tail = 0.1 * radius**dimension / math.factorial(dimension)
    robust = 0.1 + count * (0.9 * volume(dimension, 2 * radius, radius / 2) - tail)
    for name, expected in (("standard_error", standard), ("robust_error", robust)):
        mean, error = seen[name]
        assert abs(mean - expected) < 5 * error + 1e-6
        assert error < 0.02 * expected


@pytest.mark.parametrize("dimension", [1, 2])
def test_a_flat_target_costs_the_mass_of_the_bumps(dimension):
    at = {"dimension": dimension, "samples": 9, "radius": 1 / 64, "ramp": 1 / 64, "noise": 1.0, "height": 1.0}
    seen = mean_of(experiments.flat_target, 4096, 20, **at)
    inner, outer = volume(dimension, 1 / 64, 0), volume(dimension, 1 / 64, 1 / 64)
    assert 9 * inner - 0.01 < seen["standard_error"][0] < 9 * outer + 0.01
    lower = 1 + 9 * volume(dimension, 1 / 32, 0) * 1.0
    assert lower - 0.02 < seen["robust_error"][0] < 1 + 9 * volume(dimension, 1 / 32, 1 / 64) * 3 + 0.02


@pytest.mark.parametrize(
    ("dimension", "smoothness", "nodes", "size"), [(1, 1, 8, 2048), (1, 2, 4, 4096), (2, 2, 2, 2048)]
)
def test_regression_errors_are_as_predicted(dimension, smoothness, nodes, size):
    at = {"dimension": dimension, "smoothness": smoothness, "noise": 0.1, "nodes": nodes}
    seen = mean_of(experiments.regression_error, size, 12, **at)
    bias = {1: 1 / 36, 2: 1 / 45}[smoothness]
    expected = nodes ** (-2 * smoothness) * bias + 0.1 * (nodes + 1) ** dimension / size
    mean, error = seen["standard_error"]
    assert abs(mean - expected) < 5 * error + 0.1 * expected
    # bumps of separated iid designs are benign: their share is of the order 1/n
    assert 0 <= mean - seen["teacher_error"][0] < 8 / size


def test_calibrated_regression_chooses_the_number_of_cells():
    at = {"dimension": 1, "smoothness": 1, "noise": 0.1}
    calibrated = mean_of(experiments.calibrated_regression_error, 2048, 2, **at)
    assert calibrated == mean_of(experiments.regression_error, 2048, 2, nodes=8, **at)


def test_the_scaled_separation_of_iid_points_is_exponential():
    seen = mean_of(experiments.separation, 256, 12, dimension=2)
    for name, expected in (
        ("scaled_separation", 1),
        ("scaled_separation_squared", 2),
        ("separation_tail", 1 / math.e),
    ):
        mean, error = seen[name]
        assert abs(mean - expected) < 5 * error
        assert error < 0.15 * expected


def exceeds_the_critical_value(scaled, size, dimension):
    """Whether the Kolmogorov-Smirnov distance to Exp(1) is above its 1% value by more than the finite n explains.

    On the line P(q > s) = (1 - (n - 1) s)^n, within 0.28/n of the limit; in several dimensions the border, where balls
    are cut off, adds 0.29/n (d = 2) and 0.37 n^(-2/3) (d = 3).
    """
    allowed = stats.kstwo.isf(0.01, len(scaled)) + size ** -min(1, 2 / dimension)
    return stats.kstest(scaled, stats.expon.cdf).statistic > allowed


@pytest.mark.parametrize(("dimension", "size"), [(1, 256), (2, 256), (3, 128)])
def test_the_whole_law_of_the_scaled_separation_is_exponential_and_a_factor_two_is_seen(dimension, size):
    source = np.random.default_rng(15)
    scaled = np.array([experiments.scaled_separation(source.random((size, dimension))) for _ in range(300)])
    assert not exceeds_the_critical_value(scaled, size, dimension)
    for factor in (2, 1 / 2):
        assert exceeds_the_critical_value(factor * scaled, size, dimension)


def test_the_finite_law_on_the_line_is_as_near_to_the_limit_as_allowed():
    size = 256
    share = np.linspace(0, 20, 20001)
    exact = (1 - share / size) ** size
    assert np.abs(exact - np.exp(-share)).max() < 0.28 / size
    source = np.random.default_rng(16)
    scaled = [experiments.scaled_separation(source.random((size, 1))) for _ in range(300)]
    law = stats.kstest(scaled, lambda value: 1 - (1 - np.asarray(value) / size) ** size)
    assert law.statistic < stats.kstwo.isf(0.01, 300)


def test_targets_are_the_takagi_landsberg_sums():
    points = np.array([[0.5], [0.25], [1 / 3]])
    assert experiments.target(points, 2) == pytest.approx([1 / 2 - 1 / 3, 3 / 8 - 1 / 3, 4 / 9 - 1 / 3])
    assert experiments.target(points, 1) == pytest.approx([0.0, 0.0, 1 / 6])
    assert experiments.target(np.random.default_rng(0).random((20000, 3)), 1).mean() == pytest.approx(0, abs=0.01)


def test_designs_that_do_not_fit_are_refused():
    at = {"dimension": 2, "bad_samples": 9, "radius": 0.1, "ramp": 0.1, "label_noise": 0.1}
    with pytest.raises(ValueError, match="about 9 points do not fit"):
        mean_of(experiments.robust_error, 16, 1, **at)
