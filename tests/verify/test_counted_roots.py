"""A certified count of roots: it holds for every parameter, and a wrong count fails with the roots shown."""

from __future__ import annotations

from typing import Any

import pytest
from sympy import Rational, sqrt

from derivations.core import CertifiedRoots, Derivation, Model, Source, parameter, unknown
from derivations.relations import equal, statement
from numerics.proofs.root_families import CountStatus, count_roots
from verify.context import Context
from verify.kernel import judge
from verify.report.wording import evidence_words
from verify.verdict import Outcome, Strength, Verdict

c = parameter("c", "sum of the roots", positive=True)
shift = parameter("shift", "moves the second side", default=0)
m = unknown("m", "root of m^2 + 2 = c m", positive=True)
WITHIN = {m: (Rational(1, 2), Rational(7, 2))}


def quadratic() -> Model:
    """1 and 2 are the roots at c = 3; at c = 2 sqrt(2) they meet, and below there is none."""
    return Model(
        parameters=(c, shift),
        unknowns=(m,),
        program=(),
        equations=(equal(m**2 + 2, c * m + shift),),
        observables={"m": m},
        start={m: c / 2},
    )


def spurious() -> Model:
    """At c = 3 m = 1 solves lhs = rhs = shift - 4: no root of a model, whose sides are positive, if shift < 4."""
    return Model(
        parameters=(c, shift),
        unknowns=(m,),
        program=(),
        equations=(equal(m - 5 + shift, c * (m - Rational(7, 3)) + shift),),
        observables={"m": m},
        start={m: c},
    )


def on_the_wrong_branch() -> Model:
    """m = 1 solves the equation, and the reported value is the square root of a negative number there."""
    return Model(
        parameters=(c,),
        unknowns=(m,),
        program=(),
        equations=(equal(m, c),),
        observables={"m": m},
        start={m: c},
        reported={"scale": sqrt(m - 2)},
    )


def verdict_on(evidence: CertifiedRoots) -> Verdict:
    theorem = Derivation("planted", title="Planted", source=Source("nobody", ("Nobody, N.",), "Planted mistakes", 2000))

    def step() -> Any:
        """Because it was planted."""
        return statement("so many roots in the box")

    return judge(theorem.step(evidence)(step), Context())


@pytest.mark.parametrize(
    ("box", "roots"),
    [
        ({c: 3}, 2),
        ({c: (Rational(29, 10), Rational(31, 10))}, 2),
        ({c: (3, Rational(32, 10)), shift: (Rational(-1, 10), 0)}, 2),
        ({c: (1, Rational(28, 10))}, 0),
        ({c: (5, 6)}, 0),
    ],
    ids=str,
)
def test_the_count_is_confirmed_for_every_parameter_and_every_other_count_fails(box: Any, roots: int) -> None:
    """For c in [5, 6] the roots lie outside of the box on both sides."""
    held = verdict_on(CertifiedRoots(quadratic, box=box, within=WITHIN, roots=roots))
    assert (held.outcome, held.strength) == (Outcome.holds, Strength.certified)
    for wrong in {0, 1, 2, 3} - {roots}:
        assert verdict_on(CertifiedRoots(quadratic, box=box, within=WITHIN, roots=wrong)).outcome is Outcome.fails


def test_two_roots_where_one_is_claimed_fail_with_both_boxes_and_the_parameters() -> None:
    box = {c: (Rational(29, 10), Rational(31, 10))}
    verdict = verdict_on(CertifiedRoots(quadratic, box=box, within=WITHIN))
    assert verdict.outcome is Outcome.fails
    assert "exactly 2 roots at c in" in verdict.detail
    assert verdict.detail.count("m in [") == 2
    assert 2.9 <= float(verdict.findings[0].counterexample["c"]) <= 3.1
    at_a_point = verdict_on(CertifiedRoots(quadratic, box={c: 3}, within=WITHIN))
    assert at_a_point.detail.count("m in [") == 2
    assert "m in [1.0000" in at_a_point.detail
    assert "m in [2.0000" in at_a_point.detail


@pytest.mark.parametrize("roots", [0, 1, 2])
def test_a_family_in_which_the_roots_meet_is_not_confirmed(roots: int) -> None:
    """Two roots above c = 2 sqrt(2), none below: no single count is true on the whole interval."""
    box = {c: (Rational(27, 10), Rational(29, 10))}
    assert verdict_on(CertifiedRoots(quadratic, box=box, within=WITHIN, roots=roots)).outcome is not Outcome.holds


@pytest.mark.parametrize("roots", [0, 1, 2])
def test_a_family_whose_root_leaves_the_box_is_not_confirmed(roots: int) -> None:
    evidence = CertifiedRoots(quadratic, box={c: (3, 5)}, within={m: (1, 6)}, roots=roots)
    assert verdict_on(evidence).outcome is not Outcome.holds


def test_a_solution_off_the_positive_branch_is_not_counted() -> None:
    near = {m: (Rational(1, 2), Rational(3, 2))}
    assert verdict_on(CertifiedRoots(spurious, box={c: 3, shift: 5}, within=near)).outcome is Outcome.holds
    assert verdict_on(CertifiedRoots(spurious, box={c: 3}, within=near)).outcome is Outcome.open
    assert verdict_on(CertifiedRoots(on_the_wrong_branch, box={c: 1}, within=near)).outcome is Outcome.open
    beyond = {m: (Rational(5, 2), 4)}
    assert verdict_on(CertifiedRoots(on_the_wrong_branch, box={c: 3}, within=beyond)).outcome is Outcome.holds


def test_a_closed_form_or_a_foreign_parameter_is_open_with_the_reason() -> None:
    foreign = parameter("foreign", "not of this model", positive=True)
    assert "foreign" in verdict_on(CertifiedRoots(quadratic, box={foreign: 1}, within=WITHIN)).detail
    assert "c" in verdict_on(CertifiedRoots(quadratic, box={}, within=WITHIN)).detail
    assert "low" in verdict_on(CertifiedRoots(quadratic, box={c: (4, 3)}, within=WITHIN)).detail
    assert "c" in verdict_on(CertifiedRoots(quadratic, box={c: -1}, within=WITHIN)).detail


def test_a_spent_budget_is_undecided_and_says_where() -> None:
    count = count_roots(quadratic(), {c: (Rational(29, 10), Rational(31, 10))}, WITHIN, 2, budget=3)
    assert count.status.name == "undecided"


def test_the_evidence_has_words() -> None:
    words = evidence_words(CertifiedRoots(quadratic, box={c: (1, 2), shift: 0}, within=WITHIN, roots=2))
    assert words == ("certified: exactly 2 roots in m in [1/2, 7/2], by a complete search at c in [1, 2], shift = 0")


def test_a_default_that_is_an_interval_moves_with_it() -> None:
    """m = sqrt(follower) leaves the box as the follower grows: no count holds for all of the interval."""
    follower = parameter("follower", "follows c", default=c)

    def model() -> Model:
        return Model((c, follower), (m,), (), (equal(m**2, follower),), {"m": m}, {m: follower})

    half, box = Rational(1, 2), {c: (Rational(1, 2), 2)}
    for roots in (0, 1):
        found = count_roots(model(), box, {m: (half, 1)}, roots)
        assert found.status is not CountStatus.counted
    assert count_roots(model(), box, {m: (half, 2)}, 1).status is CountStatus.counted
