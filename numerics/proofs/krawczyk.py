"""Existence and uniqueness of a root, certified by the Krawczyk operator with the symbolic Jacobian.

On a box X with midpoint m and any matrix Y near the inverse of J(m), let K = m - Y f(m) + (I - Y J(X)) (X - m). Every
root in X lies in K; if K lies in the interior of X, then X has exactly one root; if K lies in X at all and Y is
regular, then X has a root. It has one, too, if each entry of Y f has opposite signs on two opposite faces of X.
This is the operator at one point of the parameters; the docstring of the package lists its other forms.
Source: Krawczyk (1969); Moore, Kearfott & Cloud (2009), section 8.2; for faces Moore & Kioustelidis (1980).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from fractions import Fraction

import sympy
from flint import arb, arb_mat, ctx

from numerics.enclosures.ball_matrices import (
    are_finite,
    column,
    contains,
    contains_interior,
    identity,
    invert_middle_regularly,
    offsets,
)
from numerics.enclosures.ball_programs import (
    BallProgram,
    UnsupportedNode,
    Value,
    as_ball,
    compile_balls,
    compile_jacobian,
)
from numerics.enclosures.exact_numbers import to_flint

_MOST_NEWTON_STEPS = 30
_MOST_CONTRACTIONS = 40
_INFLATIONS = (1, 8, 64, 512, 4096)
_INSIDE = 1 - 2.0**-20
"""The share of a radius at which signs are tested: rounding must not move an end out of its ball."""


class RootStatus(Enum):
    """How a certification ended; the value is the advice."""

    unique = "The starting box has exactly one root, and it lies in the box that is returned."
    exists = "The box that is returned has a root; it may hold further ones, or the root may be multiple."
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

    Where that cannot be shown, that they have one at all: the status tells. `values` are the other symbols: exact
    numbers, or intervals, for each point of which the certificate then holds. `definitions` are (name, expression)
    pairs in order, as in a Model's program. Raises ValueError unless the system is square and exactly one of `box` and
    `guess` names every unknown; UnsupportedNode where there is no Jacobian.
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
            proved = status in (RootStatus.unique, RootStatus.exists)
            if proved and not all(map(_lies_between, found, (start[u] for u in unknowns))):
                status = RootStatus.undecided
            if status is RootStatus.undecided and system.changes_sign(found, parameters):
                status = RootStatus.exists
        else:
            status, _, found = system.inflate([_read_guess(start[u], u) for u in unknowns], parameters)
    return RootCertificate(status, dict(zip(unknowns, found, strict=True)), precision)


@dataclass(frozen=True)
class RootSystem:
    """Compiled equations, and the Jacobian row by row followed by the equations' values again.

    Both are functions of (unknowns, then parameters), under flint's current precision.
    """

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
        """`values` names the parameters. Raises UnsupportedNode where balls lack a node or a derivative."""
        symbols = [*unknowns, *values]
        jacobian = compile_jacobian(equations, symbols, unknowns, definitions=definitions, values=True)
        if jacobian is None:
            raise UnsupportedNode("equations: a derivative is not supported on balls, or an expression can jump")
        return cls(compile_balls(equations, symbols, definitions=definitions), jacobian)

    def slopes(self, box: list[arb], parameters: list[arb]) -> arb_mat | None:
        """The Jacobian's enclosure on a box, None where it is not finite or the equations may be undefined."""
        return _as_matrix(self.jacobian([*box, *parameters]), len(box))

    def slopes_on_narrow(self, box: list[arb], parameters: list[arb]) -> arb_mat | None:
        """The same for a narrow box, and faster."""
        return _as_matrix(self.jacobian.on_narrow([*box, *parameters]), len(box))

    def preconditioner(self, middle: list[arb], parameters: list[arb]) -> arb_mat | None:
        """The midpoint of the inverse Jacobian at a point, None where that is singular or not finite."""
        slopes = self.slopes(middle, parameters)
        return None if slopes is None else invert_middle_regularly(slopes)

    def image(self, box: list[arb], parameters: list[arb]) -> list[arb] | None:
        """The Krawczyk operator of the box, None where it or a function in it is undefined."""
        size, middle = len(box), [ball.mid() for ball in box]
        inverse = self.preconditioner(middle, parameters)
        slopes = self.slopes(box, parameters)
        if inverse is None or slopes is None:
            return None
        at_middle = column(self.equations([*middle, *parameters]))
        moved = (identity(size) - inverse * slopes) * offsets(box, middle) - inverse * at_middle
        return [middle[k] + moved[k, 0] for k in range(size)]

    def contract(self, box: list[arb], parameters: list[arb]) -> tuple[RootStatus, list[arb]]:
        """Apply the operator until the box stops shrinking. A certificate on a shrunken box is one on the first.

        The ball of an intersection may reach beyond both balls by a rounded radius: the root must lie in the first box.
        """
        status, first = RootStatus.undecided, box
        for _ in range(_MOST_CONTRACTIONS):
            image = self.image(box, parameters)
            if image is None or not are_finite(image):
                break
            pairs = list(zip(box, image, strict=True))
            if not all(old.overlaps(new) for old, new in [*pairs, *zip(first, image, strict=True)]):
                return RootStatus.none, box
            if contains_interior(box, image) and contains(first, image):
                status = RootStatus.unique
            elif status is RootStatus.undecided and contains(box, image) and contains(first, image):
                status = RootStatus.exists
            smaller = [old.intersection(new) for old, new in pairs]
            shrinks = any(2 * new.rad() < old.rad() for old, new in zip(box, smaller, strict=True))
            box = smaller
            if not shrinks and status is RootStatus.unique:
                break
        return status, box

    def inflate(self, guess: list[arb], parameters: list[arb]) -> tuple[RootStatus, list[arb], list[arb]]:
        """Refine a guess by Newton steps, then try boxes of growing radius around it: status, box tried, root's box.

        Where no box has a root that is certainly the only one, they are tried again for one that certainly has a root.
        """
        middle = self.refine(guess, [ball.mid() for ball in parameters])
        inverse, size = self.preconditioner(middle, parameters), len(middle)
        if inverse is None:  # at a multiple root the guess itself may be the root
            inverse = arb_mat(size, size)
        step = inverse * column(self.equations([*middle, *parameters]))
        least = arb(2) ** (-ctx.prec // 2)
        radii = [2 * step[k, 0].abs_upper() + least * abs(point) + least**2 for k, point in enumerate(middle)]
        boxes, lesser = list[list[arb]](), list[tuple[RootStatus, list[arb], list[arb]]]()
        for factor in _INFLATIONS:
            box = [point + arb(0, factor * radius) for point, radius in zip(middle, radii, strict=True)]
            status, found = self.contract(box, parameters)
            if status is RootStatus.unique:
                return status, box, found
            boxes.append(box)
            lesser += [(status, box, found)] if status is RootStatus.exists else []
        lesser += [(RootStatus.exists, box, box) for box in boxes if not lesser and self.changes_sign(box, parameters)]
        return lesser[0] if lesser else (RootStatus.undecided, middle, middle)

    def changes_sign(self, box: list[arb], parameters: list[arb]) -> bool:
        """Whether each entry of Y f has certain, opposite signs on two opposite faces of a slightly smaller box.

        Y inverts the middle of the slopes on the box, so it exists at a multiple root, too.
        """
        slopes = self.slopes(box, parameters)
        inverse = None if slopes is None else invert_middle_regularly(slopes)
        if inverse is None:
            return False
        for k, ball in enumerate(box):
            ends = [(ball.mid() + sign * _INSIDE * ball.rad()).mid() for sign in (-1, 1)]
            if not all(ball.contains(end) for end in ends):
                return False
            faces = [[*box[:k], end, *box[k + 1 :]] for end in ends]
            low, high = (self._entry_on_face(face, parameters, inverse, k) for face in faces)
            if not ((low < 0 and high > 0) or (low > 0 and high < 0)):
                return False
        return True

    def _entry_on_face(self, face: list[arb], parameters: list[arb], inverse: arb_mat, k: int) -> arb:
        """Entry k of Y f on a face by the mean-value form; not finite where the slopes are not."""
        middle = [ball.mid() for ball in face]
        slopes = self.slopes(face, parameters)
        if slopes is None:
            return arb.nan()
        at_middle = column(self.equations([*middle, *parameters]))
        entry: arb = (inverse * at_middle + (inverse * slopes) * offsets(face, middle))[k, 0]
        return entry

    def refine(self, middle: list[arb], parameters: list[arb]) -> list[arb]:
        """The guess after Newton steps on midpoints: no claim is made about it."""
        for _ in range(_MOST_NEWTON_STEPS):
            inverse = self.preconditioner(middle, parameters)
            if inverse is None:
                return middle
            step = inverse * column(self.equations([*middle, *parameters]))
            moved = [(point - step[k, 0]).mid() for k, point in enumerate(middle)]
            if not are_finite(moved):
                return middle
            done = all(step[k, 0].abs_lower() <= abs(p) * arb(2) ** (8 - ctx.prec) for k, p in enumerate(moved))
            middle = moved
            if done:
                break
        return middle


def _as_matrix(found: list[arb], size: int) -> arb_mat | None:
    """The slopes among slopes and values, None where one of either is not finite."""
    return arb_mat(size, size, found[: size * size]) if are_finite(found) else None


def _lies_between(ball: arb, value: object) -> bool:
    """Whether a root's ball lies in an interval as it was given: the ball of (low, high) is a little wider."""
    if not isinstance(value, tuple):
        return True
    low, high = (as_ball(end, "an end") for end in value)
    return bool(low <= ball <= high)


def _read_guess(value: object, unknown: sympy.Symbol) -> arb:
    try:
        exact = Fraction(value) if isinstance(value, (int, float, Fraction)) else sympy.Rational(value)
    except (TypeError, ValueError, OverflowError) as error:
        raise ValueError(f"the guess of {unknown} is {value!r}: a finite real number is allowed") from error
    return arb(to_flint(exact)).mid()
