"""ReLU networks as sparse layers: blocks exact on rationals, parameters counted, teachers and gates as formulas say."""

from fractions import Fraction

import array_api_strict
import numpy as np
import pytest

from numerics.bump_networks import BumpNetwork
from numerics.gates import Gate
from numerics.kuhn_teacher import AffineTeacher, KuhnTeacher, choose_teacher, fit_affine, fit_kuhn, interpolate
from numerics.lab import Device, gpu_available, select_device, to_numpy
from numerics.relu_assembly import Assembly
from numerics.relu_blocks import bump_network, product_network, square_network
from numerics.relu_networks import Network
from numerics.separation import Neighbours

STRICT = Device("strict", "array-api-strict", array_api_strict, array_api_strict.Device("device1"))
GPU = pytest.param("gpu", marks=[pytest.mark.gpu, pytest.mark.skipif(not gpu_available(), reason="no GPU")])
GRIDS = [(1, 5), (2, 3), (3, 2), (4, 1)]
GOLDEN_POINTS = [Fraction(5, 64), Fraction(7, 64), Fraction(1, 8), Fraction(37, 64), Fraction(5, 8)]
GOLDEN = {
    Gate.D: ([Fraction(5, 64), Fraction(1, 2), Fraction(1), Fraction(27, 64), Fraction(-1, 2)], 45),
    Gate.E: ([Fraction(-1, 2), Fraction(0), Fraction(1), Fraction(-13, 64), Fraction(-1, 2)], 48),
}


def rng(seed=0):
    return np.random.default_rng(seed)


def random_teacher(dimension, cells, *, seed=0, origin=0.0, bound=1.0):
    values = rng(seed).uniform(-bound, bound, (cells + 1,) * dimension)
    return KuhnTeacher(values, np.full(dimension, origin), np.full(dimension, float(cells)))


def random_network(dimension, cells, gate, *, count=30, seed=0, share=0.3, origin=0.0):
    points = rng(seed).uniform(size=(count, dimension))
    labels = rng(seed + 1).uniform(-1, 1, count)
    labels = np.sign(labels) if gate is Gate.C else labels
    least = float(Neighbours(points).least_distance)
    teacher = random_teacher(dimension, cells, seed=seed, origin=origin)
    return BumpNetwork(points, labels, least * share, least / 8, 1.0, teacher, gate)


def trapezoid_bump(centre, radius, ramp):
    """The bump with four neurons a coordinate: the same function, on which interval propagation is not tight."""
    assembly = Assembly(len(centre), exact=True)
    inputs = []
    for axis, middle in enumerate(centre):
        low, high = middle - radius, middle + radius
        for kink, sign in ((low - ramp, 1), (low, -1), (high, -1), (high + ramp, 1)):
            weights = [int(axis == place) for place in range(len(centre))]
            inputs.append((assembly.add_one(1, [(assembly.input, weights)], -kink), sign / ramp))
    return assembly.finish([(assembly.add_one(2, inputs, 1 - len(centre)), 1)])


@pytest.mark.parametrize("dimension", [1, 2, 3])
def test_a_bump_has_6d_plus_2_nonzeros_and_is_tight_on_its_ball(dimension):
    centre = [Fraction(2 + k, 7) for k in range(dimension)]
    bump = bump_network(centre, Fraction(1, 10), Fraction(1, 30))
    assert (bump.size, bump.depth) == (6 * dimension + 2, 2)
    box = [[value + sign * Fraction(1, 10) for value in centre] for sign in (-1, 1)]
    assert bump.propagate([box[0]], [box[1]]) == [(1, 1)]
    outside = [[centre[0] + Fraction(1, 10) + Fraction(1, 30), *centre[1:]]]
    assert bump.evaluate_exactly(outside) == [0]
    assert bump.evaluate_exactly([[centre[0] + Fraction(1, 10) + Fraction(1, 60), *centre[1:]]]) == [Fraction(1, 2)]


@pytest.mark.parametrize("dimension", [1, 2])
def test_the_trapezoid_form_is_the_same_function_but_not_tight(dimension):
    centre, radius, ramp = [Fraction(1, 4)] * dimension, Fraction(1, 8), Fraction(1, 16)
    facets, trapezoids = bump_network(centre, radius, ramp), trapezoid_bump(centre, radius, ramp)
    points = [[Fraction(int(k), 64) for k in row] for row in rng().integers(-8, 48, (60, dimension))]
    assert facets.evaluate_exactly(points) == trapezoids.evaluate_exactly(points)
    ((low, high),) = trapezoids.propagate([[Fraction(1, 8)] * dimension], [[Fraction(3, 8)] * dimension])
    assert (low, high) != (1, 1)
    assert low <= 1 <= high
    if dimension == 1:
        assert trapezoids.layers[0].outputs == 4
        assert high == 5


def test_the_square_has_its_golden_values_size_and_exact_error():
    assert [square_network(m).evaluate_exactly([[Fraction(1, 3)]])[0] for m in (1, 2, 3)] == [
        Fraction(1, 6),
        Fraction(1, 8),
        Fraction(11, 96),
    ]
    for order in range(1, 7):
        square = square_network(order)
        assert (square.size, square.depth) == (8 * order - 3, order)
        assert square.width <= 3
        times = [Fraction(k, 2 ** (order + 1)) for k in range(2 ** (order + 1) + 1)]
        errors = [value - t * t for value, t in zip(square.evaluate_exactly([[t] for t in times]), times, strict=True)]
        assert min(errors) == 0
        assert max(errors) == Fraction(1, 4 ** (order + 1))


@pytest.mark.parametrize("bound", [1, Fraction(3, 2)])
def test_the_product_is_exact_where_a_factor_is_zero_or_extreme(bound):
    product = product_network(3, bound)
    points = [[x, Fraction(k, 7) * bound] for x in (0, bound, -bound) for k in range(-7, 8)]
    assert product.evaluate_exactly(points) == [x * y for x, y in points]
    edge = bound * Fraction(1, 16)
    assert abs(product.evaluate_exactly([[edge, edge]])[0] - edge * edge) == bound**2 * Fraction(1, 4**4)


def test_an_order_below_one_is_refused():
    with pytest.raises(ValueError, match="order: 0 is not allowed"):
        square_network(0)


@pytest.mark.parametrize(("dimension", "cells"), GRIDS)
def test_the_teacher_is_the_same_by_simplices_and_by_hats(dimension, cells):
    teacher = random_teacher(dimension, cells)
    assembly = Assembly(dimension, exact=False)
    form = teacher.add_to(assembly)
    shifted = assembly.add_one(form.level + 1, form.inputs, 2.0)
    network = assembly.finish([(shifted, 1.0)], -2.0)
    points = rng().uniform(-1.5, 2.5, (300, dimension))
    assert network(points) == pytest.approx(teacher(points), abs=1e-12)
    assert network.depth == (2 if dimension == 1 else dimension + 2)


@pytest.mark.parametrize("dimension", [1, 2, 3])
def test_interpolation_at_the_nodes_reproduces_affine_functions(dimension):
    slopes = rng(2).normal(size=dimension)
    teacher = interpolate(lambda x: x @ slopes + 0.3, 3, dimension)
    points = rng(3).uniform(size=(200, dimension))
    assert teacher(points) == pytest.approx(points @ slopes + 0.3, abs=1e-13)


def test_interpolation_error_is_within_its_sharp_bound():
    teacher = interpolate(lambda x: (x**2).sum(axis=1) / 2, 4, 2)
    points = rng(4).uniform(size=(4000, 2))
    errors = teacher(points) - (points**2).sum(axis=1) / 2
    bound = (2**0.5 / 8) ** 2 / 2
    assert errors.min() >= -1e-15
    assert 0.98 * bound < errors.max() <= bound + 1e-15


def test_least_squares_recovers_a_function_of_the_space_and_clips():
    points = rng(5).uniform(size=(500, 2))
    truth = random_teacher(2, 3, seed=6)
    assert fit_kuhn(points, truth(points), 3, bound=1.0).values == pytest.approx(truth.values, abs=1e-6)
    assert np.abs(fit_kuhn(points, 9 * truth(points), 3, bound=1.0).values).max() == 1.0
    wide = 40 * points - 7
    fitted = fit_kuhn(wide, wide[:, 0], 2, bound=100.0)
    assert fitted(wide) == pytest.approx(wide[:, 0], abs=1e-5)


def test_the_affine_teacher_is_least_squares_and_clipped():
    points = rng(7).normal(size=(50, 3))
    labels = points @ np.array([1.0, -2.0, 0.5]) + 0.25
    fitted = fit_affine(points, labels, bound=1.0)
    assert fitted.coefficients == pytest.approx([1.0, -2.0, 0.5])
    assert fitted(points) == pytest.approx(np.clip(labels, -1, 1))


def test_the_default_teacher_keeps_within_the_number_of_samples():
    points = rng(8).uniform(size=(2000, 3))
    labels = points[:, 0]
    chosen = choose_teacher(points, labels, bound=1.0)
    assert isinstance(chosen, KuhnTeacher)
    assert 30 * (chosen.cells + 1) ** 3 <= 2000
    assert isinstance(choose_teacher(points[:200], labels[:200], bound=1.0), AffineTeacher)


@pytest.mark.parametrize("gate", [Gate.D, Gate.E])
def test_the_golden_vectors_of_the_gates_are_exact(gate):
    teacher = interpolate(lambda x: np.where(x[:, 0] == 0.5, 0.5, 0.0), 2, 1)
    network = BumpNetwork(np.array([[0.25], [0.75]]), np.array([1.0, -0.5]), 1 / 8, 1 / 16, 1.0, teacher, gate)
    values, size = GOLDEN[gate]
    assert network.exact_network.evaluate_exactly([[u] for u in GOLDEN_POINTS]) == values
    assert network.exact_network.size == network.network.size == size
    points = np.array([[float(u)] for u in GOLDEN_POINTS])
    assert network(points).tolist() == network.network(points).tolist() == [float(value) for value in values]


@pytest.mark.parametrize(("dimension", "cells"), GRIDS)
def test_gate_d_has_exactly_its_budget_in_general_position(dimension, cells):
    network = random_network(dimension, cells, Gate.D, origin=-0.25 - 1e-3)
    assert network.network.size == network.exact_network.size == network.budget
    count = len(network.centres)
    teacher = (12 * dimension - 6) * (cells + 1) ** dimension + dimension * (dimension + 1) // 2 - 1
    rest = 15 + 3 * cells + 9 if dimension == 1 else 2 * dimension + 12 + teacher
    assert network.budget == (6 * dimension + 3) * count + rest
    assert network.network.depth == (5 if dimension == 1 else dimension + 4)
    nodes = (cells + 1) ** dimension
    widest = max(2 * dimension * count + 2 * nodes + dimension - 1, count + 4 * nodes + dimension)
    assert network.network.width <= (2 * count + cells + 3 if dimension == 1 else widest)


@pytest.mark.parametrize("gate", [Gate.C, Gate.E])
@pytest.mark.parametrize(("dimension", "cells"), GRIDS)
def test_gates_c_and_e_save_one_nonzero_a_sample(gate, dimension, cells):
    small, large = (random_network(dimension, cells, gate, count=count) for count in (20, 50))
    assert large.network.size - small.network.size == (6 * dimension + 2) * 30


@pytest.mark.parametrize("gate", list(Gate))
@pytest.mark.parametrize(("dimension", "cells"), GRIDS)
def test_local_evaluation_equals_the_whole_network(gate, dimension, cells):
    network = random_network(dimension, cells, gate)
    points = rng(9).uniform(-0.5, 1.5, (400, dimension))
    near = network.centres[rng(10).integers(30, size=200)]
    points[:200] = near + rng(11).uniform(-2, 2, (200, dimension)) * network.radius
    values = network.network(points)
    assert network(points) == pytest.approx(values, abs=1e-10)
    exact = network.exact_network.evaluate_exactly(points[190:210])
    assert values[190:210] == pytest.approx([float(value) for value in exact], abs=1e-10)


def test_overlapping_bumps_of_one_label_are_summed():
    points = np.array([[0.25], [0.28125], [0.75]])
    network = BumpNetwork(points, np.array([1.0, 1.0, -1.0]), 1 / 16, 1 / 16, 1.0, random_teacher(1, 2), Gate.C)
    line = np.linspace(0, 1, 257)[:, None]
    assert network(line) == pytest.approx(network.network(line), abs=1e-13)
    assert network.certify().holds
    assert network.propagate() == [(1, 1), (1, 1), (-1, -1)]


@pytest.mark.parametrize("place", ["strict", GPU])
def test_networks_and_teachers_run_on_another_device(place):
    device = select_device("gpu") if place == "gpu" else STRICT
    network = random_network(2, 2, Gate.D)
    points = rng(12).uniform(size=(40, 2))
    there = device.asarray(points)
    for function in (network, network.network, network.teacher, fit_affine(points, points[:, 0], bound=0.5)):
        assert to_numpy(function(there)) == pytest.approx(function(points), abs=1e-13)


def test_gradients_are_those_of_finite_differences():
    network = random_network(2, 2, Gate.D).network
    points = rng(13).uniform(size=(50, 2))
    step = 1e-7
    slopes = network.gradients(points)
    for axis in range(2):
        move = step * np.eye(2)[axis]
        difference = (network(points + move) - network(points - move)) / (2 * step)
        close = np.abs(difference - slopes[:, axis]) < 1e-5 * (1 + np.abs(difference))
        assert close.mean() > 0.9


def test_interval_propagation_contains_the_values():
    network = random_network(2, 2, Gate.D, count=10).exact_network
    low = rng(14).uniform(size=(5, 2))
    boxes = network.propagate(low, low + 0.05)
    values = network.evaluate_exactly(low + 0.025)
    assert all(below <= value <= above for (below, above), value in zip(boxes, values, strict=True))


def test_zeros_are_not_counted():
    network = random_network(1, 3, Gate.D, count=5)
    layers = network.network.layers
    assert Network(layers).size == sum(np.count_nonzero(x.weights) + np.count_nonzero(x.biases) for x in layers)
    flat = network.with_teacher(KuhnTeacher(np.zeros(4), np.zeros(1), np.full(1, 3.0)))
    assert flat.network.size == network.network.size - 6
