"""Certificates of overfitted networks: exact propagation and separation, and what must fail."""

from dataclasses import replace
from fractions import Fraction
from itertools import combinations

import numpy as np
import pytest

from numerics.bump_networks import BumpNetwork
from numerics.gates import Gate
from numerics.kuhn_teacher import AffineTeacher, KuhnTeacher
from numerics.overfit import Status, overfit
from numerics.separation import Neighbours, exact_gap


def rng(seed=0):
    return np.random.default_rng(seed)


def exact_distance(first, second):
    return max(abs(Fraction(a) - Fraction(b)) for a, b in zip(first, second, strict=True))


@pytest.mark.parametrize("task", ["classification", "regression"])
@pytest.mark.parametrize(("dimension", "count"), [(1, 60), (2, 60), (3, 40), (6, 20)])
def test_interval_propagation_through_the_whole_network_agrees_with_the_certificate(problem, task, dimension, count):
    points, labels, radius = problem(dimension, count, task=task)
    found = overfit(points, labels, radius)
    assert found.status is Status.CERTIFIED
    assert found.certificate.balls == count
    assert found.function.propagate() == [(Fraction(label), Fraction(label)) for label in labels]
    assert found.function.network.size <= found.function.budget
    assert found.least_error == 0


@pytest.mark.standard
@pytest.mark.parametrize("dimension", [1, 2, 3])
def test_interval_propagation_agrees_for_500_points(problem, dimension):
    points, labels, radius = problem(dimension, 500)
    network = overfit(points, labels, radius).function
    assert network.propagate() == [(Fraction(label), Fraction(label)) for label in labels]


@pytest.mark.parametrize("seed", range(12))
def test_separation_and_conflicts_are_those_of_rational_arithmetic(seed):
    source = rng(seed)
    points = source.uniform(size=(9, 3)) * 10.0 ** source.integers(-3, 3, size=3)
    points = source.integers(0, 6, (9, 2)) / 8 if seed % 2 else points
    points = np.unique(points, axis=0)
    signs = np.where(source.random(len(points)) < 0.5, -1.0, 1.0)
    every = list(combinations(range(len(points)), 2))
    mixed = [(i, j) if signs[i] > 0 else (j, i) for i, j in every if signs[i] != signs[j]]
    for labels, pairs in ((None, every), (signs, mixed)):
        near = Neighbours(points, labels)
        distances = {pair: exact_distance(*points[list(pair)]) for pair in pairs}
        assert near.least_distance == min(distances.values(), default=None)
        radius, ramp = float(min(distances.values(), default=Fraction(1))) * 0.75, 1 / 8
        conflicts = {pair for pair, distance in distances.items() if distance <= 2 * Fraction(radius)}
        assert set(map(tuple, near.conflicts(radius).tolist())) == conflicts
        reaching = {pair for pair in pairs if exact_gap(*points[list(pair)], radius) < Fraction(ramp)}
        assert set(map(tuple, near.unseparated(radius, ramp)[0].tolist())) == reaching


def test_close_calls_are_decided_in_rational_arithmetic():
    third, ramp = 1 / 3, 2.0**-20
    radius = 0.1
    just = 2 * Fraction(radius) + Fraction(ramp)
    far = third + float(just)
    points = np.array([[third], [far], [np.nextafter(far, 0)], [np.nextafter(far, 1)]])
    for other in (1, 2, 3):
        pair = points[[0, other]]
        failing, tested, rational = Neighbours(pair).unseparated(radius, ramp)
        assert (len(failing) == 1) == (exact_gap(*pair, radius) < Fraction(ramp))
        assert tested == rational
    assert {len(Neighbours(points[[0, other]]).unseparated(radius, ramp)[0]) for other in (1, 2, 3)} == {0, 1}


@pytest.mark.parametrize("ulps", range(8, 24))
def test_bumps_that_reach_a_ball_by_less_than_the_bound_on_rounding_are_caught(ulps):
    pair = np.array([[0.0], [1.5 - ulps * 2.0**-52]])
    assert exact_gap(*pair, 0.25) < 1
    assert Neighbours(pair).unseparated(0.25, 1.0)[0].tolist() == [[0, 1]]
    network = BumpNetwork(pair, np.array([1.0, -1.0]), 0.25, 1.0, 1.0, AffineTeacher(np.zeros(1), 0.0, 1.0), Gate.D)
    assert not network.certify().holds


@pytest.mark.parametrize("seed", range(4))
def test_a_column_of_few_values_that_decides_every_distance_is_exact_and_quick(seed):
    source, labels = rng(seed), np.where(np.arange(30_000) % 2 == 0, 1.0, -1.0)
    few = np.column_stack([labels > 0, source.random((len(labels), 2))])
    assert Neighbours(few, labels).least_distance == 1
    # one pair that is nearer by less than a float can tell
    few[:2] = [[1.0, 0.5, 0.0], [2.0**-60, 0.5, 0.0]]
    assert Neighbours(few[:600], labels[:600]).least_distance == 1 - Fraction(1, 2**60)


@pytest.mark.parametrize(("name", "value"), [("ramp", -0.1), ("ramp", 0.0), ("ramp", 1e-310), ("radius", -1.0)])
def test_a_bump_without_a_ramp_or_a_ball_is_refused(golden, name, value):
    with pytest.raises(ValueError, match=f"{name}: {value} is not allowed"):
        golden(**{name: value})


def test_a_ramp_that_reaches_the_next_ball_is_caught(golden):
    assert golden(ramp=1 / 4).certify().holds
    reaching = golden(ramp=float(np.nextafter(1 / 4, 1)))
    assert not reaching.certify().holds
    assert reaching.certify().failing.tolist() == [[0, 1]]
    assert reaching.propagate() != [(1, 1), (Fraction(-1, 2), Fraction(-1, 2))]
    touching = golden(radius=1 / 4)
    assert not touching.certify().holds
    assert overfit(touching.centres, touching.labels, 1 / 16, ramp=0.5).status is Status.NOT_CERTIFIED


def test_a_height_below_a_label_is_caught(golden):
    low = golden(labels=np.array([0.5, -1.0]), height=0.75)
    assert not low.certify().holds
    assert "leaves [-0.75, 0.75]" in low.certify().reason
    assert low.propagate()[1] != (-1, -1)


def test_ten_times_the_teacher_is_still_certified_by_gate_d_but_not_by_gate_e(golden):
    loud = KuhnTeacher(10 * np.array([0.0, 0.5, 0.0]), np.zeros(1), np.full(1, 2.0))
    network = golden().with_teacher(loud)
    assert network.certify().holds
    assert network.propagate() == [(1, 1), (Fraction(-1, 2), Fraction(-1, 2))]
    other = replace(network, gate=Gate.E)
    assert not other.certify().holds
    edge = [[Fraction(3, 8)], [Fraction(5, 8)]]
    assert other.exact_network.evaluate_exactly(edge) != [1, Fraction(-1, 2)]
    assert golden(gate=Gate.E).certify().holds


def test_cancelling_the_teacher_at_the_centre_only_leaves_an_adversarial_error(problem):
    points, labels, radius = problem(1, 30)
    student = overfit(points, labels, radius).function
    teacher = student.teacher
    edges = points + radius
    bumps = student.bump_values(edges, np.arange(30))
    centre_only = teacher(edges) + (labels - teacher(points)) * bumps
    assert teacher(points) + (labels - teacher(points)) == pytest.approx(labels)
    assert ((centre_only - labels) ** 2).max() > 1e-8
    assert ((student(edges) - labels) ** 2).max() < 1e-20


def test_gate_e_dips_in_the_shell_of_a_bump_with_the_teachers_own_sign(golden):
    network = golden(gate=Gate.E, labels=np.array([1.0, 1.0]))
    teacher = AffineTeacher(np.zeros(1), 1.0, 1.0)
    shell = np.array([[0.25 + 1 / 8 + share / 16] for share in (0.25, 0.5, 0.75)])
    assert network.with_teacher(teacher)(shell).min() < -0.9
    assert replace(network.with_teacher(teacher), gate=Gate.D)(shell).tolist() == [1.0, 1.0, 1.0]
