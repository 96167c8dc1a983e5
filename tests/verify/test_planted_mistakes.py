"""Mistakes planted in refuted relations, in branches and phases of models, in observables and in the prox."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace

import pytest
import sympy
from sympy import Integer, Rational

from derivations.core import Certified, Derivation, Exact, Source, Step
from derivations.discover import load
from derivations.evidence import Evidence, Instance
from derivations.lemmas import proximal
from derivations.relations import Claim, below, equal, refuted
from numerics.solution import REGULAR
from verify import mutated_sources
from verify.context import Context
from verify.kernel import judge
from verify.mutated_model import as_region, find_residual, list_models
from verify.mutated_points import POINTS, find_places
from verify.mutated_region import list_regions, mutate_region
from verify.mutated_sources import Operator, find_witnesses, list_origins
from verify.mutation_score import Fate, attack, attack_equations, attack_origins, score
from verify.verdict import Outcome

SOURCE = Source("nobody", ("Nobody, N.",), "Planted", 2000)
CONTEXT = Context(device="cpu")
x, y = sympy.symbols("x y", positive=True)


def nothing_more() -> Iterator[Instance]:
    yield "two", 2, 1 + 1


def refuting(claim: Claim, *evidence: Evidence) -> Step:
    theorem = Derivation("tests.planted", title="Planted", source=SOURCE)

    def planted() -> Claim:
        """Planted."""
        return claim

    return theorem.step(*evidence)(planted)


def killed(fates: list[Fate]) -> set[str]:
    return {fate.change for fate in fates if fate.fate == "killed"}


def test_a_refutation_is_killed_by_what_makes_the_relation_hold_at_its_witness() -> None:
    step = refuting(refuted(below(x, y, given=[below(x, 9)]), {x: Integer(3), y: Integer(2)}), Certified({}))
    fates = attack(step, CONTEXT, per_step=6, seed=0)
    assert {"sides exchanged", "condition 1 turned around"} <= killed(fates)
    assert score(fates).passes
    assert {fate.fate for fate in fates} == {"killed", "equivalent"}


def test_a_mutant_that_fails_at_the_witness_too_is_equivalent() -> None:
    step = refuting(refuted(equal(x**2, x), {x: Integer(3)}), Exact(nothing_more), Certified({}))
    fates = attack(step, CONTEXT, per_step=6, seed=0)
    assert "what tells the sides apart" in killed(fates)
    assert score(fates).passes
    assert any(fate.fate == "equivalent" for fate in fates)


@pytest.mark.parametrize("name", ["robust_overfitting.half_line", "learning_regimes.tradeoffs"])
def test_the_errata_notice_a_relation_that_holds(name: str) -> None:
    for step in load(name).steps.values():
        if not step.granted and step.is_erratum:
            assert score(attack(step, CONTEXT, per_step=3, seed=0)) == score([Fate("a", "b", "c", "killed")] * 3)


@pytest.mark.parametrize("name", ["random_features.limits", "learning_regimes.random_features"])
def test_equations_hold_at_certified_roots_of_models_and_branches(name: str) -> None:
    models = dict(list_models(load(name).model))
    assert models
    for model in models.values():
        region = as_region(model)
        places = find_places(region, 0)
        assert places.certified
        assert len(places.at) == POINTS
        assert find_residual(region, places) < 1e-12


def test_branches_are_attacked_by_name() -> None:
    fates = attack_equations(load("learning_regimes.random_features"), CONTEXT, per_step=6, seed=0)
    assert score(fates).passes
    assert all(fate.change.startswith("anisotropic: ") for fate in fates)


def test_definitions_that_only_observables_use_are_mutated_with_them() -> None:
    (region, *_) = list_regions(load("random_features.ridge_regression").model)
    assert region.name == REGULAR
    changed = {mutant.change.partition(":")[0] for mutant in mutate_region(region, ["gradient_norm"], region.own)}
    assert "gradient_norm" in changed
    assert {str(region.program[k][0]) for k in region.own} <= changed
    needed = {str(symbol) for equation in region.model.equations for symbol in equation.lhs.free_symbols}
    assert not needed & {str(region.program[k][0]) for k in region.own}


def test_a_changed_line_of_a_region_changes_what_depends_on_it_and_nothing_else() -> None:
    region = next(each for each in list_regions(load("random_features.robust_risk").model) if each.name == "collapsed")
    (at, *_) = find_places(region, 0).at
    plain = at.observe(region, list(region.observables))
    doubled = replace(
        region, observables={**region.observables, "standard_risk": 2 * region.observables["standard_risk"]}
    )
    found = at.observe(doubled, list(region.observables))
    assert found["standard_risk"] == pytest.approx(2 * plain["standard_risk"], rel=1e-14)
    assert {k: v for k, v in found.items() if k != "standard_risk"} == {
        k: v for k, v in plain.items() if k != "standard_risk"
    }


def test_a_mistake_in_the_prox_is_seen_by_the_claims_that_are_built_from_it() -> None:
    fates = attack_origins(proximal.theorem, CONTEXT, per_step=6, seed=0)
    assert score(fates) == score([Fate("a", "b", "c", "killed")] * 6)
    (origin,) = list_origins(proximal.theorem, CONTEXT)
    assert isinstance(origin, Operator)
    steps = find_witnesses([origin], proximal.theorem.steps.values(), proximal.theorem)[origin.name]
    assert proximal.stationarity in steps
    assert proximal.square_loss_slope not in steps


def test_what_was_planted_is_gone_afterwards() -> None:
    before = proximal.proximal_operator
    (origin,) = list_origins(proximal.theorem, CONTEXT)
    with ExitStack() as planted:
        planted.enter_context(origin.plant(Rational(1, 2) * origin.expression))
        assert proximal.proximal_operator is not before
        assert judge(replace(proximal.stationarity), CONTEXT).outcome is Outcome.fails
    assert proximal.proximal_operator is before
    assert judge(replace(proximal.stationarity), CONTEXT).outcome is Outcome.holds


def test_an_observable_that_nothing_looks_at_is_listed_and_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mutated_sources, "find_witnesses", lambda origins, *_: {each.name: [] for each in origins})
    fates = attack_origins(load("overfitted_networks.margin"), CONTEXT, per_step=2, seed=0)
    assert {fate.fate for fate in fates} == {"unchecked"}
    assert score(fates).counted == 0
