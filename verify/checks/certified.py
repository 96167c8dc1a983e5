"""Certified: ball arithmetic shows the inequality on the whole box, or refutes a published relation at its witness."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sympy import Symbol

from derivations.core import Step
from derivations.evidence import Certified
from derivations.relations import Refuted, Relation
from numerics.box_proof import ProofStatus, prove_on_box, refute_at
from verify.verdict import Finding, Outcome

_OUTCOMES = {
    ProofStatus.proved: Outcome.holds,
    ProofStatus.violated: Outcome.fails,
    ProofStatus.undecided: Outcome.open,
    ProofStatus.empty: Outcome.open,
}


def check(step: Step, evidence: Certified, /) -> Finding:
    """Holds when proved on the box, fails with the exact point at which balls see a violation, else open."""
    claim = step.claim
    if isinstance(claim, Refuted):
        return _refute(claim.claim.expanded(), claim.witness)
    if not isinstance(claim, Relation) or claim.kind == "=":
        raise TypeError("a certificate needs an inequality, or a refuted relation")
    plain = claim.expanded()
    proof = prove_on_box(plain.kind, plain.lhs, plain.rhs, evidence.box, given=plain.given)
    outcome = _OUTCOMES[proof.status]
    if outcome is Outcome.holds:
        boxes = f"{proof.boxes} box{'es' if proof.boxes != 1 else ''} of balls"
        return Finding(outcome, "certified", f"proved on the box, {boxes}")
    if proof.witness is not None:
        where = {str(symbol): str(value) for symbol, value in proof.witness.items()}
        return Finding(outcome, "certified", f"violated at {_write(where)}", counterexample=where)
    if proof.smallest_left is not None:
        place = ", ".join(f"{s} in [{float(a):.4g}, {float(b):.4g}]" for s, (a, b) in proof.smallest_left.items())
        return Finding(outcome, "certified", f"undecided on {proof.left} of {proof.boxes} boxes, the smallest {place}")
    return Finding(outcome, "certified", proof.status.value)


def _refute(relation: Relation, witness: Mapping[Symbol, Any]) -> Finding:
    where = {str(symbol): str(value) for symbol, value in witness.items()}
    at = _write(where) or "as it stands"
    for condition in relation.given:
        if refute_at(condition.kind, condition.lhs, condition.rhs, witness) is not False:
            return Finding(Outcome.open, "certified", f"the witness {at} does not certainly meet the conditions")
    violated = refute_at(relation.kind, relation.lhs, relation.rhs, witness)
    if violated is None:
        return Finding(Outcome.open, "certified", f"balls do not decide at {at}")
    if not violated:
        return Finding(Outcome.fails, "certified", f"the published relation holds at {at}", counterexample=where)
    return Finding(Outcome.holds, "certified", f"the published relation fails at {at}, certainly")


def _write(where: Mapping[str, str]) -> str:
    return ", ".join(f"{name} = {value}" for name, value in where.items())
