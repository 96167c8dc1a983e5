"""The fully trained quadratic network: reference values, laws of the best fit and of the flow, and what is refused."""

from __future__ import annotations

import math

import mpmath
import numpy as np
import pytest
from sympy import Rational, Symbol, Tuple

from derivations.learning_regimes import trained
from derivations.learning_regimes.lower_mean import LowerMean
from derivations.learning_regimes.trained_from_random import fitted, inverse_gain, kept, kept_at_any_time, wavering
from numerics.parameters import ParameterError
from numerics.solver import Solver

RHOS = np.array([1e-6, 0.01, 0.2, 0.5, 0.9, 0.999, 1.0, 3.0])


@pytest.fixture(scope="module")
def solver() -> Solver:
    return Solver(trained.model(), title="trained")


def error_of(solver: Solver, **given: object) -> np.ndarray:
    return solver(**given).observables["test_error"]


def test_the_reference_value_of_a_goe_target_is_met(solver):
    found = solver(rho=0.2)
    assert float(found.observables["test_error"]) == pytest.approx(0.4644138135, abs=1e-10)
    assert float(found.observables["dirichlet_energy"]) == pytest.approx(0.5355861865, abs=1e-10)
    assert float(found.residual) < 1e-12


@pytest.mark.parametrize("rho", [0.01, 0.2, 0.7, 0.99])
def test_a_centred_semicircle_follows_the_printed_angle(solver, rho):
    phi = mpmath.findroot(
        lambda p: (2 * p + mpmath.sin(2 * p)) / mpmath.pi - (1 - rho), (0.001, 1.57), solver="anderson"
    )
    expected = (4 * phi - mpmath.sin(4 * phi)) / (2 * mpmath.pi)
    found = solver(rho=rho, trace_alignment=0)
    assert float(found.observables["test_error"]) == pytest.approx(float(expected), rel=1e-9)
    assert float(found.unknowns["u"]) == pytest.approx(float(2 * mpmath.sin(phi)), rel=1e-9)


@pytest.mark.parametrize("alignment", [0.1, 0.5, 0.85, 0.9, 0.99, -0.5])
def test_a_shifted_semicircle_loses_the_smallest_squares(solver, alignment):
    nodes = (np.arange(200_000) + 0.5) / 200_000 * np.pi
    weights = 2 * np.sin(nodes) ** 2 / 200_000
    squares = (alignment + math.sqrt(1 - alignment**2) * 2 * np.cos(nodes)) ** 2
    order = np.argsort(squares)
    mass, lost = np.cumsum(weights[order]), np.cumsum((weights * squares)[order])
    rhos = np.array([0.02, 0.3, 0.6, 0.9])
    expected = np.interp(1 - rhos, mass, lost)
    np.testing.assert_allclose(error_of(solver, rho=rhos, trace_alignment=alignment), expected, atol=1e-7)


def test_the_identity_loses_what_has_no_neuron(solver):
    np.testing.assert_allclose(error_of(solver, rho=RHOS, spectrum="identity"), np.maximum(1 - RHOS, 0), atol=1e-15)


def test_a_spectrum_of_few_values_is_piecewise_linear_in_rho(solver):
    rhos = np.array([0.1, 0.25, 0.5, 0.625, 0.75, 1.0])
    kept_squares = 9 * np.minimum(rhos, 0.25) + 4 * np.clip(rhos - 0.25, 0, 0.25) + np.clip(rhos - 0.5, 0, 0.5)
    expected = 1 - kept_squares / 3.75
    found = error_of(solver, rho=rhos, spectrum="3@0.25,-2@0.25,1@0.5")
    np.testing.assert_allclose(found, expected, atol=1e-14)


def test_ties_in_absolute_value_count_as_one_value(solver):
    tied = error_of(solver, rho=RHOS, spectrum="2@0.3,-2@0.3,1@0.4")
    merged = error_of(solver, rho=RHOS, spectrum="2@0.6,1@0.4")
    np.testing.assert_allclose(tied, merged, atol=1e-14)


def test_a_spectrum_may_be_typed_at_any_scale_and_sign(solver):
    first = error_of(solver, rho=RHOS, spectrum="3@0.25,-2@0.25,1@0.5")
    np.testing.assert_allclose(error_of(solver, rho=RHOS, spectrum="-6@0.25,4@0.25,-2@0.5"), first, atol=1e-14)
    own = (0.75 - 0.5 + 0.5) / math.sqrt(9 / 4 + 1 + 0.5)
    given = error_of(solver, rho=RHOS, spectrum="3@0.25,-2@0.25,1@0.5", trace_alignment=own)
    np.testing.assert_allclose(given, first, atol=1e-12)


def test_many_atoms_approach_the_semicircle(solver):
    count = 400
    angles = np.pi * (np.arange(count) + 0.5) / count
    weights = np.sin(angles) ** 2
    atoms = ",".join(f"{2 * math.cos(a):.9f}@{w:.13f}" for a, w in zip(angles, weights / weights.sum(), strict=True))
    for alignment in (0.0, 0.6):
        found = error_of(solver, rho=0.3, spectrum=atoms, trace_alignment=alignment)
        exact = error_of(solver, rho=0.3, trace_alignment=alignment)
        np.testing.assert_allclose(found, exact, atol=1e-4)


@pytest.mark.parametrize("given", [{}, {"trace_alignment": 0.4}, {"spectrum": "3@0.25,-2@0.25,1@0.5"}])
def test_more_neurons_never_hurt_the_best_fit_and_both_observables_sum_to_one(solver, given):
    found = solver(rho=np.linspace(0.01, 1.2, 60), **given)
    errors = found.observables["test_error"]
    assert set(found.status) == {"converged"}
    assert np.all(np.diff(errors) <= 1e-12)
    np.testing.assert_allclose(errors + found.observables["dirichlet_energy"], 1, atol=1e-14)


def test_without_an_offset_the_trace_part_is_lost(solver):
    rhos = np.array([0.1, 0.5, 0.9, 1.0, 2.0])
    centred = error_of(solver, rho=rhos, trace_alignment=0)
    for alignment in (0.0, 0.5, -0.8, 1.0):
        found = error_of(solver, rho=rhos, trace_alignment=alignment, offset="no")
        np.testing.assert_allclose(found, alignment**2 + (1 - alignment**2) * centred, atol=1e-12)
    np.testing.assert_allclose(error_of(solver, rho=rhos, spectrum="identity", offset="no"), 1, atol=1e-15)


def test_the_start_of_the_flow_is_the_random_network(solver):
    found = solver(rho=0.7, time=1e-9, init_scale=1.5, trace_alignment=0.4)
    energy = 1.5**2 * (0.7 + 0.7**2)
    assert float(found.observables["dirichlet_energy"]) == pytest.approx(energy, rel=1e-7)
    assert float(found.observables["test_error"]) == pytest.approx(1 - 2 * 1.5 * 0.7 * 0.4 + energy, rel=1e-7)


def test_the_end_of_the_flow_is_the_best_fit_of_a_positive_target(solver):
    for rho in (0.1, 0.4, 0.8, 2.0):
        best = error_of(solver, rho=rho, spectrum="3@0.25,2@0.25,1@0.5")
        late = solver(rho=rho, spectrum="3@0.25,2@0.25,1@0.5", time=3000)
        assert float(late.observables["test_error"]) == pytest.approx(float(best), abs=1e-4)


def test_the_flow_keeps_positive_eigenvalues_only(solver):
    late = solver(rho=0.9, time=140)
    assert float(late.observables["test_error"]) == pytest.approx(0.5, abs=1e-5)
    negative = solver(rho=0.9, time=140, trace_alignment=-1)
    assert float(negative.observables["test_error"]) == pytest.approx(1, abs=1e-6)


def test_a_semicircle_and_its_quadrature_give_the_same_flow(solver):
    nodes = np.pi * np.arange(1, 201) / 201
    atoms = ",".join(f"{2 * math.cos(a):.15f}@{2 * math.sin(a) ** 2 / 201:.17f}" for a in nodes)
    for given in ({"time": 0.3}, {"time": 4.0, "trace_alignment": 0.5, "init_scale": 0.1}):
        exact, summed = solver(rho=0.5, **given), solver(rho=0.5, spectrum=atoms, **given)
        for name, value in exact.observables.items():
            assert float(summed.observables[name]) == pytest.approx(float(value), rel=1e-8)


def test_the_energy_law_holds_along_the_limit_of_the_flow(solver):
    """eps_rob = 1 - eps_test - d/dt tr M: above 1 - eps_test while a large start shrinks, below while a small grows."""
    for scale, sign in ((5.0, 1), (0.01, -1)):
        found = solver(rho=0.5, time=0.1, init_scale=scale, trace_alignment=0.3)
        total = float(found.observables["test_error"] + found.observables["dirichlet_energy"])
        assert sign * (total - 1) > 1e-3


def test_the_gain_of_the_activation_rescales_rows_clock_and_sign(solver):
    given = {"rho": 0.5, "spectrum": "3@0.25,-2@0.25,1@0.5"}
    first = solver(time=0.5, init_scale=0.2, activation="-3*t**2 + 1", **given)
    flipped = {**given, "spectrum": "-3@0.25,2@0.25,-1@0.5"}
    second = solver(time=1.5, init_scale=0.6, activation="t**2", **flipped)
    for name, value in first.observables.items():
        assert float(second.observables[name]) == pytest.approx(float(value), rel=1e-12)


@pytest.mark.parametrize(
    "given",
    [
        {"rho": 1e-3, "time": 1.0, "init_scale": 1e-4},
        {"rho": 0.1, "time": 1e4, "spectrum": "1@0.5,-1@0.25,3@0.25"},
        {"rho": 0.5, "time": 1e4, "spectrum": "1@0.5,0@0.5"},
        {"rho": 3.0, "time": 150.0, "init_scale": 100.0},
        {"rho": 1e-3, "time": 150.0, "init_scale": 1e-4},
    ],
)
def test_the_flow_is_solved_at_extreme_points(solver, given):
    found = solver(**given)
    assert str(found.status) == "converged"
    assert all(0 <= float(value) <= 1.0001 for value in found.observables.values())


@pytest.mark.parametrize("b", [-3, Rational(-1, 5), 0, Rational(1, 7), 2])
@pytest.mark.parametrize("t", [Rational(1, 1000), 1, 30])
def test_the_stable_forms_are_the_plain_ones(b, t):
    b, t = Rational(b), Rational(t)
    with mpmath.workdps(40):
        value, at = (mpmath.mpf(x.p) / x.q for x in (b, t))
        plain = value / mpmath.expm1(2 * value * at) if value else 1 / (2 * at)
        assert abs(mpmath.mpf(str(inverse_gain(b, t).evalf(30))) / plain - 1) < 1e-20
        assert abs(mpmath.mpf(str(fitted(b, t).evalf(30))) - (value + plain)) < 1e-20 * (1 + abs(plain))


@pytest.mark.parametrize("y", [-5, 0, Rational(1, 3), 7])
def test_both_forms_of_the_kept_part_agree(y):
    value = 1 / (1 + math.exp(y))
    assert float(kept(Rational(y))) == pytest.approx(value)
    assert float(kept_at_any_time(Rational(y))) == pytest.approx(value)
    assert float(wavering(Rational(y))) == pytest.approx(value * (1 - value))


def test_a_lower_mean_of_explicit_values_splits_ties():
    x, law = (
        Symbol("x", real=True),
        Tuple(Tuple(1, Rational(1, 4)), Tuple(-1, Rational(1, 4)), Tuple(3, Rational(1, 2))),
    )
    assert LowerMean(x**2, x, law, Rational(3, 8)) == Rational(3, 8)
    assert LowerMean(x**2, x, law, Rational(3, 4)) == Rational(1, 2) + Rational(9, 4)
    assert LowerMean(x**2, x, law, Rational(-1, 4)) == 0
    with pytest.raises(TypeError, match="ordered"):
        LowerMean(x**2 + Symbol("z"), x, law, Rational(1, 2))


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"activation": "relu"}, "linear part"),
        ({"activation": "t**4"}, "not of degree 2"),
        ({"activation": "1"}, "a not 0"),
        ({"spectrum": "0@1"}, "target vanishes"),
        ({"spectrum": "identity", "trace_alignment": 0.5}, "-1 or 1"),
        ({"offset": "no", "time": 1}, "best fit only"),
        ({"offset": "no", "spectrum": "1@0.5,2@0.5"}, "offset=no"),
        ({"offset": "no", "activation": "t**2 - 1"}, "emulate the offset"),
        ({"time": 151}, "time 150"),
        ({"trace_alignment": 1.5}, "trace_alignment"),
        ({"init_scale": 0}, "init_scale"),
        ({"spectrum": "1@0.5,2@0.4"}, "spectrum"),
    ],
)
def test_what_is_not_solved_is_refused_in_one_line(solver, given, words):
    with pytest.raises(ParameterError, match=words) as caught:
        solver(rho=0.5, **given)
    assert "\n" not in str(caught.value)
