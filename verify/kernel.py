"""The only maker of verdicts: evidence in, one verdict for the step out."""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Iterable
from contextlib import redirect_stdout
from dataclasses import replace
from typing import assert_never

from derivations.core import Step
from derivations.discover import describe_error
from derivations.evidence import (
    Assumed,
    Certified,
    CertifiedRoots,
    Cited,
    Evidence,
    Exact,
    Rate,
    Sampled,
    Simulation,
    Symbolic,
    kind_of,
)
from verify.context import Context
from verify.time_limit import TimedOut, time_limit
from verify.verdict import Finding, Outcome, Verdict, combine

__all__ = ["Context", "judge", "report_loss"]


def judge(step: Step, context: Context, /) -> Verdict:
    """The verdict on one step: every piece of its evidence that belongs to the context's level is gathered.

    Never raises for what a derivation does: an exception inside a check, or a time limit, is `open` with the reason.
    """
    findings = []
    for evidence in step.evidence:
        started = time.perf_counter()
        finding = _gather(step, evidence, context)
        findings.append(replace(finding, seconds=time.perf_counter() - started))
    return _verdict(findings, erratum=_is_erratum(step))


def report_loss(step: Step, reason: str, /) -> Verdict:
    """The verdict on a step whose check never came back: open."""
    return _verdict([Finding(Outcome.open, kind_of(evidence), reason) for evidence in step.evidence[:1]])


def _is_erratum(step: Step) -> bool:
    """Whether the claim refutes; one that cannot be built is open already, with the reason."""
    try:
        return step.is_erratum
    except Exception:
        return False


def _verdict(findings: Iterable[Finding], *, erratum: bool = False) -> Verdict:
    found = tuple(findings)
    outcome = combine(found)
    decisive = [f for f in found if f.outcome is outcome]
    rest = [f for f in found if f.outcome is not outcome and f.outcome is not Outcome.not_attempted]
    counted = Counter(f"{f.evidence}: {f.detail}" if len(found) > 1 else f.detail for f in decisive)
    counted.update(f"{f.evidence} {f.outcome}: {f.detail}" for f in rest)
    told = [f"{text} ({count} times)" if count > 1 else text for text, count in counted.items()]
    if outcome is Outcome.fails and any(f.outcome is Outcome.holds for f in rest):
        told.insert(0, "the witnesses disagree")
    return Verdict(outcome, found, "; ".join(told), sum(f.seconds for f in found), erratum)


def _gather(step: Step, evidence: Evidence, context: Context) -> Finding:
    word = kind_of(evidence)
    if evidence.level > context.level:
        return Finding(Outcome.not_attempted, word, f"belongs to the {evidence.level.name} level")
    try:
        with redirect_stdout(sys.stderr), time_limit(context.time_limit):
            return _check(step, evidence, context)
    except TimedOut:
        return Finding(Outcome.open, word, f"timed out after {context.time_limit:g} s")
    except Exception as error:
        return Finding(Outcome.open, word, f"{step.id} raised {describe_error(error)}")


def _check(step: Step, evidence: Evidence, context: Context) -> Finding:
    # Each check is imported where it is used: a run of symbolic steps needs neither arrays nor statistics.
    match evidence:
        case Assumed() | Cited():
            from verify.checks import granted

            return granted.check(step, evidence)
        case Symbolic():
            from verify.checks import symbolic

            return symbolic.check(step, evidence, context)
        case Sampled():
            from verify.checks import sampled

            return sampled.check(step, evidence, context)
        case Certified():
            from verify.checks import certified

            return certified.check(step, evidence)
        case CertifiedRoots():
            from verify.checks import certified_roots

            return certified_roots.check(step, evidence)
        case Exact():
            from verify.checks import exact

            return exact.check(step, evidence)
        case Simulation():
            from verify.checks import simulation

            return simulation.check(step, evidence, context)
        case Rate():
            from verify.checks import rate

            return rate.check(step, evidence, context)
        case _:
            assert_never(evidence)
