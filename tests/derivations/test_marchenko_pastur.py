"""The Marchenko-Pastur closed forms: against eigenvalues of finite first layers, and against one another in doubles."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sympy import Integer, Rational, Symbol

from derivations.core import Model, parameter
from derivations.lemmas.marchenko_pastur import closed_form, omega, psi1, stable_program
from numerics.sampling import stream
from numerics.solver import Solver

kappa, lam = Symbol("kappa", positive=True), Symbol("lam", positive=True)
ridge = parameter("ridge", "regularisation of the resolvent", positive=True)
TRACES = ("m", "h", "m12", "m22", "h2")
SOLVER = Solver(
    Model(
        parameters=(psi1, ridge),
        unknowns=(),
        program=((kappa, Integer(1)), (lam, ridge), *stable_program(psi1, kappa, lam)),
        equations=(),
        observables={name: Symbol(name, positive=True) for name in TRACES},
        start={},
    )
)


def _stable(features: float, at: float) -> dict[str, float]:
    """The stable traces at kappa = 1, lam = at, as the generated solvers evaluate them."""
    return {name: float(value) for name, value in SOLVER(psi1=features, ridge=at).observables.items()}


@settings(max_examples=25, derandomize=True, deadline=None)
@given(st.floats(0.2, 4), st.floats(0.05, 5))
def test_traces_agree_with_eigenvalues_of_a_first_layer(features: float, at: float) -> None:
    d = 300
    rows = stream(0, f"traces {features} {at}", 0).standard_normal((round(features * d), d))
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    values = np.linalg.eigvalsh(rows.T @ rows)
    found = _stable(len(rows) / d, at)
    assert found["m"] == pytest.approx(np.mean(values / (values + at)), rel=0.05)
    assert found["m12"] == pytest.approx(np.mean(values / (values + at) ** 2), rel=0.1)
    assert found["m22"] == pytest.approx(np.mean(values**2 / (values + at) ** 2), rel=0.1)


@settings(max_examples=60, derandomize=True, deadline=None)
@given(st.integers(-60, 60), st.integers(-90, 90))
def test_stable_forms_keep_their_digits_where_the_closed_form_loses_them(a: int, b: int) -> None:
    features, at = Rational(2) ** (a // 6) * 3, Rational(2) ** b
    precise = closed_form.subs({psi1: features, omega: at}).evalf(120)
    found = _stable(float(features), float(at))
    assert found["m"] == pytest.approx(float((1 - at * precise).evalf(30)), rel=1e-13)
    assert found["h"] == pytest.approx(float((precise + (features - 1) / at).evalf(30)), rel=1e-13)
