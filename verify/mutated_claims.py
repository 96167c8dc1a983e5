"""Attacks on claims: relations, limits and refuted relations, and the instances of exact computations."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial

from sympy import Expr, simplify

from derivations.core import Step
from derivations.evidence import Evidence, Exact, Instance, Sampled, Symbolic, kind_of
from derivations.relations import Limit, Refuted, Relation
from numerics.proofs.inequalities_on_boxes import refute_at
from verify.approach import sample_limit
from verify.attack import Attack, Check
from verify.checks.symbolic import LIMIT_POINTS, POINTS
from verify.context import Context
from verify.kernel import judge
from verify.mutants import Mutant, mutate_claim, mutate_instances, pick
from verify.mutation_effect import Effect, measure_effect
from verify.second_opinion import sample_relation
from verify.time_limit import TimedOut, time_limit
from verify.verdict import Finding, Outcome

_GLANCE_SECONDS = 2.0


def attack_claim(step: Step, held: Sequence[Evidence], seed: int, /) -> Iterator[Attack]:
    """The attacks on a claim that the evidence `held` confirmed, cheapest first: on its sides, or on its instances."""
    claim = step.claim
    others = [item for item in held if not isinstance(item, Exact)]
    if isinstance(claim, Refuted):
        yield from _attack_refuted(step, claim, held, seed)
    elif isinstance(claim, (Relation, Limit)) and others:
        for mutant in pick(mutate_claim(claim), seed=seed, key=step.id):
            yield _attack_relation(step, claim, mutant, others, seed)
    else:
        yield from _attack_instances(step, held, seed)


def _attack_instances(step: Step, held: Sequence[Evidence], seed: int) -> Iterator[Attack]:
    for exact in held:
        if isinstance(exact, Exact):
            instances = list(exact.computation())
            for spoiled in pick(mutate_instances(instances), seed=seed, key=step.id):
                yield _attack_instance(step, exact, instances, spoiled)


def _attack_relation(
    step: Step, claim: Relation | Limit, mutant: Mutant[Relation | Limit], held: Sequence[Evidence], seed: int
) -> Attack:
    changed = mutant.changed
    effect = partial(measure_effect, claim, changed, held[0], seed)
    mutated = replace(step, build=lambda: changed)
    glance = next((partial(_glance, changed, item) for item in held if isinstance(item, (Symbolic, Sampled))), None)
    return Attack(mutant, effect, tuple(_judged_by(mutated, item) for item in held), glance)


def _glance(changed: Relation | Limit, evidence: Symbolic | Sampled, context: Context) -> Finding:
    """What the check of the evidence begins with, at its own points: fails where these object, else open."""
    points = evidence.points if isinstance(evidence, Sampled) else POINTS
    try:
        with time_limit(min(_GLANCE_SECONDS, context.time_limit)):
            if isinstance(changed, Limit):
                points = min(points, LIMIT_POINTS)
                opinion = sample_limit(changed, evidence.domain, points=points, seed=context.seed)
            elif isinstance(evidence, Sampled) and evidence.roots_of is not None:
                return Finding(Outcome.open, kind_of(evidence), "roots take their time")
            else:
                options = {"digits": evidence.digits, "points": points, "seed": context.seed}
                opinion = sample_relation(changed, evidence.domain, **options)
    except TimedOut:
        return Finding(Outcome.open, kind_of(evidence), "sampling takes its time")
    except Exception as error:
        return Finding(Outcome.open, kind_of(evidence), type(error).__name__)
    return Finding(Outcome.fails if opinion.violated else Outcome.open, kind_of(evidence), str(opinion))


def _attack_refuted(step: Step, claim: Refuted, held: Sequence[Evidence], seed: int) -> Iterator[Attack]:
    """The published relation changed. What a refutation says is that it fails at the witness, and no more.

    A mutant that fails there as well leaves that as true as it was: equivalent. Those that make the relation hold, or
    that put the witness outside its conditions, come first; the checks must notice that nothing is refuted.
    """
    for mutant in _list_satisfied(claim.claim):
        yield _build_refuted(step, claim, mutant, held)
    yield from _attack_instances(step, held, seed)
    for other in pick(mutate_claim(claim.claim), seed=seed, key=step.id):
        if isinstance(other.changed, Relation):
            yield _build_refuted(step, claim, Mutant(other.mutation, other.change, other.changed), held)


def _build_refuted(step: Step, claim: Refuted, mutant: Mutant[Relation], held: Sequence[Evidence]) -> Attack:
    changed = Refuted(mutant.changed, claim.witness)
    mutated = replace(step, build=lambda: changed)
    return Attack(mutant, partial(_effect_at_witness, changed), tuple(_judged_by(mutated, item) for item in held))


def _list_satisfied(relation: Relation) -> Iterator[Mutant[Relation]]:
    """Changes that make the relation hold where it failed, or that void its conditions."""
    if relation.kind == "=":
        for side in (relation.lhs, relation.rhs):
            yield Mutant("dropped term", "what tells the sides apart", Relation("=", side, side, relation.given))
        yield Mutant("sign", "at most in place of equal", replace(relation, kind="<="))
        turned = replace(relation, kind="<=", lhs=relation.rhs, rhs=relation.lhs)
        yield Mutant("sign", "at least in place of equal", turned)
    else:
        yield Mutant("sign", "sides exchanged", replace(relation, lhs=relation.rhs, rhs=relation.lhs))
    for k, condition in enumerate(relation.given):
        given = (*relation.given[:k], Relation("<", condition.rhs, condition.lhs), *relation.given[k + 1 :])
        yield Mutant("sign", f"condition {k + 1} turned around", replace(relation, given=given))


def _effect_at_witness(changed: Refuted) -> Effect:
    """Equivalent where the changed relation, under its conditions, certainly fails at the witness."""
    plain = changed.claim.expanded()
    met = [refute_at(c.kind, c.lhs, c.rhs, changed.witness) for c in plain.given]
    if any(each is not False for each in met):
        return Effect.counted
    violated = refute_at(plain.kind, plain.lhs, plain.rhs, changed.witness)
    return Effect.undefined if violated is None else Effect.equivalent if violated else Effect.counted


def _attack_instance(step: Step, exact: Exact, instances: list[Instance], mutant: Mutant[Instance]) -> Attack:
    changed = mutant.changed
    # The changed instance is looked at first, the others follow as in the computation.
    rest = [instance for instance in instances if instance[0] != changed[0]]
    spoiled = replace(exact, computation=lambda: [changed, *rest])
    return Attack(mutant, partial(_effect_of_instance, instances, changed), (_judged_by(step, spoiled),))


def _effect_of_instance(instances: Iterable[Instance], changed: Instance) -> Effect:
    """Numbers that changed are wrong; expressions are compared as an equation is."""
    pairs = [(left, right) for label, left, right in instances if label == changed[0]]
    same = any(_is_same(left, changed[1]) and _is_same(right, changed[2]) for left, right in pairs)
    return Effect.equivalent if same else Effect.counted


def _is_same(old: object, new: object) -> bool:
    if isinstance(old, (tuple, list)) and isinstance(new, (tuple, list)):
        return len(old) == len(new) and all(map(_is_same, old, new))
    if isinstance(old, Expr) and isinstance(new, Expr) and old != new:
        return bool(simplify(old - new) == 0)
    return bool(old == new)


def _judged_by(step: Step, evidence: Evidence) -> Check:
    alone = replace(step, evidence=(evidence,))
    return lambda context: judge(alone, context)


__all__ = ["attack_claim"]
