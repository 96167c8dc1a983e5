"""Adv-NTK: the combination and its gradient, attacks, the limits of short and long times, and reproducibility."""

import math
from dataclasses import asdict, replace

import array_api_strict
import numpy as np
import pytest
import scipy.linalg

from numerics import lab
from numerics.adversarial_ntk import (
    Problem,
    Samples,
    Schedule,
    Stopped,
    Training,
    best_stopping,
    degeneration_curve,
)
from numerics.chebyshev_exponential import (
    chebyshev_series,
    combination,
    degree,
    find_reach,
    psi,
    stopped_combinations,
)
from numerics.kernel_predictor import ATTACKS, Attack, Predictor, measure_accuracy, one_hot, share
from numerics.kernels import Architecture, ntk
from numerics.lab import CPU, Device, select_device, to_numpy
from numerics.sampling import stream

NETWORK = Architecture(2, "relu", 1.5, 0.2)
STRICT = Device("strict", "array-api-strict", array_api_strict, array_api_strict.Device("device1"))
GPU = pytest.param("gpu", marks=[pytest.mark.gpu, pytest.mark.skipif(not lab.gpu_available(), reason="no GPU")])


@pytest.fixture(params=[STRICT, GPU], ids=lambda value: getattr(value, "name", value))
def device(request):
    return select_device("gpu") if request.param == "gpu" else request.param


def source(trial=0):
    return stream(0, "test adversarial_ntk", trial)


def kernel_and_labels(count=40, network=NETWORK):
    return ntk(source().standard_normal((count, 7)), **asdict(network)), source(1).standard_normal((count, 3))


def clouds(count, trial, classes=3):
    """Points of the cube [-1/2, 1/2]^12 about one centre for each class, and their labels."""
    draw, labels = source(trial), np.arange(count) % classes
    centres = source(99).uniform(-0.25, 0.25, (classes, 12))
    return Samples(np.clip(centres[labels] + 0.12 * draw.standard_normal((count, 12)), -0.5, 0.5), labels)


def small_problem(device=CPU, **change):
    given = {"seed": 3, "precision": "float64", **change}
    return Problem(clouds(45, 4), clouds(30, 5), 3, NETWORK, Attack(0.1), device=device, **given)


def exponential_combination(theta, weights, labels):
    """W psi(Theta W) y by the exponential of an augmented matrix, which needs no inverse of Theta."""
    count, classes = labels.shape
    augmented = np.zeros((count + classes, count + classes))
    augmented[:count, :count], augmented[:count, count:] = -theta * weights, labels
    return weights[:, None] * scipy.linalg.expm(augmented)[:count, count:]


@pytest.mark.parametrize("scale", [1e-4, 0.02, 1.0, 20.0])
@pytest.mark.parametrize("activation", ["relu", "erf"])
def test_the_combination_is_that_of_the_matrix_exponential(scale, activation):
    theta, labels = kernel_and_labels(network=replace(NETWORK, activation=activation))
    weights = scale * source(2).random(40)
    weights[::5] = 0
    expected = exponential_combination(theta, weights, labels)
    found = combination(theta, weights, labels).values
    np.testing.assert_allclose(found, expected, atol=1e-12 * np.max(np.abs(expected)))
    inverse = np.linalg.solve(theta, labels - scipy.linalg.expm(-theta * weights) @ labels)
    np.testing.assert_allclose(found, inverse, atol=1e-11 * np.max(np.abs(expected)))


def test_the_combination_needs_no_inverse_of_the_kernel():
    theta, labels = kernel_and_labels()
    theta, labels = np.kron(np.ones((2, 2)), theta), np.vstack([labels, labels])
    weights = source(2).random(80)
    np.testing.assert_allclose(
        combination(theta, weights, labels).values, exponential_combination(theta, weights, labels), atol=1e-12
    )


def test_short_times_give_the_times_times_the_labels():
    theta, labels = kernel_and_labels()
    weights = 1e-9 * source(2).random(40)
    np.testing.assert_allclose(combination(theta, weights, labels).values, weights[:, None] * labels, rtol=1e-6)
    assert np.array_equal(combination(theta, 0 * weights, labels).values, 0 * labels)


def test_long_times_give_the_interpolator():
    theta, labels = kernel_and_labels()
    long = 1e4 * (1 + source(2).random(40))
    np.testing.assert_allclose(combination(theta, long, labels).values, np.linalg.solve(theta, labels), atol=1e-8)


@pytest.mark.parametrize("scale", [0.0, 0.02, 3.0])
def test_the_explicit_gradient_is_the_finite_difference(scale):
    theta, labels = kernel_and_labels()
    weights = scale * source(2).random(40)
    weights[::5] = 0
    cotangent, step = source(3).standard_normal((40, 3)), 1e-4 * max(scale, 0.01)
    found = combination(theta, weights, labels).pull_back(cotangent)
    for k in range(0, 40, 3):
        # one-sided and of second order, because weights are not negative
        values = [combination(theta, weights + n * step * np.eye(40)[k], labels).values for n in range(3)]
        slope = np.sum(cotangent * (4 * values[1] - 3 * values[0] - values[2])) / (2 * step)
        np.testing.assert_allclose(found[k], slope, atol=2e-5 * np.max(np.abs(found)))
    if scale == 0.0:
        np.testing.assert_allclose(found, np.sum(cotangent * labels, axis=1), rtol=1e-12)


def test_the_explicit_gradient_is_linear_response_to_many_digits():
    theta, labels = kernel_and_labels(12)
    weights, change, cotangent = source(2).random(12), source(3).standard_normal(12), source(4).standard_normal((12, 3))
    field, moved = -theta * weights, -theta * change
    # P(w + h) to first order by the exponential of a block triangle; Theta P = (1 - exp(-Theta W)) y
    block = scipy.linalg.expm(np.block([[field, moved], [np.zeros_like(field), field]]))[:12, 12:]
    expected = np.sum(cotangent * np.linalg.solve(theta, -block @ labels))
    np.testing.assert_allclose(combination(theta, weights, labels).pull_back(cotangent) @ change, expected, rtol=1e-10)


def test_one_series_serves_all_stopping_times():
    theta, labels = kernel_and_labels()
    times = [1e-4, 0.03, 1.0, 250.0]
    for found, time in zip(stopped_combinations(theta, labels, times), times, strict=True):
        expected = exponential_combination(theta, np.full(40, time), labels)
        np.testing.assert_allclose(found, expected, atol=1e-11 * np.max(np.abs(expected)))


def test_series_and_bounds():
    assert degree(0.0) == 1
    assert degree(1e4) < 3 * math.sqrt(2 * 1e4 * 35)
    theta, _ = kernel_and_labels()
    weights = source(2).random(40)
    assert np.max(np.linalg.eigvals(theta * weights).real) <= find_reach(theta, weights)
    np.testing.assert_allclose(psi(np.asarray([0.0, 1e-12, 2.0])), [1, 1, (1 - math.exp(-2)) / 2], rtol=1e-11)
    np.testing.assert_allclose(chebyshev_series(np.full((4, 5), 2.0))[0, 0], 2.0)
    with pytest.raises(ValueError, match="reach: nan"):
        degree(math.nan)


@pytest.mark.parametrize("kind", ATTACKS)
def test_attacks_stay_in_the_ball_and_in_the_box_and_raise_the_loss(kind):
    problem = small_problem()
    problem.attack = Attack(0.1, kind)
    predictor, samples = problem.interpolator(), clouds(30, 6)
    targets = one_hot(samples.labels, 3, samples.points)
    attacked = problem.attacked(predictor, samples.points, samples.labels, "test", 0)
    radius = 0.1 if kind == "pgd" else 0.2
    assert 0.9 * radius < np.max(np.abs(attacked - samples.points)) <= radius + 1e-12
    assert np.max(np.abs(attacked)) <= 0.5
    losses = [np.sum((predictor.values(points) - targets) ** 2, axis=1) for points in (samples.points, attacked)]
    assert np.mean(losses[1]) > 1.2 * np.mean(losses[0])
    again = problem.attacked(predictor, samples.points, samples.labels, "test", 0)
    assert np.array_equal(attacked, again)
    assert not np.array_equal(attacked, problem.attacked(predictor, samples.points, samples.labels, "test", 1))


def test_iterated_gradients_attack_better_than_one_within_the_ball():
    problem, samples = small_problem(), clouds(60, 6)
    predictor = problem.interpolator()
    targets, still = one_hot(samples.labels, 3, samples.points), np.zeros_like(samples.points)

    def attacked_loss(kind):
        points = Attack(0.3, kind).perturb(predictor, samples.points, targets, still)
        return np.sum((predictor.values(points) - targets) ** 2)

    assert attacked_loss("pgd") > 1.01 * attacked_loss("one-gradient")


def test_the_gradient_of_the_attack_is_the_finite_difference_of_the_loss():
    problem, samples = small_problem(), clouds(5, 6)
    predictor, targets = problem.interpolator(), one_hot(samples.labels, 3, samples.points)
    found = predictor.loss_gradient(samples.points, targets)
    step = 1e-6
    for k in range(12):
        ahead, behind = (predictor.values(samples.points + sign * step * np.eye(12)[k]) - targets for sign in (1, -1))
        np.testing.assert_allclose(found[:, k], np.sum(ahead**2 - behind**2, axis=1) / (4 * step), atol=1e-6)


def test_values_do_not_depend_on_how_many_kernels_fit_in_memory(monkeypatch):
    problem, samples = small_problem(), clouds(30, 6)
    predictor, targets = problem.interpolator(), one_hot(samples.labels, 3, samples.points)
    whole = predictor.values(samples.points), predictor.loss_gradient(samples.points, targets)
    monkeypatch.setattr("numerics.kernel_predictor.ENTRIES", 100)
    np.testing.assert_allclose(predictor.values(samples.points), whole[0], rtol=1e-10)
    np.testing.assert_allclose(predictor.loss_gradient(samples.points, targets), whole[1], rtol=1e-8, atol=1e-12)


def test_the_gradient_of_the_training_loss_moves_away_from_zero_weights():
    training = Training(small_problem(), Schedule(rate=0.01))
    problem = training.problem
    batch = problem.on_device(problem.validation)
    loss, gradient = training.loss_and_gradient(batch)
    attacked = problem.attacked(training.predictor(), *batch, "training", 0)
    targets = one_hot(batch[1], 3, attacked)
    kernel = ntk(problem.training.points, attacked, **asdict(NETWORK))
    np.testing.assert_allclose(gradient, -np.sum(kernel @ targets * problem.targets, axis=1) / 30, rtol=1e-10)
    assert loss == pytest.approx(0.5)
    assert np.linalg.norm(gradient) > 0


def test_the_training_gradient_is_that_of_the_loss_on_fixed_attacked_images():
    training = Training(small_problem(), Schedule())
    problem, step = training.problem, 1e-6
    training.weights = 0.1 * source(7).standard_normal(45)
    batch = problem.on_device(problem.validation)
    attacked = problem.attacked(training.predictor(), *batch, "training", 0)
    targets = one_hot(batch[1], 3, attacked)
    _, gradient = training.loss_and_gradient(batch)

    def loss(weights):
        values = combination(problem.theta, np.abs(weights), problem.targets).values
        return np.sum((ntk(attacked, problem.training.points, **asdict(NETWORK)) @ values - targets) ** 2) / 60

    for k in range(0, 45, 4):
        move = step * np.eye(45)[k]
        slope = (loss(training.weights + move) - loss(training.weights - move)) / (2 * step)
        np.testing.assert_allclose(gradient[k], slope, atol=1e-7)


def test_training_lowers_the_loss_and_is_decided_by_the_seed():
    runs = []
    for seed in (3, 3, 4):
        training = Training(small_problem(seed=seed), Schedule(steps=15, rate=0.1))
        for _ in range(15):
            training.step()
        runs.append(training)
    assert np.array_equal(runs[0].weights, runs[1].weights)
    assert not np.array_equal(runs[0].weights, runs[2].weights)
    assert runs[0].losses[-1] < 0.8 * runs[0].losses[0]
    assert np.all(runs[0].learned_times() >= 0)


def test_minibatches_are_whole_and_cover_the_shuffled_images_in_turn():
    training = Training(small_problem(), Schedule(batch=12))
    batches = [next(training._batches) for _ in range(4)]
    assert all(len(batch) == 12 for batch in batches)
    assert len(set(batches[0]) | set(batches[1])) == 24
    assert not np.array_equal(np.concatenate(batches[:2]), np.concatenate(batches[2:]))


def test_the_curve_ends_at_the_interpolator_and_the_best_time_is_chosen_on_validation_images():
    problem = small_problem()
    times = problem.stopping_times()
    curve = list(degeneration_curve(problem, clouds(30, 6), times))
    assert [one.time for one in curve] == [math.inf, *times]
    assert len(times) >= 7
    assert curve[-1].test[0].value == pytest.approx(curve[0].test[0].value, abs=0.1)
    sure, poor = share(0.9, 10), share(0.2, 10)
    made = [Stopped(math.inf, (sure, sure), (sure, sure)), Stopped(2.0, (sure, poor), (sure, sure))]
    made += [Stopped(1.0, (poor, sure), (poor, poor)), Stopped(3.0, (sure, sure), (sure, sure))]
    assert best_stopping(made).time == 1.0
    assert best_stopping(made[:1]) is None


def test_duplicated_training_images_leave_a_least_norm_interpolator():
    samples = clouds(12, 4)
    twice = Samples(np.vstack([samples.points] * 2), np.concatenate([samples.labels] * 2))
    doubled = Problem(twice, clouds(9, 5), 3, NETWORK, Attack(0.1), precision="float64")
    single = Problem(samples, clouds(9, 5), 3, NETWORK, Attack(0.1), precision="float64")
    inputs = clouds(20, 6).points
    np.testing.assert_allclose(doubled.interpolator().values(inputs), single.interpolator().values(inputs), atol=1e-6)


def test_single_precision_gives_the_same_accuracies_nearly():
    single, double = small_problem(precision="float32"), small_problem()
    test = clouds(60, 6)
    for one, other in zip(
        single.accuracies(single.interpolator(), test, "test"),
        double.accuracies(double.interpolator(), test, "test"),
        strict=True,
    ):
        assert abs(one.value - other.value) <= 2 / 60
    assert single.interpolator().points.dtype == np.float32


def test_other_devices_learn_the_same_times(device):
    here, there = (Training(small_problem(where), Schedule()) for where in (CPU, device))
    for _ in range(3):
        assert here.step() == pytest.approx(there.step(), rel=1e-8)
    np.testing.assert_allclose(there.learned_times(), here.learned_times(), atol=1e-9)
    values = [to_numpy(one.problem.stopped([0.01, 1.0])[1].combination) for one in (here, there)]
    np.testing.assert_allclose(values[1], values[0], atol=1e-9)


def test_accuracy_counts_right_answers_with_the_binomial_error():
    samples = clouds(40, 4)
    predictor = Predictor(samples.points, np.zeros((40, 3)), NETWORK)
    found = measure_accuracy(predictor, samples.points, np.asarray([0] * 30 + [1] * 10))
    assert (found.value, found.count) == (0.75, 40)
    assert found.standard_error == pytest.approx(math.sqrt(0.75 * 0.25 / 40))


@pytest.mark.parametrize("radius", [0.0, -0.1, math.nan, math.inf])
def test_a_radius_that_is_no_radius_is_refused(radius):
    with pytest.raises(ValueError, match=r"radius: .* must be a finite number above 0"):
        Attack(radius)


@pytest.mark.parametrize(("make", "message"), [
    (lambda: Attack(0.1, "fgsm"), "kind: 'fgsm' is unknown"),
    (lambda: Attack(0.1, steps=0), "steps: 0"),
    (lambda: Schedule(steps=0), "steps and batch"),
    (lambda: Schedule(rate=0.0), "rate: 0.0"),
])  # fmt: skip
def test_settings_that_mean_nothing_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
