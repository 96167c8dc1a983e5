"""The score of the checks themselves: planted mistakes go through the very same checks, and what survives is listed."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import TypeVar

from derivations.core import Derivation, Step
from derivations.evidence import Evidence, Exact, Instance, kind_of
from derivations.relations import Convergence, Exponent, Limit, Relation
from verify.attack import Attack
from verify.context import Context
from verify.kernel import judge
from verify.mutants import Mutant, mutate_claim, mutate_instances, pick
from verify.mutation_effect import Effect, measure_effect
from verify.time_limit import run_within
from verify.verdict import Outcome, Verdict

PASS = 0.99
TRIED_PER_COUNTED = 3
"""So many mutants are tried for each that should count: equivalent and invisible ones are replaced."""
_EFFECT_SECONDS = 1.5
_LEAST_SECONDS = 2.0
_PATIENCE = 3.0
"""A mutant's check gets this multiple of what the true claim took, or the least: a divergent integral never ends."""

Changed = TypeVar("Changed")


@dataclass(frozen=True)
class Fate:
    """What became of one mutant: `killed` and `survived` count, the others (see Effect) are listed.

    `undecided` is one whose check did not end in the time that a mutant gets: it may be either, and does not count.
    `by` is the evidence that killed it with what it said, such as `sampled fails`; `seconds` what judging it took.
    """

    step: str
    mutation: str
    change: str
    fate: str
    by: str = ""
    seconds: float = 0.0


def attack(step: Step, context: Context, /, *, per_step: int, seed: int) -> list[Fate]:
    """The fates of up to `per_step` counted mutants of the step, with those met on the way that do not count.

    None where the step is granted, where nothing of it belongs to the context's level, or where it does not hold.
    """
    if step.granted:
        return []
    verdict = judge(step, replace(context, keep_draws=True))
    if verdict.outcome is not Outcome.holds:
        return []
    held = _order_by_cost(step, verdict)
    limit = min(context.time_limit, max(_LEAST_SECONDS, _PATIENCE * max(f.seconds for f in verdict.findings)))
    hurried = replace(context, time_limit=limit)
    return _spend(step.id, list_attacks(step, verdict, held, seed), hurried, per_step)


def attack_equations(derivation: Derivation, context: Context, /, *, per_step: int, seed: int) -> list[Fate]:
    """The same for the equations of the derivation's model, `per_step` for each; their step is called `equations`."""
    if not derivation.has_model or not derivation.model.unknowns:
        return []
    from verify.mutated_model import attack_model

    wanted = per_step * len(derivation.model.equations)
    return _spend(f"{derivation.id}:equations", attack_model(derivation, seed), context, wanted)


def _spend(step: str, attacks: Iterable[Attack], context: Context, wanted: int) -> list[Fate]:
    """Judge attacks until so many counted, or until too many did not."""
    fates: list[Fate] = []
    for item in attacks:
        counted = sum(fate.fate in ("killed", "survived") for fate in fates)
        if counted == wanted or len(fates) == TRIED_PER_COUNTED * wanted:
            break
        fates.append(_judge_mutant(step, item, context))
    return fates


def list_attacks(step: Step, verdict: Verdict, held: tuple[Evidence, ...], seed: int, /) -> Iterator[Attack]:
    """The attacks on a step that holds: on its claim, on its exact instances, or on its theory against kept draws."""
    claim = step.claim
    exact = next((item for item in held if isinstance(item, Exact)), None)
    if isinstance(claim, (Convergence, Exponent)):
        from verify.mutated_draws import attack_with_draws

        yield from attack_with_draws(step, verdict, seed)
    elif isinstance(claim, (Relation, Limit)) and exact is None:
        for mutant in pick(mutate_claim(claim), seed=seed, key=step.id):
            yield _attack_claim(step, claim, mutant, held, seed)
    elif exact is not None:
        instances = list(exact.computation())
        for spoiled in pick(mutate_instances(instances), seed=seed, key=step.id):
            yield _attack_instance(step, exact, instances, spoiled)


def _attack_claim(
    step: Step, claim: Relation | Limit, mutant: Mutant[Relation | Limit], held: tuple[Evidence, ...], seed: int
) -> Attack:
    changed = mutant.changed

    def effect() -> Effect:
        return measure_effect(claim, changed, held[0], seed)

    mutated = replace(step, build=lambda: changed)
    return Attack(mutant, effect, tuple(_judged_by(mutated, item) for item in held), tuple(map(kind_of, held)))


def _attack_instance(step: Step, exact: Exact, instances: list[Instance], mutant: Mutant[Instance]) -> Attack:
    changed = mutant.changed
    # The changed instance is looked at first, the others follow as in the computation.
    rest = [instance for instance in instances if instance[0] != changed[0]]
    spoiled = replace(exact, computation=lambda: [changed, *rest])
    return Attack(mutant, lambda: _effect_of_instance(instances, changed), (_judged_by(step, spoiled),), ("exact",))


def _effect_of_instance(instances: Iterable[Instance], changed: Instance) -> Effect:
    """Numbers that changed are wrong; expressions are compared as an equation is."""
    from sympy import Expr, simplify

    for label, left, right in instances:
        if label != changed[0]:
            continue
        for old, new in ((left, changed[1]), (right, changed[2])):
            if isinstance(old, Expr) and isinstance(new, Expr) and old != new:
                return Effect.equivalent if simplify(old - new) == 0 else Effect.counted
            if old != new:
                return Effect.counted
    return Effect.equivalent


def _judged_by(step: Step, evidence: Evidence) -> Callable[[Context], Verdict]:
    return lambda context: judge(replace(step, evidence=(evidence,)), context)


def _order_by_cost(step: Step, verdict: Verdict) -> tuple[Evidence, ...]:
    """The evidence that held, cheapest first."""
    timed = [(f.seconds, k) for k, f in enumerate(verdict.findings) if f.outcome is Outcome.holds]
    return tuple(step.evidence[k] for _, k in sorted(timed))


def _judge_mutant(step: str, attack: Attack, context: Context) -> Fate:
    started = time.perf_counter()

    def told(fate: str, by: str = "") -> Fate:
        return Fate(step, attack.mutant.mutation, attack.mutant.change, fate, by, time.perf_counter() - started)

    try:
        effect = run_within(_EFFECT_SECONDS, attack.effect)
    except Exception:
        effect = Effect.undefined
    # An effect that takes too long to see is no excuse: the mutant counts.
    if effect not in (None, Effect.counted):
        return told(effect.value if effect else "")
    started = time.perf_counter()
    for check, word in zip(attack.checks, attack.words, strict=True):
        verdict = check(context)
        if verdict.outcome is Outcome.open and "timed out" in verdict.detail:
            return told("undecided", word)
        if verdict.outcome is not Outcome.holds:
            return told("killed", f"{word} {verdict.outcome.value}")
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


__all__ = ["PASS", "Fate", "Score", "attack", "attack_equations", "list_attacks", "score"]
