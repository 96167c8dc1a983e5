"""Signs of piecewise rational functions on a box, exactly: factors of polynomials and their Bernstein coefficients.

On a box on which every Max, Min, Abs and Piecewise takes one certain branch such a function is a quotient of rational
polynomials. What it divides by must have a certain sign; the numerator is factored, and a factor has the sign that its
Bernstein coefficients on the box share. Nothing is rounded, so that, unlike balls, this decides an inequality that is
attained at a corner of a box or where a factor is squared. Source: Garloff (1993), The Bernstein algorithm; the
treatment of zeros on faces is derived here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import sympy
from flint import Ordering, fmpq_mpoly, fmpq_mpoly_ctx
from sympy.core.relational import Relational

from numerics.enclosures.exact_numbers import to_flint
from numerics.proofs.rational_boxes import Bounds, Interval

Quotient: TypeAlias = "tuple[fmpq_mpoly, fmpq_mpoly]"

MOST_TERMS = 1000
"""Larger polynomials are given up: balls are then quicker."""
MOST_NODES = 3000
"""Larger expressions are not read at all."""

_BRANCHES = (sympy.Max, sympy.Min, sympy.Abs, sympy.Piecewise)
# direction * (rhs - lhs) >= 0, or > 0 where strict
_RELATIONS = {"<": (1, True), "<=": (1, False), ">": (-1, True), ">=": (-1, False)}


class NotRational(ValueError):
    """The expression is not built from rationals by arithmetic, Max, Min, Abs and Piecewise, or it is too large."""


class _Undecided(Exception):
    """A factor has no certain sign on this box; its argument lists the places of the symbols that occur in it."""


@dataclass(frozen=True)
class Sign:
    """The sign of a function on a closed box: 1, -1 or 0 (identically); `strict` if it has no zero there."""

    direction: int
    strict: bool

    def times(self, other: Sign, /) -> Sign:
        """The sign of the product."""
        return Sign(self.direction * other.direction, self.strict and other.strict)

    def shows(self, direction: int, strict: bool, /) -> bool:
        """Whether direction * f >= 0 on the box, or > 0 if `strict`."""
        return self.direction == direction and self.strict if strict else self.direction in (0, direction)


class RationalSigns:
    """The sign of `rhs - lhs` on boxes of `symbols`. Raises NotRational."""

    def __init__(self, lhs: sympy.Expr, rhs: sympy.Expr, symbols: Sequence[sympy.Symbol], /) -> None:
        self.sides, self.size = (lhs, rhs), len(symbols)
        # twice as many variables as symbols: the second half makes polynomials homogeneous in each of the first
        self.ring = fmpq_mpoly_ctx.get(("z", 2 * self.size + 1), Ordering.lex)
        self.place = dict(zip(symbols, self.ring.gens(), strict=False))
        self._factors: dict[object, tuple[int, list[tuple[_Factor, int]]]] = {}
        nodes = [node for side in self.sides for node in sympy.preorder_traversal(side)]
        if len(nodes) > MOST_NODES:
            raise NotRational(f"{len(nodes)} nodes; at most {MOST_NODES} are read")
        branches = any(node.func in _BRANCHES for node in nodes)
        if branches:
            for node in nodes:
                self._admit(node)
        # Without branches the quotient is the same on every box.
        self._everywhere = None if branches else _Reading(self, None)
        self.unsettled: tuple[int, ...] = ()
        """Where the last answer was None: the places of the symbols that a smaller box must be smaller in."""

    def on(self, bounds: Bounds, /) -> Sign | None:
        """The sign on the closed box of (low, high) for each symbol.

        None where there is none, where it is not found, or where the sides are not certainly defined.
        """
        self.unsettled = ()
        try:
            reading = self._everywhere or _Reading(self, bounds)
            sign = self.sign_of(reading.difference, bounds)
            return sign if all(self._sign(each, bounds).strict for each in reading.divisors) else None
        except NotRational:
            return None
        except _Undecided as place:
            self.unsettled = tuple(place.args[0])
            return None

    def sign_of(self, quotient: Quotient, bounds: Bounds, /) -> Sign:
        """The sign of top/bottom on the box."""
        top, bottom = (self._sign(polynomial, bounds) for polynomial in quotient)
        return top.times(bottom)

    def _sign(self, polynomial: fmpq_mpoly, bounds: Bounds) -> Sign:
        if polynomial.is_zero():
            return Sign(0, False)
        key = tuple(polynomial.monoms()), tuple(polynomial.coeffs())
        if key not in self._factors:
            content, factors = polynomial.factor()
            read = [(_Factor(self, factor), int(power)) for factor, power in factors]
            self._factors[key] = (1 if content > 0 else -1, read)
        direction, powers = self._factors[key]
        sign = Sign(direction, True)
        for factor, power in powers:
            found = factor.on(bounds)
            if found is None:
                if power % 2:
                    raise _Undecided(factor.used)
                found = Sign(1, False)
            sign = sign.times(found if power % 2 else found.times(found))
        return sign

    def _admit(self, node: sympy.Basic) -> None:
        """Raise NotRational for what no box could make rational."""
        power = node.func is sympy.Pow and node.args[1].is_Integer
        known = node in self.place or isinstance(node, (sympy.Rational, Relational, sympy.Tuple))
        if not (power or known or node in (sympy.true, sympy.false) or node.func in (sympy.Add, sympy.Mul, *_BRANCHES)):
            raise NotRational(f"{node.func.__name__} is not rational")


class _Factor:
    """A polynomial that is not constant, made homogeneous in each of its variables."""

    def __init__(self, signs: RationalSigns, polynomial: fmpq_mpoly) -> None:
        self.ring, self.size = signs.ring, signs.size
        self.degrees = tuple(map(int, polynomial.degrees()[: self.size]))
        self.used = [k for k, degree in enumerate(self.degrees) if degree]
        terms = {}
        for powers, value in polynomial.to_dict().items():
            missing = [degree - power for degree, power in zip(self.degrees, powers, strict=False)]
            terms[(*powers[: self.size], *missing, 0)] = value
        self.homogeneous = self.ring.from_dict(terms)
        self.last: tuple[list[Interval], Sign | None] | None = None

    def on(self, bounds: Bounds) -> Sign | None:
        """The sign on the box, None where the Bernstein coefficients do not agree."""
        where = [bounds[k] for k in self.used]
        if self.last is None or self.last[0] != where:
            self.last = where, self._search(bounds)
        return self.last[1]

    def _search(self, bounds: Bounds) -> Sign | None:
        """The coefficients in t with x = (low + high t)/(1 + t), t from 0 to infinity: Bernstein's, times binomials.

        A point inside a face is a positive mixture of the coefficients of that face, and every face has a corner: no
        zero if no corner has one.
        """
        gens, one = self.ring.gens(), self.ring.constant(1)
        images, ends = list(gens), [0] * len(gens)
        for k in self.used:
            low, high = bounds[k]
            moves = low < high
            images[k] = low + high * gens[k] if moves else low * one
            images[self.size + k] = one + gens[k] if moves else one
            ends[k] = self.degrees[k] if moves else 0
        moved = self.homogeneous.compose(*images, ctx=self.ring)
        values = moved.coeffs()
        if not values:
            return Sign(0, False)
        direction = 1 if values[0] > 0 else -1
        if any(value * direction < 0 for value in values):
            return None
        corners = sum(all(p in (0, end) for p, end in zip(term, ends, strict=True)) for term in moved.monoms())
        return Sign(direction, corners == 2 ** sum(end > 0 for end in ends))


class _Reading:
    """Both sides on one box as quotients, and what is divided by on the way; without a box no branch can be taken."""

    def __init__(self, signs: RationalSigns, bounds: Bounds | None) -> None:
        self.signs, self.bounds = signs, bounds
        self.divisors: list[fmpq_mpoly] = []
        self.known: dict[sympy.Basic, Quotient] = {}
        (left, under), (right, beneath) = map(self._read, signs.sides)
        self.difference = self._reduce(right * under - left * beneath, under * beneath)

    def _read(self, node: sympy.Basic) -> Quotient:
        if node not in self.known:
            self.known[node] = self._reduce(*self._quotient(node))
        return self.known[node]

    def _reduce(self, top: fmpq_mpoly, bottom: fmpq_mpoly) -> Quotient:
        if not bottom.is_constant():
            common = top.gcd(bottom)
            top, bottom = top / common, bottom / common
        if len(top) + len(bottom) > MOST_TERMS:
            raise NotRational(f"more than {MOST_TERMS} terms")
        return top, bottom

    def _quotient(self, node: sympy.Basic) -> Quotient:
        one, kind = self.signs.ring.constant(1), node.func
        if isinstance(node, sympy.Rational):
            return to_flint(node) * one, one
        if node in self.signs.place:
            return self.signs.place[node], one
        if kind is sympy.Add:
            top, bottom = self._read(node.args[0])
            for other, under in map(self._read, node.args[1:]):
                shared = bottom == under
                top, bottom = (top + other, bottom) if shared else (top * under + other * bottom, bottom * under)
            return top, bottom
        if kind is sympy.Mul:
            top, bottom = self._read(node.args[0])
            for other, under in map(self._read, node.args[1:]):
                top, bottom = top * other, bottom * under
            return top, bottom
        if kind is sympy.Pow and node.args[1].is_Integer:
            (top, bottom), power = self._read(node.args[0]), int(node.args[1])
            if power < 0:
                self.divisors.append(top)
                top, bottom = bottom, top
            return top ** abs(power), bottom ** abs(power)
        if self.bounds is None:
            raise NotRational(f"{kind.__name__} is not rational")
        return self._branch(node, self.bounds)

    def _branch(self, node: sympy.Basic, bounds: Bounds) -> Quotient:
        """The branch that is taken on the whole box."""
        if node.func is sympy.Piecewise:
            taken = next((value for value, condition in node.args if self._holds(condition, bounds)), None)
            if taken is None:  # an exception of `next` would end the loop that reads a sum, and drop its terms
                raise NotRational("no branch of the Piecewise is taken on the box")
            return self._read(taken)
        best, *others = map(self._read, node.args)
        if node.func is sympy.Abs:
            others = [(-best[0], best[1])]
        direction = -1 if node.func is sympy.Min else 1
        for other in others:
            gap = best[0] * other[1] - other[0] * best[1], best[1] * other[1]
            best = best if self.signs.sign_of(gap, bounds).shows(direction, False) else other
        return best

    def _holds(self, condition: sympy.Basic, bounds: Bounds) -> bool:
        """Whether a condition holds everywhere on the box, or nowhere."""
        if condition in (sympy.true, sympy.false):
            return bool(condition)
        if condition.rel_op not in _RELATIONS:
            raise NotRational(f"relation {condition.rel_op}")
        direction, strict = _RELATIONS[condition.rel_op]
        (left, under), (right, beneath) = self._read(condition.lhs), self._read(condition.rhs)
        found = self.signs.sign_of((right * under - left * beneath, under * beneath), bounds)
        if found.shows(direction, strict):
            return True
        if found.shows(-direction, not strict):
            return False
        raise _Undecided(range(self.signs.size))


__all__ = ["MOST_NODES", "MOST_TERMS", "NotRational", "RationalSigns", "Sign"]
