"""What would convince us of a step: a closed union of inert descriptions, from an assumption to a certificate."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from sympy import Expr, Symbol

    from derivations.lab import Experiment
    from derivations.model import Model

Number: TypeAlias = "int | float | Expr"
Box: TypeAlias = "Mapping[Symbol, tuple[Number, Number]]"
Instance: TypeAlias = "tuple[str, object, object]"


class Level(IntEnum):
    """How much work a run may do; evidence names the lowest level that gathers it."""

    quick = 0
    standard = 1
    deep = 2


@dataclass(frozen=True)
class Assumed:
    """A modelling choice (Gaussian data, the proportional limit). Never counted as checked."""

    level: Level = Level.quick


@dataclass(frozen=True)
class Cited:
    """A published theorem that is not re-proved here; `source` names the exact lemma. Never counted as checked."""

    source: str
    level: Level = Level.quick


@dataclass(frozen=True)
class Symbolic:
    """The computer algebra system reduces the difference to zero and a sampled second opinion agrees.

    `domain` narrows the points of the second opinion; `digits` is their precision.
    """

    domain: Box = field(default_factory=dict)
    digits: int = 30
    level: Level = Level.quick


@dataclass(frozen=True)
class Sampled:
    """Both sides at random points that satisfy the claim's assumptions, to `digits` digits.

    With `roots_of`, the points are solutions of that model at sampled parameters, found to the same precision.
    """

    domain: Box = field(default_factory=dict)
    digits: int = 30
    points: int = 12
    roots_of: Callable[[], Model] | None = None
    level: Level = Level.quick


@dataclass(frozen=True)
class Certified:
    """Ball arithmetic shows the inequality on the whole `box`.

    With `roots_of`, the box is one of that model's parameters, and the inequality is shown at the model's root for
    every point of it; the root is shown to exist, and to move on one branch.
    """

    box: Box
    roots_of: Callable[[], Model] | None = None
    level: Level = Level.quick


@dataclass(frozen=True)
class CertifiedRoots:
    """Ball arithmetic shows that a model's equations have exactly `roots` roots in the closed box `within`.

    `within` bounds the unknowns. The count is shown for every point of `box`, whose entries are intervals or exact
    numbers by parameter; parameters without an entry take their defaults. Nothing is said about roots outside `within`.
    """

    model: Callable[[], Model]
    box: Mapping[Symbol, tuple[Number, Number] | Number]
    within: Box
    roots: int = 1
    level: Level = Level.quick


@dataclass(frozen=True)
class Exact:
    """A finite computation in integers or rationals.

    `computation` yields (label, left, right) triples that must agree exactly; none at all is not a pass.
    """

    computation: Callable[[], Iterable[Instance]]
    level: Level = Level.quick


@dataclass(frozen=True)
class Simulation:
    """A finite-size experiment, extrapolated in the size and tested for equivalence with the theory.

    `at` fixes the parameters (by symbol, or by name for a function such as the activation). The half width of the
    equivalence test is relative * max(|theory|, scale): `tolerance` is the relative part, for all observables or by
    name; `scale` the natural unit of each observable (the null risk, say), 0 where only the relative part counts.
    `defaults_of` is the model whose defaults and constants complete `at`, where the claim has none.
    `controls` names further observables of a draw with their exact means, used as control variates.
    `bias` is the declared order of the finite-size error in `sizes`; `most` caps the draws at each size.
    """

    experiment: Experiment | str
    at: Mapping[Symbol | str, Number | str]
    bias: Literal["1/d", "1/sqrt(d)", "none"]
    tolerance: float | Mapping[str, float]
    sizes: tuple[int, ...]
    scale: Mapping[str, Number] = field(default_factory=dict)
    controls: Mapping[str, Number] = field(default_factory=dict)
    most: int = 300
    defaults_of: Callable[[], Model] | None = None
    level: Level = Level.quick


@dataclass(frozen=True)
class Rate:
    """A fitted exponent of a positive quantity against the size, whose whole interval lies in the claim's interval.

    `defaults_of` is the model whose defaults and constants complete `at`.
    """

    experiment: Experiment | str
    at: Mapping[Symbol | str, Number | str]
    sizes: tuple[int, ...]
    draws: int = 16
    defaults_of: Callable[[], Model] | None = None
    level: Level = Level.quick


Evidence: TypeAlias = Assumed | Cited | Symbolic | Sampled | Certified | CertifiedRoots | Exact | Simulation | Rate

GRANTED = (Assumed, Cited)


def kind_of(evidence: Evidence, /) -> str:
    """The word for a kind of evidence, e.g. `symbolic`."""
    return "certified" if isinstance(evidence, CertifiedRoots) else type(evidence).__name__.lower()
