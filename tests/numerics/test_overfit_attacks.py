"""Attacks on overfitted networks: projection, vertices, kinks, and gradient ascent."""

from fractions import Fraction

import numpy as np
import pytest

from numerics.bump_networks import BumpNetwork
from numerics.gates import Gate
from numerics.kuhn_teacher import AffineTeacher
from numerics.overfit import overfit
from numerics.overfit_attacks import extreme_points, kinks_on_segment, projected_gradient, vertices


def rng(seed=0):
    return np.random.default_rng(seed)


@pytest.mark.parametrize("task", ["classification", "regression"])
def test_no_attack_moves_the_network_on_its_balls(problem, task):
    points, labels, radius = problem(2, 50, task=task)
    network = overfit(points, labels, radius).function
    worst = projected_gradient(
        network.network,
        points,
        radius,
        lambda outputs: 2 * (outputs - labels),
        lambda outputs: (outputs - labels) ** 2,
        starts=("clean", "random", "random", "vertex", "vertex"),
    )
    assert worst.max() < 1e-20
    for place in range(5):
        assert network(vertices(points[place], radius)) == pytest.approx(labels[place], abs=1e-9)


def test_gradient_ascent_from_the_clean_point_is_masked():
    teacher = AffineTeacher(np.zeros(2), 1.0, 1.0)
    network = BumpNetwork(np.array([[0.5, 0.5]]), np.array([-1.0]), 1 / 16, 1 / 16, 1.0, teacher, Gate.C)
    points = 0.5 + (1 / 8 + 1 / 100) * np.array([[1.0, 0.3], [-1.0, 0.5], [0.2, 1.0], [0.9, -1.0]])
    radius = 1 / 10

    def attack(*starts):
        return projected_gradient(
            network.network, points, radius, lambda f: -np.ones_like(f), lambda f: 1.0 * (f <= 0), starts=starts
        )

    nearest, _ = extreme_points(network, points, radius)
    assert network(nearest).max() < 0
    assert attack("clean").max() == 0
    assert attack("clean", *["random", "vertex"] * 8).min() == 1


def test_the_projection_and_the_vertex_are_the_extremes_of_a_bump(golden):
    network = golden(
        centres=np.array([[0.5, 0.5, 0.5]]), labels=np.array([1.0]), teacher=AffineTeacher(np.zeros(3), 0.0, 1.0)
    )
    points = rng(3).uniform(0.3, 0.7, (20, 3))
    for radius in (0.02, 0.1):
        nearest, farthest = extreme_points(network, points, radius)
        inside = points[:, None, :] + rng(4).uniform(-radius, radius, (20, 500, 3))
        values = network(inside.reshape(-1, 3)).reshape(20, 500)
        assert (values <= network(nearest)[:, None] + 1e-15).all()
        assert (values >= network(farthest)[:, None] - 1e-15).all()


def test_the_kinks_on_a_segment_carry_the_extremes_in_dimension_one(golden):
    network = golden()
    kinks = kinks_on_segment(network.exact_network, [Fraction(1, 64)], [Fraction(63, 64)])
    times = [time for time, _ in kinks]
    assert times == sorted(times)
    line = np.linspace(1 / 64, 63 / 64, 999)
    values = network(line[:, None])
    place = [1 / 64 + float(time) * 62 / 64 for time in times]
    assert np.interp(line, place, [float(value) for _, value in kinks]) == pytest.approx(values, abs=1e-12)
    assert max(value for _, value in kinks) == 1
    assert min(value for _, value in kinks) == Fraction(-1, 2)


def test_too_many_vertices_and_unknown_starts_are_refused(golden):
    with pytest.raises(ValueError, match="2\\^40 vertices"):
        vertices(np.zeros(40), 0.1)
    with pytest.raises(ValueError, match="starts: 'corner'"):
        projected_gradient(golden().network, np.zeros((1, 1)), 0.1, np.sign, np.abs, starts=("corner",))
