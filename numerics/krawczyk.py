"""Existence and uniqueness of a root, certified by the Krawczyk operator with the symbolic Jacobian.

On a box X with midpoint m and any matrix Y near the inverse of J(m), let K = m - Y f(m) + (I - Y J(X)) (X - m). Every
root in X lies in K; if K lies in the interior of X, then X has exactly one root.
Source: Krawczyk (1969); Moore, Kearfott & Cloud (2009), section 8.2.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from fractions import Fraction

import sympy
from flint import arb, arb_mat, ctx, fmpq

from numerics.enclosure import BallProgram, UnsupportedNode, Value, as_ball, compile_balls, compile_jacobian

_MOST_NEWTON_STEPS = 30
_MOST_CONTRACTIONS = 40
_MOST_CHORDS = 4
_INFLATIONS = (1, 8, 64, 512, 4096)


class RootStatus(Enum):
    """How a certification ended; the value is the advice."""

    unique = "The starting box has exactly one root, and it lies in the box that is returned."
    none = "The starting box has no root; move it."
    undecided = "The operator does not tell: the root may be double, the guess far off, or the box too wide."


@dataclass(frozen=True)
class RootCertificate:
    """A status, and the box of balls that holds every root of the starting box; `precision` is in bits.

    From a guess, the starting box is the one that was tried around the refined guess: uniqueness is local there.
    """

    status: RootStatus
    box: dict[sympy.Symbol, arb]
    precision: int


def isolate_unique_root(
    equations: Sequence[sympy.Expr],
    unknowns: Sequence[sympy.Symbol],
    /,
    *,
    box: Mapping[sympy.Symbol, Value] | None = None,
    guess: Mapping[sympy.Symbol, object] | None = None,
    values: Mapping[sympy.Symbol, Value] | None = None,
    definitions: Iterable[tuple[sympy.Symbol, sympy.Expr]] = (),
    precision: int = 256,
) -> RootCertificate:
    """Certify that expressions (set to 0) have exactly one root in `box`, or near `guess` (floats are welcome there).

    `values` are the other symbols: exact numbers, or intervals, for each point of which the certificate then holds.
    `definitions` are (name, expression) pairs in order, as in a Model's program. Raises ValueError unless the system is
    square and exactly one of `box` and `guess` names every unknown; UnsupportedNode where there is no Jacobian.
    """
    start = box if guess is None else guess
    if start is None or (box is not None and guess is not None) or set(start) != set(unknowns):
        raise ValueError("give exactly one of box and guess, with an entry for every unknown and nothing else")
    if len(equations) != len(unknowns):
        raise ValueError(f"{len(unknowns)} unknowns need as many equations, got {len(equations)}")
    system = RootSystem.compile(equations, unknowns, values or {}, tuple(definitions))
    with ctx.workprec(precision):
        parameters = [as_ball(value, str(symbol)) for symbol, value in (values or {}).items()]
        if guess is None:
            status, found = system.contract([as_ball(start[u], str(u)) for u in unknowns], parameters)
        else:
            status, _, found = system.inflate([_read_guess(start[u], u) for u in unknowns], parameters)
    return RootCertificate(status, dict(zip(unknowns, found, strict=True)), precision)


@dataclass(frozen=True)
class RootSystem:
    """Compiled equations and Jacobian, as functions of (unknowns, then parameters), under flint's current precision."""

    equations: BallProgram
    jacobian: BallProgram

    @classmethod
    def compile(
        cls,
        equations: Sequence[sympy.Expr],
        unknowns: Sequence[sympy.Symbol],
        values: Iterable[sympy.Symbol],
        definitions: Sequence[tuple[sympy.Symbol, sympy.Expr]],
    ) -> RootSystem:
        symbols = [*unknowns, *values]
        jacobian = compile_jacobian(equations, symbols, unknowns, definitions=definitions)
        if jacobian is None:
            raise UnsupportedNode("equations: a derivative is not supported on balls, or an expression can jump")
        return cls(compile_balls(equations, symbols, definitions=definitions), jacobian)

    def preconditioner(self, middle: list[arb], parameters: list[arb]) -> arb_mat | None:
        """The midpoint of the inverse Jacobian at a point, None where it is singular or not finite."""
        entries = [entry.mid() for entry in self.jacobian([*middle, *parameters])]
        size = len(middle)
        try:
            inverse = arb_mat(size, size, entries).inv()
        except ZeroDivisionError:
            return None
        middles = [inverse[i, j].mid() for i in range(size) for j in range(size)]
        return arb_mat(size, size, middles) if all(entry.is_finite() for entry in middles) else None

    def image(
        self, box: list[arb], parameters: list[arb], preconditioner: arb_mat | None = None, /
    ) -> list[arb] | None:
        """The Krawczyk operator of the box, None where it or a function in it is undefined."""
        size, middle = len(box), [ball.mid() for ball in box]
        inverse = preconditioner if preconditioner is not None else self.preconditioner(middle, parameters)
        slopes = self.jacobian([*box, *parameters])
        on_box = self.equations([*box, *parameters])
        if inverse is None or any(ball.is_nan() for ball in on_box) or not all(s.is_finite() for s in slopes):
            return None
        identity = arb_mat(size, size, [int(i == j) for i in range(size) for j in range(size)])
        at_middle = arb_mat(size, 1, self.equations([*middle, *parameters]))
        offsets = arb_mat(size, 1, [ball - point for ball, point in zip(box, middle, strict=True)])
        moved = (identity - inverse * arb_mat(size, size, slopes)) * offsets - inverse * at_middle
        return [middle[k] + moved[k, 0] for k in range(size)]

    def contract(self, box: list[arb], parameters: list[arb]) -> tuple[RootStatus, list[arb]]:
        """Apply the operator until the box stops shrinking. A certificate on a shrunken box is one on the first."""
        status = RootStatus.undecided
        for _ in range(_MOST_CONTRACTIONS):
            image = self.image(box, parameters)
            if image is None or not all(ball.is_finite() for ball in image):
                break
            pairs = list(zip(box, image, strict=True))
            if not all(old.overlaps(new) for old, new in pairs):
                return RootStatus.none, box
            if all(old.contains_interior(new) for old, new in pairs):
                status = RootStatus.unique
            smaller = [old.intersection(new) for old, new in pairs]
            shrinks = any(2 * new.rad() < old.rad() for old, new in zip(box, smaller, strict=True))
            box = smaller
            if not shrinks and status is RootStatus.unique:
                break
        return status, box

    def inflate(self, guess: list[arb], parameters: list[arb]) -> tuple[RootStatus, list[arb], list[arb]]:
        """Refine a guess by Newton steps, then try boxes of growing radius around it: status, box tried, root's box."""
        middle = self.refine(guess, [ball.mid() for ball in parameters])
        inverse = self.preconditioner(middle, parameters)
        if inverse is None:
            return RootStatus.undecided, guess, guess
        step = inverse * arb_mat(len(middle), 1, self.equations([*middle, *parameters]))
        least = arb(2) ** (-ctx.prec // 2)
        radii = [2 * step[k, 0].abs_upper() + least * abs(point) + least**2 for k, point in enumerate(middle)]
        for factor in _INFLATIONS:
            box = [point + arb(0, factor * radius) for point, radius in zip(middle, radii, strict=True)]
            status, found = self.contract(box, parameters)
            if status is RootStatus.unique:
                return status, box, found
        return RootStatus.undecided, middle, middle

    def prove_near(self, guess: list[arb], parameters: list[arb]) -> tuple[RootStatus, list[arb], list[arb]]:
        """As `inflate`, by the shortest way: from a guess good to a double, chord steps and one box.

        Any matrix serves as the preconditioner, so one inverse does for the steps and for the proof. Where one box does
        not tell, `inflate` is asked.
        """
        points = [ball.mid() for ball in parameters]
        inverse = self.preconditioner(guess, points)
        if inverse is None:
            return self.inflate(guess, parameters)
        middle, size = guess, len(guess)
        least = arb(2) ** (-ctx.prec // 2)
        for _ in range(_MOST_CHORDS):
            step = inverse * arb_mat(size, 1, self.equations([*middle, *points]))
            middle = [(point - step[k, 0]).mid() for k, point in enumerate(middle)]
            if all(8 * step[k, 0].abs_upper() <= least * abs(point) for k, point in enumerate(middle)):
                break
        box = [point + arb(0, least * abs(point) + least**2) for point in middle]
        image = self.image(box, parameters, inverse)
        if image is None or not all(ball.is_finite() for ball in image):
            return self.inflate(guess, parameters)
        if not all(old.contains_interior(new) for old, new in zip(box, image, strict=True)):
            return self.inflate(guess, parameters)
        return RootStatus.unique, box, image

    def refine(self, middle: list[arb], parameters: list[arb]) -> list[arb]:
        """The guess after Newton steps on midpoints: no claim is made about it."""
        for _ in range(_MOST_NEWTON_STEPS):
            inverse = self.preconditioner(middle, parameters)
            if inverse is None:
                return middle
            step = inverse * arb_mat(len(middle), 1, self.equations([*middle, *parameters]))
            moved = [(point - step[k, 0]).mid() for k, point in enumerate(middle)]
            if not all(point.is_finite() for point in moved):
                return middle
            done = all(step[k, 0].abs_lower() <= abs(p) * arb(2) ** (8 - ctx.prec) for k, p in enumerate(moved))
            middle = moved
            if done:
                break
        return middle


def _read_guess(value: object, unknown: sympy.Symbol) -> arb:
    try:
        exact = Fraction(value) if isinstance(value, (int, float, Fraction)) else sympy.Rational(value)
    except (TypeError, ValueError, OverflowError) as error:
        raise ValueError(f"the guess of {unknown} is {value!r}: a finite real number is allowed") from error
    return arb(fmpq(int(exact.numerator), int(exact.denominator))).mid()
