"""Attacks on what a simulation or a fitted rate confirmed, judged against the draws that the run has kept."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from derivations.core import Step
from derivations.discover import describe_error
from derivations.evidence import Rate, Simulation
from derivations.relations import Exponent
from verify.attack import Attack
from verify.context import Context
from verify.mutants import Mutant, pick
from verify.mutated_theory import (
    Changed,
    Kept,
    effect_of_exponent,
    effect_of_theory,
    mutate_exponent,
    mutate_theory,
    refit,
    retest,
)
from verify.verdict import Finding, Outcome, Verdict


def attack_with_draws(step: Step, verdict: Verdict, seed: int, /) -> Iterator[Attack]:
    """The attacks on a convergence or an exponent, at each piece of evidence that held and kept its draws."""
    found: list[Mutant[Attack]] = []
    for k, (evidence, finding) in enumerate(zip(step.evidence, verdict.findings, strict=True)):
        if finding.outcome is not Outcome.holds or not finding.draws:
            continue
        place = f"evidence {k + 1}: " if len(step.evidence) > 1 else ""
        if isinstance(evidence, Simulation):
            mutants: Iterator[Mutant[Any]] = mutate_theory(step, evidence)
        elif isinstance(evidence, Rate) and isinstance(step.claim, Exponent):
            mutants = mutate_exponent(step.claim)
        else:
            continue
        for mutant in mutants:
            attack = _build_attack(step, evidence, mutant, finding.draws, place)
            found.append(Mutant(mutant.mutation, mutant.change, attack))
    yield from (mutant.changed for mutant in pick(found, seed=seed, key=step.id))


def _build_attack(step: Step, evidence: Simulation | Rate, mutant: Mutant[Any], kept: Kept, place: str) -> Attack:
    named = Mutant(mutant.mutation, place + mutant.change, mutant.changed)
    if isinstance(evidence, Simulation):
        changed: Changed = mutant.changed
        retested = partial(retest, step, evidence, changed, kept)
        return Attack(
            named, partial(effect_of_theory, step, evidence, changed), (_ask(retested, "simulation"),), ("simulation",)
        )
    if not isinstance(step.claim, Exponent):
        raise TypeError(f"a rate is claimed as an exponent; the claim is a {type(step.claim).__name__}")
    refitted = partial(refit, evidence, mutant.changed, kept)
    return Attack(named, partial(effect_of_exponent, step.claim, mutant.changed), (_ask(refitted, "rate"),), ("rate",))


def _ask(check: Callable[[], Finding], word: str) -> Callable[[Context], Finding]:
    def judged(_context: Context) -> Finding:
        try:
            return check()
        except Exception as error:
            # As in the kernel: what a check cannot judge is open, with the reason.
            return Finding(Outcome.open, word, describe_error(error))

    return judged
