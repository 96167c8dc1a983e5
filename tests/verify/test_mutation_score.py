"""The score of the checks: a strong step kills every mutant, a weak one lets some survive and is listed."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace

import sympy
from sympy import Integral, Rational, exp, oo

from derivations.core import Assumed, Derivation, Exact, Lab, Rate, Sampled, Simulation, Source, Step, Symbolic
from derivations.discover import load
from derivations.evidence import Evidence, Instance
from derivations.relations import Claim, below, equal, exponent, limit_of, statement, tends_to
from verify.context import Context
from verify.kernel import judge
from verify.mutants import MUTATIONS, mutate_claim, mutate_expression, pick
from verify.mutation_effect import Effect, measure_effect
from verify.mutation_score import Fate, Score, attack, attack_equations, score
from verify.verdict import Outcome

SOURCE = Source("nobody", ("Nobody, N.",), "Planted", 2000)
z = sympy.Symbol("z", real=True)
x, y = sympy.symbols("x y", positive=True)
CONTEXT = Context()


def step_of(claim: Claim, *evidence: Evidence) -> Step:
    theorem = Derivation("tests.planted", title="Planted", source=SOURCE)

    def planted() -> Claim:
        """Planted."""
        return claim

    return theorem.step(*evidence)(planted)


def fates(step: Step, *, per_step: int = 12) -> list[Fate]:
    return attack(step, CONTEXT, per_step=per_step, seed=0)


SQUARE = equal((x + y) ** 2, x**2 + 2 * x * y + y**2)


def test_a_strong_step_kills_every_mutant_of_every_kind() -> None:
    found = fates(step_of(SQUARE, Symbolic()))
    assert score(found) == Score(12, 12)
    assert {fate.by for fate in found if fate.fate == "killed"} == {"symbolic fails"}
    killed = {fate.mutation for fate in found if fate.fate == "killed"}
    assert killed >= {"sign", "factor 2", "exponent", "dropped term", "1%"}


def test_a_step_that_looks_at_one_point_only_has_survivors_and_lists_them() -> None:
    claim = below(0, 10 + z)
    found = fates(step_of(claim, Sampled(domain={z: (-9, 1000)}, points=1)))
    survivors = [fate for fate in found if fate.fate == "survived"]
    assert survivors
    assert not score(found).passes
    assert all(fate.step == "tests.planted:planted" and fate.change for fate in survivors)


def test_a_computation_kills_every_changed_instance() -> None:
    def squares() -> Iterator[Instance]:
        yield from ((f"{k}", k**2, sum(2 * j + 1 for j in range(k))) for k in range(2, 5))

    found = fates(step_of(statement("squares are sums of odd numbers"), Exact(squares)))
    assert score(found) == Score(12, 12)


def test_equivalent_and_invisible_mutants_do_not_count() -> None:
    claim = equal(x + y, y + x)
    assert measure_effect(claim, equal(x + y, (x**2 - y**2) / (x - y)), Symbolic(), 0) is Effect.equivalent
    tiny = equal(x + y, (x + y) * (1 + Rational(1, 10**40)))
    assert measure_effect(claim, tiny, Symbolic(digits=30), 0) is Effect.invisible
    assert measure_effect(claim, equal(x + y, x + 2 * y), Symbolic(), 0) is Effect.counted
    assert measure_effect(below(0, x), below(0, 2 * x), Symbolic(), 0) is Effect.equivalent
    assert measure_effect(below(0, x), below(0, x - 1), Symbolic(), 0) is Effect.counted


def test_a_limit_is_judged_by_its_value_and_by_its_expression() -> None:
    found = fates(step_of(limit_of((2 * x + 1) / (x + y), x, oo, 2), Symbolic()))
    assert score(found).passes
    still = measure_effect(limit_of(1 / x, x, oo, 0), limit_of(2 / x, x, oo, 0), Symbolic(), 0)
    assert still is Effect.equivalent


def test_mutants_are_all_different_from_the_original_and_their_choice_is_seeded() -> None:
    expression = x**2 * exp(-y) + Integral(x * y, (y, 0, 1)) - 3
    every = list(mutate_expression(expression))
    assert all(mutant.changed != expression for mutant in every)
    assert {mutant.mutation for mutant in every} <= set(MUTATIONS)
    assert {mutant.mutation for mutant in mutate_claim(SQUARE)} == set(MUTATIONS) - {"swapped symbols"}
    order = [mutant.change for mutant in pick(every, seed=1, key="a")]
    assert order == [mutant.change for mutant in pick(every, seed=1, key="a")]
    assert order != [mutant.change for mutant in pick(every, seed=2, key="a")]


def noisy_mean(lab: Lab, at: SimpleNamespace, size: int) -> dict[str, float]:
    return {
        "mean": at.x + lab.mean(lab.normal(size)),
        "slope": float(size) ** -0.5 * (1 + 0.1 * lab.mean(lab.normal(size))),
    }


def test_a_mutated_theory_is_judged_against_the_kept_draws_and_nothing_is_drawn_again() -> None:
    drawn: list[int] = []

    def experiment(lab: Lab, at: SimpleNamespace, size: int) -> dict[str, float]:
        drawn.append(size)
        return noisy_mean(lab, at, size)

    claim = tends_to("mean", x + x**2)
    at: dict[sympy.Symbol | str, sympy.Expr] = {x: Rational(2)}
    good = Simulation(experiment, at=at, bias="none", tolerance=0.05, sizes=(100, 200, 400))
    assert fates(step_of(claim, good)) == []
    once = len(drawn)
    found = fates(step_of(tends_to("mean", x), good))
    spent = len(drawn) - once
    again = judge(step_of(tends_to("mean", x), good), Context())
    assert again.outcome is Outcome.holds
    assert len(drawn) == once + 2 * spent
    assert score(found).passes
    assert {fate.fate for fate in found if fate.mutation == "1%"} == {"invisible"}


def test_a_mutated_exponent_is_judged_against_the_kept_draws() -> None:
    found = fates(step_of(exponent("slope", -0.6, -0.4), Rate(noisy_mean, at={x: 1}, sizes=(50, 100, 200, 400))))
    assert score(found) == Score(4, 4)
    assert {fate.by for fate in found} == {"rate fails"}


def test_a_mutated_equation_is_judged_by_its_residual_at_the_root() -> None:
    found = attack_equations(load("random_features.linear_regression"), CONTEXT, per_step=3, seed=0)
    assert score(found).passes
    assert {fate.by for fate in found if fate.fate == "killed"} == {"certified root fails"}
    assert attack_equations(load("lemmas.gaussian"), CONTEXT, per_step=3, seed=0) == []


def test_granted_steps_and_steps_that_do_not_hold_are_not_attacked() -> None:
    assert fates(step_of(statement("granted"), Assumed())) == []
    assert fates(step_of(equal(x, 2 * x), Sampled())) == []


def test_the_score_needs_99_percent_of_something() -> None:
    killed, survived = Fate("a:b", "sign", "-", "killed"), Fate("a:b", "1%", "-", "survived")
    assert not score([]).passes
    assert score([]).value is None
    assert score([killed] * 99 + [survived]).passes
    assert not score([killed] * 98 + [survived] * 2).passes
