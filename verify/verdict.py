"""What a step's evidence showed, how strongly, and what a derivation rests on: data, and the rules that combine it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from derivations.evidence import Assumed

if TYPE_CHECKING:
    from derivations.core import Derivation, Step


class Outcome(StrEnum):
    """What may be said of a claim; a run succeeds when nothing fails and nothing is open."""

    holds = "holds"
    fails = "fails"
    open = "open"
    granted = "granted"
    not_attempted = "not_attempted"


class Strength(StrEnum):
    """How strongly a claim was checked, weakest first; words of equal rank differ in kind, not in strength."""

    simulation = "simulation"
    rate = "rate"
    sampled = "sampled"
    symbolic = "symbolic"
    certified = "certified"
    exact = "exact"

    @property
    def rank(self) -> int:
        """Place in the order simulation = rate < sampled < symbolic < certified = exact."""
        return _RANKS[self]


_RANKS = {
    Strength.simulation: 0,
    Strength.rate: 0,
    Strength.sampled: 1,
    Strength.symbolic: 2,
    Strength.certified: 3,
    Strength.exact: 3,
}


@dataclass(frozen=True)
class Finding:
    """What one piece of evidence showed: `detail` says in one line what was seen.

    `counterexample` maps symbols to values, as text, where the claim fails; `draws` holds a simulation's raw numbers,
    name -> array, when they were asked for.
    """

    outcome: Outcome
    evidence: str
    detail: str
    seconds: float = 0.0
    counterexample: Mapping[str, str] = field(default_factory=dict)
    draws: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Verdict:
    """The judgement on one step, made by `verify.kernel` and by nothing else.

    `erratum` says that the step's claim refutes a published statement.
    """

    outcome: Outcome
    findings: tuple[Finding, ...]
    detail: str
    seconds: float
    erratum: bool = False

    @property
    def strength(self) -> Strength | None:
        """The strongest evidence that held, None when none did."""
        held = [Strength(f.evidence) for f in self.findings if f.outcome is Outcome.holds]
        return max(held, key=lambda word: word.rank) if held and self.outcome is Outcome.holds else None


def combine(findings: Iterable[Finding], /) -> Outcome:
    """The outcome of a step: fails if any finding fails, open if any is open, holds if one holds and none objects.

    Evidence that was not attempted never counts for the claim; without findings it is open.
    """
    seen = {finding.outcome for finding in findings}
    order = (Outcome.fails, Outcome.open, Outcome.holds, Outcome.granted, Outcome.not_attempted)
    return next((outcome for outcome in order if outcome in seen), Outcome.open)


@dataclass(frozen=True)
class Headline:
    """A derivation in one line: its outcome, the weakest checked evidence, and what it rests on.

    Ancestors of its steps count, also those from other files. `not_attempted` counts the steps that nothing in this
    run speaks for; `troubled` names a step that fails or is open, the first in order of the proof.
    """

    outcome: Outcome
    strength: Strength | None
    assumed: int
    cited: int
    not_attempted: int
    troubled: str = ""

    @property
    def rests_on(self) -> dict[str, int]:
        """The numbers of assumed and of cited steps."""
        return {"assumed": self.assumed, "cited": self.cited}

    @property
    def text(self) -> str:
        """For example `holds (simulation), rests on 2 assumed + 1 cited; 3 steps not attempted`."""
        return str(self)

    def __str__(self) -> str:
        words = str(self.outcome).replace("_", " ")
        if self.troubled:
            words += f" ({self.troubled})"
        elif self.strength is not None:
            words += f" ({self.strength})"
        counts = [f"{count} {word}" for word, count in self.rests_on.items() if count]
        words += f", rests on {' + '.join(counts)}" if counts else ", rests on nothing granted"
        if self.not_attempted and self.outcome is not Outcome.not_attempted:
            words += f"; {self.not_attempted} step{'s' if self.not_attempted > 1 else ''} not attempted"
        return words


def summarise(
    derivation: Derivation, verdicts: Mapping[str, Verdict], /, *, only: Collection[Step] | None = None
) -> Headline:
    """The headline of a derivation from its steps' verdicts and those of every step they use, by step id.

    `only` narrows it to some of the derivation's steps, with what they use.

    A step without a verdict in this run counts as not attempted. The strength is the weakest that held anywhere in
    the graph; the derivation fails or is open as soon as one step of the graph does.
    """
    steps = collect_steps(derivation, only=only)
    judged = {step: verdicts[step.id] for step in steps if step.id in verdicts}
    counts = Counter(verdict.outcome for verdict in judged.values())
    missing = sum(step not in judged for step in steps)
    counts[Outcome.not_attempted] += missing
    order = (Outcome.fails, Outcome.open, Outcome.holds, Outcome.not_attempted, Outcome.granted)
    outcome = next((each for each in order if counts[each]), Outcome.open)
    bad = (Outcome.fails, Outcome.open)
    troubled = next((s.id for s, v in judged.items() if v.outcome is outcome and outcome in bad), "")
    held = [verdict.strength for verdict in judged.values() if verdict.strength is not None]
    granted = [step.evidence[0] for step in steps if step.granted]
    assumed = sum(isinstance(evidence, Assumed) for evidence in granted)
    # Of words of equal rank the one declared first is shown, whatever the order of the proof.
    strength = min(held, key=lambda word: (word.rank, list(Strength).index(word))) if held else None
    return Headline(outcome, strength, assumed, len(granted) - assumed, counts[Outcome.not_attempted], troubled)


def collect_steps(derivation: Derivation, /, *, only: Collection[Step] | None = None) -> list[Step]:
    """The steps of a derivation (or `only` some of them) and all that they use, each once, parents first."""
    found: dict[Step, None] = {}
    for step in derivation.steps.values():
        if only is not None and step not in only:
            continue
        for ancestor in step.ancestors():
            found.setdefault(ancestor)
        found.setdefault(step)
    return list(found)


def worst(outcomes: Iterable[Outcome], /) -> Outcome:
    """The outcome of a run: fails if anything fails, open if anything is open, then holds if anything holds."""
    seen = set(outcomes)
    order = (Outcome.fails, Outcome.open, Outcome.holds, Outcome.granted)
    return next((outcome for outcome in order if outcome in seen), Outcome.not_attempted)
