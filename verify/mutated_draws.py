"""Attacks on what a simulation or a rate confirmed, judged against the draws of the same run or of a kept one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from derivations.core import Step
from derivations.discover import describe_error
from derivations.evidence import Evidence, Rate, Simulation
from derivations.relations import Convergence, Exponent
from verify.attack import Attack
from verify.checks import rate, simulation
from verify.context import Context
from verify.mutants import Mutant, pick
from verify.mutated_theory import Changed, Kept, effect_of_theory, mutate_theory, retest
from verify.mutation_effect import Effect
from verify.verdict import Finding, Outcome


def judge_kept(step: Step, context: Context, kept: Sequence[Kept], /) -> list[Finding]:
    """What the step's simulations and rates show with the kept draws, one finding for each piece of evidence.

    `kept` are the draws of the evidence that belongs to the context's level, in order.
    """
    waiting = iter(kept)
    found = []
    for evidence in step.evidence:
        if evidence.level > context.level:
            found.append(Finding(Outcome.not_attempted, "", f"belongs to the {evidence.level.name} level"))
        else:
            found.append(_ask(partial(_confront, step, evidence, next(waiting)), "")(context))
    return found


def _confront(step: Step, evidence: Evidence, kept: Kept) -> Finding:
    claim = step.claim
    if isinstance(evidence, Rate) and isinstance(claim, Exponent):
        return replace(refit(evidence, claim, kept), draws=kept)
    if isinstance(evidence, Simulation) and isinstance(claim, Convergence):
        theory = simulation.predict(claim, evidence, simulation.find_setting(step, evidence))
        return replace(retest(step, evidence, theory, kept), draws=kept)
    raise TypeError(f"{step.id} has evidence besides draws; only simulations and rates are judged from kept draws")


def attack_with_draws(step: Step, findings: Sequence[Finding], seed: int, /) -> Iterator[Attack]:
    """The attacks on a convergence or an exponent, at each piece of evidence that held and kept its draws."""
    found: list[Mutant[Attack]] = []
    for k, (evidence, finding) in enumerate(zip(step.evidence, findings, strict=True)):
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
        effect: Callable[[], Effect] = partial(effect_of_theory, step, evidence, changed)
        return Attack(named, effect, (_ask(lambda: retest(step, evidence, changed.theory, kept), "simulation"),))
    if not isinstance(step.claim, Exponent):
        raise TypeError(f"a rate is claimed as an exponent; the claim is a {type(step.claim).__name__}")
    effect = partial(effect_of_exponent, step.claim, mutant.changed)
    return Attack(named, effect, (_ask(partial(refit, evidence, mutant.changed, kept), "rate"),))


def _ask(check: Callable[[], Finding], word: str) -> Callable[[Context], Finding]:
    def judged(_context: Context) -> Finding:
        try:
            return check()
        except Exception as error:
            # As in the kernel: what a check cannot judge is open, with the reason.
            return Finding(Outcome.open, word, describe_error(error))

    return judged


def mutate_exponent(claim: Exponent, /) -> Iterator[Mutant[Exponent]]:
    """The interval of the exponent with its sign changed, doubled, or moved by one."""
    for mutation, change, low, high in (
        ("sign", "opposite exponents", -claim.high, -claim.low),
        ("factor 2", "twice the exponents", min(2 * claim.low, claim.high * 2), max(2 * claim.low, claim.high * 2)),
        ("exponent", "one power more", claim.low + 1, claim.high + 1),
        ("exponent", "one power less", claim.low - 1, claim.high - 1),
    ):
        yield Mutant(mutation, f"{claim.quantity}: {change}", replace(claim, low=low, high=high))


def effect_of_exponent(original: Exponent, changed: Exponent, /) -> Effect:
    """Invisible where the changed interval still overlaps the claimed one: the tolerance is the interval itself."""
    overlap = changed.low < original.high and original.low < changed.high
    return Effect.invisible if overlap else Effect.counted


def refit(evidence: Rate, changed: Exponent, kept: Mapping[str, Any], /) -> Finding:
    """The same fit against the changed interval, with the kept draws."""
    values = {size: np.asarray(kept[f"draws_{size}"]).reshape(-1) for size in evidence.sizes}
    return rate.confront(changed, evidence, values)


__all__ = ["attack_with_draws", "effect_of_exponent", "judge_kept", "mutate_exponent", "refit"]
