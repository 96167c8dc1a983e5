"""CertifiedRoots: a complete search with balls counts a model's roots in a box, for every parameter point of a box."""

from __future__ import annotations

from collections.abc import Mapping

from flint import arb
from sympy import Symbol

from derivations.core import Step
from derivations.evidence import CertifiedRoots
from numerics.proofs.root_families import CountStatus, RootCount, count_roots
from verify.verdict import Finding, Outcome

_OUTCOMES = {
    CountStatus.counted: Outcome.holds,
    CountStatus.another: Outcome.fails,
    CountStatus.undecided: Outcome.open,
}


def check(_step: Step, evidence: CertifiedRoots, /) -> Finding:
    """Holds when every piece of the parameters' box has that many roots; fails with the roots of one that has not."""
    count = count_roots(evidence.model(), evidence.box, evidence.within, evidence.roots)
    outcome = _OUTCOMES[count.status]
    if outcome is Outcome.holds:
        pieces = f", {count.pieces} parameter boxes" if count.pieces > 1 else ""
        return Finding(outcome, "certified", f"{_plural(evidence.roots)}{pieces}, {count.boxes} boxes")
    where = _write(count.parameters or {}) or "the parameters given"
    if outcome is Outcome.fails:
        shown = _shown(count)
        detail = f"{_plural(len(shown))} at {where}, not {evidence.roots}: {'; '.join(shown) or 'the box is empty'}"
        return Finding(outcome, "certified", detail, counterexample=_middles(count.parameters or {}))
    left = f", {len(count.search.left)} boxes left over there" if count.search is not None else ""
    return Finding(outcome, "certified", f"undecided at {where} after {count.boxes} boxes{left}")


def _plural(number: int) -> str:
    return f"exactly {number} root{'' if number == 1 else 's'}" if number else "no root"


def _shown(count: RootCount) -> list[str]:
    return [] if count.search is None else [_write(root) for root in count.search.roots]


def _write(box: Mapping[Symbol, arb]) -> str:
    return ", ".join(f"{symbol} in {ball.str(8)}" for symbol, ball in box.items())


def _middles(box: Mapping[Symbol, arb]) -> dict[str, str]:
    return {str(symbol): ball.mid().str(12, radius=False) for symbol, ball in box.items()}
