"""The report of a run: verdicts, headlines and provenance as plain data, with a JSON form that has no NaN in it."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from verify.kernel import Context
from verify.report.wording import kinds_of
from verify.verdict import Headline, Outcome, Verdict, summarise, worst

if TYPE_CHECKING:
    from derivations.core import Derivation, Step

SCHEMA_VERSION = 1


@dataclass(frozen=True)
class StepRow:
    """One step as the ledger shows it."""

    name: str
    evidence: str
    verdict: Verdict

    def to_json(self) -> dict[str, Any]:
        """The row as JSON data."""
        row: dict[str, Any] = {
            "name": self.name,
            "evidence": self.evidence,
            "verdict": self.verdict.outcome.value,
            "detail": self.verdict.detail,
            "seconds": round(self.verdict.seconds, 4),
            "erratum": self.verdict.erratum,
        }
        examples = [dict(finding.counterexample) for finding in self.verdict.findings if finding.counterexample]
        return {**row, "counterexample": examples[0]} if examples else row


@dataclass(frozen=True)
class DerivationRow:
    """A derivation: its headline and steps. One that was not asked for has only the steps that others use."""

    id: str
    headline: Headline
    steps: tuple[StepRow, ...]
    requested: bool

    def to_json(self) -> dict[str, Any]:
        """The entry as JSON data."""
        return {
            "id": self.id,
            "verdict": self.headline.outcome.value,
            "strength": None if self.headline.strength is None else self.headline.strength.value,
            "rests_on": self.headline.rests_on,
            "not_attempted": self.headline.not_attempted,
            "headline": self.headline.text,
            "requested": self.requested,
            "steps": [step.to_json() for step in self.steps],
        }


@dataclass(frozen=True)
class Report:
    """What a run found. It succeeds when nothing fails and nothing is open."""

    verdict: Outcome
    counts: Mapping[str, int]
    derivations: tuple[DerivationRow, ...]
    level: str
    seed: int
    seconds: float
    provenance: Mapping[str, Any]

    def to_json(self) -> dict[str, Any]:
        """The report as JSON data; a number that is not finite becomes null."""
        data = {
            "schema_version": SCHEMA_VERSION,
            "verdict": self.verdict.value,
            "counts": dict(self.counts),
            "derivations": [derivation.to_json() for derivation in self.derivations],
            "level": self.level,
            "seed": self.seed,
            "seconds": round(self.seconds, 3),
            "provenance": dict(self.provenance),
        }
        cleaned: dict[str, Any] = replace_infinite(data)
        return cleaned


def build_report(
    asked: Sequence[Derivation],
    steps: Sequence[Step],
    verdicts: Mapping[str, Verdict],
    context: Context,
    provenance: Mapping[str, Any],
    seconds: float,
    /,
) -> Report:
    """The report on `steps`: the derivations asked for in their order, then the others that they use."""
    derivations = list(dict.fromkeys([*asked, *(step.derivation for step in steps)]))
    judged = set(steps)
    rows = tuple(
        DerivationRow(
            derivation.id,
            summarise(derivation, verdicts, only=None if derivation in asked else judged),
            tuple(_row(step, verdicts[step.id]) for step in derivation.steps.values() if step in judged),
            derivation in asked,
        )
        for derivation in derivations
    )
    found = Counter(verdict.outcome for verdict in verdicts.values())
    counts = {outcome.value: found[outcome] for outcome in Outcome}
    return Report(worst(found), counts, rows, context.level.name, context.seed, seconds, provenance)


def _row(step: Step, verdict: Verdict) -> StepRow:
    return StepRow(step.name, kinds_of(step), verdict)


def replace_infinite(data: Any, /) -> Any:
    """The data with None for every float that JSON cannot hold."""
    if isinstance(data, Mapping):
        return {str(key): replace_infinite(value) for key, value in data.items()}
    if isinstance(data, (list, tuple)):
        return [replace_infinite(value) for value in data]
    if isinstance(data, float) and not math.isfinite(data):
        return None
    return data
