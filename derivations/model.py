"""A solvable model as data: parameters, unknowns, named definitions, equations, observables, phases, a start."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from sympy import Expr, S, Symbol, oo, sympify

from derivations.relations import Relation, equal


@dataclass(frozen=True)
class Domain:
    """An interval of admissible values, possibly open at either end."""

    lower: Expr = -oo
    upper: Expr = oo
    lower_open: bool = True
    upper_open: bool = True

    def contains(self, value: float) -> bool:
        """Whether the finite number `value` is admissible."""
        above = value > self.lower if self.lower_open else value >= self.lower
        return bool(above) and bool(value < self.upper if self.upper_open else value <= self.upper)

    def describe(self, name: str) -> str:
        """The domain as a reader writes it, e.g. `psi1 > 0`."""
        left, right = "<" if self.lower_open else "<=", "<" if self.upper_open else "<="
        if self.lower == -oo and self.upper == oo:
            return f"{name} real"
        if self.upper == oo:
            return f"{name} {left.replace('<', '>')} {self.lower}"
        return f"{self.lower} {left} {name} {right} {self.upper}"


class Parameter(Symbol):
    """A SymPy symbol that knows what it means: domain, default and convention travel with it."""

    __slots__ = ("convention", "default", "domain", "meaning")

    meaning: str
    domain: Domain
    default: Expr | None
    convention: str

    def __getnewargs_ex__(self) -> Any:
        raise TypeError("parameters are not pickled; import the derivation that declares them")


def parameter(
    name: str,
    meaning: str,
    *,
    positive: bool = False,
    nonnegative: bool = False,
    real: bool = True,
    domain: Domain | None = None,
    default: object = None,
    convention: str = "",
) -> Parameter:
    """A parameter symbol. Without `default` the user has to give it; `domain` narrows what the assumption says."""
    assumptions = {"positive": True} if positive else {"nonnegative": True} if nonnegative else {"real": real}
    symbol: Parameter = Parameter.__xnew__(Parameter, name, **assumptions)
    symbol.meaning = meaning
    implied = Domain(S.Zero, oo, lower_open=positive) if positive or nonnegative else Domain()
    symbol.domain = domain or implied
    # oo stands for "not given": the time of a flow that has converged, say
    symbol.default = None if default is None else sympify(default, strict=True)
    symbol.convention = convention
    return symbol


unknown = parameter
"""An unknown is declared like a parameter: its domain selects the right branch of the equations."""


@dataclass(frozen=True, eq=False)
class FunctionParameter:
    """A parameter that is a function of t (an activation); the model sees it through named constants only.

    `constants` maps the words of `derivations.lemmas.gaussian.ACTIVATION_CONSTANTS` to the symbols that carry them.
    """

    name: str
    meaning: str
    default: str
    constants: Mapping[str, Symbol]
    convention: str = ""

    @property
    def symbols(self) -> tuple[Symbol, ...]:
        """The symbols that carry its value."""
        return tuple(self.constants.values())


@dataclass(frozen=True, eq=False)
class ChoiceParameter:
    """A parameter that is one of a few words; the model sees the number of the chosen word under `symbol`."""

    name: str
    meaning: str
    options: Mapping[str, int]
    default: str
    symbol: Symbol
    convention: str = ""

    @property
    def symbols(self) -> tuple[Symbol, ...]:
        """The symbols that carry its value."""
        return (self.symbol,)

    def chosen(self, option: str, /) -> Relation:
        """The condition that `option` is chosen. Raises KeyError for a word that is not an option."""
        return equal(self.symbol, self.options[option])


@dataclass(frozen=True, eq=False)
class LawParameter:
    """A parameter that is a law on the line with finitely many values, written `value@weight,...` or by a name.

    The model averages over `symbol` with `derivations.averages.LawMean`. `named` are the laws that have a name, each
    by its text or as "semicircle" (radius 2, variance 1); `kind`, if there is one, carries 1 for the semicircle, else
    0. Values lie in `domain`; `mean`, if given, is what the values must average to.
    """

    name: str
    meaning: str
    default: str
    symbol: Symbol
    domain: Domain = Domain()
    named: Mapping[str, str] = field(default_factory=dict)
    kind: Symbol | None = None
    mean: Expr | None = None
    convention: str = ""

    @property
    def symbols(self) -> tuple[Symbol, ...]:
        """The symbols that carry its value."""
        return (self.symbol,) if self.kind is None else (self.symbol, self.kind)


AnyParameter: TypeAlias = Parameter | FunctionParameter | ChoiceParameter | LawParameter


@dataclass(frozen=True)
class Refusal:
    """A combination of parameters for which nothing is stated: all of `when` hold. `reason` is one line.

    Where `when` allows for the rounding of doubles, `exactly` is the same without the allowance, for exact parameters.
    """

    name: str
    when: tuple[Relation, ...]
    reason: str
    exactly: tuple[Relation, ...] = ()


@dataclass(frozen=True)
class Phase:
    """A region of parameters that is recognised before solving.

    All of `when` must hold there. `observables` are its closed forms (None where the limit is infinite or undefined);
    both may use the names that `program` defines from the parameters.
    """

    name: str
    status: Literal["converged", "collapsed", "outside_domain"]
    when: tuple[Relation, ...]
    observables: Mapping[str, Expr | None]
    note: str
    program: tuple[tuple[Symbol, Expr], ...] = ()


@dataclass(frozen=True)
class Branch:
    """A region of parameters with unknowns and equations of its own: a model on the same parameters.

    `when` may use the names that the outer model's program defines from the parameters.
    """

    name: str
    when: tuple[Relation, ...]
    model: Model


@dataclass(frozen=True, eq=False)
class Model:
    """Equations to be solved, as a straight-line program.

    `program` names intermediate expressions in order; each may use parameters, unknowns and earlier names.
    `equations` (one for each unknown, both sides positive) are solved as log(lhs/rhs) = 0; `residuals` are the
    equations that the reported residual is taken over (default: `equations`). `reported` are further named values
    that `solve` returns among the unknowns. `start` gives each unknown a first guess in the parameters and `program`
    names that do not depend on unknowns. Before solving, `refusals` are tested, then `phases`, then `branches`, each in
    order; the model's own equations are for the points that are left. A model without unknowns is a closed form.
    """

    parameters: tuple[AnyParameter, ...]
    unknowns: tuple[Parameter, ...]
    program: tuple[tuple[Symbol, Expr], ...]
    equations: tuple[Relation, ...]
    observables: Mapping[str, Expr]
    start: Mapping[Symbol, Expr]
    reported: Mapping[str, Expr] = field(default_factory=dict)
    residuals: tuple[Relation, ...] = ()
    phases: tuple[Phase, ...] = ()
    branches: tuple[Branch, ...] = ()
    refusals: tuple[Refusal, ...] = ()

    def __post_init__(self) -> None:
        if len(self.equations) != len(self.unknowns):
            raise ValueError(f"{len(self.unknowns)} unknowns need as many equations, got {len(self.equations)}")
        if set(self.start) != set(self.unknowns):
            raise ValueError("start needs exactly one guess for each unknown")
        names = [symbol.name for symbol in (*self.symbols, *self.unknowns, *(name for name, _ in self.program))]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"a model needs different names for different things; {', '.join(twice)} is used twice")
        known: set[Symbol] = {*self.symbols, *self.unknowns}
        for name, expression in self.program:
            self._require(expression, known, f"definition of {name}")
            known.add(name)
        for expression in [*self.observables.values(), *self.reported.values(), *self.start.values()]:
            self._require(expression, known, "an observable, reported value or start")
        for equation in [*self.equations, *self.residuals]:
            self._require(equation.lhs - equation.rhs, known, "an equation")
        for branch in self.branches:
            if branch.model.parameters != self.parameters or set(branch.model.observables) != set(self.observables):
                raise ValueError(f"branch {branch.name} needs the parameters and observables of its outer model")

    @staticmethod
    def _require(expression: Expr, known: set[Symbol], where: str) -> None:
        missing = expression.free_symbols - known
        if missing:
            raise ValueError(f"{where} uses undefined {', '.join(sorted(map(str, missing)))}")

    @property
    def symbols(self) -> tuple[Symbol, ...]:
        """The symbols that carry the parameters' values: the numeric parameters, and each function's constants."""
        return tuple(s for p in self.parameters for s in ((p,) if isinstance(p, Parameter) else p.symbols))

    @property
    def regions(self) -> tuple[Refusal | Phase | Branch, ...]:
        """What is tested before the model's own equations are solved, in order."""
        return (*self.refusals, *self.phases, *self.branches)

    def expand(self, expression: Expr, /) -> Expr:
        """The expression with every program name replaced by its definition, down to parameters and unknowns."""
        for name, definition in reversed(self.program):
            expression = expression.xreplace({name: definition})
        return expression
