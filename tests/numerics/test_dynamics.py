"""The frozen linear dynamics: closed forms, ordered products and integrators agree where they must, and only there."""

import math
from itertools import pairwise

import array_api_strict
import numpy as np
import pytest
import scipy.linalg
from hypothesis import given, settings
from hypothesis import strategies as st

from numerics.dynamics import (
    IntegrationStatus,
    check_times,
    closed_form,
    descend,
    diagonal_at,
    integrate,
    integrate_fixed_steps,
    largest_stable_step,
    midpoint_pieces,
    rates,
    time_ordered_product,
)
from numerics.dynamics_bounds import (
    error_bound,
    kernel_norm,
    leading_error,
    levy_area,
    prediction_bound,
    residual_bound,
    turning_norm,
)
from numerics.experiments import robust_overfitting_dynamics as experiments
from numerics.lab import ArrayLab, Device, gpu_available, select_device, to_numpy
from numerics.trained_outputs import output_law, predict

TWO = np.array([[2.0, 1.0], [1.0, 2.0]])
FIRST, SECOND = np.array([8.0, 3.0]), np.array([3.0, 8.0])
STRICT = Device("strict", "array-api-strict", array_api_strict, array_api_strict.Device("device1"))
DEVICES = [STRICT, *([select_device("gpu")] if gpu_available() else [])]
SEEDS = settings(max_examples=15, deadline=None, derandomize=True)


def instance(seed, n=5):
    draws = np.random.default_rng(seed)
    features = draws.standard_normal((n, 2 * n))
    slopes, phases = draws.uniform(-1, 1, n), draws.uniform(0, 6, n)
    theta, u0 = features @ features.T / (2 * n), draws.standard_normal(n)
    return theta, u0, lambda t: slopes * np.sin(3 * t + phases), slopes


def integral(strength, time, panels=400):
    return sum(h * d for h, d in midpoint_pieces(strength, 0.0, time, panels))


@pytest.mark.parametrize(
    ("h", "relative", "exact", "closed"),
    [
        (0.01, 0.006087, (0.902579, -0.889316), 0.895834),
        (0.05, 0.124737, (0.655213, -0.512204), 0.576950),
        (0.1, 0.346696, (0.462671, -0.247963), 0.332871),
        (0.2, 0.790544, (0.221232, -0.071311), 0.110803),
        (0.5, 2.946930, (0.020551, -0.005160), 0.004087),
    ],
)
def test_the_counterexample_has_its_known_numbers(h, relative, exact, closed):
    product = time_ordered_product(TWO, [(h, FIRST), (h, SECOND)], np.eye(2))
    printed = closed_form(TWO, h * (FIRST + SECOND), np.eye(2))
    start = np.array([1.0, -1.0])
    assert np.linalg.norm(product - printed) / np.linalg.norm(printed) == pytest.approx(relative, abs=6e-7)
    np.testing.assert_allclose(product @ start, exact, atol=6e-7)
    np.testing.assert_allclose(printed @ start, (closed, -closed), atol=6e-7)


def test_a_later_piece_multiplies_from_the_left():
    product = time_ordered_product(TWO, [(0.2, FIRST), (0.3, SECOND)], np.eye(2))
    ordered = scipy.linalg.expm(-0.3 * TWO * SECOND) @ scipy.linalg.expm(-0.2 * TWO * FIRST)
    np.testing.assert_allclose(product, ordered, atol=1e-14)
    assert (
        np.linalg.norm(product - scipy.linalg.expm(-0.2 * TWO * FIRST) @ scipy.linalg.expm(-0.3 * TWO * SECOND)) > 0.1
    )


@SEEDS
@given(st.integers(0, 10**6), st.sampled_from([0.0, 1e-3, 1.0, 30.0]))
def test_the_closed_form_is_the_matrix_exponential(seed, scale):
    theta, u0, _, slopes = instance(seed)
    xi = scale * (1.5 + slopes)
    np.testing.assert_allclose(closed_form(theta, xi, u0), scipy.linalg.expm(-theta * xi) @ u0, atol=1e-12)
    xi[1] = 0.0
    both = np.stack([u0, -2 * u0], axis=1)
    np.testing.assert_allclose(closed_form(theta, xi, both), scipy.linalg.expm(-theta * xi) @ both, atol=1e-12)


@SEEDS
@given(st.integers(0, 10**6))
def test_integrators_and_ordered_products_agree(seed):
    theta, u0, strength, _ = instance(seed)
    reference = integrate(theta, strength, u0, [0.4, 1.0])
    assert reference.status is IntegrationStatus.reached
    np.testing.assert_allclose(
        integrate_fixed_steps(theta, strength, u0, [0.4, 1.0], steps=300), reference.residuals, atol=1e-7
    )
    errors = [
        np.linalg.norm(time_ordered_product(theta, midpoint_pieces(strength, 0, 1, k), u0) - reference.residuals[-1])
        for k in (20, 40)
    ]
    assert 3 < errors[0] / errors[1] < 5.5  # second order


@SEEDS
@given(st.integers(0, 10**6))
def test_bounds_hold_for_every_attack(seed):
    theta, u0, strength, _ = instance(seed)
    times = [0.3, 1.0, 2.0]
    reached = integrate(theta, strength, u0, times).residuals
    gaps = [
        kernel_norm(theta, u - closed_form(theta, integral(strength, t), u0))
        for u, t in zip(reached, times, strict=True)
    ]
    bounds = error_bound(theta, strength, u0, times, steps=200)
    assert all(gap <= bound for gap, bound in zip(gaps, bounds, strict=True))
    assert gaps[-1] > bounds[-1] / 500
    left = residual_bound(theta, strength, u0, times, steps=200)
    assert all(kernel_norm(theta, u) <= bound for u, bound in zip(reached, left, strict=True))


@SEEDS
@given(st.integers(0, 10**6))
def test_a_prediction_is_within_its_bound_of_the_interpolator(seed):
    draws = np.random.default_rng(seed)
    features = draws.standard_normal((6, 9))
    gram = features @ features.T
    theta, cross, at_point = gram[:5, :5], gram[5:, :5], gram[5, 5]
    _, u0, strength, _ = instance(seed)
    u = integrate(theta, strength, u0, [0.05]).residuals[-1]
    zero = np.zeros(1)
    gap = predict(cross, theta, zero, u0, u) - predict(cross, theta, zero, u0, np.zeros(5))
    bound = prediction_bound(at_point, residual_bound(theta, strength, u0, [0.05]))[0]
    assert 0 < abs(gap[0]) <= bound


def test_the_bound_without_its_half_would_not_be_sharp():
    pieces = [(1e-4, FIRST), (1e-4, SECOND)]
    product = time_ordered_product(TWO, pieces, np.eye(2)) - closed_form(TWO, 1e-4 * (FIRST + SECOND), np.eye(2))
    whitened = np.linalg.inv(scipy.linalg.sqrtm(TWO)) @ product @ scipy.linalg.sqrtm(TWO)
    bound = turning_norm(TWO, 1e-4 * FIRST, SECOND) * 1e-4 / 2
    assert np.linalg.norm(whitened, 2) == pytest.approx(bound, rel=2e-3)


def test_the_norm_of_the_commutator_is_that_of_the_commutator():
    theta, _, strength, slopes = instance(3)
    xi, d = 1.5 + slopes, diagonal_at(strength, 0.7)
    commutator = theta @ np.diag(xi) @ theta @ np.diag(d) - theta @ np.diag(d) @ theta @ np.diag(xi)
    root = scipy.linalg.sqrtm(theta)
    expected = np.linalg.norm(np.linalg.inv(root) @ commutator @ root, 2)
    assert turning_norm(theta, xi, d) == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize(("time", "share"), [(0.1, 0.2), (0.05, 0.1), (0.025, 0.05)])
def test_the_levy_area_leads_the_error_at_short_times(time, share):
    theta, u0, _, slopes = instance(11)

    def strength(t):
        return slopes * (1 + np.sin(5 * t + 3 * slopes))

    pieces = midpoint_pieces(strength, 0.0, time, 500)
    error = integrate(theta, strength, u0, [time]).residuals[-1] - closed_form(theta, sum(h * d for h, d in pieces), u0)
    leading = leading_error(theta, levy_area(pieces), u0)
    assert kernel_norm(theta, error - leading) < share * kernel_norm(theta, leading)
    assert kernel_norm(theta, error + leading) > kernel_norm(theta, leading)


def test_gradient_descent_is_stable_exactly_below_its_largest_step():
    theta, u0, strength, _ = instance(5)
    diagonal = diagonal_at(strength, 1.0)
    step = largest_stable_step(theta, diagonal)
    norms = [kernel_norm(theta, u) for u in descend(theta, [diagonal] * 50, u0, step=0.99 * step)]
    assert all(after < before for before, after in pairwise(norms))
    beyond = descend(theta, [diagonal] * 400, u0, step=1.05 * step)
    assert kernel_norm(theta, beyond[-1]) > 1e6 * kernel_norm(theta, u0)
    assert step <= 2 / np.max(np.diag(theta) * diagonal)


def test_an_unstable_number_of_runge_kutta_steps_is_refused():
    theta, u0, _, _ = instance(2)
    with pytest.raises(ValueError, match="steps: 2 are unstable"):
        integrate_fixed_steps(theta, lambda t: np.full(5, 3.0), u0, [4.0], steps=2)


def test_outputs_follow_their_gaussian_law():
    draws = np.random.default_rng(8)
    square = draws.standard_normal((5, 5))
    nngp = square @ square.T
    theta, y = TWO, np.array([1.0, -1.0])
    cross = draws.standard_normal((3, 2))
    propagator = time_ordered_product(theta, [(0.1, FIRST), (0.2, SECOND)], np.eye(2))
    mean, covariance = output_law(cross, theta, propagator, y, (nngp[2:, 2:], nngp[2:, :2], nngp[:2, :2]))
    f0 = draws.standard_normal((40_000, 5)) @ square.T
    u0 = f0[:, :2].T - y[:, None]
    outputs = predict(cross, theta, f0[:, 2:].T, u0, propagator @ u0)
    np.testing.assert_allclose(outputs.mean(axis=1), mean, atol=0.1)
    np.testing.assert_allclose(np.cov(outputs), covariance, atol=0.05 * np.max(covariance))


@pytest.mark.parametrize("device", DEVICES, ids=lambda device: device.name)
def test_the_same_code_serves_every_array_library(device):
    theta, u0, _, slopes = instance(4)
    there = [device.asarray(array) for array in (theta, u0, 1.5 + slopes, slopes)]

    def strength(array):
        return lambda t: array * t

    for here, moved in (
        (closed_form(theta, 1.5 + slopes, u0), closed_form(there[0], there[2], there[1])),
        (
            integrate_fixed_steps(theta, strength(slopes), u0, [1.0], steps=40),
            integrate_fixed_steps(there[0], strength(there[3]), there[1], [1.0], steps=40),
        ),
        (
            np.array(error_bound(theta, strength(slopes), u0, [1.0], steps=20)),
            np.array(error_bound(there[0], strength(there[3]), there[1], [1.0], steps=20)),
        ),
        (levy_area([(1.0, slopes), (2.0, u0)]), levy_area([(1.0, there[3]), (2.0, there[1])])),
        (rates(theta, 1.5 + slopes), rates(there[0], there[2])),
    ):
        np.testing.assert_allclose(to_numpy(moved), here, atol=1e-12)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: closed_form(np.ones((2, 3)), np.ones(2), np.ones(2)), "theta: its shape"),
        (lambda: closed_form(TWO, np.ones(3), np.ones(2)), "xi: its shape"),
        (lambda: closed_form(TWO, -np.ones(2), np.ones(2)), "xi: its smallest entry is -1"),
        (lambda: closed_form(TWO, np.ones(2), np.ones(3)), "u0: its shape"),
        (lambda: time_ordered_product(TWO, [(-1.0, FIRST)], np.ones(2)), "pieces: a duration is -1"),
        (lambda: integrate(TWO, lambda t: np.zeros(2), np.ones(2), [1.0, 0.5]), "times: "),
        (lambda: midpoint_pieces(lambda t: np.zeros(2), 0, 1, 0), "count: 0"),
        (lambda: levy_area([]), "pieces: none"),
        (lambda: prediction_bound(-1.0, [1.0]), "kernel_at_point"),
    ],
)
def test_bad_arguments_are_refused_in_one_line(call, message):
    with pytest.raises(ValueError, match=message) as caught:
        call()
    assert "\n" not in str(caught.value)


def test_the_closed_form_is_exact_in_the_commuting_cases_and_not_beyond():
    lab = ArrayLab(np.random.default_rng(1))
    found = experiments.commuting_cases(lab, type("At", (), {"amplitude": 0.5}), 6)
    assert max(value for name, value in found.items() if name != "unequal") < 1e-12
    assert found["unequal"] > 1e-4


@pytest.mark.parametrize("times", [[math.nan], [1.0, math.inf], [1.0, math.nan], [-1.0], [1.0, 1.0], []])
def test_times_that_are_not_finite_and_increasing_are_refused(times):
    with pytest.raises(ValueError, match=r"times: .* finite, increasing times from 0 on"):
        check_times(times)


def test_time_zero_alone_gives_the_start():
    found = integrate(np.eye(2), lambda t: np.zeros(2), np.array([1.0, -1.0]), [0.0])
    np.testing.assert_array_equal(found.residuals, [[1.0, -1.0]])


def test_an_integral_that_is_not_a_number_is_refused():
    with pytest.raises(ValueError, match="xi: its smallest entry is nan"):
        closed_form(np.eye(2), np.array([math.nan, 1.0]), np.ones(2))
