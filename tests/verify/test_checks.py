"""Planted mistakes: every kind of evidence confirms what is true and does not confirm what is not."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import sympy
from sympy import Derivative, Integral, Rational, cos, erf, exp, log, oo, pi, sin, sqrt

from derivations.core import (
    Assumed,
    Certified,
    Cited,
    Derivation,
    Evidence,
    Exact,
    Level,
    Model,
    Rate,
    Sampled,
    Simulation,
    Source,
    Symbolic,
    parameter,
    unknown,
)
from derivations.lab import Lab
from derivations.relations import (
    Claim,
    at_most,
    below,
    equal,
    exponent,
    follows,
    increasing,
    limit_of,
    refuted,
    statement,
    tends_to,
)
from derivations.symbols import gaussian_density
from verify.kernel import Context, judge
from verify.verdict import Outcome, Verdict

SOURCE = Source("nobody", ("Nobody, N.",), "Planted mistakes", 2000)
x, y = sympy.symbols("x y", positive=True)
t = sympy.Symbol("t", real=True)
c = parameter("c", "aspect ratio", positive=True)
lam = parameter("lam", "ridge", positive=True)
m = unknown("m", "resolvent trace", positive=True)
closed_form = (sqrt((1 - c + lam) ** 2 + 4 * c * lam) - (1 - c + lam)) / (2 * c * lam)


def verdict_on(claim: Claim | Callable[[], Claim], *evidence: Evidence, context: Context | None = None) -> Verdict:
    """The kernel's verdict on one step that makes this claim."""
    theorem = Derivation("planted", title="Planted", source=SOURCE)

    def step() -> Claim:
        """Because it was planted."""
        return claim() if callable(claim) else claim

    return judge(theorem.step(*evidence)(step), context or Context())


def outcome(claim: Claim | Callable[[], Claim], *evidence: Evidence) -> str:
    return verdict_on(claim, *evidence).outcome.value


IDENTITIES = [
    equal(1 / (1 - c + lam + c * lam * closed_form), closed_form),
    equal((x + y) ** 2, x**2 + 2 * x * y + y**2),
    equal(sin(x + y), sin(x) * cos(y) + cos(x) * sin(y)),
    equal(Derivative(erf(x / sqrt(2)), x), 2 * gaussian_density(x)),
    equal(Integral(t**2 * gaussian_density(t), (t, -oo, oo)), 1),
    equal(sqrt(3 + 2 * sqrt(2)), 1 + sqrt(2)),
    equal(log(x * y**2), log(x) + 2 * log(y)),
]


@pytest.mark.parametrize("identity", IDENTITIES, ids=str)
@pytest.mark.parametrize("factor", [Rational(2), Rational(-1), 1 + Rational(1, 10**20)], ids=str)
def test_an_identity_holds_and_its_mutants_fail(identity: Any, factor: Rational) -> None:
    mutant = equal(identity.lhs, factor * identity.rhs)
    assert outcome(identity, Symbolic()) == "holds"
    assert outcome(identity, Sampled(points=4)) == "holds"
    assert outcome(mutant, Symbolic()) == "fails"
    assert outcome(mutant, Sampled(points=4)) == "fails"


def test_an_identity_of_positive_numbers_fails_for_real_ones_with_the_simplest_counterexample() -> None:
    assert outcome(equal(sqrt(x**2), x), Symbolic()) == "open"  # SymPy already writes the left side as x
    verdict = verdict_on(equal(sqrt((t - 1) ** 2), t - 1), Sampled())
    assert verdict.outcome is Outcome.fails
    assert verdict.findings[0].counterexample == {"t": "1/2"}
    assert "at t = 1/2" in verdict.detail
    assert outcome(equal(sqrt((t - 1) ** 2), t - 1, given=[below(1, t)]), Sampled()) == "holds"


def test_algebra_alone_never_decides() -> None:
    verdict = verdict_on(equal(t * (t + 1), t**2 + t, given=[below(t, 0), below(0, t)]), Symbolic())
    assert verdict.outcome is Outcome.open
    assert "no effective point" in verdict.detail
    assert "no effective point" in verdict_on(equal(t + 1, t + 2, given=[below(x, -1)]), Sampled()).detail


def test_what_algebra_cannot_reduce_is_open_and_says_where_it_agrees() -> None:
    quarter_plane = 1 - Integral(exp(-(x**2) * (1 + t**2)) / (1 + t**2), (t, 0, 1)) * 4 / pi
    claim, evidence = equal(erf(x) ** 2, quarter_plane), Symbolic(domain={x: (0, 3)}, digits=15)
    verdict = verdict_on(claim, evidence, context=Context(algebra_limit=0.5))
    assert (verdict.outcome, verdict.detail) == (Outcome.open, "not reduced; agrees at 8 points")
    assert outcome(claim, Sampled(domain={x: (0, 3)}, digits=15)) == "holds"


def test_two_sides_that_are_one_expression_leave_nothing_to_check() -> None:
    assert "nothing was checked" in verdict_on(equal(x + y, y + x), Symbolic()).detail


@pytest.mark.parametrize(
    ("claim", "expected"),
    [
        (below(0, x**2 + x * y + 1), "holds"),
        (below(x, y, given=[below(x, y)]), "holds"),
        (below(x**2, y**2, given=[below(x, y)]), "holds"),
        (below(t**2, 1, given=[below(0, t), below(t, 1)]), "holds"),
        (at_most(2 * x * y, x**2 + y**2), "holds"),
        (below(2 * x * y, x**2 + y**2 - Rational(1, 10)), "fails"),
        (below(x, y), "fails"),
        (increasing(x**3 + x, x), "holds"),
        (increasing(x**3 - x, x), "fails"),
        (below(erf(x), 1), "open"),
    ],
    ids=str,
)
def test_inequalities_need_a_form_that_shows_the_sign(claim: Any, expected: str) -> None:
    assert outcome(claim, Symbolic()) == expected


def test_a_strict_inequality_is_violated_by_equality_and_a_weak_one_is_not() -> None:
    one = sin(x) ** 2 + cos(x) ** 2
    assert outcome(below(one, 1), Sampled(points=4)) == "fails"
    assert outcome(at_most(one, 1), Sampled(points=4)) == "holds"


def test_a_difference_far_below_its_terms_is_no_counterexample() -> None:
    # erf rounds to 1 here: neither the equality nor the strict inequality can be told at such points.
    far = {x: (100, 1000)}
    assert outcome(equal(1 - erf(x), sympy.erfc(x)), Sampled(domain=far)) == "open"
    assert outcome(below(erf(x), 1), Sampled(domain=far)) == "open"
    assert outcome(below(erf(x), 1), Sampled(domain={x: (0, 5)})) == "holds"


@pytest.mark.parametrize(
    ("claim", "expected"),
    [
        (limit_of(sin(x) / x, x, 0, 1), "holds"),
        (limit_of(sin(x * y) / x, x, 0, y), "holds"),
        (limit_of((1 + 1 / x) ** x, x, oo, sympy.E), "holds"),
        (limit_of(x**2, x, oo, oo), "holds"),
        (limit_of(sin(x) / x, x, 0, 2), "fails"),
        (limit_of(sin(x * y) / x, x, 0, -y), "fails"),
        (limit_of(1 / x, x, 0, 1), "fails"),
        (limit_of(1 / x, x, oo, 1), "fails"),
        (limit_of(1 / log(x), x, oo, 0), "open"),
    ],
    ids=str,
)
def test_limits_are_seen_along_a_sequence(claim: Any, expected: str) -> None:
    assert outcome(claim, Symbolic()) == expected


def build_model() -> Model:
    trace = sympy.Symbol("trace", positive=True)
    return Model(
        parameters=(c, lam),
        unknowns=(m,),
        program=((trace, lam * m),),
        equations=(equal(m * (1 - c + lam + c * lam * m), 1 + c * m - c * m),),
        observables={"resolvent_trace": m},
        start={m: 1 / (1 + lam)},
    )


def test_roots_of_a_model_are_sampled_and_its_names_understood() -> None:
    box = {c: (Rational(1, 10), Rational(9, 10)), lam: (Rational(1, 10), 10)}
    at_roots = Sampled(domain=box, points=4, roots_of=build_model)
    trace = sympy.Symbol("trace", positive=True)
    assert outcome(equal(m, closed_form), at_roots) == "holds"
    assert outcome(equal(trace / lam - closed_form, 0), at_roots) == "holds"
    assert outcome(below(trace, 1), at_roots) == "holds"
    assert outcome(equal(m, (1 + Rational(1, 10**20)) * closed_form), at_roots) == "fails"
    assert outcome(below(1, trace), at_roots) == "fails"


def test_a_certificate_proves_refutes_or_stays_open() -> None:
    box = {c: (Rational(1, 10), 9), lam: (Rational(1, 10), 10)}
    assert outcome(below(lam * closed_form, 1), Certified(box)) == "holds"
    verdict = verdict_on(below(lam * closed_form, Rational(1, 2)), Certified(box))
    assert verdict.outcome is Outcome.fails
    assert set(verdict.findings[0].counterexample) == {"c", "lam"}
    assert outcome(below(0, (x - 1) ** 2), Certified({x: (Rational(1, 3), 3)})) != "holds"
    assert outcome(equal(x, x + 0 * y), Certified({x: (1, 2)})) == "open"


def test_a_refuted_statement_needs_a_witness_that_violates_it() -> None:
    printed = at_most((x + y) ** 2, x**2 + y**2)
    for evidence in (Exact(list), Certified({})):
        assert outcome(refuted(printed, {x: 1, y: 2}), evidence) == "holds"
        assert outcome(refuted(below(x, y), {x: 1, y: 2}), evidence) == "fails"
        assert outcome(refuted(at_most(x, y, given=[below(x, 1)]), {x: 2, y: 1}), evidence) == "open"
    assert verdict_on(refuted(printed, {x: 1, y: 2}), Certified({})).erratum


@pytest.mark.parametrize(
    ("instances", "expected"),
    [
        ([("1", 1, 1), ("2", Fraction(1, 2), Rational(1, 2)), ("3", sqrt(8), 2 * sqrt(2))], "holds"),
        ([("pair", (1, 2), (1, 2)), ("numpy", np.int64(3), 3)], "holds"),
        ([("1", 1, 1), ("2", 10**20, 10**20 + 1)], "fails"),
        ([("symbolic", (x + 1) ** 2, x**2 + 2 * x + 1)], "holds"),
        ([("symbolic", (x + 1) ** 2, x**2 + 2 * x)], "fails"),
        ([], "open"),
        ([("float", 0.5, Rational(1, 2))], "open"),
        ([("float inside", 0.5 * x, x / 2)], "open"),
        ([("length", (1, 2), (1, 2, 3))], "fails"),
    ],
    ids=str,
)
def test_exact_instances_agree_one_by_one(instances: list[Any], expected: str) -> None:
    assert outcome(statement("finitely many"), Exact(lambda: instances)) == expected


def test_a_float_in_an_exact_computation_is_named() -> None:
    assert (
        "float inside: 0.5*x is not exact"
        in verdict_on(statement("s"), Exact(lambda: [("float inside", 0.5 * x, x / 2)])).detail
    )


def average(lab: Lab, at: SimpleNamespace, size: int) -> dict[str, float]:
    """The mean square of `size` normals with mean 0, off by 1/size."""
    return {
        "energy": at.lam * (lab.mean(lab.normal(size, 4) ** 2) + 1 / size),
        "gap": float(lab.norm(lab.normal(1)) / size),
    }


def simulation(**changes: Any) -> Simulation:
    return Simulation(
        **{"experiment": average, "at": {lam: 2}, "bias": "1/d", "tolerance": 0.05, "sizes": (100, 200, 400), **changes}
    )


def test_a_simulation_confirms_the_truth_refutes_a_mistake_and_admits_imprecision() -> None:
    verdict = verdict_on(tends_to({"energy": lam}), simulation())
    assert verdict.outcome is Outcome.holds
    assert "vs 2 ±5%; d=100,200,400, draws " in verdict.detail
    assert outcome(tends_to({"energy": lam * Rational(3, 2)}), simulation()) == "fails"
    assert outcome(tends_to({"energy": lam}), simulation(tolerance=0.0005, most=6)) == "open"


def test_a_simulation_is_reproducible_keyed_by_its_seed_and_keeps_its_draws_when_asked() -> None:
    contexts = [Context(seed=1, keep_draws=True), Context(seed=1, keep_draws=True), Context(seed=2, keep_draws=True)]
    first, again, other = (verdict_on(tends_to({"energy": lam}), simulation(), context=each) for each in contexts)
    draws = [verdict.findings[0].draws for verdict in (first, again, other)]
    assert draws[0]["names"] == ["energy"]
    assert np.array_equal(draws[0]["draws_100"], draws[1]["draws_100"])
    assert not np.array_equal(draws[0]["draws_100"][:6], draws[2]["draws_100"][:6])
    assert not verdict_on(tends_to({"energy": lam}), simulation()).findings[0].draws


def test_an_absolute_scale_decides_where_the_limit_is_zero() -> None:
    claim = tends_to({"gap": 0})
    assert outcome(claim, simulation(scale={"gap": lam})) == "holds"
    assert "must be positive" in verdict_on(claim, simulation()).detail


def test_a_simulation_follows_the_observables_of_a_model() -> None:
    def traces(lab: Lab, at: SimpleNamespace, size: int) -> dict[str, float]:
        rows = lab.normal(size, round(at.c * size))
        return {"resolvent_trace": lab.mean(1 / (lab.eigvalsh(rows.T @ rows / size) + at.lam))}

    at = {c: Rational(1, 2), lam: Rational(1, 2)}
    evidence = simulation(experiment=traces, at=at, sizes=(40, 80))
    assert outcome(follows(build_model(), "resolvent_trace"), evidence) == "holds"
    wrong = simulation(experiment=traces, at={c: Rational(1, 2)}, sizes=(40, 80))
    assert "lam is missing" in verdict_on(follows(build_model(), "resolvent_trace"), wrong).detail


def test_a_rate_has_its_whole_interval_inside_the_claim() -> None:
    rate = Rate(average, at={lam: 1}, sizes=(50, 100, 200, 400), draws=40)
    assert outcome(exponent("gap", -1.3, -0.7), rate) == "holds"
    assert outcome(exponent("gap", -0.4, 0.2), rate) == "fails"
    assert outcome(exponent("gap", -1.001, -0.999), rate) == "open"
    assert "not distance" in verdict_on(exponent("distance", 0, 1), rate).detail


def test_an_unknown_experiment_is_named_with_what_there_is() -> None:
    detail = verdict_on(tends_to({"energy": lam}), simulation(experiment="random_features:nothing")).detail
    assert "'nothing' does not exist in random_features" in detail
    assert "first_order" in detail


def test_what_is_granted_is_neither_checked_nor_lost() -> None:
    verdict = verdict_on(statement("the entries are Gaussian"), Assumed())
    assert (verdict.outcome, verdict.detail, verdict.strength) == (Outcome.granted, "the entries are Gaussian", None)
    assert verdict_on(equal(m, closed_form), Cited("Somebody (1999), Theorem 3")).detail == "Somebody (1999), Theorem 3"


@pytest.mark.parametrize(
    ("claim", "evidence"),
    [
        (equal(x, y), simulation()),
        (tends_to({"energy": lam}), Sampled()),
        (tends_to({"energy": lam}), Symbolic()),
        (equal(x, y), Rate(average, at={}, sizes=(10, 20))),
        (limit_of(x, x, 0, 0), Certified({})),
    ],
    ids=str,
)
def test_evidence_that_does_not_suit_the_claim_is_open(claim: Any, evidence: Evidence) -> None:
    assert outcome(claim, evidence) == "open"


def test_evidence_of_a_higher_level_is_not_attempted() -> None:
    claim = equal(sin(x) ** 2 + cos(x) ** 2, 1)
    assert outcome(claim, Sampled(level=Level.standard)) == "not_attempted"
    assert outcome(claim, Sampled(), Sampled(level=Level.deep)) == "holds"
