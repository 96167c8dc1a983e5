"""Sampled: both sides at random points that satisfy the claim's assumptions, to many digits."""

from __future__ import annotations

from derivations.core import Step
from derivations.evidence import Sampled
from derivations.relations import Claim, Limit, Relation
from verify.approach import sample_limit
from verify.context import Context
from verify.second_opinion import Opinion, sample_at_roots, sample_relation
from verify.verdict import Finding, Outcome


def check(step: Step, evidence: Sampled, context: Context, /) -> Finding:
    """Holds when no point objects and at least half of the points asked are effective; open with fewer.

    Two sides that are the same expression as written leave nothing to check: open.
    """
    if _says_nothing(step.claim):
        return Finding(Outcome.open, "sampled", "the two sides are the same expression: nothing was checked")
    opinion = _look(step, evidence, context)
    if opinion.violated:
        return Finding(Outcome.fails, "sampled", opinion.seen, counterexample=opinion.counterexample)
    if not opinion.agrees:
        return Finding(Outcome.open, "sampled", str(opinion))
    plural = "s" if opinion.effective > 1 else ""
    at = f"root{plural} of the model" if evidence.roots_of else f"point{plural}"
    if isinstance(step.claim, Limit):
        return Finding(Outcome.holds, "sampled", f"converges at {opinion.effective} {at}")
    return Finding(Outcome.holds, "sampled", f"agrees at {opinion.effective} {at}, {evidence.digits} digits")


def _says_nothing(claim: Claim) -> bool:
    if isinstance(claim, Limit):
        return bool(claim.expression == claim.value)
    return isinstance(claim, Relation) and claim.kind != "<" and bool(claim.lhs == claim.rhs)


def _look(step: Step, evidence: Sampled, context: Context) -> Opinion:
    claim = step.claim
    if isinstance(claim, Limit) and evidence.roots_of is None:
        return sample_limit(claim, evidence.domain, points=evidence.points, seed=context.seed)
    if not isinstance(claim, Relation):
        raise TypeError(
            f"sampling compares the two sides of a relation, or a limit; the claim is a {type(claim).__name__}"
        )
    if evidence.roots_of is not None:
        model = evidence.roots_of()
        options = {"digits": evidence.digits, "points": evidence.points, "seed": context.seed}
        return sample_at_roots(claim, model, evidence.domain, **options)
    return sample_relation(claim, evidence.domain, digits=evidence.digits, points=evidence.points, seed=context.seed)
