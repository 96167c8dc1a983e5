"""Laws that every step of every derivation obeys, read off one shared quick run."""

from __future__ import annotations

import pytest

from derivations.core import Assumed, CertifiedRoots, Cited, Derivation, Exact, Level, Rate, Simulation, Step
from derivations.discover import load_all
from derivations.relations import Convergence, Exponent, Refuted, Relation, Statement
from numerics.experiments import resolve
from verify.runner import Report
from verify.verdict import Outcome

DERIVATIONS = load_all()
STEPS = [step for derivation in DERIVATIONS for step in derivation.steps.values()]
SOLVABLE = [derivation for derivation in DERIVATIONS if derivation.has_model]


def _outcome(report: Report, step: Step) -> tuple[Outcome, str]:
    for entry in report.to_json()["derivations"]:
        for row in entry["steps"]:
            if (entry["id"], row["name"]) == (step.derivation.id, step.name):
                return Outcome(row["verdict"]), row["detail"]
    raise LookupError(f"{step.id} is not in the report")


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.id)
def test_every_step_holds_or_is_granted_or_belongs_to_a_higher_level(step: Step, quick_run: Report) -> None:
    outcome, detail = _outcome(quick_run, step)
    if step.granted:
        assert outcome is Outcome.granted, detail
    elif all(evidence.level > Level.quick for evidence in step.evidence):
        assert outcome is Outcome.not_attempted, detail
    else:
        assert outcome is Outcome.holds, detail


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.id)
def test_every_step_can_fail(step: Step) -> None:
    claim = step.claim
    if step.granted:
        return
    if isinstance(claim, Statement):
        assert any(isinstance(evidence, (Exact, CertifiedRoots)) for evidence in step.evidence)
    elif isinstance(claim, Relation):
        assert (claim.lhs - claim.rhs) != 0, "the two sides are the same expression"
    elif isinstance(claim, Convergence):
        assert all(isinstance(e, Simulation) for e in step.evidence)
    elif isinstance(claim, Exponent):
        assert all(isinstance(e, Rate) for e in step.evidence)
    else:
        assert isinstance(claim, Refuted) or claim.symbol in claim.expression.free_symbols


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.id)
def test_every_step_has_a_reason_and_a_source(step: Step) -> None:
    assert len(step.reason.split()) >= 3
    if isinstance(step.evidence[0], Cited):
        assert any(character.isdigit() for character in step.source), "a citation names its theorem"
    if isinstance(step.evidence[0], Assumed):
        assert isinstance(step.claim, Statement | Relation)


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.id)
def test_a_step_is_no_ancestor_of_itself(step: Step) -> None:
    assert step not in step.ancestors()


@pytest.mark.parametrize("derivation", DERIVATIONS, ids=lambda derivation: derivation.id)
def test_every_derivation_states_its_theorem(derivation: Derivation) -> None:
    assert len(derivation.statement.split()) >= 20
    assert derivation.steps, "a derivation without steps claims nothing"
    assert derivation.source.authors
    assert derivation.source.year


@pytest.mark.parametrize("derivation", DERIVATIONS, ids=lambda derivation: derivation.id)
def test_every_named_experiment_exists(derivation: Derivation) -> None:
    names = list(derivation.simulations.values())
    for step in derivation.steps.values():
        names += [e.experiment for e in step.evidence if isinstance(e, Simulation | Rate)]
    for name in names:
        assert callable(resolve(name))


@pytest.mark.parametrize("derivation", SOLVABLE, ids=lambda derivation: derivation.id)
def test_every_phase_has_every_observable(derivation: Derivation) -> None:
    model = derivation.model
    for phase in model.phases:
        assert set(phase.observables) == set(model.observables)


def test_a_run_checks_what_it_says(quick_run: Report) -> None:
    report = quick_run.to_json()
    assert report["verdict"] == "holds"
    assert report["counts"]["holds"] > 80
    assert sum(report["counts"].values()) == len(STEPS)
