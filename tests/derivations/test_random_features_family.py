"""The relatives of the robust risk: ridge and linear regression, exact recovery, the corner, the ends, the curse."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from sympy import Rational

from derivations.core import Derivation, Source, Symbolic
from derivations.evidence import Sampled
from derivations.model import Model
from derivations.random_features import (
    curse,
    limits,
    linear_regression,
    ridge_regression,
    robust_risk,
)
from derivations.random_features.symbols import psi1, psi2, step
from derivations.relations import Claim, equal
from derivations.side_by_side import side_by_side
from numerics.solution import Solution
from numerics.solver import solve
from verify.context import Context
from verify.kernel import judge
from verify.verdict import Outcome


def of(solution: Solution, name: str) -> Any:
    return np.asarray(solution.observables[name])


def test_a_changed_coefficient_of_the_published_polynomials_fails() -> None:
    module = ridge_regression
    scratch = Derivation(__name__, title="planted", source=Source("none", ("None",), "none", 2000))

    @scratch.step(Symbolic())
    def planted() -> Claim:
        """E_2 with one sign changed."""
        chi = -module.t * module.h
        e_0, _, e_2 = module.published_polynomials(chi, 1 / module.t, module.RATIONAL[psi1], module.RATIONAL[psi2])
        k = module.GAIN * step / (1 + step)
        return equal(k * e_0, (1 - k) * (e_2 + 4 * chi**2))

    assert judge(planted, Context()).outcome is Outcome.fails


def test_ridge_regression_gives_the_published_excess_risk() -> None:
    solution = solve(ridge_regression.theorem, psi1=3, psi2=3, ridge=0.3, noise=0.5, signal=1)
    assert of(solution, "standard_risk") - 0.25 == pytest.approx(0.3696795408871, abs=2e-13)


def test_robust_training_without_attack_is_ridge_regression() -> None:
    stream = np.random.default_rng(1)
    at: dict[str, Any] = {
        "psi1": 10 ** stream.uniform(-1, 1, 40),
        "psi2": 10 ** stream.uniform(-1, 1, 40),
        "ridge": 0.05,
    }
    attacked = solve(robust_risk.theorem, **at, epsilon=0, epsilon_test=0.7, activation="tanh(t)")
    plain = solve(ridge_regression.theorem, **at, epsilon_test=0.7, activation="tanh(t)")
    for name in plain.observables:
        assert of(attacked, name) == pytest.approx(of(plain, name), rel=1e-9)


def test_ridgeless_risk_is_a_hyperbola_in_the_number_of_features() -> None:
    risks = of(solve(ridge_regression.theorem, psi1=np.asarray([3.0, 4.0, 6.0, 1e9]), psi2=2, ridge=0), "standard_risk")
    residue = (risks[:3] - risks[3]) * np.asarray([1.0, 2.0, 4.0])
    assert residue == pytest.approx(residue[0], rel=1e-6)


def test_both_sides_of_the_threshold_have_the_same_residue() -> None:
    below, above = of(solve(ridge_regression.theorem, psi1=np.asarray([2 - 1e-6, 2 + 1e-6]), psi2=2), "standard_risk")
    assert below == pytest.approx(above, rel=1e-4)
    assert below > 1e5


@pytest.mark.parametrize("samples", [0.3, 0.5, 2.0, 7.0])
def test_plain_linear_regression_is_least_squares_or_least_norm(samples: float) -> None:
    risk = of(solve(linear_regression.theorem, psi2=samples, epsilon=0, noise=0.5, signal=1), "standard_risk")
    expected = 1 - samples + 0.25 / (1 - samples) if samples < 1 else 0.25 * samples / (samples - 1)
    assert risk == pytest.approx(expected, rel=1e-12)


def test_vanishing_attack_and_ridge_commute_for_linear_regression() -> None:
    attacked = solve(linear_regression.theorem, psi2=0.5, epsilon=1e-4)
    plain = solve(linear_regression.theorem, psi2=0.5, epsilon=0)
    assert of(attacked, "standard_risk") == pytest.approx(of(plain, "standard_risk"), rel=1e-9)


def test_linear_regression_is_solved_over_the_whole_domain() -> None:
    stream = np.random.default_rng(0)
    count = 4000
    solution = solve(
        linear_regression.theorem,
        psi2=10 ** stream.uniform(-2, 3, count),
        epsilon=stream.uniform(0, 2, count),
        ridge=stream.choice([0, 1e-8, 0.1], count),
        noise=stream.choice([0, 1e-6, 0.03, 2], count),
    )
    assert set(np.unique(solution.status)) == {"converged", "collapsed"}


def test_linear_collapse_is_continuous() -> None:
    critical = math.sqrt(math.pi / 2 * (1 + 1.25 / 2) / 1.25)
    inside, outside = critical * (1 - 1e-6), critical * (1 + 1e-6)
    solution = solve(linear_regression.theorem, psi2=2, epsilon=np.asarray([inside, outside]))
    assert list(solution.status) == ["converged", "collapsed"]
    assert of(solution, "gradient_norm")[0] < 1e-4


def test_without_noise_a_weak_attack_leaves_the_target() -> None:
    solution = solve(linear_regression.theorem, psi2=4, epsilon=np.asarray([0.3, 0.7]), noise=0, signal=2)
    assert list(solution.phase) == ["recovered", "regular"]
    assert of(solution, "standard_risk")[0] == 0
    assert of(solution, "standard_risk")[1] > 1e-3


def test_exact_recovery_ends_continuously() -> None:
    z = 0.6744897501960817
    radius = math.sqrt((math.sqrt(2 / math.pi) * math.exp(-z * z / 2) / z - 0.5) / 2)
    near = np.asarray([radius * (1 - 1e-3), radius * (1 + 1e-3)])
    solution = solve(linear_regression.theorem, psi2=2, epsilon=near, noise=0)
    assert list(solution.phase) == ["recovered", "regular"]
    assert 0 < of(solution, "standard_risk")[1] < 1e-5


LIMITS = [(6, 3, 0.846032, 0.753204), (20, 2, 0.975903, 0.483369)]


@pytest.mark.parametrize(("features", "samples", "robust", "plain"), LIMITS)
def test_vanishing_attack_and_ridge_do_not_commute(
    features: float, samples: float, robust: float, plain: float
) -> None:
    corner = of(solve(limits.theorem, psi1=features, psi2=samples), "standard_risk")
    ridge_only = of(solve(ridge_regression.theorem, psi1=features, psi2=samples, ridge=0), "standard_risk")
    assert corner == pytest.approx(robust, abs=1e-6)
    assert ridge_only == pytest.approx(plain, abs=1e-6)


@pytest.mark.parametrize("share", [0.0, 0.5, 20.0])
def test_a_small_attack_reaches_the_corner_to_all_digits(share: float) -> None:
    epsilon = 1e-2 / (1 + share)
    attacked = solve(robust_risk.theorem, psi1=4, psi2=1.5, epsilon=epsilon, ridge=share * epsilon**2)
    corner = solve(limits.theorem, psi1=4, psi2=1.5, ridge_share=share)
    for name in ("standard_risk", "gradient_norm", "weight_norm_squared"):
        assert of(attacked, name) == pytest.approx(of(corner, name), rel=1e-9)
    assert of(attacked, "robust_training_loss") / epsilon**2 == pytest.approx(
        of(corner, "robust_training_loss"), rel=1e-8
    )


def test_the_corner_trades_weight_norm_for_gradient_norm() -> None:
    solution = solve(limits.theorem, psi1=5, psi2=2, ridge_share=np.geomspace(1e-3, 1e3, 13))
    assert np.all(np.diff(of(solution, "gradient_norm")) > 0)
    assert np.all(np.diff(of(solution, "weight_norm_squared")) < 0)


def test_the_corner_is_outside_its_domain_without_an_interpolator() -> None:
    assert solve(limits.theorem, psi1=2, psi2=2).status == "outside_domain"


def test_many_features_learn_nothing_under_attack() -> None:
    solution = solve(robust_risk.theorem, psi1=np.asarray([1e4, 1e6, 1e8]), psi2=2, epsilon=0.5)
    assert np.all(np.diff(of(solution, "robust_risk")) < 0)
    assert of(solution, "standard_risk")[-1] == pytest.approx(1.25, rel=1e-6)
    constant = 1.25 * 2 * 0.25 / (0.25 - 1 / (2 * math.pi))
    assert 1e8 * of(solution, "gradient_norm")[-1] ** 2 == pytest.approx(constant, rel=1e-4)


def test_the_curse_peaks_where_it_is_said_to() -> None:
    features = np.linspace(3.6, 3.7, 201)
    risks = of(solve(robust_risk.theorem, psi1=features, psi2=2, epsilon=0.5), "robust_risk")
    assert features[np.argmax(risks)] == pytest.approx(3.6565, abs=6e-4)
    assert np.max(risks) == pytest.approx(1.925287, abs=1e-6)


def test_the_collapse_of_the_curse_ends_where_it_is_said_to() -> None:
    solution = solve(robust_risk.theorem, psi1=np.asarray([0.2242, 0.2244]), psi2=2, epsilon=0.5)
    assert list(solution.status) == ["collapsed", "converged"]


@pytest.mark.parametrize(("name", "low", "high"), [("growth", "3.6566", "5"), ("decline", "3.0", "3.6564")])
def test_a_wrong_peak_is_refuted(name: str, low: str, high: str) -> None:
    step = curse.theorem.steps[name]
    scratch = Derivation(__name__, title="planted", source=step.derivation.source)

    @scratch.step(Sampled({psi1: (Rational(low), Rational(high))}, points=2, roots_of=curse.slopes))
    def planted() -> Claim:
        """The same on the other side of the peak."""
        return step.claim

    assert judge(planted, Context()).outcome is Outcome.fails


def test_the_published_equations_at_another_ridge_fail() -> None:
    step = ridge_regression.theorem.steps["published_equations"]
    scratch = Derivation(__name__, title="planted", source=step.derivation.source)

    def both() -> Model:
        theirs = ridge_regression.published_model()
        program = tuple((name, value.xreplace({psi2: psi1})) for name, value in theirs.program)
        return side_by_side(ridge_regression.model(), replace(theirs, program=program), "published")

    @scratch.step(Sampled(ridge_regression.BOX, digits=40, points=2, roots_of=both))
    def planted() -> Claim:
        """u^2 with psi1 in the place of psi2."""
        return step.claim

    assert judge(planted, Context()).outcome is Outcome.fails
