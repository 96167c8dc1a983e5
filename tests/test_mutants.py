"""Every checked claim is attacked: a mistake planted in it, in an equation or in a prox must be noticed."""

from __future__ import annotations

import hashlib
from collections import defaultdict

import pytest

from derivations.core import CertifiedRoots, Level, Step
from derivations.discover import load_all
from derivations.relations import Convergence, Exponent
from verify.context import Context
from verify.mutation_run import run_mutants
from verify.mutation_score import attack, score

CONTEXT = Context(level=Level.quick, device="cpu", time_limit=20.0, algebra_limit=3.0)
CLAIMED = [
    step
    for derivation in load_all()
    for step in derivation.steps.values()
    if not step.granted
    and not isinstance(step.claim, (Convergence, Exponent))
    and any(evidence.level is Level.quick and not isinstance(evidence, CertifiedRoots) for evidence in step.evidence)
]
FEW = sorted(CLAIMED, key=lambda step: hashlib.sha256(step.id.encode()).digest())[: len(CLAIMED) // 8]
"""A fixed choice from all families: the whole is the standard level's."""


@pytest.mark.parametrize("step", FEW, ids=lambda step: step.id)
def test_a_mistake_planted_in_a_claim_is_noticed(step: Step) -> None:
    fates = attack(step, CONTEXT, per_step=1, seed=0)
    undecided = all(fate.fate in ("equivalent", "undefined", "undecided", "invisible") for fate in fates)
    assert fates, "the step does not hold, or nothing of it was changed"
    assert score(fates).killed or undecided, fates


@pytest.mark.standard
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_at_least_99_percent_of_the_mistakes_planted_in_each_family_are_noticed(seed: int) -> None:
    report = run_mutants(load_all(), seed=seed)
    families = defaultdict(list)
    for fate in report.fates:
        families[fate.step.partition(".")[0]].append(fate)
    assert not report.lost
    assert {name: score(fates).passes for name, fates in families.items()} == dict.fromkeys(families, True)
    assert not any(fate.fate == "not attacked" for fate in report.fates)
