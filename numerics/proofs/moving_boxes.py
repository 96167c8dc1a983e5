"""Krawczyk's operator for a whole interval of one parameter, along the tangent of the branch.

For t in T with midpoint c, write x = m + v (t - c) + y, where m is near the root at c and v near its velocity there. On
a box Y about 0 let X be the box about m that holds all these x, S the slopes of the equations f on X x T and P any
matrix near S^-1. With

    K = -P f(m, c) - P (S_x v + S_t) (T - c) + (I - P S_x) Y,

K inside the interior of Y proves for every t in T: exactly one root lies in X, and its y lies in K. Proof: by the
mean-value form y - P f maps Y into K for every t (Brouwer), and |I - P S_x| has spectral radius below 1, so f(., t) is
injective on X. K shrinks with the square of the interval, a box of a fixed midpoint only linearly; a path of higher
degree (root_tubes) would shrink faster, but one parameter is cheap to cut. Derived here after Neumaier (1990), ch. 5.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from flint import arb, arb_mat, ctx
from sympy import Expr, Symbol

from derivations.relations import Relation
from numerics.enclosures.affine_forms import AffineTape, noisy, range_of
from numerics.enclosures.ball_matrices import are_finite, column, contains_interior, identity, invert_middle
from numerics.enclosures.ball_programs import BallProgram, compile_balls, compile_jacobian
from numerics.enclosures.tape import UnsupportedNode
from numerics.proofs.model_balls import Conditions, ModelBalls, NamedBalls, needed_once

Balls = Sequence[arb]

_MOST_INFLATIONS = 6
_SHARE = 64
"""The box is wider than the move of the root along the tangent by at least this share of it."""


@dataclass(frozen=True)
class MovingBox:
    """A proof on the interval middle +- half of the parameter: for each of its values exactly one root lies in `box`.

    The root is m + velocity * (t - c) + y, with m in `middle`, y in `spread`, c the midpoint.
    """

    half: arb
    middle: list[arb] = field(default_factory=list)
    velocity: list[arb] = field(default_factory=list)
    spread: list[arb] = field(default_factory=list)
    box: list[arb] = field(default_factory=list)

    @property
    def enclosure(self) -> list[arb]:
        """The balls in which the root lies, for all values of the parameter."""
        return self.at(arb(0, self.half))

    def at(self, offset: arb, /) -> list[arb]:
        """The balls in which the root lies where the parameter is its midpoint plus `offset`."""
        return [m + v * offset + y for m, v, y in zip(self.middle, self.velocity, self.spread, strict=True)]

    def radii(self) -> list[arb]:
        """The radii of the smallest box about `middle` that holds the root for all values of the parameter."""
        return [(abs(v) * self.half + y.abs_upper()).upper() for v, y in zip(self.velocity, self.spread, strict=True)]

    def hull(self) -> list[Any]:
        """The unknowns anywhere in that box, each with a noise symbol of its own."""
        return [self._noisy(k, m, arb(0), r) for k, (m, r) in enumerate(zip(self.middle, self.radii(), strict=True))]

    def tube(self) -> list[Any]:
        """The root: it moves with the first noise symbol, the parameter's, and each unknown with its own."""
        moves = enumerate(zip(self.middle, self.velocity, self.spread, strict=True))
        return [self._noisy(k, m + y.mid(), v * self.half, y.rad()) for k, (m, v, y) in moves]

    def along(self, balls: Balls, moves: Sequence[bool], /) -> list[Any]:
        """The balls at the midpoint, those that move with the parameter as forms on the interval."""
        slopes = [self.half, *[arb(0)] * len(self.middle)]
        return [noisy(ball, slopes) if move else ball for ball, move in zip(balls, moves, strict=True)]

    def _noisy(self, place: int, middle: arb, slope: arb, radius: arb) -> Any:
        own = [radius if k == place else arb(0) for k in range(len(self.middle))]
        return noisy(middle, [slope, *own])


class MovingSystem:
    """The equations of a model with their slopes in the unknowns and along `moved`, the symbols that move together.

    Raises UnsupportedNode where there are no equations or slopes that balls support.
    """

    def __init__(self, compiled: ModelBalls, moved: Sequence[Symbol], /) -> None:
        if compiled.system is None:
            raise UnsupportedNode(compiled.reason)
        gaps = [relation.lhs - relation.rhs for relation in compiled.equations]
        directions, program = [*compiled.model.unknowns, *moved], needed_once(compiled.program, gaps)
        self.moves = [symbol in moved for symbol in compiled.symbols]
        self.size, self.system = len(gaps), compiled.system
        self.equations = compile_balls(gaps, compiled.inputs, definitions=program, kind=AffineTape)
        slopes = compile_jacobian(
            gaps, compiled.inputs, directions, definitions=program, piecewise=True, kind=AffineTape
        )
        if slopes is None:
            raise UnsupportedNode("the equations have no derivative in the parameter that balls support")
        self._slopes: BallProgram = slopes

    def slopes(self, inputs: Sequence[Any], /) -> tuple[arb_mat, arb_mat] | None:
        """The (size, size) slopes in the unknowns and the (size, 1) slopes along the parameter; None if not finite."""
        entries, size = [range_of(entry) for entry in self._slopes(inputs)], self.size
        if not are_finite(entries):
            return None
        width = len(entries) // size
        rows = [entries[k * width : (k + 1) * width] for k in range(size)]
        across = arb_mat(size, size, [entry for row in rows for entry in row[:size]])
        return across, column([sum(row[size:], arb(0)) for row in rows])

    def prove(self, guess: Balls, at_middle: Balls, half: arb, /) -> MovingBox | None:
        """The proof on an interval from a guess of the root at its midpoint, None where the operator does not tell.

        `at_middle` are the balls of the model's symbols at the midpoint, `half` is half the width.
        """
        middle = self.system.refine([ball.mid() for ball in guess], list(at_middle))
        found = self.slopes([*middle, *at_middle])
        inverse = None if found is None else invert_middle(found[0])
        if found is None or inverse is None:
            return None
        velocity = [-speed.mid() for speed in (inverse * found[1]).entries()]
        residual = inverse * column(self.system.equations([*middle, *at_middle]))
        least = arb(2) ** (-ctx.prec // 2)
        margins = [abs(v) * half / _SHARE + least * abs(m) + least**2 for m, v in zip(middle, velocity, strict=True)]
        radii = margins
        for _ in range(_MOST_INFLATIONS):
            tried = MovingBox(half, middle, velocity, [arb(0, radius.upper()) for radius in radii])
            image = self._image(tried, at_middle, inverse, residual)
            if image is None:
                return None
            if contains_interior(tried.spread, image):
                box = [m + arb(0, radius) for m, radius in zip(middle, tried.radii(), strict=True)]
                return self._tighten(replace(tried, spread=image, box=box), at_middle, inverse, residual)
            outgrown = [bool(2 * radius < new.abs_upper()) for radius, new in zip(radii, image, strict=True)]
            if all(outgrown) and radii is not margins:
                return None
            radii = [margin + 5 * new.abs_upper() / 4 for margin, new in zip(margins, image, strict=True)]
        return None

    def _image(self, tried: MovingBox, at_middle: Balls, inverse: arb_mat, residual: arb_mat) -> list[arb] | None:
        """K of the module's docstring; None where it, or a function on the box, is not finite."""
        inputs, size = [*tried.hull(), *tried.along(at_middle, self.moves)], self.size
        found = self.slopes(inputs)
        if found is None or not all(range_of(value).is_finite() for value in self.equations(inputs)):
            return None
        turned = inverse * found[0]
        drift = turned * column(tried.velocity) + inverse * found[1]
        kept = (identity(size) - turned) * column(tried.spread)
        image = [kept[k, 0] - residual[k, 0] - drift[k, 0] * arb(0, tried.half) for k in range(size)]
        return image if are_finite(image) else None

    def _tighten(self, proved: MovingBox, at_middle: Balls, inverse: arb_mat, residual: arb_mat) -> MovingBox:
        """The same proof with the operator applied once more, to the enclosure that it gave."""
        image = self._image(proved, at_middle, inverse, residual)
        if image is None:
            return proved
        return replace(proved, spread=[a.intersection(b) for a, b in zip(proved.spread, image, strict=True)])


class MovingValues:
    """Named expressions along an interval of a parameter, by affine forms."""

    def __init__(self, named: NamedBalls, moved: Sequence[Symbol], /) -> None:
        self.missing, self.named = named.missing, named
        known = {name: e for name, e in named.expressions.items() if name not in named.missing}
        program = needed_once(named.program, known.values())
        self._names = list(known)
        self._program = compile_balls(known.values(), named.symbols, definitions=program, kind=AffineTape)
        self._moves = [symbol in moved for symbol in named.symbols]

    def __call__(self, moving: MovingBox, at_middle: Balls, /) -> dict[str, Any]:
        """Forms of the values for all values of the parameter; a ball that is not finite where one may be undefined."""
        symbols = moving.along(at_middle, self._moves[len(moving.middle) :])
        return dict(zip(self._names, self._program([*moving.tube(), *symbols]), strict=True))


class MovingCondition:
    """A relation along an interval of a parameter; `fixed` are the exact values of the symbols that do not move.

    `reason` says which node balls lack; `moves` whether the parameter enters at all.
    """

    def __init__(self, relation: Relation, whole: Conditions, fixed: Mapping[Symbol, Expr], /) -> None:
        alone = Conditions([relation], whole.symbols, whole.program)
        self.reason, self.known = alone.reason, alone.decide_exactly(fixed)
        self._tape = AffineTape(whole.symbols)
        if self.reason:
            self.moves = False
            return
        sides = [relation.lhs, relation.rhs]
        program = needed_once(whole.program, sides)
        for name, definition in program:
            self._tape.define(name, definition)
        self._output = self._tape.compare(relation.kind, *sides)
        used = set().union(*(each.free_symbols for each in [*sides, *(definition for _, definition in program)]))
        self.moves = not used <= {*fixed, *(name for name, _ in program)}

    def __call__(self, inputs: Sequence[Any], /) -> bool | None:
        """Whether it holds for all values of the inputs, for none, or None where the forms do not tell."""
        if self.known is not None or self.reason:
            return self.known
        truth: bool | None = self._tape.run(inputs)[self._output]
        return truth


__all__ = ["MovingBox", "MovingCondition", "MovingSystem", "MovingValues"]
