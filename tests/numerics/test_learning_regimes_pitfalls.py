"""The pitfalls of the random-features regime, each by the effect that it has on a finite network."""

import math
from types import SimpleNamespace

import numpy as np
import pytest

from numerics.activations import compile_activation
from numerics.experiments.learning_regimes import (
    initialisation,
    initialisation_draw,
    random_features,
    random_features_on_the_sphere,
    random_features_uncentred,
)
from numerics.lab import ArrayLab
from numerics.quadratic_targets import diagonal_target
from numerics.sampling import stream


def lab(trial=0):
    return ArrayLab(stream(0, "pitfalls", trial))


def point(**changes):
    given = {"rho": 1.0, "trace_alignment": 0.5, "ridge": 0.0, "init_scale": 0.0, "time": math.inf, "offset": "yes"}
    return SimpleNamespace(**given | {"activation": "relu"} | changes)


def draws(experiment, at, size, trials):
    seen = [experiment(lab(trial), at, size) for trial in range(trials)]
    return {name: np.asarray([one[name] for one in seen]) for name in seen[0]}


def errors(found):
    return found["test_error"], found["dirichlet_energy"]


def test_without_a_constant_the_mean_of_the_activation_kills_what_is_learned():
    """Uncentred relu learns O(1/d) of a centred target; with the constant it learns a share that stays."""
    learned = {}
    for offset in ("yes", "no"):
        for size in (50, 200):
            seen = draws(random_features, point(offset=offset, trace_alignment=1.0), size, 12)
            learned[offset, size] = 1 - np.mean(seen["test_error"])
    assert learned["yes", 200] == pytest.approx(learned["yes", 50], rel=0.2)
    assert learned["no", 200] == pytest.approx(learned["no", 50] / 4, rel=0.4)
    assert learned["no", 200] < 0.05 * learned["yes", 200]


def test_random_features_learn_the_trace_only():
    """A traceless target, and one of rank one, give O(1/d)."""
    for size in (50, 200):
        traceless = draws(random_features, point(trace_alignment=0.0), size, 8)
        rank_one = draws(random_features, point(trace_alignment=1 / math.sqrt(size)), size, 8)
        for seen in (traceless, rank_one):
            assert 1 - np.mean(seen["test_error"]) < 2.0 / size
            assert np.mean(seen["dirichlet_energy"]) < 4.0 / size


def test_single_draws_scatter_with_one_over_the_root_of_the_dimension():
    at = point(rho=0.5, trace_alignment=1.0)
    seen = {size: draws(random_features, at, size, 60)["dirichlet_energy"] for size in (50, 200)}
    scatter = {size: np.std(values) / np.mean(values) for size, values in seen.items()}
    assert scatter[200] == pytest.approx(scatter[50] / 2, rel=0.35)
    assert 0.03 < scatter[200] < 0.15


def test_on_the_sphere_the_trace_is_no_help():
    """The target of alignment 0.9 is learned to O(1/d) only, as one of alignment 0 is for Gaussian inputs."""
    at = point(trace_alignment=0.9)
    for size in (50, 200):
        assert 1 - np.mean(draws(random_features_on_the_sphere, at, size, 6)["test_error"]) < 2.0 / size
    gaussian = 1 - np.mean(draws(random_features, at, 200, 6)["test_error"])
    assert gaussian > 0.1


def test_on_the_sphere_a_target_that_is_learned_has_energy_one():
    """Squares in dimension 4 span all quadratics: the unit of energy is the tangential gradient's."""
    at = point(activation="t**2", rho=4.0)
    assert errors(random_features_on_the_sphere(lab(), at, 4)) == pytest.approx((0, 1), abs=1e-9)
    with pytest.raises(ValueError, match="constant on the sphere"):
        random_features_on_the_sphere(lab(), point(trace_alignment=-1.0), 4)


def test_the_radial_part_of_the_gradient_is_four_times_the_squared_alignment():
    """On the sphere E||grad f*||^2 = 4; its tangential part is 2 E f*^2 and leaves 4 tau^2 out."""
    size, alignment = 200, 0.6
    diagonal = diagonal_target(lab(), alignment, size)
    inputs = math.sqrt(size) * lab(1).sphere(4000, size)
    gradients = 2 * inputs * diagonal
    radial = np.sum(gradients * inputs, axis=1) ** 2 / size
    assert np.mean(np.sum(gradients**2, axis=1)) == pytest.approx(4, rel=0.01)
    assert np.mean(radial) == pytest.approx(4 * alignment**2, rel=0.05)


def test_random_starts_do_not_concentrate_unless_centred():
    """The variance of v^T U v tends to 2 mu_0^4 without a constant, to 0 with one."""
    mean = compile_activation("relu").mean
    seen = {
        offset: draws(initialisation_draw, point(init_scale=1.0, offset=offset), 80, 600)["test_error"]
        for offset in ("yes", "no")
    }
    assert np.var(seen["no"]) == pytest.approx(mean**4 / 2, rel=0.4)
    assert np.var(seen["yes"]) < 0.2 * np.var(seen["no"])
    expected = initialisation(lab(), point(init_scale=1.0, offset="no"), 80)["test_error"]
    assert np.mean(seen["no"]) == pytest.approx(expected, abs=4 * np.std(seen["no"]) / math.sqrt(600))


def test_an_uncentred_target_costs_the_features_of_its_constant():
    """With trace_alignment 0 nothing is uncentred; else the features that fit the constant have Dirichlet energy."""
    neutral = point(trace_alignment=0.0, offset="no")
    assert errors(random_features_uncentred(lab(), neutral, 40)) == errors(random_features(lab(), neutral, 40))
    seen = {size: draws(random_features_uncentred, point(rho=2.0), size, 20) for size in (60, 120)}
    for name, limit in (("test_error", 0.870588), ("dirichlet_energy", 0.136045)):
        assert 2 * np.mean(seen[120][name]) - np.mean(seen[60][name]) == pytest.approx(limit, abs=0.01)
