"""Overfitting with a certificate: zero adversarial training error, the sharp radius, what must fail, and ONNX files."""

from dataclasses import replace
from fractions import Fraction
from itertools import combinations

import numpy as np
import pytest

from numerics import onnx_export
from numerics.bump_networks import BumpNetwork
from numerics.conflict_matching import least_cover, pairing_bound
from numerics.gates import Gate
from numerics.kuhn_teacher import AffineTeacher, KuhnTeacher
from numerics.labelled_points import TableError, read_labelled_points
from numerics.onnx_export import OnnxError, estimate_bytes, export_onnx
from numerics.overfit import STAGES, Status, overfit, power_above, widest_ramp
from numerics.overfit_attacks import extreme_points, kinks_on_segment, projected_gradient, vertices
from numerics.separation import Neighbours, TooManyPairs, exact_gap


def rng(seed=0):
    return np.random.default_rng(seed)


def problem(dimension, count, *, task="regression", seed=0, share=0.7):
    """Points, labels and a radius at this share of the largest."""
    points = rng(seed).uniform(size=(count, dimension))
    labels = rng(seed + 1).normal(size=count)
    labels = np.where(labels > 0, 1.0, -1.0) if task == "classification" else labels
    return points, labels, share * float(overfit(points, labels, 1e-12).largest_radius)


def exact_distance(first, second):
    return max(abs(Fraction(a) - Fraction(b)) for a, b in zip(first, second, strict=True))


def error_of_all_signs(pairs, count):
    """The least share of wrong points by brute force: the smallest set of points that meets every pair."""
    for size in range(count + 1):
        for chosen in combinations(range(count), size):
            if all(first in chosen or second in chosen for first, second in pairs):
                return Fraction(size, count)
    raise AssertionError


@pytest.mark.parametrize("task", ["classification", "regression"])
@pytest.mark.parametrize(("dimension", "count"), [(1, 60), (2, 60), (3, 40), (6, 20)])
def test_interval_propagation_through_the_whole_network_agrees_with_the_certificate(task, dimension, count):
    points, labels, radius = problem(dimension, count, task=task)
    found = overfit(points, labels, radius)
    assert found.status is Status.CERTIFIED
    assert found.certificate.balls == count
    assert found.function.propagate() == [(Fraction(label), Fraction(label)) for label in labels]
    assert found.function.network.size <= found.function.budget
    assert found.least_error == 0


@pytest.mark.standard
@pytest.mark.parametrize("dimension", [1, 2, 3])
def test_interval_propagation_agrees_for_500_points(dimension):
    points, labels, radius = problem(dimension, 500)
    network = overfit(points, labels, radius).function
    assert network.propagate() == [(Fraction(label), Fraction(label)) for label in labels]


@pytest.mark.parametrize("task", ["classification", "regression"])
def test_no_attack_moves_the_network_on_its_balls(task):
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
def test_a_bump_without_a_ramp_or_a_ball_is_refused(name, value):
    with pytest.raises(ValueError, match=f"{name}: {value} is not allowed"):
        golden(**{name: value})


@pytest.mark.parametrize(("points", "labels"), [(1e-100, 1.0), (1.0, 1e-100)])
def test_numbers_that_runtimes_take_for_zero_are_not_exported(points, labels):
    found = overfit(points * np.array([[0.0], [1.0]]), labels * np.array([1.0, 2.0]), 0.25 * points)
    assert found.certified
    with pytest.raises(OnnxError, match="below 2\\^-126"):
        onnx_export.build_model(found.function)


def test_a_height_that_drowns_the_labels_in_rounding_is_told():
    found = overfit([[0.0], [1.0]], [1.0, 2.0], 0.1, height=1e150)
    assert found.certified
    assert "floats may be off" in found.notes[0]


def test_classification_needs_only_opposite_labels_apart():
    points = np.array([[0.0], [0.01], [1.0]])
    found = overfit(points, [1, 1, -1], 1 / 4)
    assert found.certified
    assert (found.separation, found.largest_radius) == (Fraction(0.01), Fraction(1, 2) - Fraction(0.01) / 2)
    assert overfit(points, [1, 1, -1], 1 / 4, task="regression").status is Status.NOT_SEPARATED


def test_one_class_and_one_point_are_certified_at_every_radius():
    assert overfit([[0.0], [1.0]], [1, 1], 5.0).largest_radius is None
    assert overfit([[0.0], [1.0]], [1, 1], 5.0).certified
    assert overfit([[0.5, 0.5]], [0.25], 3.0).certified


# What must fail (K17 of the notes)


def golden(**changes):
    teacher = KuhnTeacher(np.array([0.0, 0.5, 0.0]), np.zeros(1), np.full(1, 2.0))
    network = BumpNetwork(np.array([[0.25], [0.75]]), np.array([1.0, -0.5]), 1 / 8, 1 / 16, 1.0, teacher, Gate.D)
    return replace(network, **changes)


def test_a_ramp_that_reaches_the_next_ball_is_caught():
    assert golden(ramp=1 / 4).certify().holds
    reaching = golden(ramp=float(np.nextafter(1 / 4, 1)))
    assert not reaching.certify().holds
    assert reaching.certify().failing.tolist() == [[0, 1]]
    assert reaching.propagate() != [(1, 1), (Fraction(-1, 2), Fraction(-1, 2))]
    touching = golden(radius=1 / 4)
    assert not touching.certify().holds
    assert overfit(touching.centres, touching.labels, 1 / 16, ramp=0.5).status is Status.NOT_CERTIFIED


def test_a_height_below_a_label_is_caught():
    low = golden(labels=np.array([0.5, -1.0]), height=0.75)
    assert not low.certify().holds
    assert "leaves [-0.75, 0.75]" in low.certify().reason
    assert low.propagate()[1] != (-1, -1)


def test_ten_times_the_teacher_is_still_certified_by_gate_d_but_not_by_gate_e():
    loud = KuhnTeacher(10 * np.array([0.0, 0.5, 0.0]), np.zeros(1), np.full(1, 2.0))
    network = golden().with_teacher(loud)
    assert network.certify().holds
    assert network.propagate() == [(1, 1), (Fraction(-1, 2), Fraction(-1, 2))]
    other = replace(network, gate=Gate.E)
    assert not other.certify().holds
    edge = [[Fraction(3, 8)], [Fraction(5, 8)]]
    assert other.exact_network.evaluate_exactly(edge) != [1, Fraction(-1, 2)]
    assert golden(gate=Gate.E).certify().holds


def test_cancelling_the_teacher_at_the_centre_only_leaves_an_adversarial_error():
    points, labels, radius = problem(1, 30)
    student = overfit(points, labels, radius).function
    teacher = student.teacher
    edges = points + radius
    bumps = student.bump_values(edges, np.arange(30))
    centre_only = teacher(edges) + (labels - teacher(points)) * bumps
    assert teacher(points) + (labels - teacher(points)) == pytest.approx(labels)
    assert ((centre_only - labels) ** 2).max() > 1e-8
    assert ((student(edges) - labels) ** 2).max() < 1e-20


def test_gate_e_dips_in_the_shell_of_a_bump_with_the_teachers_own_sign():
    network = golden(gate=Gate.E, labels=np.array([1.0, 1.0]))
    teacher = AffineTeacher(np.zeros(1), 1.0, 1.0)
    shell = np.array([[0.25 + 1 / 8 + share / 16] for share in (0.25, 0.5, 0.75)])
    assert network.with_teacher(teacher)(shell).min() < -0.9
    assert replace(network.with_teacher(teacher), gate=Gate.D)(shell).tolist() == [1.0, 1.0, 1.0]


# Attacks


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


def test_the_projection_and_the_vertex_are_the_extremes_of_a_bump():
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


def test_the_kinks_on_a_segment_carry_the_extremes_in_dimension_one():
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


def test_too_many_vertices_and_unknown_starts_are_refused():
    with pytest.raises(ValueError, match="2\\^40 vertices"):
        vertices(np.zeros(40), 0.1)
    with pytest.raises(ValueError, match="starts: 'corner'"):
        projected_gradient(golden().network, np.zeros((1, 1)), 0.1, np.sign, np.abs, starts=("corner",))


# Bad use, and what is told


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


def test_a_ramp_that_floats_cannot_resolve_is_told():
    found = overfit([[0.0], [1.0]], [1, 2], np.nextafter(0.5, 0))
    assert found.certified
    assert "so narrow that floats may be off" in found.notes[0]
    assert overfit([[0.0], [1.0]], [1, 2], 0.25).notes == []
    points, labels, radius = problem(3, 60)
    network = overfit(points, labels, radius).function
    edges = points + radius * rng(9).choice([-1, 1], size=points.shape)
    assert 0 < np.abs(network(edges) - labels).max() < network.rounding


def test_norm_two_is_covered_and_says_so():
    points, labels, radius = problem(3, 20)
    found = overfit(points, labels, radius, norm="2")
    assert found.certified
    assert "covered by l_inf balls" in found.notes[0]
    directions = rng(5).normal(size=points.shape)
    moved = points + radius * directions / np.linalg.norm(directions, axis=1, keepdims=True)
    assert found.function(moved) == pytest.approx(labels, abs=1e-9)


def test_the_stages_are_told_in_order():
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


# Files


def exported(function, path, points):
    runtime = pytest.importorskip("onnxruntime")
    assert export_onnx(function, path) == path.stat().st_size
    session = runtime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return session.run(None, {"points": points})[0]


@pytest.mark.parametrize("task", ["classification", "regression"])
@pytest.mark.parametrize(("dimension", "count"), [(1, 80), (2, 150), (6, 30)])
def test_the_exported_network_gives_the_same_values(tmp_path, task, dimension, count):
    points, labels, radius = problem(dimension, count, task=task)
    network = overfit(points, labels, radius).function
    tests = rng(6).uniform(-0.2, 1.2, (300, dimension))
    tests[:200] = points[rng(7).integers(count, size=200)] + rng(8).uniform(-1.5, 1.5, (200, dimension)) * radius
    values = exported(network, tmp_path / "net.onnx", tests)
    assert values.dtype == np.float64
    assert values == pytest.approx(network(tests), abs=1e-12)


def test_the_file_is_small_pinned_and_made_of_linear_maps_and_relu(tmp_path):
    onnx = pytest.importorskip("onnx")
    points, labels, radius = problem(2, 400)
    network = overfit(points, labels, radius).function
    size = export_onnx(network, tmp_path / "net.onnx")
    assert size <= estimate_bytes(network) < 8 * 400 * 2 * 2 * 400
    model = onnx.load(tmp_path / "net.onnx")
    assert [(one.domain, one.version) for one in model.opset_import] == [("", 17)]
    linear = {"Unsqueeze", "Sub", "Neg", "Add", "Mul", "ReduceSum", "MatMul", "Gather", "Squeeze"}
    assert {node.op_type for node in model.graph.node} <= linear | {"Relu"}


def test_a_file_over_the_limit_is_refused_with_its_size(tmp_path, monkeypatch):
    points, labels, radius = problem(1, 50)
    network = overfit(points, labels, radius).function
    monkeypatch.setattr(onnx_export, "LARGEST_FILE", 1000)
    with pytest.raises(OnnxError, match=r"would have 0\.00 GB; at most 1e-06 GB"):
        export_onnx(network, tmp_path / "net.onnx")
    assert not (tmp_path / "net.onnx").exists()
    with pytest.raises(OnnxError, match="gate E"):
        onnx_export.build_model(replace(network, gate=Gate.E))


def test_tables_and_archives_are_read_alike(tmp_path):
    points, labels = rng().uniform(size=(5, 2)), np.array([1.0, -1, 1, 1, -1])
    table = np.column_stack([points, labels])
    np.savetxt(tmp_path / "a.csv", table, delimiter=",", header="u,v,label", comments="", fmt="%.17g")
    np.savez(tmp_path / "a.npz", points=points, labels=labels.astype(np.int8))
    for name in ("a.csv", "a.npz"):
        read = read_labelled_points(tmp_path / name)
        assert read[0].tolist() == points.tolist()
        assert read[1].tolist() == labels.tolist()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "0 rows"),
        ("u,v\n", "0 rows"),
        ("u,v\n1\n", "0 numbers|1 numbers"),
        ("1,2\n3,4\n", "its first line holds numbers"),
        ("u,v\n1,a\n", "could not convert string 'a'"),
        ("u,v\n1,2\n1,2,3\n", "number of columns changed"),
        ("u,v,label\n1,2\n", "3 names in the header, 2 columns"),
        ("u,v\n1,\n", "could not convert string ''"),
    ],
)
def test_malformed_tables_are_refused_in_one_line(tmp_path, text, message):
    path = tmp_path / "a.csv"
    path.write_text(text)
    with pytest.raises(TableError, match=message) as caught:
        read_labelled_points(path)
    assert "\n" not in str(caught.value)


def test_archives_that_hold_something_else_are_refused_in_one_line(tmp_path):
    path = tmp_path / "a.npz"
    for arrays, message in (
        ({"images": np.zeros((2, 2))}, "no array 'points', only images"),
        ({"points": np.array([["a"]]), "labels": np.zeros(1)}, "points holds <U1"),
        ({"points": np.array([[None]]), "labels": np.zeros(1)}, "cannot be read as .npz"),
    ):
        np.savez(path, **arrays)
        with pytest.raises(TableError, match=message):
            read_labelled_points(path)
