"""The l2 attack: a lower bound of the maximum that is exact where the maximum is known."""

import array_api_strict
import numpy as np
import pytest

from numerics.activations import compile_activation
from numerics.attacks import Predictor, attack, first_order_losses
from numerics.lab import Device, to_numpy


def problem(text, *, dimension=30, features=40, samples=50, seed=0):
    draws = np.random.default_rng(seed)
    first_layer = draws.standard_normal((features, dimension))
    first_layer /= np.linalg.norm(first_layer, axis=1, keepdims=True)
    theta = draws.standard_normal(features) / np.sqrt(features)
    predictor = Predictor(theta, first_layer, compile_activation(text))
    return predictor, draws.standard_normal((samples, dimension)), draws.standard_normal(samples)


@pytest.mark.parametrize("text", ["relu", "tanh", "elu", "sin(3*t)"])
@pytest.mark.parametrize("epsilon", [0.01, 0.5, 5.0])
def test_losses_are_attained_inside_the_ball_and_never_below_the_clean_loss(text, epsilon):
    predictor, inputs, labels = problem(text)
    found = attack(predictor, inputs, labels, epsilon)
    assert np.all(np.linalg.norm(found.perturbations, axis=1) <= epsilon * (1 + 1e-12))
    attained = (labels - predictor.values(inputs + found.perturbations)) ** 2
    np.testing.assert_allclose(found.losses, attained, rtol=1e-10)
    assert np.all(found.losses >= (labels - predictor.values(inputs)) ** 2)


def test_attack_on_a_linear_predictor_is_exact():
    predictor, inputs, labels = problem("linear")
    found = attack(predictor, inputs, labels, 0.7)
    np.testing.assert_allclose(found.losses, first_order_losses(predictor, inputs, labels, 0.7), rtol=1e-9)


@pytest.mark.parametrize("text", ["relu", "tanh"])
def test_attack_in_the_plane_finds_the_maximum_over_a_fine_grid(text):
    predictor, inputs, labels = problem(text, dimension=2, features=12, samples=15, seed=3)
    radii, angles = np.meshgrid(np.linspace(0, 0.8, 41), np.linspace(0, 2 * np.pi, 721))
    disc = np.stack([(radii * np.cos(angles)).ravel(), (radii * np.sin(angles)).ravel()], axis=1)
    grid = [np.max((label - predictor.values(point + disc)) ** 2) for point, label in zip(inputs, labels, strict=True)]
    starts = np.random.default_rng(1).standard_normal((8, *inputs.shape))
    found = attack(predictor, inputs, labels, 0.8, starts=starts)
    np.testing.assert_allclose(np.sqrt(found.losses), np.sqrt(grid), rtol=2e-3)
    assert np.all(found.losses >= np.asarray(grid) * (1 - 2e-3))


def test_a_point_that_is_fitted_exactly_is_attacked_all_the_same():
    predictor, inputs, _ = problem("relu")
    labels = predictor.values(inputs)
    found = attack(predictor, inputs, labels, 0.5)
    tangent = first_order_losses(predictor, inputs, labels, 0.5)
    assert np.all(found.losses > 0.5 * tangent)


def test_further_starts_change_little():
    predictor, inputs, labels = problem("relu", dimension=100, features=100)
    once = attack(predictor, inputs, labels, 0.5)
    starts = np.random.default_rng(2).standard_normal((4, *inputs.shape))
    often = attack(predictor, inputs, labels, 0.5, starts=starts)
    assert np.all(often.losses >= once.losses)
    assert np.mean(often.losses) <= np.mean(once.losses) * (1 + 1e-3)


@pytest.mark.parametrize("text", ["relu", "tanh"])
def test_small_attacks_are_first_order(text):
    predictor, inputs, labels = problem(text)
    found = attack(predictor, inputs, labels, 1e-4)
    np.testing.assert_allclose(found.losses, first_order_losses(predictor, inputs, labels, 1e-4), rtol=1e-4)


def test_smooth_attacks_end_stationary():
    predictor, inputs, labels = problem("tanh")
    found = attack(predictor, inputs, labels, 0.5, tolerance=1e-6)
    assert np.max(found.stationarity) <= 1e-6


def test_radius_zero_leaves_the_clean_loss():
    predictor, inputs, labels = problem("relu")
    found = attack(predictor, inputs, labels, 0.0)
    np.testing.assert_array_equal(found.losses, (labels - predictor.values(inputs)) ** 2)
    assert not np.any(found.perturbations)


@pytest.mark.parametrize("epsilon", [-0.1, float("nan"), float("inf")])
def test_radii_that_are_no_radii_are_refused(epsilon):
    predictor, inputs, labels = problem("relu")
    with pytest.raises(ValueError, match="epsilon"):
        attack(predictor, inputs, labels, epsilon)


def test_strict_device_gives_the_same_losses():
    predictor, inputs, labels = problem("relu", dimension=8, features=10, samples=12)
    device = Device("strict", "strict", array_api_strict, array_api_strict.Device("device1"))
    moved = Predictor(device.asarray(predictor.theta), device.asarray(predictor.first_layer), predictor.activation)
    found = attack(moved, device.asarray(inputs), device.asarray(labels), 0.5)
    assert found.losses.device == device.native
    np.testing.assert_allclose(to_numpy(found.losses), attack(predictor, inputs, labels, 0.5).losses, rtol=1e-9)
