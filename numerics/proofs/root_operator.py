"""The Krawczyk operator over a box of unknowns and a box of parameters, and roots isolated by inflating.

For each parameter point p in P the Krawczyk operator of X at p lies in
K = m - Y (f(m, p0) + f_p(X, P) (P - p0)) + (I - Y f_x(X, P)) (X - m); so K in the interior of X proves exactly one root
in X for each p, and every root in X lies in K. The slopes in p keep the parameters' common effect on the equations.
A search needs it in this form: one evaluation also tells which boxes are empty and where to cut.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import sympy
from flint import arb, arb_mat, ctx

from numerics.enclosures import balls
from numerics.enclosures.ball_matrices import (
    are_finite,
    column,
    contains,
    contains_interior,
    identity,
    invert_middle,
)
from numerics.enclosures.ball_programs import BallProgram, compile_balls, compile_jacobian

_INFLATIONS = 4
_MOST_CONTRACTIONS = 40


@dataclass(frozen=True)
class Root:
    """`region` has exactly one root (for each parameter point), and it lies in `box`, a part of it."""

    region: list[arb]
    box: list[arb]

    def has(self, other: list[arb], /) -> bool:
        """Whether a box lies in the region."""
        return contains(self.region, other)


@dataclass(frozen=True)
class View:
    """What balls see of a box: certainly `empty`, or the operator's image, None where it is undefined.

    `pull` is how much each coordinate moves the equations, `blur` the part of the image's radius that is due to the
    parameters, `contracts` whether I - Y f_x has norm below 1.
    """

    empty: bool = False
    image: list[arb] | None = None
    pull: list[arb] = field(default_factory=list)
    blur: list[arb] = field(default_factory=list)
    contracts: bool = False

    def kept(self, box: list[arb], /) -> list[arb]:
        """The part of the box that may hold a root."""
        return [b.intersection(i) for b, i in zip(box, self.image or box, strict=True)]

    def hopeless(self, box: list[arb], /) -> bool:
        """Whether the parameters alone move the root by more than the box is wide: halving it does not help."""
        return bool(self.blur) and all(b > 4 * x.rad() for b, x in zip(self.blur, box, strict=True))


@dataclass(frozen=True)
class RootOperator:
    """Compiled equations and slopes (None where there are none), in unknowns, then parameters; `moving` by position."""

    equations: BallProgram
    slopes: BallProgram | None
    size: int
    moving: tuple[int, ...]

    @classmethod
    def compile(
        cls,
        equations: Sequence[sympy.Expr],
        unknowns: Sequence[sympy.Symbol],
        parameters: Sequence[sympy.Symbol],
        definitions: Sequence[tuple[sympy.Symbol, sympy.Expr]],
        moving: Sequence[sympy.Symbol],
        /,
    ) -> RootOperator:
        """`moving` are the parameters that are intervals. Raises UnsupportedNode."""
        symbols = [*unknowns, *parameters]
        program = compile_balls(equations, symbols, definitions=definitions)
        for known in ([*unknowns, *moving], list(unknowns)):
            slopes = compile_jacobian(equations, symbols, known, definitions=definitions, piecewise=True)
            if slopes is not None:
                places = tuple(symbols.index(symbol) for symbol in known[len(unknowns) :])
                return cls(program, slopes, len(unknowns), places)
        return cls(program, None, len(unknowns), ())

    def view(self, box: list[arb], parameters: list[arb], /) -> View:
        """What one evaluation on the box tells."""
        inputs = [*box, *parameters]
        on_box = self.equations(inputs)
        if any(ball.is_finite() and not ball.contains(0) for ball in on_box):
            return View(empty=True)
        slopes = self.slopes(inputs) if self.slopes is not None and are_finite(on_box) else []
        if not slopes or not are_finite(slopes):
            return View()
        width, size = self.size + len(self.moving), self.size
        rows = [slopes[k * width : (k + 1) * width] for k in range(size)]
        points = [ball.mid() if k < size or k in self.moving else ball for k, ball in enumerate(inputs)]
        at_middle = self.equations(points)
        shifts = [inputs[k] - points[k] for k in (*range(size), *self.moving)]
        if not all(_sum(value, row, shifts).contains(0) for value, row in zip(at_middle, rows, strict=True)):
            return View(empty=True)
        pull = [_largest([row[k] * shifts[k] for row in rows]) for k in range(size)]
        return self._apply(points[:size], at_middle, rows, shifts, pull)

    def _apply(
        self, middle: list[arb], at_middle: list[arb], rows: list[list[arb]], shifts: list[arb], pull: list[arb]
    ) -> View:
        size = self.size
        across = arb_mat([row[:size] for row in rows])
        inverse = invert_middle(across)
        if inverse is None:
            return View(pull=pull)
        gap = identity(size) - inverse * across
        centre = inverse * column(at_middle)
        image, blur = [], [arb(0)] * size
        if self.moving:
            drift = inverse * arb_mat([row[size:] for row in rows]) * column(shifts[size:])
            centre, blur = centre + drift, [drift[k, 0].abs_upper() for k in range(size)]
        moved = gap * column(shifts[:size]) - centre
        image = [middle[k] + moved[k, 0] for k in range(size)]
        scales = [shift.abs_upper() for shift in shifts[:size]]
        norms = [_sum(arb(0), [gap[i, j].abs_upper() for j in range(size)], scales) for i in range(size)]
        contracts = all(norm < scale for norm, scale in zip(norms, scales, strict=True))
        if not are_finite(image):
            return View(pull=pull)
        return View(image=image, pull=pull, blur=blur, contracts=contracts)

    def isolate(self, guess: list[arb], parameters: list[arb], /) -> Root | None:
        """A region around the guess with exactly one root, and the root's box in it; None where none is proved."""
        box = [_inflate(ball) for ball in guess]
        for _ in range(_INFLATIONS):
            view = self.view(box, parameters)
            if view.empty or view.image is None:
                return None
            if contains_interior(box, view.image):
                return Root(box, self._tighten(view.image, parameters))
            box = [_inflate(old.union(new)) for old, new in zip(box, view.image, strict=True)]
        return None

    def _tighten(self, box: list[arb], parameters: list[arb]) -> list[arb]:
        for _ in range(_MOST_CONTRACTIONS):
            view = self.view(box, parameters)
            if view.image is None:
                return box
            smaller = view.kept(box)
            if not are_finite(smaller):
                return box
            if not any(10 * new.rad() < 9 * old.rad() for old, new in zip(box, smaller, strict=True)):
                return smaller
            box = smaller
        return box


def _inflate(ball: arb) -> arb:
    """A ball around this one, wider by a quarter and a little."""
    least = arb(2) ** (-3 * ctx.prec // 4)
    return ball + arb(0, ball.rad() / 4 + least * (abs(ball.mid()) + least))


def _sum(value: arb, row: list[arb], shifts: list[arb]) -> arb:
    for slope, shift in zip(row, shifts, strict=True):
        value += balls.multiply(slope, shift)
    return value


def _largest(parts: list[arb]) -> arb:
    largest = arb(0)
    for part in parts:
        upper = part.abs_upper()
        largest = upper if upper > largest else largest
    return largest


__all__ = ["Root", "RootOperator", "View"]
