"""All roots of a system in a box: branch and prune with balls, each root certified by the Krawczyk operator.

A box is discarded where an equation's balls exclude 0 (natural extension, then mean-value form) or where the operator
shows no root; it is settled where the operator, on it or on a box inflated around it, proves exactly one root; else it
is cut to the operator's image or halved. Parameters may be intervals: with f(m, p) in f(m, p0) + f_p(X, P) (p - p0) the
operator encloses that of every parameter point, so that what is proved holds for each of them.
Source: Krawczyk (1969); Moore, Kearfott & Cloud (2009), chapter 8; the inflation and the merging are derived here.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

import sympy
from flint import arb, ctx

from numerics.enclosures.ball_programs import Value, as_ball
from numerics.proofs.interval_cells import Cell
from numerics.proofs.rational_boxes import Interval, NamedBounds, read_interval
from numerics.proofs.root_operator import Root, RootOperator

# Where a function is undefined, or the parameters blur the root, cuts may not help: such a box is halved so often only.
_MOST_IDLE = 12


class SearchStatus(Enum):
    """How a search ended; the value is the advice."""

    all = "Every root of the box is found: each box in roots has exactly one, and there is no other."
    none = "The box has no root."
    exists = "Each box in roots has exactly one root; those left over may hold more: raise the budget."
    undecided = "Nothing is proved on the boxes left over: a root may be double, on a kink or an edge, or undefined."


@dataclass(frozen=True)
class RootSearch:
    """A status, boxes with exactly one root each (no two the same root), what is left over, and the cost.

    `boxes` counts the boxes looked at; `precision` is in bits.
    """

    status: SearchStatus
    roots: tuple[dict[sympy.Symbol, arb], ...]
    left: tuple[dict[sympy.Symbol, arb], ...]
    boxes: int
    precision: int


def find_all_roots(
    equations: Sequence[sympy.Expr],
    unknowns: Sequence[sympy.Symbol],
    box: NamedBounds,
    /,
    *,
    values: Mapping[sympy.Symbol, Value] | None = None,
    definitions: Iterable[tuple[sympy.Symbol, sympy.Expr]] = (),
    budget: int = 20_000,
    precision: int = 128,
) -> RootSearch:
    """All roots of expressions (set to 0) in the closed `box`, whose ends are rational (low, high) by unknown.

    `values` are the other symbols, exact numbers or intervals; with intervals each box in `roots` has exactly one root
    for each point of them, and `none` and `all` hold for each point. `definitions` are (name, expression) pairs in
    order. Where an equation may be undefined, nothing is discarded on its account: that part is left over. So is a root
    on the box's boundary, unless the balls tell on which side it lies: ask for a slightly larger box. Double roots,
    roots on a kink, and families of roots are left over, too. Deterministic. Raises ValueError for a system that is not
    square, and for a box without bounds for an unknown, with ends that are not rational, or against an unknown's
    declared sign; UnsupportedNode.
    """
    given = dict(values or {})
    searcher = RootSearcher(equations, unknowns, tuple(given), definitions=tuple(definitions), moving=_moving(given))
    with ctx.workprec(precision):
        return searcher.search(box, [as_ball(value, str(symbol)) for symbol, value in given.items()], budget=budget)


def _moving(values: Mapping[sympy.Symbol, Value]) -> tuple[sympy.Symbol, ...]:
    return tuple(s for s, v in values.items() if isinstance(v, (tuple, arb)))


class RootSearcher:
    """A system compiled once, to be searched at several boxes and parameters."""

    def __init__(
        self,
        equations: Sequence[sympy.Expr],
        unknowns: Sequence[sympy.Symbol],
        parameters: Sequence[sympy.Symbol],
        /,
        *,
        definitions: Sequence[tuple[sympy.Symbol, sympy.Expr]] = (),
        moving: Sequence[sympy.Symbol] = (),
    ) -> None:
        if len(equations) != len(unknowns):
            raise ValueError(f"{len(unknowns)} unknowns need as many equations, got {len(equations)}")
        self.unknowns = tuple(unknowns)
        self.operator = RootOperator.compile(equations, unknowns, parameters, definitions, moving)

    def search(
        self, box: NamedBounds, parameters: Sequence[arb], /, *, budget: int = 20_000, stop_early: bool = False
    ) -> RootSearch:
        """As `find_all_roots`, at balls of the parameters and flint's current precision.

        With `stop_early` the search ends as soon as a box is certain to be left over.
        """
        ends = self._read(box)
        found = _Found([])
        queue = deque([Cell.around(ends)])
        left: list[list[arb]] = []
        looked_at = 0
        while queue and looked_at < budget and not (left and stop_early):
            cell = queue.popleft()
            looked_at += 1
            if found.settles(cell.balls()):
                continue
            rest = self._look(cell, list(parameters), found)
            if rest is None:
                continue
            queue.extend(rest)
            left.extend([] if rest else [cell.balls()])
        return self._outcome(found, [*left, *(cell.balls() for cell in queue)], ends, looked_at)

    def _read(self, box: NamedBounds) -> list[Interval]:
        if set(box) != set(self.unknowns):
            names = ", ".join(map(str, self.unknowns))
            raise ValueError(f"the box has bounds for {', '.join(map(str, box)) or 'nothing'}; give them for {names}")
        return [read_interval(unknown, box[unknown]) for unknown in self.unknowns]

    def _look(self, cell: Cell, parameters: list[arb], found: _Found) -> list[Cell] | None:
        """None where the cell is done; else the cells that remain of it, none if it cannot be cut any more."""
        box = cell.balls()
        view = self.operator.view(box, parameters)
        if view.empty:
            return None
        if view.image is None:
            return cell.halves(view.pull) if view.pull or sum(cell.halvings) < _MOST_IDLE else []
        smaller = cell.cut(view.image)
        if smaller is None:
            return None
        if view.contracts:
            root = self.operator.isolate(view.image, parameters)
            if root is not None and root.has(smaller.balls()):
                return None if found.add(root) else []
        if view.hopeless(box) and (view.contracts or sum(cell.halvings) >= _MOST_IDLE):
            return []
        return [smaller] if smaller.shrunk_from(cell) else smaller.halves(view.pull)

    def _outcome(self, found: _Found, left: list[list[arb]], ends: list[Interval], looked_at: int) -> RootSearch:
        roots = []
        for root in found.roots:
            pairs = list(zip(root.box, ends, strict=True))
            if all(ball.lower() >= arb(low) and ball.upper() <= arb(high) for ball, (low, high) in pairs):
                roots.append(root.box)
            elif not any(ball.upper() < arb(low) or ball.lower() > arb(high) for ball, (low, high) in pairs):
                left.append(root.box)
        if left:
            status = SearchStatus.exists if roots else SearchStatus.undecided
        else:
            status = SearchStatus.all if roots else SearchStatus.none
        named = [tuple(dict(zip(self.unknowns, b, strict=True)) for b in boxes) for boxes in (roots, left)]
        return RootSearch(status, named[0], named[1], looked_at, ctx.prec)


@dataclass
class _Found:
    """Distinct roots; a root met again, from the other side of a shared face, is recognised by proof."""

    roots: list[Root]

    def settles(self, box: list[arb]) -> bool:
        """Whether the box lies where the only root is one that is known."""
        return any(root.has(box) for root in self.roots)

    def add(self, root: Root) -> bool:
        """Keep a new root, or see that it is a known one; False where neither is proved."""
        for known in self.roots:
            if known.has(root.box) or root.has(known.box):
                return True
            if all(a.overlaps(b) for a, b in zip(known.box, root.box, strict=True)):
                return False
        self.roots.append(root)
        return True


__all__ = ["RootSearch", "RootSearcher", "SearchStatus", "find_all_roots"]
