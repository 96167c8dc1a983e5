"""Assumed and cited: taken on trust, listed by name, never counted as checked."""

from __future__ import annotations

from derivations.core import Step
from derivations.evidence import Assumed, Cited
from derivations.relations import Statement
from verify.verdict import Finding, Outcome


def check(step: Step, evidence: Assumed | Cited, /) -> Finding:
    """Granted, with the source or the assumption's words. The claim is built, so that one that cannot be is noticed."""
    claim = step.claim
    if isinstance(evidence, Cited):
        return Finding(Outcome.granted, "cited", evidence.source)
    words = claim.text if isinstance(claim, Statement) else " ".join(step.reason.split())
    return Finding(Outcome.granted, "assumed", words)
