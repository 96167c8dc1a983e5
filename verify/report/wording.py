"""Evidence and claims in words and in parts, the same for the pretty, LaTeX and JSON formats."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, assert_never

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
from derivations.relations import Claim, Convergence, Exponent, Limit, Refuted, Relation, Statement

if TYPE_CHECKING:
    from sympy import Basic

    from derivations.core import Derivation, Step

SIGNS = {"=": "=", "<=": "≤", "<": "<"}


def kinds_of(step: Step, /) -> str:
    """The kinds of all of a step's evidence, e.g. `symbolic + certified`."""
    return " + ".join(dict.fromkeys(kind_of(item) for item in step.evidence))


def evidence_words(evidence: Evidence, /) -> str:
    """One line on what this evidence consists of, with its level where that is not quick."""
    level = f" (level {evidence.level.name})" if evidence.level else ""
    return f"{kind_of(evidence)}{_details(evidence)}{level}"


def _details(evidence: Evidence) -> str:
    match evidence:
        case Assumed():
            return ": a modelling choice, not checked"
        case Cited(source=source):
            return f": {source}, not re-proved here"
        case Symbolic(digits=digits):
            return f": the difference reduces to zero, and a sample to {digits} digits agrees"
        case Sampled(digits=digits, points=points, roots_of=roots):
            where = "solutions of the model" if roots else "points"
            return f": both sides at {points} {where}, to {digits} digits"
        case Certified(box=box, roots_of=roots):
            where = "the model's root for every " if roots else ""
            return f": ball arithmetic on {where}{_box_words(box)}"
        case CertifiedRoots(box=box, within=within, roots=roots):
            count = f"exactly {roots} root{'' if roots == 1 else 's'}" if roots else "no root"
            return f": {count} in {_box_words(within)}, by a complete search at {_mixed_words(box)}"
        case Exact():
            return ": a finite computation in exact numbers"
        case Simulation():
            return f": {_tolerance_words(evidence)} at {_point_words(evidence.at)}, {_sizes_words(evidence.sizes)}"
        case Rate():
            return f": exponent fitted at {_point_words(evidence.at)}, {_sizes_words(evidence.sizes)}"
        case _:
            assert_never(evidence)


def _box_words(box: Mapping[object, tuple[object, object]]) -> str:
    return ", ".join(_range_words(symbol, low, high) for symbol, (low, high) in box.items()) or "a point"


def _range_words(symbol: object, low: object, high: object) -> str:
    return f"{symbol} = {low}" if low == high else f"{symbol} in [{low}, {high}]"


def _mixed_words(box: Mapping[object, object]) -> str:
    """Intervals and exact numbers by parameter."""
    parts = [_range_words(k, *v) if isinstance(v, tuple) else f"{k} = {v}" for k, v in box.items()]
    return ", ".join(parts) or "the default parameters"


def _point_words(at: Mapping[object, object]) -> str:
    return ", ".join(f"{symbol} = {value}" for symbol, value in at.items())


def _sizes_words(sizes: tuple[int, ...]) -> str:
    return f"sizes {', '.join(map(str, sizes))}"


def _tolerance_words(evidence: Simulation) -> str:
    tolerance = evidence.tolerance
    if not isinstance(tolerance, Mapping):
        return f"within {100 * tolerance:g}%"
    return ", ".join(f"{name} within {100 * value:g}%" for name, value in tolerance.items())


@dataclass(frozen=True)
class ClaimParts:
    """A claim taken apart: pairs (before, sign, after), conditions, and what words add."""

    kind: str
    pairs: tuple[tuple[Basic | str, str, Basic | str], ...]
    given: tuple[Relation, ...] = ()
    note: str = ""


def claim_parts(claim: Claim, /) -> ClaimParts:
    """The parts of a claim for display; nothing is evaluated."""
    match claim:
        case Relation(kind=kind, lhs=lhs, rhs=rhs, given=given):
            return ClaimParts("equation" if kind == "=" else "inequality", ((lhs, SIGNS[kind], rhs),), given)
        case Limit():
            return ClaimParts("limit", ((_unevaluated_limit(claim), "=", claim.value),), claim.given)
        case Convergence(limits=limits, model=None):
            return ClaimParts("convergence", tuple((name, "→", value) for name, value in limits.items()))
        case Convergence(limits=limits, model=model):
            observables = model.observables if model else {}
            pairs = tuple((name, "→", observables.get(name, value)) for name, value in limits.items())
            return ClaimParts(
                "convergence", pairs, (), "the observables of the experiment tend to those at the model's root"
            )
        case Exponent(quantity=quantity, low=low, high=high):
            return ClaimParts("exponent", ((quantity, "~", f"size^e with e in [{low:g}, {high:g}]"),))
        case Refuted(claim=printed, witness=witness):
            at = _point_words(witness) or "every point"
            pair = (printed.lhs, SIGNS[printed.kind], printed.rhs)
            return ClaimParts("refuted", (pair,), printed.given, f"published, and violated at {at}")
        case Statement(text=text):
            return ClaimParts("statement", (), (), text)
        case _:
            assert_never(claim)


def _unevaluated_limit(claim: Limit) -> Basic:
    from sympy import Limit as UnevaluatedLimit

    limit: Basic = UnevaluatedLimit(claim.expression, claim.symbol, claim.point)
    return limit


def condition_words(condition: Relation, /) -> str:
    """A condition on one line, e.g. `psi1 > 0`."""
    return f"{condition.lhs} {SIGNS[condition.kind]} {condition.rhs}"


def may_be_erratum(step: Step, /) -> bool:
    """Whether the step's function calls `refuted`: told from its names, so that listings build no claim."""
    return any(name in ("refuted", "Refuted") for name in step.build.__code__.co_names)


def errata_of(derivation: Derivation, /) -> list[str]:
    """The names of the steps that show that a published statement does not hold as printed."""
    return [step.name for step in derivation.steps.values() if may_be_erratum(step) and step.is_erratum]
