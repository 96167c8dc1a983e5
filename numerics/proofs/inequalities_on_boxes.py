"""Proof of an inequality on a whole box by bisection with balls, and its certified refutation at a point."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from functools import cached_property
from itertools import product

import sympy
from flint import arb, ctx, fmpq

from derivations.relations import Relation
from numerics.enclosures import balls
from numerics.enclosures.ball_programs import (
    BallProgram,
    Condition,
    Exact,
    as_ball,
    compile_balls,
    compile_conditions,
    compile_jacobian,
)
from numerics.enclosures.exact_numbers import to_sympy
from numerics.enclosures.tape import COMPARISONS
from numerics.proofs.rational_boxes import Interval, NamedBounds, Point, halve, midpoint, read_interval, to_balls
from numerics.proofs.rational_signs import NotRational, RationalSigns

# A coordinate is halved at most this often: a claim that touches equality inside the box ends honestly and soon.
_MOST_HALVINGS = 40
_MOST_CORNERS = 64


class ProofStatus(Enum):
    """How a search of a box ended; the value is the advice."""

    proved = "The inequality holds at every point of the box that satisfies the conditions."
    violated = "The inequality fails at the witness, by ball evaluation at that exact point."
    undecided = "Some boxes are left: raise the budget, or narrow the box where the two sides touch or are undefined."
    empty = "No point of the box was found to satisfy the conditions: nothing was tested; change the box."


@dataclass(frozen=True)
class BoxProof:
    """The outcome of a search.

    `witness` is an exact point (violated); `left` the number of boxes not decided and `smallest_left` the narrowest
    of them (undecided); `boxes` how many were looked at; `precision` is in bits.
    """

    status: ProofStatus
    boxes: int
    precision: int
    witness: dict[sympy.Symbol, sympy.Rational] | None = None
    left: int = 0
    smallest_left: dict[sympy.Symbol, tuple[sympy.Rational, sympy.Rational]] | None = None


def prove_on_box(
    kind: str,
    lhs: sympy.Expr,
    rhs: sympy.Expr,
    box: NamedBounds,
    /,
    *,
    given: Iterable[Condition] = (),
    budget: int = 20_000,
    precision: int = 128,
) -> BoxProof:
    """Decide `lhs kind rhs` (kind "<" or "<=") on the closed box, wherever all conditions in `given` hold.

    Boxes are halved until the difference of the sides has a certain sign (natural extension, then Bernstein
    coefficients where it is piecewise rational, then monotonicity and the mean-value form), or a condition is certainly
    false, or `budget` boxes were looked at. Where no point was found to satisfy the conditions, the status is `empty`,
    never `proved`. Deterministic. Raises ValueError for an equality, an end that is not rational, a symbol without
    bounds or with bounds against its declared sign; UnsupportedNode.
    """
    if kind not in ("<", "<="):
        raise ValueError(f"relation {kind!r} cannot be proved on a box by balls: '<' or '<=' is allowed")
    conditions = tuple(given)
    symbols, bounds = _read_box((lhs, rhs, *conditions), box)
    with ctx.workprec(precision):
        return _Search(kind, lhs, rhs, symbols, conditions).run(bounds, budget)


def refute_at(
    kind: str, lhs: sympy.Expr, rhs: sympy.Expr, point: Mapping[sympy.Symbol, Exact], /, *, most_bits: int = 4096
) -> bool | None:
    """Whether `lhs kind rhs` (kind "<", "<=" or "=") certainly fails at an exact point.

    True: certainly violated. False: certainly satisfied. None: not decided with `most_bits` bits, or not defined.
    """
    if kind not in ("<", "<=", "="):
        raise ValueError(f"relation {kind!r} cannot be refuted at a point: '<', '<=' or '=' is allowed")
    symbols = tuple(point)
    sides = compile_balls([lhs, rhs], symbols)
    difference = sympy.sympify(lhs - rhs).xreplace({symbol: sympy.sympify(point[symbol]) for symbol in symbols})
    precision = 64
    while precision <= most_bits:
        with ctx.workprec(precision):
            left, right = sides([as_ball(point[symbol], str(symbol)) for symbol in symbols])
            # Balls never decide that 1/3 = 1/3; exact arithmetic may, once both sides are known to be defined.
            if difference.is_Rational and left.is_finite() and right.is_finite():
                left, right = arb(int(difference.p)), arb(0)
            truth = COMPARISONS[kind](left, right)
        if truth is not None:
            return not truth
        precision *= 2
    return None


@dataclass
class _Box:
    """A sub-box; `settled` once the inequality is shown on it, `pull` how much each coordinate moves the difference.

    `needed` lists the coordinates of which one must be halved before exact arithmetic can tell more, if it knows them.
    """

    bounds: list[Interval]
    halvings: list[int]
    settled: bool = False
    pull: list[arb] = field(default_factory=list)
    needed: tuple[int, ...] = ()

    def balls(self) -> list[arb]:
        """Balls that contain the sides."""
        return to_balls(self.bounds)

    def middle(self) -> list[fmpq]:
        """The exact midpoint."""
        return midpoint(self.bounds)

    def halves(self) -> list[_Box]:
        """Two halves, or none where every coordinate is at its limit.

        The coordinate that moves the difference most takes turns with the widest one, which the conditions may need.
        """
        free = [k for k, (a, b) in enumerate(self.bounds) if a < b and self.halvings[k] < _MOST_HALVINGS]
        free = [k for k in free if k in self.needed] or free
        if not free:
            return []
        if self.pull and sum(self.halvings) % 2 == 0:
            k = max(free, key=lambda i: self.pull[i])
        else:
            k = min(free, key=lambda i: self.halvings[i])
        halvings = [count + (i == k) for i, count in enumerate(self.halvings)]
        return [_Box(half, halvings, self.settled) for half in halve(self.bounds, k)]


class _Search:
    """One breadth-first bisection: wide boxes first, so that a witness is found before corners are polished."""

    def __init__(
        self,
        kind: str,
        lhs: sympy.Expr,
        rhs: sympy.Expr,
        symbols: Sequence[sympy.Symbol],
        conditions: Sequence[Condition],
    ) -> None:
        self.strict = kind == "<"
        self.symbols = symbols
        self.sides = compile_balls([lhs, rhs], symbols)
        self.gap = sympy.sympify(rhs - lhs)
        self.signs = _read_signs(lhs, rhs, symbols)
        self.conditions = compile_conditions(conditions, symbols)
        self.conditional = bool(conditions)
        self.effective = False
        self.witness: list[fmpq] | None = None

    @cached_property
    def slopes(self) -> BallProgram | None:
        """The slopes of the difference, read only where a box needs them."""
        return compile_jacobian([self.gap], self.symbols, self.symbols)

    def run(self, bounds: list[Interval], budget: int) -> BoxProof:
        """Search until every box is settled or discarded, a witness is found, or the budget is spent.

        Settled boxes are halved on only while no effective point (one that satisfies the conditions) is known.
        """
        for corner in product(*bounds) if 2 ** len(bounds) <= _MOST_CORNERS else ():
            self._try_point(corner)
        queue, settled, left = deque([_Box(bounds, [0] * len(bounds))]), deque[_Box](), list[_Box]()
        looked_at = 0
        while self.witness is None and looked_at < budget and (queue or (settled and not self.effective)):
            box = (queue or settled).popleft()
            looked_at += 1
            inside = self._satisfies(box.balls())
            if inside is False:
                continue
            box.settled = box.settled or self._settles(box)
            self.effective = self.effective or inside is True or self._satisfies(map(arb, box.middle())) is True
            if box.settled:
                settled.extend(() if self.effective else box.halves())
            elif halves := box.halves():
                queue.extend(halves)
            else:
                left.append(box)
        return self._outcome([*left, *queue], looked_at)

    def _outcome(self, left: list[_Box], looked_at: int) -> BoxProof:
        if self.witness is not None:
            point = dict(zip(self.symbols, map(to_sympy, self.witness), strict=True))
            return BoxProof(ProofStatus.violated, looked_at, ctx.prec, witness=point)
        if left:
            narrowest = max(left, key=lambda box: sum(box.halvings))
            ends = [(to_sympy(a), to_sympy(b)) for a, b in narrowest.bounds]
            smallest = dict(zip(self.symbols, ends, strict=True))
            return BoxProof(ProofStatus.undecided, looked_at, ctx.prec, left=len(left), smallest_left=smallest)
        return BoxProof(ProofStatus.proved if self.effective else ProofStatus.empty, looked_at, ctx.prec)

    def _satisfies(self, inputs: Iterable[arb]) -> bool | None:
        return balls.both(*self.conditions(list(inputs))) if self.conditional else True

    def _holds(self, gap: arb) -> bool:
        return gap.is_finite() and bool(gap > 0 if self.strict else gap >= 0)

    def _try_point(self, point: Point) -> arb:
        """The difference at an exact point, which becomes the witness where the inequality certainly fails."""
        inputs = [arb(coordinate) for coordinate in point]
        lhs, rhs = self.sides(inputs)
        fails = lhs >= rhs if self.strict else lhs > rhs
        if (fails or not self.effective) and self._satisfies(inputs):
            self.effective = True
            if fails and lhs.is_finite() and rhs.is_finite():
                self.witness = list(point)
        return rhs - lhs

    def _is_signed(self, box: _Box) -> bool:
        """Whether exact arithmetic shows the inequality on the whole box."""
        if self.signs is None:
            return False
        sign = self.signs.on(box.bounds)
        box.needed = () if self.conditional else self.signs.unsettled
        return sign is not None and sign.shows(1, self.strict)

    def _settles(self, box: _Box) -> bool:
        """Whether the inequality is shown on the whole box; leaves the pulls in the box, and a witness if it sees one.

        Along a coordinate in which the difference is monotone its least value is at an end; along the others the
        mean-value form bounds it from the middle. Derived here.
        """
        inputs = box.balls()
        lhs, rhs = self.sides(inputs)
        gap = rhs - lhs
        if self._holds(gap) or self._is_signed(box):
            return True
        # Where a bound is attained at corners of boxes, no middle shows that a smaller one is violated.
        self._try_point([low for low, _ in box.bounds])
        point = box.middle()
        slopes = [] if gap.is_nan() or self.slopes is None else self.slopes(inputs)
        if not slopes or not all(slope.is_finite() for slope in slopes):
            self._try_point(point)
            return False
        if self.conditional:
            self._try_point(point)
        variation = arb(0)
        for k, (slope, (low, high)) in enumerate(zip(slopes, box.bounds, strict=True)):
            if slope >= 0 or slope <= 0:
                point[k] = low if slope >= 0 else high
            else:
                variation += slope * (inputs[k] - arb(point[k]))
        box.pull = [(abs(s) * arb(b - a)).upper() for s, (a, b) in zip(slopes, box.bounds, strict=True)]
        return self._holds(self._try_point(point) + variation)


def _read_signs(lhs: sympy.Expr, rhs: sympy.Expr, symbols: Sequence[sympy.Symbol]) -> RationalSigns | None:
    try:
        return RationalSigns(sympy.sympify(lhs), sympy.sympify(rhs), symbols)
    except NotRational:
        return None


def _read_box(parts: Iterable[Condition | sympy.Expr], box: NamedBounds) -> tuple[list[sympy.Symbol], list[Interval]]:
    """The symbols that occur, in the order of the box, and their rational bounds."""
    sides = [side for part in parts for side in ((part.lhs, part.rhs) if isinstance(part, Relation) else (part,))]
    used = set().union(*(sympy.sympify(side).free_symbols for side in sides))
    if missing := sorted(str(symbol) for symbol in used - set(box)):
        raise ValueError(f"the box has no bounds for {', '.join(missing)}: give (low, high) for every symbol")
    symbols = [symbol for symbol in box if symbol in used]
    return symbols, [read_interval(symbol, box[symbol]) for symbol in symbols]
