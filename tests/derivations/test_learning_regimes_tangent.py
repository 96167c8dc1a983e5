"""The neural tangent regime: printed values, what it refuses, the laws its limits obey, and their continuity."""

from __future__ import annotations

from typing import Any

import mpmath
import numpy as np
import pytest

from derivations.discover import load
from derivations.learning_regimes import tangent_trace, tangent_traceless
from derivations.learning_regimes.tangent import theorem
from numerics.parameters import ParameterError
from numerics.solution import Solution
from numerics.solver import solve
from verify.kernel import Context, judge
from verify.verdict import Outcome

RATIOS = np.array([0.05, 0.3, 0.9, 1.0, 1.1, 2.0, 8.0])
SMOOTH = ("tanh(t+1)", "sin(t+1)", "t**3 + t**2 + t", "cos(t)", "erf(t+0.5)")


def at(**values: Any) -> Solution:
    return solve(theorem, **values)


def errors(solution: Solution) -> tuple[np.ndarray, np.ndarray]:
    return solution.observables["test_error"], solution.observables["dirichlet_energy"]


def test_the_values_of_the_note_are_reproduced() -> None:
    relu = at(rho=0.5, trace_alignment=0, activation="relu")
    assert relu.observables["test_error"] == pytest.approx(0.5365164636, abs=1e-10)
    error, energy = errors(at(rho=0.5, trace_alignment=1, activation="sin(t+1)"))
    assert error == pytest.approx(0.8083651969, abs=1e-10)
    assert energy == pytest.approx(0.2955239841, abs=1e-10)


def test_the_dirichlet_energy_of_relu_is_infinite_and_says_so() -> None:
    solution = at(rho=[0.5, 2], activation="relu")
    assert np.all(np.isnan(solution.observables["dirichlet_energy"]))
    assert np.all(solution.phase == "slope_jumps")
    assert "infinite" in next(phase.note for phase in solution.phases if phase.name == "slope_jumps")


@pytest.mark.parametrize("tau", [-1, 0, 0.6])
@pytest.mark.parametrize("activation", ["t**2", "2*t**2 - 3*t + 1"])
def test_a_quadratic_activation_projects(activation: str, tau: float) -> None:
    error, energy = errors(at(rho=RATIOS, trace_alignment=tau, activation=activation))
    left = np.maximum(1 - RATIOS, 0)
    np.testing.assert_allclose(error, left**2 + RATIOS * left * tau**2, atol=1e-15)
    np.testing.assert_allclose(energy, 1 - error, atol=1e-15)


ROUNDED = [(0.5, 10, 5), (0.5, 11, 6), (0.5, 9, 4), (0.01, 20, 1), (1.4, 5, 7)]


@pytest.mark.parametrize(("rho", "dimension", "rows"), ROUNDED)
def test_the_mean_at_finite_dimension_rounds_the_rows_as_python_does(rho: float, dimension: int, rows: int) -> None:
    assert rows == max(1, round(rho * dimension))
    error, energy = errors(at(rho=rho, trace_alignment=0.3, activation="t**2", dimension=dimension))
    left = max(dimension - rows, 0)
    expected = left / dimension - (1 - 0.09) * left * rows / ((dimension + 2) * (dimension - 1))
    assert error == pytest.approx(expected, abs=1e-14)
    assert energy == pytest.approx(1 - expected, abs=1e-14)


def test_the_mean_at_finite_dimension_tends_to_the_limit() -> None:
    gaps = [
        float(abs(errors(at(rho=0.5, activation="t**2", dimension=d))[0] - errors(at(rho=0.5, activation="t**2"))[0]))
        for d in (100, 1000, 10000)
    ]
    assert gaps[0] > 5 * gaps[1] > 25 * gaps[2] > 0


@pytest.mark.parametrize("rho", [0.3, 0.8, 2.0])
def test_vanishing_high_degrees_give_back_the_projection(rho: float) -> None:
    """The error of t**2 + h t**4 tends to that of t**2 as h does, no faster than h^2 explains."""
    limit, _ = errors(at(rho=rho, activation="t**2"))
    gaps = [abs(errors(at(rho=rho, activation=f"t**2 + {h}*t**4"))[0] - limit) for h in ("1/100", "1/1000")]
    assert gaps[0] > 50 * gaps[1] > 0


@pytest.mark.parametrize("rho", [0.4, 3.0])
def test_a_vanishing_ridge_gives_back_the_projection(rho: float) -> None:
    limit = errors(at(rho=rho, activation="t**2"))
    for found, expected in zip(errors(at(rho=rho, activation="t**2", ridge=1e-7)), limit, strict=True):
        assert found == pytest.approx(expected, abs=1e-5)


def test_a_large_ridge_learns_nothing() -> None:
    error, energy = errors(at(rho=RATIOS, activation="tanh(t+1)", ridge=1e8))
    np.testing.assert_allclose(error, 1, atol=1e-5)
    np.testing.assert_allclose(energy, 0, atol=1e-5)


@pytest.mark.parametrize("activation", SMOOTH)
def test_a_ridge_trades_error_for_energy(activation: str) -> None:
    error, energy = errors(at(rho=0.7, activation=activation, ridge=np.geomspace(1e-3, 10, 20)))
    assert np.all(np.diff(error) > 0)
    assert np.all(np.diff(energy) < 0)


@pytest.mark.parametrize("activation", SMOOTH)
@pytest.mark.parametrize("tau", [0.0, 0.5, 1.0])
def test_what_is_learnt_costs_more_than_a_quadratic_fit(activation: str, tau: float) -> None:
    error, energy = errors(at(rho=RATIOS, trace_alignment=tau, activation=activation))
    assert np.all(energy > 1 - error)


@pytest.mark.parametrize("activation", [*SMOOTH, "t**2"])
@pytest.mark.parametrize("offset", ["yes", "no"])
@pytest.mark.parametrize("ridge", [0.0, 0.3])
def test_no_fit_beats_the_universal_bound(activation: str, offset: str, ridge: float) -> None:
    error, energy = errors(at(rho=RATIOS, trace_alignment=0.7, activation=activation, offset=offset, ridge=ridge))
    assert np.all(np.sqrt(energy) >= 1 - np.sqrt(error) - 1e-12)


@pytest.mark.parametrize("activation", SMOOTH)
def test_more_rows_miss_less(activation: str) -> None:
    error, _ = errors(at(rho=np.geomspace(0.01, 100, 40), activation=activation))
    assert np.all(np.diff(error) < 0)
    assert error[0] > 0.9
    assert 0 < error[-1] < 0.3


@pytest.mark.parametrize("activation", ["tanh(t+1)", "t**2"])
def test_without_an_offset_the_trace_part_is_lost(activation: str) -> None:
    error, energy = errors(at(rho=0.6, trace_alignment=1, activation=activation, offset="no"))
    assert (error, energy) == (1, 0)
    with_offset, without = (
        errors(at(rho=0.6, trace_alignment=0, activation=activation, offset=choice)) for choice in ("yes", "no")
    )
    assert with_offset == without


def test_only_the_sign_free_data_of_the_activation_matter() -> None:
    first = errors(at(rho=RATIOS, activation="tanh(t+1)"))
    for same in ("-tanh(t+1)", "tanh(t-1)", "tanh(t+1) + 7"):
        np.testing.assert_allclose(errors(at(rho=RATIOS, activation=same)), first, rtol=1e-12)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"activation": "tanh(t)"}, "mu_2 != 0"),
        ({"activation": "t**3 - 3*t + t**2"}, "mu_1 = 0 and mu_3 != 0"),
        ({"activation": "tanh(t+1)", "dimension": 20}, "dimension is for quadratic"),
        ({"activation": "t**2", "dimension": 20.5}, "whole number"),
        ({"activation": "t**2", "dimension": 1}, "dimension >= 2"),
        ({"activation": "t**2", "dimension": 20, "ridge": 0.1}, "ridge=0"),
        ({"activation": "t**2", "dimension": 20, "offset": "no"}, "offset=yes"),
        ({"activation": "tanh(t+1)", "covariance": "0.5@0.5,1.5@0.5"}, "covariance is for quadratic"),
        ({"activation": "t**2", "covariance": "0.5@0.5,1.5@0.5", "ridge": 0.1}, "ridge=0"),
        ({"activation": "t**2", "trace_alignment": 1.1}, "trace_alignment"),
    ],
)
def test_what_is_not_known_is_refused_in_one_line(values: dict[str, Any], words: str) -> None:
    with pytest.raises(ParameterError) as refusal:
        at(rho=0.5, **values)
    assert words in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_an_even_activation_needs_no_linear_part() -> None:
    assert np.all(at(rho=RATIOS, activation="t**2 + t**4/12").status == "converged")


def resolvent(z: Any, rho: Any) -> Any:
    return (-(z + rho - 1) + mpmath.sqrt((z + rho - 1) ** 2 + 4 * z)) / (2 * z)


@pytest.mark.parametrize("rho", ["0.3", "1", "5"])
@pytest.mark.parametrize("high", ["1e-4", "1", "100"])
def test_the_traceless_error_keeps_its_digits(rho: str, high: str) -> None:
    """sigma' = 1 + 2 t + 3 h t^2 has beta_1 = 2 and c_b = 18 h^2: against 40 digits of the integral over the law."""
    with mpmath.workdps(40):
        ratio, h = mpmath.mpf(rho), mpmath.mpf(high)
        c = 18 * h**2 / 4

        def kernel(angle: Any) -> Any:
            s = 1 + ratio + 2 * mpmath.sqrt(ratio) * mpmath.cos(angle)
            return 2 / mpmath.pi * mpmath.sin(angle) ** 2 * resolvent(c + s, ratio)

        corners = [0, mpmath.pi / 2, mpmath.pi * mpmath.mpf("0.999"), mpmath.pi]
        expected = 1 - 2 * ratio * mpmath.quad(kernel, corners)
        found = at(rho=float(ratio), trace_alignment=0, activation=f"t**2 + ({float(h)!r})*t**3 + t")
    assert float(found.observables["test_error"]) == pytest.approx(float(expected), rel=1e-9)


def test_the_wide_limit_of_the_traceless_error_is_half_its_stiffness_over_rho() -> None:
    found, _ = errors(at(rho=1e5, trace_alignment=0, activation="t**3 + t**2 + t"))
    assert found * 1e5 == pytest.approx(18 / 4 / 2, rel=1e-3)


MODULES = [f"tangent{part}" for part in ("", "_quadratic", "_traceless", "_trace", "_degrees", "_covariance")]


@pytest.mark.standard
@pytest.mark.parametrize("module", MODULES)
def test_every_step_but_the_simulations_holds_or_is_granted(module: str) -> None:
    for step in load(f"learning_regimes.{module}").steps.values():
        if "Simulation" not in {type(item).__name__ for item in step.evidence}:
            verdict = judge(step, Context(seed=3))
            assert verdict.outcome in {Outcome.holds, Outcome.granted}, f"{step.id}: {verdict.detail}"


def test_the_closed_forms_of_the_trace_part_are_of_the_minimum_and_not_of_another_functional() -> None:
    """With c_a and c_b exchanged the minimum is another."""
    atoms, constants = tangent_trace.SPECTRA[0], dict(tangent_trace.CONSTANTS[0])
    claimed = [value.subs(constants) for value in tangent_trace.closed_forms(atoms)]
    assert list(tangent_trace.minimum(atoms, constants)) == claimed
    along, across = constants[tangent_trace.C_A], constants[tangent_trace.C_B]
    swapped = {**constants, tangent_trace.C_A: across, tangent_trace.C_B: along}
    assert list(tangent_trace.minimum(atoms, swapped)) != claimed


def test_an_entry_of_a_traceless_target_is_missed_as_the_kernel_says() -> None:
    """At s = t = c = 1 the missed share is 1/3."""
    values = {tangent_traceless.s: 1, tangent_traceless.t: 1, tangent_traceless.c: 1, tangent_traceless.beta: 2}
    best = tangent_traceless.entry(tangent_traceless.c)
    missed = (tangent_traceless.cost(tangent_traceless.c) / 2).subs(best).subs(values)
    assert 3 * missed == 1


def test_a_ridge_shrinks_a_quadratic_fit_entry_by_entry() -> None:
    """For t**2, c = lambda/4: the misses are (c/(c + s + t))^2 over mu times mu and, in the trace, (c/(c + 2 s))^2."""
    rho, ridge, tau = 2.0, 0.7, 0.6
    angles = (np.arange(400) + 0.5) * np.pi / 400
    s = 1 + rho + 2 * np.sqrt(rho) * np.cos(angles)
    weights = rho * 2 / 400 * np.sin(angles) ** 2 / s
    share = ridge / 4 / (ridge / 4 + np.add.outer(s, s))
    pairs, alike = np.multiply.outer(weights, weights), ridge / 4 / (ridge / 4 + 2 * s)
    error, energy = errors(at(rho=rho, trace_alignment=tau, activation="t**2", ridge=ridge))
    missed = (1 - tau**2) * np.sum(pairs * share**2) + tau**2 * np.sum(weights * alike**2)
    learnt = (1 - tau**2) * np.sum(pairs * (1 - share) ** 2) + tau**2 * np.sum(weights * (1 - alike) ** 2)
    assert error == pytest.approx(missed, rel=1e-10)
    assert energy == pytest.approx(learnt, rel=1e-10)
