"""The closed phases and branches of the learning regimes: every observable is looked at, and a wrong one is noticed."""

from __future__ import annotations

import pytest
from sympy import Expr, Rational

from derivations.core import Level, Model, Phase, Step
from derivations.discover import load
from derivations.learning_regimes import lazy, tangent, tangent_quadratic, trained
from derivations.learning_regimes.lazy_fits import list_projections
from verify.kernel import Context, judge
from verify.mutated_sources import attack_sources
from verify.verdict import Outcome

QUICK = Context(level=Level.quick, seed=0, device="cpu")
REGIMES = ("lazy", "random_features", "tangent", "trained")


@pytest.mark.standard
@pytest.mark.parametrize("regime", REGIMES)
def test_no_observable_of_a_regime_is_left_unchecked(regime: str) -> None:
    found = attack_sources(load(f"learning_regimes.{regime}"), QUICK, 0)
    assert [name for name, attacks in found if attacks is None] == []


def test_the_tangent_model_is_one_object_wherever_a_law_follows_it() -> None:
    assert tangent.theorem.model is tangent_quadratic.law.claim.model


def test_no_two_phases_of_a_regime_share_their_observables() -> None:
    for theorem in (lazy.theorem, trained.theorem, tangent.theorem, load("learning_regimes.random_features")):
        held = [id(phase.observables) for phase in list_phases(theorem.model)]
        assert len(set(held)) == len(held)


def list_phases(model: Model) -> list[Phase]:
    return [phase for part in (model, *(branch.model for branch in model.branches)) for phase in part.phases]


def judge_with_a_wrong(held: dict[str, Expr | None], name: str, step: Step) -> Outcome:
    """The outcome while an observable is a little off."""
    before = held[name]
    held[name] = before + Rational(1, 10**9)
    try:
        return judge(step, QUICK).outcome
    finally:
        held[name] = before


@pytest.mark.parametrize("name", ["test_error", "dirichlet_energy"])
@pytest.mark.parametrize("place", range(5))
def test_a_wrong_projection_of_a_lazy_variant_fails(place: int, name: str) -> None:
    _, held = list(list_projections(lazy.theorem.model))[place]
    assert judge_with_a_wrong(held, name, lazy.converged_quadratic) is Outcome.fails


@pytest.mark.parametrize("name", ["test_error", "dirichlet_energy"])
def test_a_wrong_best_fit_of_finitely_many_eigenvalues_fails(name: str) -> None:
    model = trained.theorem.model
    for held in (model.observables, model.phases[0].observables):
        assert judge_with_a_wrong(held, name, trained.finite_spectra) is Outcome.fails
