"""The opposite error: verdicts on a true theory say `fails` no more often than the declared level."""

from __future__ import annotations

from pathlib import Path

import pytest

from derivations.core import Level, Step
from derivations.discover import load, load_all
from derivations.evidence import Rate, Simulation
from verify.context import Context
from verify.false_alarms import Alarms, count_alarms, survey
from verify.kernel import judge
from verify.runner import run

CHEAP = ["overfitted_networks.blocks", "learning_regimes.random_features_single", "lemmas.marchenko_pastur"]


def quick_steps(name: str) -> list[Step]:
    drawn = [step for step in load(name).steps.values() if isinstance(step.evidence[0], (Simulation, Rate))]
    return [step for step in drawn if step.evidence[0].level is Level.quick]


@pytest.mark.parametrize("step", [step for name in CHEAP for step in quick_steps(name)], ids=lambda step: step.id)
def test_no_true_theory_is_refuted_on_a_few_seeds(step: Step) -> None:
    evidence, finding = step.evidence[0], judge(step, Context(device="cpu", keep_draws=True)).findings[0]
    assert isinstance(evidence, (Simulation, Rate))
    assert count_alarms(step, evidence, finding.draws, seeds=50).fails == 0


@pytest.mark.standard
def test_verdicts_on_true_theory_over_1000_seeds_fail_no_more_often_than_declared(tmp_path: Path) -> None:
    derivations = load_all()
    run(derivations, level=Level.quick, seed=0, device="cpu", keep=tmp_path)
    steps = [step for derivation in derivations for step in derivation.steps.values()]
    found: list[Alarms] = survey(str(tmp_path), steps, Level.quick, seeds=1000)
    assert len(found) > 50
    assert sum(alarms.fails for alarms in found) <= sum(alarms.bound * alarms.seeds for alarms in found)
    # A single one that errs at its level does so 8 times or more with a probability below 1e-4.
    assert [alarms for alarms in found if alarms.fails > 7] == []
