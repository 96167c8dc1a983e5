"""Every checked claim is attacked: slightly changed or turned around, it must be found to fail."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from sympy import Integer, Rational

from derivations.core import Exact, Level, Step
from derivations.discover import load_all
from derivations.evidence import Instance
from derivations.relations import Claim, Limit, Relation
from verify.kernel import Context, judge

CONTEXT = Context(level=Level.deep, time_limit=20.0, algebra_limit=3.0)
CHECKED = [step for derivation in load_all() for step in derivation.steps.values() if not step.granted]
EXACT = [step for step in CHECKED if any(isinstance(item, Exact) for item in step.evidence)]
CLAIMED = [step for step in CHECKED if step not in EXACT and isinstance(step.claim, Relation | Limit)]
TENTH_OF_A_PERCENT = Rational(1001, 1000)


def mutant(claim: Relation | Limit) -> Claim:
    """An equation or limit off by a tenth of a percent (from 0: by a thousandth); an inequality turned around."""
    if isinstance(claim, Limit):
        moves = claim.value.is_finite and claim.value != 0
        return replace(claim, value=claim.value * TENTH_OF_A_PERCENT if moves else Integer(1))
    if claim.kind != "=":
        return replace(claim, lhs=claim.rhs, rhs=claim.lhs)
    if claim.rhs == 0:
        return replace(claim, lhs=claim.lhs + Rational(1, 1000))
    return replace(claim, rhs=claim.rhs * TENTH_OF_A_PERCENT)


def spoiled(computation: Callable[[], Iterator[Instance]]) -> Iterator[Instance]:
    """The instances, the last of them off by one."""
    *agreeing, (label, left, right) = computation()
    yield from agreeing
    yield (label, left, (*right[:-1], right[-1] + 1) if isinstance(right, tuple | list) else right + 1)


@pytest.mark.parametrize("step", CLAIMED, ids=lambda step: step.id)
def test_a_changed_claim_fails(step: Step) -> None:
    verdict = judge(replace(step, build=lambda: mutant(step.claim)), CONTEXT)
    assert verdict.outcome == "fails", verdict.detail


@pytest.mark.parametrize("step", EXACT, ids=lambda step: step.id)
def test_a_computation_with_one_wrong_instance_fails(step: Step) -> None:
    (evidence,) = [item for item in step.evidence if isinstance(item, Exact)]
    changed = replace(evidence, computation=lambda: spoiled(evidence.computation))
    verdict = judge(replace(step, evidence=(changed,)), CONTEXT)
    assert verdict.outcome == "fails", verdict.detail
