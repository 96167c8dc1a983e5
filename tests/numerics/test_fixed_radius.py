"""Attacks of a fixed length: the inclusion is solved through the kinks, and stops in finite time."""

import math

import array_api_strict
import numpy as np
import pytest

from numerics.dynamics import closed_form, integrate
from numerics.fixed_radius import InclusionStatus, attack_exponents, extinction_bound, integrate_fixed_radius
from numerics.lab import Device, to_numpy


def instance(seed, n=5):
    draws = np.random.default_rng(seed)
    features = draws.standard_normal((n, 2 * n))
    return features @ features.T / (2 * n), draws.uniform(0.2, 0.6, n), draws.standard_normal(n)


def test_the_exponent_gives_the_length_that_was_asked_for():
    radius, square, u = np.array([0.1, 2.0]), np.array([4.0, 0.5]), np.array([-3.0, 0.01])
    lengths = np.expm1(attack_exponents(radius, square, u)) * np.abs(u) / np.sqrt(square)
    np.testing.assert_allclose(lengths, radius, rtol=1e-13)


@pytest.mark.parametrize("steps", [400, 1600])
def test_one_point_follows_its_closed_form_and_stops(steps):
    theta, rho, u0 = np.array([[2.0]]), np.array([0.5]), np.array([3.0])
    stop = math.log1p(6.0) / 2
    times = [0.2, 0.5, stop + 0.05, 2.0]
    found = integrate_fixed_radius(theta, rho, u0, times, steps=steps).residuals[:, 0]
    exact = np.maximum(3.5 * np.exp(-2 * np.array(times)) - 0.5, 0)
    np.testing.assert_allclose(found, exact, atol=8 / steps)
    assert found[-1] == 0 == found[-2]
    assert extinction_bound(theta, rho, u0) == pytest.approx(stop, rel=1e-13)


@pytest.mark.parametrize("seed", range(4))
def test_every_residual_is_zero_by_the_bound(seed):
    theta, rho, u0 = instance(seed)
    bound = extinction_bound(theta, rho, u0)
    found = integrate_fixed_radius(theta, rho, u0, [bound / 50, bound], steps=600)
    assert found.status is InclusionStatus.reached
    assert np.max(np.abs(found.residuals[-1])) == 0
    assert np.max(np.abs(found.residuals[0])) > 0


@pytest.mark.parametrize("seed", range(3))
def test_the_inclusion_is_the_linear_system_with_its_own_strength_before_a_kink(seed):
    theta, rho, _ = instance(seed)
    u0 = np.where(np.arange(5) % 2 == 0, 4.0, -4.0)
    time = 0.1
    found = integrate_fixed_radius(theta, rho, u0, [time], steps=2000).residuals[-1]
    smooth = integrate(theta, lambda t: np.zeros(5), u0 + rho * np.sign(u0), [time]).residuals[-1] - rho * np.sign(u0)
    assert np.all(np.sign(smooth) == np.sign(u0))
    np.testing.assert_allclose(found, smooth, atol=5e-4)


def test_the_closed_form_with_the_true_strength_is_not_the_residual():
    theta, rho, u0 = np.array([[2.0, 1.0], [1.0, 2.0]]), np.array([2.0, 2.0]), np.array([4.0, 1.0])
    middles = (np.arange(500) + 0.5) * 0.07 / 500
    residuals = [closed_form(theta, np.full(2, time), u0 + rho) - rho for time in [*middles, 0.07]]
    assert np.min(residuals) > 0
    xi = np.sum(1 + rho / np.array(residuals[:-1]), axis=0) * 0.07 / 500
    gap = closed_form(theta, xi, u0) - residuals[-1]
    assert np.max(np.abs(gap / residuals[-1])) > 0.03


def test_a_strict_array_library_gives_the_same_path():
    device = Device("strict", "array-api-strict", array_api_strict, array_api_strict.Device("device1"))
    theta, rho, u0 = instance(7)
    here = integrate_fixed_radius(theta, rho, u0, [0.5, 2.0], steps=60).residuals
    there = integrate_fixed_radius(*map(device.asarray, (theta, rho, u0)), [0.5, 2.0], steps=60).residuals
    np.testing.assert_allclose(to_numpy(there), here, atol=1e-12)


def test_a_negative_length_is_refused():
    with pytest.raises(ValueError, match="rho: its smallest entry is -1"):
        integrate_fixed_radius(np.eye(2), np.array([1.0, -1.0]), np.ones(2), [1.0])
    with pytest.raises(ValueError, match="finite time only for rho > 0"):
        extinction_bound(np.eye(2), np.array([1.0, 0.0]), np.ones(2))


def test_no_length_needs_no_strength_even_at_interpolation():
    found = attack_exponents(np.array([1.0, 0.0, 1.0]), np.ones(3), np.array([0.0, 0.0, 1.0]))
    np.testing.assert_allclose(found, [np.inf, 0.0, np.log(2.0)])
