"""Dual activations: against Gaussian averages, in doubles near the diagonal, and every planted mistake is noticed."""

from __future__ import annotations

from dataclasses import replace

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sympy import Expr, Integer, Rational, Symbol, lambdify

from derivations.core import Level
from derivations.lemmas import dual_activations as duals
from verify.kernel import Context, judge
from verify.verdict import Outcome

NODES, WEIGHTS = np.polynomial.hermite_e.hermegauss(60)
CONTEXT = Context(level=Level.quick, seed=0, device="cpu")


def value(activation: str, letters: str, *at: float) -> float:
    return float(duals.partial(activation, letters, *map(Rational, at)).evalf(20))


def erf_average(order_u: int, order_v: int, a: float, b: float, c: float) -> float:
    """E of derivatives of erf(t) at u and v, by Gauss-Hermite quadrature."""

    def derivative(order: int, t: np.ndarray) -> np.ndarray:
        if order == 0:
            return np.vectorize(lambda x: float(mpmath.erf(x)))(t)
        slope = 2 / np.sqrt(np.pi) * np.exp(-(t**2))
        return slope * [1, -2 * t, 4 * t**2 - 2][order - 1]

    u = np.sqrt(a) * NODES[:, None]
    v = c / np.sqrt(a) * NODES[:, None] + np.sqrt(b - c**2 / a) * NODES[None, :]
    return float(WEIGHTS @ (derivative(order_u, u) * derivative(order_v, v)) @ WEIGHTS / (2 * np.pi))


@settings(max_examples=8, derandomize=True, deadline=None)
@given(st.floats(0.2, 1), st.floats(0.2, 1), st.floats(-0.9, 0.9))
def test_every_partial_of_erf_is_the_average_that_price_names(a: float, b: float, rho: float) -> None:
    c = rho * np.sqrt(a * b)
    named = {
        "": (0, 0, 1),
        "c": (1, 1, 1),
        "a": (2, 0, 1 / 2),
        "cc": (2, 2, 1),
        "ac": (3, 1, 1 / 2),
        "ab": (2, 2, 1 / 4),
    }
    for letters, (order_u, order_v, factor) in named.items():
        expected = factor * erf_average(order_u, order_v, a, b, c)
        assert value("erf", letters, a, b, c) == pytest.approx(expected, rel=1e-6, abs=1e-6)


@settings(max_examples=8, derandomize=True, deadline=None)
@given(st.floats(0.2, 3), st.floats(0.2, 3), st.floats(-0.9, 0.9))
def test_relu_averages_over_the_positive_quadrant(a: float, b: float, rho: float) -> None:
    draws = np.random.default_rng(0).standard_normal((2, 200_000))
    u, v = np.sqrt(a) * draws[0], np.sqrt(b) * (rho * draws[0] + np.sqrt(1 - rho**2) * draws[1])
    c = rho * np.sqrt(a * b)
    assert value("relu", "", a, b, c) == pytest.approx(np.mean(u * v * (u > 0) * (v > 0)), abs=0.01 * np.sqrt(a * b))
    assert value("relu", "c", a, b, c) == pytest.approx(np.mean((u > 0) & (v > 0)), abs=0.005)


@pytest.mark.parametrize("activation", duals.ACTIVATIONS)
def test_closed_forms_keep_their_digits_next_to_the_diagonal(activation: str) -> None:
    a, c = Symbol("a", positive=True), Symbol("c", real=True)
    in_doubles = lambdify([a, c], duals.closed_form(activation, "", a, a, c), "numpy")
    for power in range(2, 53, 5):
        near = 1 - 2.0**-power
        exact = duals.dual(activation, Integer(1), Integer(1), Rational(near)).evalf(40)
        assert float(in_doubles(1.0, near)) == pytest.approx(float(exact), rel=1e-15)
    assert float(in_doubles(1.0, 1.0)) == pytest.approx(float(duals.diagonal(activation, Integer(1))), rel=1e-15)


@pytest.mark.parametrize("activation", duals.ACTIVATIONS)
def test_the_dual_is_symmetric_in_its_pair(activation: str) -> None:
    at = Rational(3, 2), Rational(1, 3), Rational(-2, 5)
    for letters in ("", "c", "cc", "ab"):
        swapped = duals.partial(activation, letters, at[1], at[0], at[2])
        assert abs((duals.partial(activation, letters, *at) - swapped).evalf(30)) < 1e-25


def test_an_unknown_activation_or_derivative_is_refused_in_one_line() -> None:
    with pytest.raises(ValueError, match="'tanh' is unknown; allowed are relu, erf"):
        duals.dual("tanh", Integer(1), Integer(1), Integer(0))
    with pytest.raises(ValueError, match="'bb' is unknown"):
        duals.partial("erf", "bb", Integer(1), Integer(1), Integer(0))


DETECTED = [
    ("relu", "", "relu_at_independence"),
    ("relu", "c", "relu_at_independence"),
    ("relu", "cc", "relu_in_the_covariance"),
    ("relu", "a", "relu_in_a_variance"),
    ("relu", "ac", "relu_in_variance_and_covariance"),
    ("relu", "ab", "relu_in_both_variances"),
    ("erf", "c", "erf_in_the_covariance"),
    ("erf", "a", "erf_in_a_variance"),
    ("erf", "cc", "erf_second_partials"),
    ("erf", "ac", "erf_second_partials"),
    ("erf", "ab", "erf_second_partials"),
]


@pytest.mark.parametrize(("activation", "letters", "name"), DETECTED)
def test_a_wrong_dual_or_partial_fails_its_step(activation, letters, name, monkeypatch: pytest.MonkeyPatch) -> None:
    right = duals.partial

    def wrong(kind: str, which: str, *at: Expr) -> Expr:
        factor = Rational(101, 100) if (kind, which) == (activation, letters) else Integer(1)
        return factor * right(kind, which, *at)

    monkeypatch.setattr(duals, "partial", wrong)
    step = replace(duals.theorem.steps[name])
    assert judge(step, CONTEXT).outcome is Outcome.fails


@pytest.mark.parametrize(
    ("activation", "name"), [("relu", "relu_partials_printed"), ("erf", "erf_printed"), ("relu", "relu_printed")]
)
def test_a_wrong_printed_form_fails_its_step(activation, name, monkeypatch: pytest.MonkeyPatch) -> None:
    right = duals.closed_form
    letters = "c" if name == "relu_printed" else "ac"

    def wrong(kind: str, which: str, *at: Expr) -> Expr:
        return right(kind, which, *at) * (Rational(101, 100) if (kind, which) == (activation, letters) else 1)

    monkeypatch.setattr(duals, "closed_form", wrong)
    assert judge(replace(duals.theorem.steps[name]), CONTEXT).outcome is Outcome.fails
