"""Certified: ball arithmetic shows the inequality on the whole box, or refutes a published relation at its witness."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sympy import Symbol

from derivations.core import Step
from derivations.evidence import Certified
from derivations.model import Model
from derivations.relations import Refuted, Relation
from numerics.proofs.inequalities_on_boxes import BoxProof, ProofStatus, prove_on_box, refute_at
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
        if evidence.roots_of is not None:
            return _refute_at_root(claim, evidence.roots_of())
        return _refute(claim.claim.expanded(), claim.witness)
    if not isinstance(claim, Relation) or claim.kind == "=":
        raise TypeError("a certificate needs an inequality, or a refuted relation")
    if evidence.roots_of is not None:
        # Only these checks need the solver's arrays.
        from numerics.proofs.inequalities_at_roots import prove_at_roots

        found = prove_at_roots(evidence.roots_of(), claim, evidence.box)
        return _report(found, "the model's root everywhere in the box", found.reason)
    plain = claim.expanded()
    return _report(prove_on_box(plain.kind, plain.lhs, plain.rhs, evidence.box, given=plain.given), "the box")


def _report(proof: BoxProof, place: str, reason: str = "") -> Finding:
    outcome = _OUTCOMES[proof.status]
    if outcome is Outcome.holds:
        boxes = f"{proof.boxes} box{'es' if proof.boxes != 1 else ''}"
        return Finding(outcome, "certified", f"proved on {place}, {boxes}")
    if proof.witness is not None:
        point = {str(symbol): str(value) for symbol, value in proof.witness.items()}
        return Finding(outcome, "certified", f"violated at {_write(point)}", counterexample=point)
    if proof.smallest_left is not None:
        where = ", ".join(f"{s} in [{float(a):.4g}, {float(b):.4g}]" for s, (a, b) in proof.smallest_left.items())
        why = f": {reason}" if reason else ""
        return Finding(
            outcome, "certified", f"undecided on {proof.left} of {proof.boxes} boxes, the smallest {where}{why}"
        )
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


def _refute_at_root(claim: Refuted, model: Model) -> Finding:
    """At the witness as a box of one point: what is violated there is refuted."""
    from numerics.proofs.inequalities_at_roots import prove_at_roots

    where = {str(symbol): str(value) for symbol, value in claim.witness.items()}
    proof = prove_at_roots(model, claim.claim, {symbol: (value, value) for symbol, value in claim.witness.items()})
    at = _write(where) or "as it stands"
    if proof.status is ProofStatus.violated:
        return Finding(Outcome.holds, "certified", f"the published relation fails at the model's root, {at}, certainly")
    if proof.status is ProofStatus.proved:
        return Finding(Outcome.fails, "certified", f"the published relation holds at {at}", counterexample=where)
    return Finding(Outcome.open, "certified", f"not decided at {at}: {proof.reason or proof.status.value}")


def _write(where: Mapping[str, str]) -> str:
    return ", ".join(f"{name} = {value}" for name, value in where.items())
