"""Draws: shapes, normalisation, and what the rungs share."""

from types import SimpleNamespace

import numpy as np
import pytest

from numerics.activations import compile_activation
from numerics.ensembles import draw_random_features
from numerics.lab import ArrayLab
from numerics.sampling import stream


def draw(size=40, **changes):
    at = SimpleNamespace(**{"psi1": 1.5, "psi2": 2.0, "noise": 0.5, "signal": 2.0} | changes)
    return draw_random_features(ArrayLab(stream(0, "ensembles", 0)), at, size)


def test_shapes_follow_the_ratios():
    one = draw(41)
    assert one.first_layer.shape == (round(61.5), 41)
    assert one.inputs.shape == (82, 41)
    assert one.surrogate.shape == (82, round(61.5))


def test_rows_and_target_have_their_norms():
    one = draw()
    np.testing.assert_allclose(np.linalg.norm(one.first_layer, axis=1), 1.0, rtol=1e-14)
    assert np.linalg.norm(one.target) == pytest.approx(2.0, rel=1e-14)


def test_labels_are_the_target_plus_noise():
    clean = draw(noise=0.0)
    np.testing.assert_allclose(clean.labels, clean.inputs @ clean.target, rtol=1e-14)
    noisy = draw(size=2000, psi1=0.01, noise=0.5)
    assert np.std(noisy.labels - noisy.inputs @ noisy.target) == pytest.approx(0.5, rel=0.05)


def test_both_families_of_features_have_the_same_covariance():
    one, activation = draw(size=20, psi2=2000.0), compile_activation("relu")
    gaussian = one.gaussian_features(activation.linear_coefficient, activation.nonlinear_energy)
    true = one.true_features(activation)
    np.testing.assert_allclose(true.T @ true / len(true), activation.dual(one.overlaps), atol=0.02)
    expected = activation.linear_coefficient**2 * one.overlaps + activation.nonlinear_energy * np.eye(30)
    np.testing.assert_allclose(gaussian.T @ gaussian / len(true), expected, atol=0.02)


def test_mean_gram_is_the_mean_of_the_gradient_grams_up_to_its_higher_terms():
    one, activation = draw(size=20, psi2=2000.0), compile_activation("relu")
    slopes = one.true_slopes(activation)
    exact = one.overlaps * activation.dual_slope(one.overlaps)
    np.testing.assert_allclose(one.overlaps * (slopes.T @ slopes) / len(slopes), exact, atol=0.02)
    gram = one.mean_gram(activation.linear_coefficient, activation.derivative_energy)
    np.testing.assert_allclose(np.diag(gram), np.diag(exact), rtol=1e-12)
    off = ~np.eye(30, dtype=bool)
    np.testing.assert_allclose(gram[off], exact[off], atol=0.2 * np.max(np.abs(one.overlaps[off])))


def test_a_ratio_that_leaves_nothing_is_refused():
    with pytest.raises(ValueError, match=r"psi1 = 0\.001 at dimension 40"):
        draw(psi1=0.001)
