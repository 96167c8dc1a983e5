"""Mutants: small changes that turn an expression, a claim or an exact instance into a (most likely) wrong one."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any, Generic, TypeVar

from sympy import Add, Expr, Function, Integer, Integral, Mul, Pow, Rational, S, Symbol

from derivations.averages import LawMean
from derivations.evidence import Instance
from derivations.relations import Limit, Relation

__all__ = ["MUTATIONS", "Mutant", "mutate_claim", "mutate_expression", "mutate_instances", "pick"]

MUTATIONS = ("sign", "factor 2", "exponent", "swapped symbols", "dropped term", "1%")
_NUDGES = (Rational(101, 100), Rational(99, 100))
_SHOWN = 70
MOST = 80

Changed = TypeVar("Changed")
Path = tuple[int, ...]


@dataclass(frozen=True)
class Mutant(Generic[Changed]):
    """One change: which of MUTATIONS, where and how in words, and what came of it."""

    mutation: str
    change: str
    changed: Changed


def mutate_expression(expression: Expr, /) -> Iterator[Mutant[Expr]]:
    """Mutants of the expression: whole, or in one of its sums, products, powers, functions and integrands.

    Bounds of integrals, variables of derivatives and symbols that stand alone inside are left as they are, but for
    swaps. One that SymPy evaluates back to the expression itself is left out, as is one that it cannot build. Of a
    long expression's mutants MOST are built, at places that are spread at random (always the same).
    """
    places = [(path, node, kind) for path, node in _find_sites(expression) for kind in _list_kinds(node, not path)]
    if len(places) > MOST:
        places = random.Random(len(places)).sample(places, MOST)
    for path, node, (mutation, which) in places:
        change, new = _mutate_node(node, mutation, which)
        changed = _rebuild(expression, path, new)
        if changed is not None and changed != expression:
            yield Mutant(mutation, change, changed)
    for one, other in islice(_find_twins(expression), MOST):
        changed = expression.xreplace({one: other, other: one})
        if changed != expression:
            yield Mutant("swapped symbols", f"{one} and {other} exchanged", changed)


def _find_sites(expression: Expr, path: Path = ()) -> Iterator[tuple[Path, Expr]]:
    if not path or not (expression.is_Symbol or expression.is_Number):
        yield path, expression
    if isinstance(expression, (Integral, LawMean)) or expression.is_Derivative:
        inside: Sequence[int] = (0,)
    elif isinstance(expression, (Add, Mul, Pow, Function)):
        inside = range(len(expression.args))
    else:
        inside = ()
    for k in inside:
        if isinstance(expression.args[k], Expr):
            yield from _find_sites(expression.args[k], (*path, k))


def _list_kinds(node: Expr, whole: bool) -> list[tuple[str, int]]:
    """What can be done to the node: a kind of mutation and which of its forms (of a sum: which term, from 1 on)."""
    if node == 0:
        return [("1%", 0)]
    kinds = [("sign", 0), ("factor 2", 0)]
    kinds += [("factor 2", 1), ("1%", 0), ("1%", 1)] if whole else []
    if isinstance(node, Pow):
        kinds += [("exponent", 0), ("exponent", 1)]
    elif not node.is_number and not isinstance(node, (Add, Mul)):
        kinds += [("exponent", 2)]
    if isinstance(node, Add):
        kinds += [(mutation, k + 1) for k in range(len(node.args)) for mutation in ("dropped term", "sign")]
    return kinds


def _mutate_node(node: Expr, mutation: str, which: int) -> tuple[str, Expr]:
    """The change in words, and the changed node."""
    shown = _show(node)
    match mutation:
        case "1%" if node == 0:
            return "0 becomes 1/100", Rational(1, 100)
        case "1%":
            return f"{_NUDGES[which]}*({shown})", _NUDGES[which] * node
        case "factor 2":
            return (f"({shown})/2", node / 2) if which else (f"2*({shown})", 2 * node)
        case "exponent" if isinstance(node, Pow):
            power = ("more", node.exp + 1) if which == 0 else ("less", node.exp - 1)
            return f"({shown}) to one power {power[0]}", node.base ** power[1]
        case "exponent":
            return f"({shown})**2", node**2
    if which == 0:
        return f"-({shown})", -node
    term = node.args[which - 1]
    if mutation == "dropped term":
        return f"without {_show(term)}", node - term
    return f"{_show(term)} with the other sign", node - 2 * term


def _rebuild(expression: Expr, path: Path, new: Expr) -> Expr | None:
    """The expression with the node at `path` replaced; None where that is no expression."""
    if not path:
        return new
    inner = _rebuild(expression.args[path[0]], path[1:], new)
    if inner is None:
        return None
    arguments = [inner if k == path[0] else each for k, each in enumerate(expression.args)]
    try:
        changed = expression.func(*arguments)
    except Exception:
        return None
    usable = isinstance(changed, Expr) and not changed.has(S.NaN, S.ComplexInfinity)
    return changed if usable else None


def _find_twins(expression: Expr) -> Iterator[tuple[Symbol, Symbol]]:
    """Pairs of symbols of the same sort: the same assumptions, in the same expression."""
    symbols = sorted((s for s in expression.free_symbols if isinstance(s, Symbol)), key=str)
    for k, one in enumerate(symbols):
        for other in symbols[k + 1 :]:
            if one.assumptions0 == other.assumptions0:
                yield one, other


def mutate_claim(claim: Relation | Limit, /) -> Iterator[Mutant[Relation | Limit]]:
    """The claims in which one side (of a limit: the expression or the value) is changed; conditions stay."""
    for name in ("lhs", "rhs") if isinstance(claim, Relation) else ("expression", "value"):
        side = getattr(claim, name)
        # A change of sign of 0, or of infinity but for its sign, is no change.
        for mutant in _mutate_infinite(side) if side.is_infinite else mutate_expression(side):
            changed = replace(claim, **{name: mutant.changed})
            yield Mutant(mutant.mutation, f"{_SIDES[name]}: {mutant.change}", changed)


_SIDES = {"lhs": "left side", "rhs": "right side", "expression": "expression", "value": "value"}


def _mutate_infinite(value: Expr) -> Iterator[Mutant[Expr]]:
    yield Mutant("sign", f"{-value}", -value)
    yield Mutant("dropped term", "0 instead", S.Zero)
    yield Mutant("exponent", "1 instead", S.One)


def mutate_instances(instances: Sequence[Instance], /) -> Iterator[Mutant[Instance]]:
    """(label, left, changed right) for each instance of an exact computation, and likewise for the left."""
    for label, left, right in instances:
        for mutation, change, new in _mutate_value(right):
            yield Mutant(mutation, f"{label}: right {change}", (label, left, new))
        for mutation, change, new in _mutate_value(left):
            yield Mutant(mutation, f"{label}: left {change}", (label, new, right))


def _mutate_value(value: Any) -> Iterator[tuple[str, str, Any]]:
    if isinstance(value, (tuple, list)):
        for k, part in enumerate(value):
            for mutation, change, new in _mutate_value(part):
                yield mutation, f"[{k}] {change}", (*value[:k], new, *value[k + 1 :])
        if value:
            yield "dropped term", "without its last entry", tuple(value[:-1])
        return
    exact = value if isinstance(value, Expr) else _as_rational(value)
    if exact is None:
        return
    for mutant in mutate_expression(exact):
        yield mutant.mutation, mutant.change, mutant.changed
    if exact.is_Integer:
        yield "dropped term", f"{exact} becomes {exact - 1}", exact - 1


def _as_rational(value: Any) -> Expr | None:
    if isinstance(value, int):
        return Integer(value)
    if hasattr(value, "numerator") and hasattr(value, "denominator"):
        return Rational(int(value.numerator), int(value.denominator))
    return None


def pick(mutants: Iterable[Mutant[Changed]], /, *, seed: int, key: str) -> list[Mutant[Changed]]:
    """The mutants in a random order that takes the kinds of mutation in turn; the same for the same seed and key."""
    source = random.Random(f"{seed} {key}")
    piles: dict[str, list[Mutant[Changed]]] = {mutation: [] for mutation in MUTATIONS}
    for mutant in mutants:
        piles[mutant.mutation].append(mutant)
    for pile in piles.values():
        source.shuffle(pile)
    order = [pile for pile in piles.values() if pile]
    source.shuffle(order)
    longest = max(map(len, order), default=0)
    return [pile[k] for k in range(longest) for pile in order if k < len(pile)]


def _show(node: object) -> str:
    text = str(node)
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 3]}..."
