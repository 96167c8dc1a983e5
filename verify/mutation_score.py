"""The score of the checks themselves: planted mistakes go through the very same checks, and what survives is listed."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from derivations.core import Derivation, Step
from derivations.evidence import Evidence
from derivations.relations import Convergence, Exponent
from verify.attack import Attack, word_of
from verify.context import Context
from verify.kernel import judge
from verify.mutation_effect import Effect
from verify.time_limit import run_within
from verify.verdict import Outcome, Verdict, combine

PASS = 0.99
TRIED_PER_COUNTED = 3
"""So many mutants are tried for each that should count: equivalent and invisible ones are replaced."""
_EFFECT_SECONDS = 1.5
_MOST_UNDECIDED = 3
_ORIGIN_SECONDS = 5.0
_LEAST_SECONDS = 2.0
_PATIENCE = 2.0
"""A mutant's check gets this multiple of what the true claim took, or the least: a divergent integral never ends."""


@dataclass(frozen=True)
class Fate:
    """What became of one mutant: `killed` and `survived` count, the others (see Effect) are listed.

    `undecided` is one whose check did not end in the time that a mutant gets: it may be either, and does not count.
    `unchecked` stands for an observable that nothing at this level looks at: it is listed, and does not count.
    `by` is the evidence that killed it with what it said, such as `sampled fails`; `seconds` what judging it took.
    """

    step: str
    mutation: str
    change: str
    fate: str
    by: str = ""
    seconds: float = 0.0


def attack(
    step: Step, context: Context, /, *, per_step: int, seed: int, kept: Sequence[Mapping[str, Any]] = ()
) -> list[Fate]:
    """The fates of up to `per_step` counted mutants of the step, with those met on the way that do not count.

    None where the step is granted, where nothing of it belongs to the context's level, or where it does not hold. With
    `kept` (the draws of its evidence of this level, in order) nothing is simulated.
    """
    if step.granted:
        return []
    attacks, seconds = _list_attacks(step, context, seed, kept)
    limit = min(context.time_limit, max(_LEAST_SECONDS, _PATIENCE * seconds))
    return _spend(step.id, attacks, replace(context, time_limit=limit), per_step)


def _list_attacks(
    step: Step, context: Context, seed: int, kept: Sequence[Mapping[str, Any]]
) -> tuple[Iterable[Attack], float]:
    """The attacks on a step that holds, and the seconds of processor time that judging it took."""
    if isinstance(step.claim, (Convergence, Exponent)):
        from verify.mutated_draws import attack_with_draws, judge_kept

        findings = judge_kept(step, context, kept) if kept else judge(step, replace(context, keep_draws=True)).findings
        if combine(findings) is not Outcome.holds:
            return [], 0.0
        return attack_with_draws(step, findings, seed), 0.0
    from verify.mutated_claims import attack_claim

    started = time.process_time()
    verdict = judge(step, context)
    seconds = time.process_time() - started
    if verdict.outcome is not Outcome.holds:
        return [], 0.0
    return attack_claim(step, _order_by_cost(step, verdict), seed), seconds


def attack_equations(derivation: Derivation, context: Context, /, *, per_step: int, seed: int) -> list[Fate]:
    """The same for the equations of the derivation's model, `per_step` for each; their step is called `equations`."""
    if not derivation.has_model:
        return []
    from verify.mutated_model import attack_model, list_models

    wanted = per_step * sum(len(model.equations) for _, model in list_models(derivation.model))
    return _spend(f"{derivation.id}:equations", attack_model(derivation, seed), context, wanted)


def attack_origins(derivation: Derivation, context: Context, /, *, per_step: int, seed: int) -> list[Fate]:
    """The same for the proximal operator, and each observable that no simulation follows; their step is `observables`.

    One of which nothing is claimed either has one fate, `unchecked`.
    """
    from verify.mutated_sources import attack_sources

    fates, hurried = [], replace(context, time_limit=min(context.time_limit, _ORIGIN_SECONDS))
    for name, attacks in attack_sources(derivation, context, seed):
        if attacks is None:
            why = f"{name}: at this level no simulation follows it and no claim is built from it"
            fates.append(Fate(f"{derivation.id}:observables", "none", why, "unchecked"))
        else:
            fates += _spend(f"{derivation.id}:observables", attacks, hurried, per_step)
    return fates


def _spend(step: str, attacks: Iterable[Attack], context: Context, wanted: int) -> list[Fate]:
    """Judge attacks until so many counted, or until too many did not."""
    fates: list[Fate] = []
    for item in attacks:
        counted = sum(fate.fate in ("killed", "survived") for fate in fates)
        undecided = sum(fate.fate == "undecided" for fate in fates)
        if counted == wanted or len(fates) == TRIED_PER_COUNTED * wanted or undecided == _MOST_UNDECIDED:
            break
        fates.append(_judge_mutant(step, item, context))
    return fates


def _order_by_cost(step: Step, verdict: Verdict) -> tuple[Evidence, ...]:
    """The evidence that held, cheapest first."""
    timed = [(f.seconds, k) for k, f in enumerate(verdict.findings) if f.outcome is Outcome.holds]
    return tuple(step.evidence[k] for _, k in sorted(timed))


def _judge_mutant(step: str, attack: Attack, context: Context) -> Fate:
    started = time.perf_counter()

    def told(fate: str, by: str = "") -> Fate:
        return Fate(step, attack.mutant.mutation, attack.mutant.change, fate, by, time.perf_counter() - started)

    if attack.glance is not None:
        glance = attack.glance(context)
        if glance.outcome is Outcome.fails:
            return told("killed", f"{word_of(glance)} fails")
    try:
        effect = run_within(_EFFECT_SECONDS, attack.effect)
    except Exception:
        effect = Effect.undefined
    # An effect that takes too long to see is no excuse: the mutant counts.
    if effect not in (None, Effect.counted):
        return told(effect.value if effect else "")
    started = time.perf_counter()
    for check in attack.checks:
        answer = check(context)
        if answer.outcome is Outcome.open and "timed out" in answer.detail:
            return told("undecided", word_of(answer))
        if answer.outcome is not Outcome.holds:
            return told("killed", f"{word_of(answer)} {answer.outcome.value}")
    return told("survived")


@dataclass(frozen=True)
class Score:
    """Killed out of counted."""

    killed: int
    counted: int

    @property
    def value(self) -> float | None:
        """The share killed, None where nothing counted."""
        return self.killed / self.counted if self.counted else None

    @property
    def passes(self) -> bool:
        """At least 99% of at least one counted mutant."""
        return self.counted > 0 and self.killed >= PASS * self.counted


def score(fates: Iterable[Fate], /) -> Score:
    """The score of the mutants with these fates."""
    listed = [fate.fate for fate in fates]
    killed = listed.count("killed")
    return Score(killed, killed + listed.count("survived"))


__all__ = ["PASS", "Fate", "Score", "attack", "attack_equations", "attack_origins", "score"]
