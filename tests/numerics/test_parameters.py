"""What a caller gives: numbers, arrays and activations that are refused in one line that says why."""

from __future__ import annotations

import numpy as np
import pytest

from derivations.discover import load
from numerics import solve
from numerics.parameters import ParameterError, complete

ID = "random_features.robust_risk"
POINT = {"psi1": 2.0, "psi2": 2.0, "epsilon": 0.5}


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"psi1": None}, "psi1 is None; allowed is a number, psi1 > 0"),
        ({"psi1": True}, "psi1 is True"),
        ({"psi1": np.ones(3), "psi2": np.ones((2, 4))}, r"psi1 \(3,\), psi2 \(2, 4\)"),
        ({"activation": "exp(30*t)"}, "its linear_coefficient is 8.12e.196"),
        ({"activation": "exp(20*t)"}, "its nonlinear_energy is 2.73e.347"),
        ({"activation": "sin(50*t)"}, "its linear_coefficient is 6.77e-542"),
        ({"activation": "sign"}, r"write sign\(t\)"),
        ({"activation": "max"}, r"write max\(t, 0\)"),
        ({"activation": "1e300*t"}, "powers of ten go from e-99 to e99"),
    ],
)
def test_a_value_that_cannot_be_used_is_refused_with_the_reason(wrong, words):
    with pytest.raises(ParameterError, match=words) as refusal:
        solve(ID, **{**POINT, **wrong})
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("text", ["foo(t)", "exp(t**2", "t +", "1e300*t", "1/t"])
def test_a_refusal_quotes_an_activation_once(text):
    with pytest.raises(ParameterError) as refusal:
        solve(ID, **POINT, activation=text)
    assert str(refusal.value).count(text) == 1


@pytest.mark.parametrize(
    ("small", "whole"),
    [
        ("1e-20*tanh(t)", "tanh(t)"),
        ("1e-20*max(t, 0) + 1e-20*tanh(t)", "max(t, 0) + tanh(t)"),
        ("1e-20*relu(t)", "relu"),
    ],
)
def test_a_small_activation_is_not_a_linear_one(small, whole):
    """The weights make up for the scale of the features."""
    tiny, plain = (solve(ID, **POINT, activation=text) for text in (small, whole))
    assert tiny.status == plain.status == "converged"
    assert tiny.observables["robust_risk"] == pytest.approx(plain.observables["robust_risk"], rel=1e-9)
    weights = plain.observables["weight_norm_squared"]
    assert tiny.observables["weight_norm_squared"] == pytest.approx(1e40 * weights, rel=1e-9)


def test_only_a_linear_activation_is_linear():
    assert solve(ID, **POINT, activation="1e-20*t").phase == "linear_activation"


def test_a_solution_shows_its_shape_and_statuses_and_no_arrays():
    solution = solve(ID, psi1=np.geomspace(1, 2, 5), psi2=2.0, epsilon=[[0.5], [9.0]])
    assert repr(solution) == f"Solution('{ID}', shape (2, 5), 5 collapsed, 5 converged)"


def test_all_missing_parameters_are_named_at_once() -> None:
    model = load("random_features.robust_risk").model
    with pytest.raises(ParameterError, match=r"psi1 is missing: .*; psi2 is missing: .*; epsilon is missing: "):
        complete(model, {})
