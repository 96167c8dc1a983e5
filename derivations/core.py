"""The vocabulary: a derivation is a list of steps, each a claim with its reason and the evidence that would convince
us.

Nothing here computes or judges: claims are built when somebody asks, evidence is data, `verify` makes the verdicts.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterable, Mapping
from contextlib import redirect_stdout
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from derivations.evidence import (
    GRANTED,
    Assumed,
    Certified,
    CertifiedRoots,
    Cited,
    Evidence,
    Exact,
    Level,
    Rate,
    Sampled,
    Simulation,
    Symbolic,
)
from derivations.lab import Experiment, Lab
from derivations.model import (
    Branch,
    ChoiceParameter,
    Domain,
    FunctionParameter,
    LawParameter,
    Model,
    Parameter,
    Phase,
    Refusal,
    parameter,
    unknown,
)
from derivations.relations import Claim, Refuted, Statement

__all__ = [
    "Assumed",
    "Branch",
    "Certified",
    "CertifiedRoots",
    "ChoiceParameter",
    "Cited",
    "Derivation",
    "Domain",
    "Evidence",
    "Exact",
    "FunctionParameter",
    "Lab",
    "LawParameter",
    "Level",
    "Model",
    "Parameter",
    "Phase",
    "Rate",
    "Refusal",
    "Sampled",
    "Simulation",
    "Source",
    "Step",
    "Symbolic",
    "parameter",
    "unknown",
]


@dataclass(frozen=True)
class Source:
    """Where a theorem comes from."""

    key: str
    authors: tuple[str, ...]
    title: str
    year: int
    venue: str = ""
    arxiv: str = ""
    doi: str = ""

    def __str__(self) -> str:
        names = [author.split(",")[0] for author in self.authors]
        who = names[0] if len(names) == 1 else " & ".join(names) if len(names) == 2 else f"{names[0]} et al."
        return f"{who} ({self.year})"


@dataclass(frozen=True, eq=False)
class Step:
    """One claim of a derivation: its reason, its parents, and what would convince us."""

    derivation: Derivation
    name: str
    reason: str
    evidence: tuple[Evidence, ...]
    parents: tuple[Step, ...]
    source: str
    origin: Literal["printed", "derived here", "assumed", "cited"]
    build: Callable[[], Claim]

    @cached_property
    def claim(self) -> Claim:
        """The claim, built on first use."""
        with redirect_stdout(sys.stderr):
            claim = self.build()
        if not isinstance(claim, Claim):
            raise TypeError(f"{self.id} must return a claim (see derivations.relations), not {claim!r}")
        if isinstance(claim, Statement) and not isinstance(self.evidence[0], (*GRANTED, CertifiedRoots, Exact)):
            raise TypeError(
                f"{self.id}: words can be assumed, cited or computed exactly, or tell of certified roots; other "
                "evidence needs a relation"
            )
        return claim

    @property
    def id(self) -> str:
        """The derivation's id and the step's name, joined by a colon."""
        return f"{self.derivation.id}:{self.name}"

    @property
    def granted(self) -> bool:
        """Whether the step is assumed or cited rather than checked."""
        return isinstance(self.evidence[0], GRANTED)

    @property
    def is_erratum(self) -> bool:
        """Whether the step shows that a published statement does not hold as printed."""
        return isinstance(self.claim, Refuted)

    def ancestors(self) -> list[Step]:
        """Every step that this one rests on, parents first, itself excluded, each once."""
        found: dict[Step, None] = {}

        def visit(step: Step) -> None:
            for parent in step.parents:
                if parent not in found:
                    visit(parent)
                    found[parent] = None

        visit(self)
        return list(found)


class Derivation:
    """A theorem as a file: its statement is the module's docstring, its id the module's dotted path.

    One file defines exactly one derivation, under the name `theorem`.
    """

    def __init__(
        self,
        module: str,
        /,
        *,
        title: str,
        source: Source,
        simulations: Mapping[str, Experiment | str] | None = None,
    ) -> None:
        """`simulations` names the finite-size experiments that `simulate` offers, the first being its default."""
        self.module = module
        self.id = module.removeprefix("derivations.")
        self.title = title
        self.source = source
        self.simulations = dict(simulations or {})
        self.steps: dict[str, Step] = {}
        self._model: Callable[[], Model] | None = None

    def __repr__(self) -> str:
        return f"Derivation({self.id!r})"

    @property
    def statement(self) -> str:
        """The module's docstring: what is shown, with its conditions."""
        return inspect.cleandoc(sys.modules[self.module].__doc__ or "")

    def step(
        self, *evidence: Evidence, uses: Iterable[Step] = (), source: str = "", printed: bool = False
    ) -> Callable[[Callable[[], Claim]], Step]:
        """Turn a function into a step: its name, its docstring as the reason, its return value as the claim.

        `source` names the theorem or equation that the claim comes from; `printed` says that it is taken as published
        rather than derived here. Raises TypeError or ValueError when the step has no evidence, no reason, or a name
        that is taken.
        """
        parents = tuple(uses)
        if not evidence:
            raise TypeError("a step needs evidence: what would convince us?")
        if len(evidence) > 1 and any(isinstance(item, GRANTED) for item in evidence):
            raise TypeError("a step is either granted (Assumed, Cited) or checked, not both")
        if not all(isinstance(parent, Step) for parent in parents):
            raise TypeError("uses takes steps, the objects themselves")

        def declare(function: Callable[[], Claim]) -> Step:
            name, reason = function.__name__, inspect.cleandoc(function.__doc__ or "")
            if not reason:
                raise TypeError(f"step {name} of {self.id} has no docstring: state the reason")
            if name in self.steps:
                raise ValueError(f"{self.id} has two steps named {name}")
            where = evidence[0].source if isinstance(evidence[0], Cited) else source
            step = Step(self, name, reason, evidence, parents, where, _origin(evidence[0], printed), function)
            self.steps[name] = step
            return step

        return declare

    def solvable(self, build: Callable[[], Model]) -> Callable[[], Model]:
        """Declare the model: a function that builds it, called once, on first use."""
        if self._model is not None:
            raise ValueError(f"{self.id} already has a model")
        cached = _once(build)
        self._model = cached
        return cached

    @property
    def has_model(self) -> bool:
        """Whether the derivation can be solved."""
        return self._model is not None

    @cached_property
    def model(self) -> Model:
        """The model. Raises ValueError when the derivation has none."""
        if self._model is None:
            raise ValueError(f"{self.id} has no model to solve")
        with redirect_stdout(sys.stderr):
            return self._model()


def _origin(evidence: Evidence, printed: bool) -> Literal["printed", "derived here", "assumed", "cited"]:
    if isinstance(evidence, Assumed):
        return "assumed"
    if isinstance(evidence, Cited):
        return "cited"
    return "printed" if printed else "derived here"


def _once(build: Callable[[], Model]) -> Callable[[], Model]:
    built: list[Model] = []

    def get() -> Model:
        if not built:
            built.append(build())
        return built[0]

    get.__name__, get.__doc__ = build.__name__, build.__doc__
    return get
