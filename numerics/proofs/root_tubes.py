"""A model's root over a whole box of parameters: a tube that holds exactly one root for every point of the box.

The unknowns are written path(p) + y, with a polynomial path that nearly follows the root. With C near F_x^(-1), the
Krawczyk operator in y at a fixed p,

    -C F(path(p), p) + (I - C F_x(X, P)) Y,

with slopes on a box X x P that contains the tube, maps the box Y into its interior. Hence exactly one y in Y solves the
equations, for every p in P; it is continuous in p. As the path is a polynomial, Y is small of a high order: worth its
monomials for inequalities that are tight on a box of several parameters.
Source: Krawczyk (1969); Neumaier (1990), Interval Methods for Systems of Equations, section 5.6; form derived here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from flint import arb, arb_mat, ctx
from sympy import Dummy, Expr, Symbol, sign

from derivations.sensitivity import differentiate_program, total_derivative
from numerics.enclosures.ball_matrices import are_finite, column, identity, invert_middle
from numerics.enclosures.tape import UnsupportedNode
from numerics.enclosures.taylor_models import Ring, TaylorModel, Value, combine, range_of, ring_of
from numerics.enclosures.taylor_programs import TaylorProgram
from numerics.enclosures.weighted_balls import SmallestSum
from numerics.proofs.model_balls import needed_once
from numerics.proofs.rational_boxes import Bounds, Point, midpoint

Program = Sequence[tuple[Symbol, Expr]]

_MOST_CHORDS = 6
_ROOM = 4
"""Y is this many times its first image: room for the slopes to vary, and for the root of a neighbour."""


@dataclass(frozen=True)
class Tube:
    """For every point p of `bounds` exactly one root in path(p) + Y, the box Y with radii `room`.

    It lies in the part of radii `spread`, smaller than `room`; until that is proved both are empty. `path` has the
    coefficients of a polynomial in d for each unknown, p = middle + width d. All of them are exact.
    """

    bounds: Bounds
    ring: Ring
    path: Sequence[list[arb]]
    inverse: arb_mat
    room: Sequence[arb] = ()
    spread: Sequence[arb] = ()

    def follow(self, point: Point, /) -> list[arb]:
        """The path at a point of `bounds`."""
        moved = [arb((2 * x - a - b) / (b - a) if a < b else 0) for x, (a, b) in zip(point, self.bounds, strict=True)]
        return [self.ring.evaluate(coefficients, moved) for coefficients in self.path]

    def at(self, point: Point, /) -> list[arb]:
        """A box that holds the tube's root at a point of `bounds`."""
        return [x + arb(0, r) for x, r in zip(self.follow(point), self.spread, strict=True)]

    def surrounds(self, box: Sequence[arb], point: Point, /) -> bool:
        """Whether a box of unknowns lies inside the tube at a point of `bounds`: a root in it is then the tube's."""
        parts = zip(box, self.follow(point), self.room, strict=True)
        return all(bool(abs(x - path).abs_upper() <= room) for x, path, room in parts)

    def values(self, radii: Sequence[arb], ring: Ring, /) -> list[Value]:
        """Unknowns and parameters over the box in a ring of the path's or a lower order, y within `radii`."""
        unknowns = [TaylorModel(self.ring, path, arb(0, r)) for path, r in zip(self.path, radii, strict=True)]
        return [*map(ring.reduce, unknowns), *parameter_values(ring, self.bounds)]


def parameter_values(ring: Ring, bounds: Bounds, /) -> list[Value]:
    """Each parameter as middle + width d_k."""
    return [ring.variable(k, arb((a + b) / 2), arb((b - a) / 2)) for k, (a, b) in enumerate(bounds)]


@dataclass(frozen=True)
class Proved:
    """A tube, and the values of the further expressions on the whole of it (with all its room)."""

    tube: Tube
    values: Sequence[Value]


class RootTubes:
    """Equations F, their derivatives in the unknowns, and further expressions, over boxes of parameters.

    Paths are polynomials of degree `order`; what else is evaluated over a tube is kept to the order `loose`.
    """

    def __init__(
        self,
        gaps: Sequence[Expr],
        unknowns: Sequence[Symbol],
        parameters: Sequence[Symbol],
        program: Program,
        further: Sequence[Expr] = (),
        /,
        *,
        order: int,
        loose: int,
    ) -> None:
        """Raises UnsupportedNode where balls have no derivative of an equation."""
        definitions = needed_once(program, gaps)
        if any(e.has(sign, SmallestSum) for e in (*gaps, *(definition for _, definition in definitions))):
            raise UnsupportedNode("equations: an expression can jump")
        symbols = [*unknowns, *parameters]
        # Derivatives are taken without assumptions on signs: a box may reach where an assumption fails.
        real = {s: Dummy(s.name, real=True) for s in (*symbols, *(name for name, _ in definitions))}
        directions = [real[unknown] for unknown in unknowns]
        own = tuple((real[name], definition.xreplace(real)) for name, definition in definitions)
        rows = [gap.xreplace(real) for gap in gaps]
        extended, partials = differentiate_program(own, directions)
        entries = [total_derivative(row, direction, partials) for direction in directions for row in rows]
        code = TaylorProgram([real[symbol] for symbol in symbols])
        for name, definition in [*extended, *((symbol, real[symbol]) for symbol in symbols)]:
            code.define(name, definition)
        for name, definition in needed_once(program, further):
            code.define(name, definition)
        self.size = len(unknowns)
        self.ring, self.loose = ring_of(len(parameters), order), ring_of(len(parameters), loose)
        self._equations, self._jacobian, self._further = map(code.select, (rows, entries, further))
        self._everything = code.select([*entries, *rows, *further])

    def path(self, bounds: Bounds, guess: Sequence[arb], /) -> Tube | None:
        """A path along the root near a guess, not proved yet; None where the equations are singular there.

        A chord step gives the polynomial another degree right; no claim is made about it.
        """
        start, point = [x.mid() for x in guess], [arb(x) for x in midpoint(bounds)]
        inverse = invert_middle(_columns([*map(range_of, self._jacobian([*start, *point]))], self.size))
        if inverse is None:
            return None
        for _ in range(_MOST_CHORDS):
            found = self._equations([*start, *point])
            steps = [range_of(combine(row, found)) for row in inverse.tolist()]
            start = [(x - step).mid() for x, step in zip(start, steps, strict=True)]
            if all(
                step.abs_lower() <= abs(x) * arb(2) ** (-ctx.prec // 2) for x, step in zip(start, steps, strict=True)
            ):
                break
        path = [[x] for x in start]
        for order in range(1, self.ring.order + 1):
            path = self._lengthen(path, bounds, inverse, ring_of(self.ring.size, order))
        finite = all(map(are_finite, path))
        return Tube(bounds, self.ring, path, inverse) if finite else None

    def _lengthen(self, path: list[list[arb]], bounds: Bounds, inverse: arb_mat, ring: Ring) -> list[list[arb]]:
        """The path after one chord step in a ring of one more degree."""
        longer = [each + [arb(0)] * (len(ring.monomials) - len(each)) for each in path]
        unknowns = [TaylorModel(ring, each, arb(0)) for each in longer]
        found = self._equations([*unknowns, *parameter_values(ring, bounds)])
        steps = [combine(row, found) for row in inverse.tolist()]
        return [
            [(x - c).mid() for x, c in zip(each, step.coefficients, strict=True)]
            if isinstance(step, TaylorModel)
            else each
            for each, step in zip(longer, steps, strict=True)
        ]

    def prove(self, path: Tube, /) -> Proved | None:
        """The tube around a path, if the operator maps Y into its interior."""
        size = self.size
        on_path = self._equations(path.values([arb(0)] * size, self.ring))
        remainder = [range_of(combine(row, on_path)) for row in path.inverse.tolist()]
        if not are_finite(remainder):
            return None
        room = [_radius(_ROOM * ball.abs_upper(), x[0]) for ball, x in zip(remainder, path.path, strict=True)]
        found = self._everything(path.values(room, self.loose))
        entries, rows = found[: size**2], found[size**2 : size**2 + size]
        if not all(range_of(value).is_finite() for value in rows):
            return None
        moved = self._tilt(path.inverse, entries) * column([arb(0, r) for r in room])
        spread = [(moved[k, 0] - ball).abs_upper() for k, ball in enumerate(remainder)]
        if not all(bool(new < old) for new, old in zip(spread, room, strict=True)):
            return None
        return Proved(replace(path, room=room, spread=spread), found[size**2 + size :])

    def evaluate(self, unknowns: Sequence[arb], point: Point, /) -> list[arb]:
        """The further expressions at a point, for all unknowns in a box."""
        return [*map(range_of, self._further([*unknowns, *map(arb, point)]))]

    def _tilt(self, inverse: arb_mat, entries: Sequence[Value]) -> arb_mat:
        """I - inverse F_x."""
        size = self.size
        columns = [entries[j * size : (j + 1) * size] for j in range(size)]
        mixed = [range_of(combine(row, column)) for column in columns for row in inverse.tolist()]
        return identity(size) - _columns(mixed, size)


def _columns(entries: Sequence[arb], size: int) -> arb_mat:
    """The matrix with these entries, column after column of `size`."""
    return arb_mat([list(entries[k::size]) for k in range(size)])


def _radius(least: arb, scale: arb) -> arb:
    """A radius a little above `least`, exactly as flint stores it."""
    tiny = arb(2) ** (-ctx.prec // 2)
    return arb(0, (least + tiny * abs(scale) + tiny**2).upper()).rad()
