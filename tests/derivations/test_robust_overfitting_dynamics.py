"""The derivations of the linear dynamics hold, their mistakes are found, and the model shows the counterexample."""

from __future__ import annotations

import math

import numpy as np
import pytest
from sympy import Matrix, Rational, log, simplify

from derivations.core import Derivation, Level
from derivations.evidence import Certified, Exact
from derivations.relations import Refuted, Relation, at_most, refuted
from derivations.robust_overfitting import counterexample, degeneration, dynamics, error_bound, exactness, fixed_radius
from derivations.robust_overfitting.propagators import (
    SWAPPED,
    THREE_POINTS,
    E,
    TwoPieces,
    coefficients,
    power,
    spectral_projectors,
)
from numerics.proofs.inequalities_on_boxes import ProofStatus, prove_on_box
from numerics.solver import Solver
from verify.checks.exact import check as check_exactly
from verify.kernel import Context, judge
from verify.verdict import Outcome


@pytest.fixture(scope="module")
def solver() -> Solver:
    return Solver(degeneration.model(), title="two points")


def test_published_statements_that_fail_are_marked_and_recalled():
    errata = [
        counterexample.printed_closed_form,
        counterexample.common_strength_is_not_enough,
        degeneration.rate_of_the_closed_form,
    ]
    for step in errata:
        assert step.is_erratum
        assert step.source.startswith("recalled")


def test_the_closed_form_is_not_refuted_where_it_holds():
    claim = counterexample.printed_closed_form.claim
    assert isinstance(claim, Refuted)
    equal_strengths = {**counterexample.SWAP, counterexample.a_late: 16, counterexample.b_late: 6}
    relation: Relation = claim.claim
    gap = (relation.lhs - relation.rhs).subs(equal_strengths)
    assert simplify(gap) == 0
    assert simplify((relation.lhs - relation.rhs).subs(counterexample.SWAP)) != 0


def test_the_witness_of_the_counterexample_is_rational():
    claim = counterexample.printed_closed_form.claim
    left, right = (side.subs(claim.witness) for side in (claim.claim.lhs, claim.claim.rhs))
    assert left.is_Rational
    assert right.is_Rational
    assert left != right
    exact = (SWAPPED.exact() * Matrix([1, -1]))[0].subs(E, Rational(1, 2))
    assert left == exact


@pytest.mark.parametrize(("h", "exact", "closed"), [(0.1, 0.462671, 0.332871), (0.5, 0.020551, 0.004087)])
def test_the_propagators_have_the_known_numbers(h, exact, closed):
    start = Matrix([1, -1])
    assert float((SWAPPED.exact() * start)[0].subs(E, math.exp(-h))) == pytest.approx(exact, abs=6e-7)
    assert float((SWAPPED.closed_form() * start)[0].subs(E, math.exp(-h))) == pytest.approx(closed, abs=6e-7)


def test_the_wrong_order_of_the_pieces_is_found():
    mistaken = TwoPieces(SWAPPED.theta, SWAPPED.second, SWAPPED.first)
    evidence = Exact(lambda: [("order", coefficients(SWAPPED.exact()), coefficients(mistaken.exact()))])
    assert check_exactly(counterexample.counterexample_in_full, evidence).outcome is Outcome.fails


def test_half_of_the_error_bound_would_fail():
    claim = error_bound.bound_for_two_points.claim
    low, high = error_bound.BOX[E]
    proof = prove_on_box("<", claim.lhs, claim.rhs / 4, {E: (low, high)})
    assert proof.status is ProofStatus.violated


def test_a_faster_rate_would_fail_as_a_bound_of_the_residual():
    spare = degeneration.residual_bound.claim.rhs
    assert prove_on_box("<", 0, spare, {E: (Rational(1, 8), Rational(15, 16))}).status is ProofStatus.proved
    faster = SWAPPED.theta.inv() - (SWAPPED.exact().T * SWAPPED.theta.inv() * SWAPPED.exact()) / E**17
    assert faster.subs(E, Rational(1, 10)).det() < 0


def test_a_statement_that_holds_at_its_witness_is_no_erratum():
    refutation = degeneration.rate_of_the_closed_form.claim
    holding = refuted(at_most(refutation.claim.lhs, refutation.claim.rhs * 10**9), refutation.witness)
    context = Context(level=Level.quick, seed=0, device="cpu")
    assert judge(_with_claim(holding), context).outcome is Outcome.fails


def _with_claim(claim):
    scratch = Derivation("scratch", title="scratch", source=degeneration.theorem.source)

    @scratch.step(Certified({}))
    def mistaken():
        """A statement that holds is not an erratum."""
        return claim

    return mistaken


def test_projectors_need_different_rational_rates():
    with pytest.raises(ValueError, match="1 different rational eigenvalues"):
        spectral_projectors(Matrix([[1, 1], [0, 1]]).as_immutable())
    with pytest.raises(ValueError, match="0 different rational eigenvalues"):
        power(E, Matrix([[2, 1], [1, 3]]))


@pytest.mark.parametrize("pieces", [SWAPPED, THREE_POINTS])
def test_the_commutator_is_theta_times_the_turning_matrix(pieces):
    first, second = pieces.pieces()
    assert first * second - second * first == pieces.theta * pieces.turning()


def test_the_model_is_the_counterexample_at_its_strengths(solver):
    h = np.array([0.01, 0.05, 0.1, 0.2, 0.5])
    found = solver(
        time=4 * h, switch=2 * h, correlation=0.5, exponent_1=math.log(8), exponent_2=math.log(3), residual_2=-1
    ).observables
    # Theta is half that of the counterexample, so times are doubled; |(1, -1)|^2 is 4 in its norm
    exact = np.array([(0.902579, -0.889316), (0.655213, -0.512204), (0.462671, -0.247963), (0.221232, -0.071311)])
    norms = np.sqrt((2 * exact[:, 0] ** 2 - 2 * exact[:, 0] * exact[:, 1] + 2 * exact[:, 1] ** 2) / 6)
    np.testing.assert_allclose(found["residual"][:4], norms, rtol=2e-5)
    np.testing.assert_allclose(found["closed_form"], np.exp(-11 * h), rtol=1e-12)
    np.testing.assert_allclose(found["residual_bound"], np.exp(-8 * h), rtol=1e-12)


def test_the_model_keeps_its_bounds_and_shows_that_the_printed_rate_is_none(solver):
    draws = np.random.default_rng(0)
    n = 2000
    found = solver(
        time=draws.uniform(0, 5, n),
        switch=draws.uniform(0.1, 3, n),
        correlation=draws.uniform(0.01, 0.99, n),
        exponent_1=draws.uniform(0, 3, n),
        exponent_2=draws.uniform(0, 3, n),
        residual_2=draws.uniform(-5, 5, n),
    ).observables
    slack = 1e-12
    assert np.all(found["residual"] <= found["residual_bound"] * (1 + slack))
    assert np.all(found["closed_form_error"] <= found["error_bound"] + 1e-9)
    assert np.all(found["closed_form_rate"] <= found["residual_bound"] * (1 + slack))
    assert np.mean(found["residual"] > found["closed_form_rate"]) > 0.01


def test_nothing_happens_at_time_zero_and_no_attack_is_standard_training(solver):
    at_start = solver(time=0.0).observables
    assert [float(at_start[name]) for name in ("residual", "closed_form", "residual_bound", "standard_training")] == [
        1
    ] * 4
    assert float(at_start["closed_form_error"]) == 0
    plain = solver(time=np.linspace(0, 9, 30), exponent_1=0.0, exponent_2=0.0).observables
    np.testing.assert_allclose(plain["residual"], plain["standard_training"], rtol=1e-10)
    np.testing.assert_allclose(plain["closed_form_error"], 0, atol=1e-14)


def test_the_stopping_time_of_one_point_is_the_general_bound():
    at = {fixed_radius.lam: 2, fixed_radius.rho: Rational(1, 2), fixed_radius.u0: 3}
    one = log(1 + fixed_radius.u0 / fixed_radius.rho) / fixed_radius.lam
    assert simplify(fixed_radius.residual_of_one().subs(fixed_radius.t, one).subs(at)) == 0


def test_a_mistaken_commutator_is_found():
    claim = exactness.commutator.claim
    context = Context(level=Level.quick, seed=0, device="cpu")
    assert judge(exactness.commutator, context).outcome is Outcome.holds
    point = {s: k + 1 for k, s in enumerate(sorted(claim.lhs.free_symbols | claim.rhs.free_symbols, key=str))}
    assert claim.lhs.subs(point) != -claim.rhs.subs(point)


def test_the_attack_through_which_one_differentiates_squares_the_strength():
    instances = {label: (left, right) for label, left, right in dynamics._flow_of_outputs()}
    held, through = instances["attack held"][1], instances["attack differentiated"][1]
    ones = dict.fromkeys(dynamics._D, 1)
    assert [e.subs(ones) for e in held] == [e.subs(ones) for e in through]
    assert held != through
