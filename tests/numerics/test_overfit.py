"""Overfitting with a certificate: zero adversarial training error, the sharp radius, the least error, and bad use."""

from fractions import Fraction
from itertools import combinations

import numpy as np
import pytest

from numerics.conflict_matching import least_cover, pairing_bound
from numerics.overfit import STAGES, Status, overfit, power_above, widest_ramp
from numerics.separation import Neighbours, TooManyPairs


def rng(seed=0):
    return np.random.default_rng(seed)


def exact_distance(first, second):
    return max(abs(Fraction(a) - Fraction(b)) for a, b in zip(first, second, strict=True))


def error_of_all_signs(pairs, count):
    """The least share of wrong points by brute force: the smallest set of points that meets every pair."""
    for size in range(count + 1):
        for chosen in combinations(range(count), size):
            if all(first in chosen or second in chosen for first, second in pairs):
                return Fraction(size, count)
    raise AssertionError


def test_dyadic_data_are_fitted_without_any_rounding():
    points = np.unique(rng().integers(0, 32, (40, 2)), axis=0) / 32
    labels = rng(1).integers(-8, 9, len(points)) / 8
    network = overfit(points, labels, 1 / 128).function
    moved = points + rng(2).choice([-1, 0, 1], size=points.shape) / 128
    assert network(moved).tolist() == network.network(moved).tolist() == labels.tolist()


def test_the_largest_radius_is_sharp_and_touching_balls_are_refused():
    points, labels = np.array([[0.25, 0.5], [0.5, 0.25], [0.75, 0.5]]), np.array([1.0, 2.0, 3.0])
    assert overfit(points, labels, 1 / 8).largest_radius == Fraction(1, 8)
    touching = overfit(points, labels, 1 / 8)
    assert touching.status is Status.NOT_SEPARATED
    assert touching.conflicts.tolist() == [[0, 1], [1, 2]]
    assert touching.function is None
    assert overfit(points, labels, np.nextafter(1 / 8, 0)).status is Status.CERTIFIED


@pytest.mark.parametrize("seed", range(10))
def test_the_least_error_is_that_of_brute_force_and_is_attained(seed):
    points = np.unique(rng(seed).integers(0, 8, (9, 2)), axis=0) / 8
    labels = np.where(rng(seed + 50).random(len(points)) < 0.5, -1.0, 1.0)
    radius = 5 / 64
    found = overfit(points, labels, radius, best=True)
    conflicts = [
        (i, j)
        for i, j in combinations(range(len(points)), 2)
        if labels[i] != labels[j] and exact_distance(points[i], points[j]) <= 2 * Fraction(radius)
    ]
    assert found.least_error == error_of_all_signs(conflicts, len(points))
    assert len(found.left_out) == found.least_error * len(points)
    kept = np.setdiff1d(np.arange(len(points)), found.left_out)
    assert found.function.centres.tolist() == points[kept].tolist()
    assert found.function.propagate() == [(label, label) for label in labels[kept]]
    assert found.status is (Status.LEAST_ERROR if conflicts else Status.CERTIFIED)


def test_a_cover_is_as_large_as_the_matching():
    pairs = np.array([(0, 5), (0, 6), (0, 7), (1, 7), (2, 7), (3, 8)])
    size, cover = least_cover(pairs, np.ones(9, dtype=int))
    assert size == 3
    assert cover.tolist() in ([0, 3, 7], [0, 7, 8])


@pytest.mark.parametrize("seed", range(12))
def test_repeated_rows_weigh_in_the_least_error_as_often_as_they_stand_there(seed):
    points = rng(seed).integers(0, 4, (10, 1 + seed % 2)) / 4
    _, kind = np.unique(points, axis=0, return_inverse=True)
    labels = np.where(rng(seed + 50).random(16) < 0.5, -1.0, 1.0)[kind.reshape(-1)]
    found = overfit(points, labels, 1 / 8, task="classification", best=True)
    conflicts = [
        (i, j)
        for i, j in combinations(range(10), 2)
        if labels[i] != labels[j] and exact_distance(points[i], points[j]) <= Fraction(1, 4)
    ]
    assert (found.samples, found.repeated) == (10, 10 - len(np.unique(points, axis=0)))
    assert found.least_error == error_of_all_signs(conflicts, 10)
    fitted = {tuple(centre) for centre in found.function.centres}
    assert found.least_error == Fraction(sum(tuple(point) not in fitted for point in points), 10)


def test_the_regression_bound_counts_repeated_rows():
    found = overfit([[0.0], [0.25], [1.0], [1.0]], [0.0, 2.0, 5.0, 5.0], 1 / 8)
    assert found.least_error == Fraction(2, 4)


def test_the_regression_bound_is_below_every_function_on_the_shared_points():
    points, labels = np.array([[0.0], [0.25], [1.0]]), np.array([0.0, 2.0, 5.0])
    found = overfit(points, labels, 1 / 8)
    assert found.least_error == Fraction(2, 3)
    assert pairing_bound(np.array([[0, 1], [1, 2]]), labels, 3) == Fraction(9, 6)


def test_a_height_that_drowns_the_labels_in_rounding_is_told():
    found = overfit([[0.0], [1.0]], [1.0, 2.0], 0.1, height=1e150)
    assert found.certified
    assert "floats may be off" in found.notes[0]


def test_classification_needs_only_opposite_labels_apart():
    points = np.array([[0.0], [0.01], [1.0]])
    found = overfit(points, [1, 1, -1], 1 / 4)
    assert found.certified
    assert (found.separation, found.largest_radius) == (Fraction(0.01), Fraction(1, 2) - Fraction(0.01) / 2)
    said = overfit(points, [1, 1, -1], 1 / 4, task="regression")
    assert said.status is Status.NOT_SEPARATED
    assert said.advice.startswith("balls of different points meet: no network here is certified")
    refused = overfit(points, [1, 1, -1], 1 / 2)
    assert refused.advice.startswith("balls of points with opposite labels meet: no network here is certified")
    assert "--best" not in refused.advice
    assert found.advice == found.status.value


def test_one_class_and_one_point_are_certified_at_every_radius():
    assert overfit([[0.0], [1.0]], [1, 1], 5.0).largest_radius is None
    assert overfit([[0.0], [1.0]], [1, 1], 5.0).certified
    assert overfit([[0.5, 0.5]], [0.25], 3.0).certified


@pytest.mark.parametrize(
    ("points", "labels", "radius", "options", "message"),
    [
        ([[0.0], [np.nan]], [1, 2], 0.1, {}, "points: row 1 is not finite"),
        ([[0.0], [1.0]], [1, np.inf], 0.1, {}, "labels: row 1 is not finite"),
        ([0.0, 1.0], [1, 2], 0.1, {}, r"points: shape \(2,\) is not allowed"),
        ([[0.0], [1.0]], [1, 2, 3], 0.1, {}, "labels: 3 labels for 2 points"),
        ([["a"], ["b"]], [1, 2], 0.1, {}, "points: not an array of numbers"),
        ([[0.0], [1e200]], [1, 2], 0.1, {}, "points: 1e\\+200 is too large"),
        ([[0.0], [1.0], [0.0]], [1, 2, 3], 0.1, {}, "rows 0 and 2 are the same point with labels 1 and 3"),
        ([[0.0], [-0.0]], [1, 2], 0.1, {}, "rows 0 and 1 are the same point"),
        ([[0.0], [1.0]], [1, 2], 0.0, {}, "radius: 0.0 is not allowed"),
        ([[0.0], [1.0]], [1, 2], float("nan"), {}, "radius: nan is not allowed"),
        ([[0.0], [1.0]], [1, 2], "x", {}, "radius: 'x' is not a number"),
        ([[0.0], [1.0]], [1, 2], True, {}, "radius: True is a truth value"),
        ([[0.0], [1.0]], [1, 2], np.True_, {}, "radius: .*True.* is a truth value"),
        ([[0.0], [1.0]], [1, 2], 0.1, {"height": True}, "height: True is a truth value"),
        ([[0.0], [1.0]], [1, 2], 0.1, {"ramp": -1}, "ramp: -1 is not allowed"),
        ([[0.0], [1.0]], [1, 2], 0.1, {"norm": "1"}, "norm: '1' is unknown"),
        ([[0.0], [1.0]], [1, 2], 0.1, {"task": "ranking"}, "task: 'ranking' is unknown"),
        ([[0.0], [1.0]], [1, 2], 0.1, {"task": "classification"}, "labels: 2 is no class"),
    ],
)
def test_bad_use_is_refused_in_one_line(points, labels, radius, options, message):
    with pytest.raises(ValueError, match=message) as caught:
        overfit(points, labels, radius, **options)
    assert "\n" not in str(caught.value)


def test_repeated_rows_count_once_and_positions_are_those_given():
    points, labels = [[0.5], [0.0], [0.5], [0.5625]], [1, -1, 1, -1]
    found = overfit(points, labels, 1 / 16)
    assert (found.samples, found.repeated) == (4, 1)
    assert found.conflicts.tolist() == [[0, 3]]
    assert "1 repeated rows" in found.notes[0]


def test_a_ramp_that_floats_cannot_resolve_is_told(problem):
    found = overfit([[0.0], [1.0]], [1, 2], np.nextafter(0.5, 0))
    assert found.certified
    assert "so narrow that floats may be off" in found.notes[0]
    assert overfit([[0.0], [1.0]], [1, 2], 0.25).notes == []
    points, labels, radius = problem(3, 60)
    network = overfit(points, labels, radius).function
    edges = points + radius * rng(9).choice([-1, 1], size=points.shape)
    assert 0 < np.abs(network(edges) - labels).max() < network.rounding


def test_norm_two_is_covered_and_says_so(problem):
    points, labels, radius = problem(3, 20)
    found = overfit(points, labels, radius, norm="2")
    assert found.certified
    assert "covered by l_inf balls" in found.notes[0]
    directions = rng(5).normal(size=points.shape)
    moved = points + radius * directions / np.linalg.norm(directions, axis=1, keepdims=True)
    assert found.function(moved) == pytest.approx(labels, abs=1e-9)


def test_the_stages_are_told_in_order(problem):
    seen = []
    overfit(*problem(1, 10), watch=seen.append)
    assert tuple(seen) == STAGES


def test_more_conflicts_than_can_be_listed_leave_the_closest(monkeypatch):
    points, labels = np.arange(60)[:, None] / 64 + 2.0**-12 * rng().random((60, 1)), np.arange(60.0)
    monkeypatch.setattr(Neighbours.within, "__kwdefaults__", {"most": 100})
    monkeypatch.setattr(Neighbours.conflicts, "__kwdefaults__", {"most": 100})
    found = overfit(points, labels, 0.5)
    assert (len(found.conflicts), found.conflicts_complete, found.least_error) == (1, False, None)
    with pytest.raises(TooManyPairs, match="at most 100 are listed"):
        overfit(points, labels, 0.5, best=True)


def test_ramps_and_heights_are_powers_of_two():
    assert widest_ramp(Fraction(1, 2), 1 / 8) == 1 / 8
    assert widest_ramp(Fraction(1, 2), 0.13) == 1 / 16
    assert (power_above(1.0), power_above(1.0000001), power_above(0.3)) == (1.0, 2.0, 0.5)
    with pytest.raises(ValueError, match="no room"):
        widest_ramp(2 * Fraction(1, 8) + Fraction(1, 2**1010), 1 / 8)
