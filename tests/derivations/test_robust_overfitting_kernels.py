"""Kernels of wide networks: published numbers, the diagonal, what is refused, and planted mistakes."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from scipy.optimize import brentq

from derivations.core import Level
from derivations.robust_overfitting import ark, kernels, network_kernels
from numerics.experiments.robust_overfitting_kernels import ark_drift, sampled_networks
from numerics.kernels import nngp_and_ntk
from numerics.lab import ArrayLab
from numerics.parameters import ParameterError
from numerics.sampling import stream
from numerics.solver import solve
from verify.kernel import Context, judge
from verify.verdict import Outcome

CONTEXT = Context(level=Level.quick, seed=0, device="cpu")
SEEN = {"W_std": 1.5, "b_std": 0.2, "dimension": 10}


def found(name: str, **parameters: object) -> np.ndarray:
    return np.asarray(solve("robust_overfitting.kernels", **parameters).observables[name])


def test_the_mean_gradient_of_relu_explodes_with_depth_at_the_papers_initialisation() -> None:
    """W_std = 1.76, MLP-2, MLP-3, MLP-5 and MLP-10."""
    means = found("ark_mean", depth=[1, 2, 4, 9], cosine=1)
    assert means == pytest.approx([4.80, 7.43, 17.8, 158.8], rel=2e-3)


def test_relu_gradients_have_the_relative_deviation_sqrt_of_two_over_d() -> None:
    dimension = np.array([4, 16, 64, 256])
    given = {"dimension": dimension, "cosine": 1, "depth": 3}
    relative = np.sqrt(found("ark_variance", **given)) / found("ark_mean", **given)
    assert relative == pytest.approx(np.sqrt(2 / dimension), rel=1e-12)


def test_one_erf_norm_explains_three_measured_numbers() -> None:
    """The mean ARK of one layer fixes |x|^2/d; its variance and the mean of two layers follow."""

    def gap(norm2: float) -> float:
        return float(
            found("ark_mean", activation="erf", depth=1, cosine=1, input_norm2=norm2, other_norm2=norm2, **SEEN)
        )

    norm2 = brentq(lambda p: gap(p) - 2.6124, 0.05, 3)
    at = {"activation": "erf", "cosine": 1, "input_norm2": norm2, "other_norm2": norm2, **SEEN}
    assert found("ark_variance", depth=1, **at) == pytest.approx(1.452, abs=2e-3)
    assert found("ark_mean", depth=2, **at) == pytest.approx(3.1817, abs=2e-3)


@pytest.mark.parametrize("activation", ["relu", "erf"])
def test_the_kernels_are_continuous_where_two_inputs_become_one(activation: str) -> None:
    for name in kernels.OBSERVABLES:
        near, at = found(name, activation=activation, depth=3, cosine=[1 - 1e-10, 1], **SEEN)
        assert near == pytest.approx(at, rel=1e-4)


@pytest.mark.parametrize("activation", ["relu", "erf"])
def test_solver_and_gram_matrices_agree(activation: str) -> None:
    points = np.random.default_rng(3).standard_normal((2, 5))
    norms, inner = np.sum(points**2, axis=1) / 5, points[0] @ points[1] / 5
    at = {"input_norm2": norms[0], "other_norm2": norms[1], "cosine": inner / np.sqrt(norms[0] * norms[1])}
    for depth in (1, 3):
        grams = nngp_and_ntk(points, depth=depth, activation=activation, w_std=1.5, b_std=0.2)
        for name, gram in zip(("nngp", "ntk"), grams, strict=True):
            ours = found(name, activation=activation, depth=depth, W_std=1.5, b_std=0.2, dimension=5, **at)
            assert ours == pytest.approx(gram[0, 1], rel=1e-12)


@pytest.mark.parametrize(
    ("given", "word"),
    [
        ({"depth": 2.5}, "whole number"),
        ({"depth": 12}, "depth"),
        ({"b_std": 0, "cosine": -1}, "parallel"),
        ({"b_std": 0, "cosine": 1, "other_norm2": 2}, "parallel"),
        ({"activation": "tanh"}, "relu, erf"),
        ({"cosine": 1.5}, "cosine"),
    ],
)
def test_what_is_not_stated_is_refused_in_one_line(given, word) -> None:
    with pytest.raises(ParameterError, match=word) as refusal:
        solve("robust_overfitting.kernels", **given)
    assert "\n" not in str(refusal.value)


def test_without_biases_one_input_and_other_activations_are_no_problem() -> None:
    assert np.isfinite(found("ark_mean", b_std=0, cosine=1))
    assert np.isfinite(found("ark_mean", b_std=0, cosine=-1, activation="erf"))


def test_sampled_networks_refuse_a_plane_in_one_dimension() -> None:
    at = SimpleNamespace(
        activation="erf", depth=1, W_std=1.0, b_std=0.0, dimension=1.0, input_norm2=1.0, other_norm2=1.0, cosine=0.5
    )
    with pytest.raises(ValueError, match="dimension"):
        sampled_networks(ArrayLab(stream(0, "plane", 0)), at, 8)


def test_three_layers_of_sampled_networks_have_the_ntk_of_the_recursion() -> None:
    at = SimpleNamespace(
        activation="relu", depth=3, W_std=1.5, b_std=0.2, dimension=4.0, input_norm2=1.0, other_norm2=1.0, cosine=0.2
    )
    theory = solve("robust_overfitting.kernels", **vars(at)).observables
    rows = [sampled_networks(ArrayLab(stream(0, "three", k)), at, 64) for k in range(30)]
    for name in ("nngp", "ntk"):
        assert np.mean([row[name] for row in rows]) == pytest.approx(float(theory[name]), rel=0.06)


def test_the_gradient_moves_by_about_three_over_d_in_plain_training() -> None:
    at = SimpleNamespace(W_std=1.5, b_std=0.1, time=1.0)
    for dimension in (20, 80):
        drifts = [ark_drift(ArrayLab(stream(0, "drift", k)), at, dimension)["drift"] for k in range(40)]
        assert 2 < dimension * np.sqrt(np.mean(np.square(drifts))) < 4.5


def _spoil(monkeypatch: pytest.MonkeyPatch, function: str, entry: str) -> None:
    right = getattr(network_kernels, function)

    def wrong(kind, layer, /, **options):
        new = right(kind, layer, **options)
        return {**new, entry: new[entry] * 101 / 100}

    monkeypatch.setattr(network_kernels, function, wrong)


@pytest.mark.parametrize("entry", ["K_p", "K_q", "K_r", "K_qq", "K_pq", "K_qr", "K_pr", "Theta_p", "Theta_q"])
@pytest.mark.parametrize("name", ["relu_derivatives", "erf_derivatives"])
def test_a_wrong_partial_of_the_recursion_fails(entry, name, monkeypatch) -> None:
    _spoil(monkeypatch, "next_layer", entry)
    assert judge(replace(kernels.theorem.steps[name]), CONTEXT).outcome is Outcome.fails


@pytest.mark.parametrize(
    ("function", "entry", "name"),
    [
        ("next_diagonal", "spread", "diagonal"),
        ("next_diagonal", "along", "diagonal"),
        ("next_diagonal", "spread", "relu_mean"),
        ("next_layer", "K_pr", "diagonal"),
        ("next_layer", "K_q", "high_dimension"),
    ],
)
def test_a_wrong_gradient_covariance_fails(function, entry, name, monkeypatch) -> None:
    _spoil(monkeypatch, function, entry)
    assert judge(replace(ark.theorem.steps[name]), CONTEXT).outcome is Outcome.fails
