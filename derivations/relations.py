"""Claims that stay as they were written.

SymPy evaluates `Eq(2*p, p + p)` and `p > 0` to True at construction, which would leave nothing to check. A claim here
keeps its two sides apart until `verify` looks at them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, TypeAlias

from sympy import Basic, Expr, Symbol, diff, sympify
from sympy.core.relational import Relational

from derivations.symbols import expand_definitions

if TYPE_CHECKING:
    from derivations.core import Step
    from derivations.model import Model

Kind: TypeAlias = Literal["=", "<=", "<"]


@dataclass(frozen=True)
class Relation:
    """`lhs kind rhs` wherever every condition in `given` holds."""

    kind: Kind
    lhs: Expr
    rhs: Expr
    given: tuple[Relation, ...] = ()

    def expanded(self) -> Relation:
        """The relation and its conditions with every named quantity replaced by its closed form."""
        given = tuple(condition.expanded() for condition in self.given)
        return Relation(self.kind, expand_definitions(self.lhs), expand_definitions(self.rhs), given)


@dataclass(frozen=True)
class Limit:
    """`expression` tends to `value` as `symbol` tends to `point` (from above if finite)."""

    expression: Expr
    symbol: Symbol
    point: Expr
    value: Expr
    given: tuple[Relation, ...] = ()


@dataclass(frozen=True)
class Convergence:
    """Named observables of an experiment tend to `limits`: closed forms, or observables of `model` at its root."""

    limits: Mapping[str, Expr]
    model: Model | None = None


@dataclass(frozen=True)
class Exponent:
    """The named positive quantity of an experiment behaves like size**e with e in [low, high]."""

    quantity: str
    low: float
    high: float


@dataclass(frozen=True)
class Refuted:
    """The relation is published, and fails at `witness`."""

    claim: Relation
    witness: Mapping[Symbol, Expr] = field(default_factory=dict)


@dataclass(frozen=True)
class Statement:
    """A claim in words, for what is assumed or cited, or for a family of exact instances."""

    text: str


Claim: TypeAlias = Relation | Limit | Convergence | Exponent | Refuted | Statement


def _expression(value: object, name: str) -> Expr:
    if isinstance(value, Relational) or (isinstance(value, Basic) and not isinstance(value, Expr)):
        raise TypeError(f"{name} of a claim is an expression, not {value!r} (a relation already evaluated?)")
    result = sympify(value, strict=True)
    if not isinstance(result, Expr):
        raise TypeError(f"{name} of a claim is an expression, not {value!r}")
    return result


def _relation(kind: Kind, lhs: object, rhs: object, given: Iterable[Relation]) -> Relation:
    relation = Relation(kind, _expression(lhs, "left side"), _expression(rhs, "right side"), tuple(given))
    _forbid_homonyms(relation)
    return relation


def _forbid_homonyms(relation: Relation) -> None:
    """Symbol("c") and Symbol("c", positive=True) differ and print alike; a claim with both is a mistake."""
    sides = [relation.lhs, relation.rhs, *(side for c in relation.given for side in (c.lhs, c.rhs))]
    symbols = set().union(*(side.free_symbols for side in sides))
    names = sorted(str(s) for s in symbols)
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        raise ValueError(f"a claim uses two different symbols named {', '.join(sorted(twice))}: share one symbol")


def equal(lhs: object, rhs: object, /, *, given: Iterable[Relation] = ()) -> Relation:
    """The claim lhs = rhs under the conditions `given`. Raises TypeError when a side is not an expression."""
    return _relation("=", lhs, rhs, given)


def at_most(lhs: object, rhs: object, /, *, given: Iterable[Relation] = ()) -> Relation:
    """The claim lhs <= rhs."""
    return _relation("<=", lhs, rhs, given)


def below(lhs: object, rhs: object, /, *, given: Iterable[Relation] = ()) -> Relation:
    """The claim lhs < rhs."""
    return _relation("<", lhs, rhs, given)


def increasing(expression: object, symbol: Symbol, /, *, given: Iterable[Relation] = ()) -> Relation:
    """The claim that `expression` increases in `symbol`: its derivative is positive."""
    return below(0, diff(_expression(expression, "expression"), symbol), given=given)


def decreasing(expression: object, symbol: Symbol, /, *, given: Iterable[Relation] = ()) -> Relation:
    """The claim that `expression` decreases in `symbol`: its derivative is negative."""
    return below(diff(_expression(expression, "expression"), symbol), 0, given=given)


def solves(equation: Step | Relation, solution: Mapping[Symbol, object], /) -> Relation:
    """The claim that the closed forms in `solution` satisfy `equation` (a relation, or a step that claims one)."""
    relation = equation if isinstance(equation, Relation) else equation.claim
    if not isinstance(relation, Relation) or relation.kind != "=":
        raise TypeError("solves() takes an equation, or a step whose claim is one")
    substitution = {symbol: _expression(value, "solution") for symbol, value in solution.items()}
    return equal(relation.lhs.subs(substitution), relation.rhs.subs(substitution), given=relation.given)


def limit_of(
    expression: object, symbol: Symbol, point: object, value: object, /, *, given: Iterable[Relation] = ()
) -> Limit:
    """The claim that `expression` tends to `value` as `symbol` tends to `point` (from above if finite)."""
    sides = (_expression(expression, "expression"), _expression(point, "point"), _expression(value, "value"))
    return Limit(sides[0], symbol, sides[1], sides[2], tuple(given))


def tends_to(observables: Mapping[str, object] | Symbol | str, limit: object = None, /) -> Convergence:
    """The claim that an experiment's observables tend to closed forms as the size grows.

    Either `tends_to(name_or_symbol, limit)` or `tends_to({name: limit, ...})`.
    """
    pairs = observables if isinstance(observables, Mapping) else {str(observables): limit}
    return Convergence({name: _expression(value, name) for name, value in pairs.items()})


def follows(model: Model, /, *names: str) -> Convergence:
    """The claim that an experiment's observables tend to the model's observables of the same names, at its root."""
    unknown = [name for name in names if name not in model.observables]
    if unknown or not names:
        raise ValueError(
            f"follows() takes names among {', '.join(model.observables)}; got {', '.join(unknown) or 'none'}"
        )
    return Convergence({name: Symbol(name) for name in names}, model)


def exponent(quantity: str, low: float, high: float, /) -> Exponent:
    """The claim that `quantity` scales as a power of the size, with exponent in [low, high]."""
    if not low < high:
        raise ValueError(f"exponent interval must be increasing, got [{low}, {high}]")
    return Exponent(quantity, low, high)


def refuted(claim: Relation, witness: Mapping[Symbol, object], /) -> Refuted:
    """The claim that a published relation does not hold: it is violated at `witness`, exactly."""
    return Refuted(claim, {symbol: _expression(value, "witness") for symbol, value in witness.items()})


def statement(text: str, /) -> Statement:
    """A claim in words."""
    return Statement(text)
