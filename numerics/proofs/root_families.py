"""How many roots a model has in a box of its unknowns, for every point of a box of its parameters.

The parameters' box is cut until a complete search (numerics.proofs.root_search) decides on every piece, with the
parameters as intervals; so the count holds for each point, not for those tried.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from fractions import Fraction

import sympy
from flint import arb, ctx

from derivations.model import Model, Parameter
from numerics.enclosures.ball_programs import as_ball
from numerics.enclosures.exact_numbers import as_rational, to_fraction
from numerics.proofs.exact_parameters import read_exact
from numerics.proofs.interval_cells import Cell
from numerics.proofs.model_balls import ModelBalls, needed_once
from numerics.proofs.rational_boxes import NamedBounds
from numerics.proofs.root_search import RootSearch, RootSearcher, SearchStatus

_BUDGET_OF_A_PIECE = 5_000


class CountStatus(Enum):
    """How a count ended; the value is the advice."""

    counted = "For every point of the parameters' box the equations have the asked number of roots in the box."
    another = "At the parameters given the search is complete, and finds another number of roots."
    undecided = "Some pieces of the parameters' box are left over: narrow either box, or raise the budget."


@dataclass(frozen=True)
class RootCount:
    """The outcome of a count over a parameters' box.

    `pieces` of the parameters' box were searched, `boxes` of unknowns looked at. `parameters` is the piece with
    another number of roots, or one that is left over, and `search` what was found there.
    """

    status: CountStatus
    pieces: int
    boxes: int
    parameters: dict[sympy.Symbol, arb] | None = None
    search: RootSearch | None = None


def count_roots(
    model: Model,
    parameters: Mapping[sympy.Symbol, object],
    within: NamedBounds,
    roots: int,
    /,
    *,
    budget: int = 100_000,
    precision: int = 64,
) -> RootCount:
    """Decide whether the model's equations have exactly `roots` roots in the closed box `within`.

    `parameters` are rational intervals (low, high) or exact numbers by symbol; the others take their defaults. A root
    counts with both sides of each equation positive, unknowns in their domains and all `reported` values defined; one
    for which the balls do not tell is undecided. The model's regions are not consulted: this is about its own
    equations. Raises ValueError for parameters that are not the model's or not exact, and for a wrong `within`.
    """
    if not model.unknowns:
        raise ValueError("model: a closed form has no unknowns to search for")
    with ctx.workprec(precision):
        return _Count(model, parameters, within, roots).run(budget)


class _Count:
    def __init__(
        self, model: Model, parameters: Mapping[sympy.Symbol, object], within: NamedBounds, roots: int
    ) -> None:
        numeric = {item for item in model.parameters if isinstance(item, Parameter)}
        if unknown := set(parameters) - numeric:
            raise ValueError(f"parameters: {', '.join(map(str, unknown))} is no numeric parameter of the model")
        ends = {k: v if isinstance(v, tuple) else (v, v) for k, v in parameters.items()}
        low, high = ({str(k): _exact(v[i], k) for k, v in ends.items()} for i in (0, 1))
        exact, _ = read_exact(model, low), read_exact(model, high)
        self.moving = tuple(k for k, (a, b) in ends.items() if a != b)
        self.bounds = [(as_rational(ends[k][0], str(k)), as_rational(ends[k][1], str(k))) for k in self.moving]
        if backward := [str(k) for k, (a, b) in zip(self.moving, self.bounds, strict=True) if a > b]:
            raise ValueError(f"parameters: the interval of {backward[0]} has low > high")
        left = [item for item in model.parameters if isinstance(item, Parameter) and item not in ends]
        self.followed = {item: item.default for item in left if item.default in self.moving}
        self.compiled = ModelBalls(model, exact.laws)
        self.numbers = exact.numbers
        gaps = [relation.lhs - relation.rhs for relation in self.compiled.equations]
        definitions = needed_once(self.compiled.program, gaps)
        symbols = self.compiled.symbols
        moving = (*self.moving, *self.followed)
        self.searcher = RootSearcher(gaps, model.unknowns, symbols, definitions=definitions, moving=moving)
        self.model, self.within, self.roots = model, within, roots

    def run(self, budget: int) -> RootCount:
        """Search pieces of the parameters' box until all are decided or `budget` boxes are looked at."""
        queue = deque([Cell.around(self.bounds)])
        pieces = boxes = 0
        while queue and boxes < budget:
            cell = queue.popleft()
            halves = cell.halves()
            search = self._search(cell, _BUDGET_OF_A_PIECE, stop_early=bool(halves))
            pieces, boxes = pieces + 1, boxes + search.boxes
            if search.status in (SearchStatus.all, SearchStatus.none) and len(search.roots) != self.roots:
                return RootCount(CountStatus.another, pieces, boxes, self._named(cell), search)
            if search.status in (SearchStatus.exists, SearchStatus.undecided):
                if not halves:
                    return RootCount(CountStatus.undecided, pieces, boxes, self._named(cell), search)
                queue.extend(halves)
        if queue:
            return RootCount(CountStatus.undecided, pieces, boxes, self._named(queue[0]))
        return RootCount(CountStatus.counted, pieces, boxes)

    def _named(self, cell: Cell) -> dict[sympy.Symbol, arb]:
        return dict(zip(self.moving, cell.balls(), strict=True))

    def _search(self, cell: Cell, budget: int, *, stop_early: bool) -> RootSearch:
        moved = self._named(cell)
        moved |= {follower: moved[default] for follower, default in self.followed.items()}
        inputs = [moved[s] if s in moved else as_ball(self.numbers[s], str(s)) for s in self.compiled.symbols]
        search = self.searcher.search(self.within, inputs, budget=budget, stop_early=stop_early)
        doubtful = [root for root in search.roots if not self._counts([*root.values(), *inputs])]
        if not doubtful:
            return search
        kept = tuple(root for root in search.roots if root not in doubtful)
        status = SearchStatus.exists if kept else SearchStatus.undecided
        return RootSearch(status, kept, (*search.left, *doubtful), search.boxes, search.precision)

    def _counts(self, inputs: list[arb]) -> bool:
        """Whether a root of lhs - rhs certainly is one of the model's, on its positive branch."""
        found = self.compiled.values(inputs)
        reported = [found[name] for name in self.model.reported if name in found]
        return self.compiled.admissible(inputs) is True and all(ball.is_finite() for ball in reported)


def _exact(value: object, symbol: sympy.Symbol) -> Fraction:
    return to_fraction(as_rational(value, f"an end of the box of {symbol}"))


__all__ = ["CountStatus", "RootCount", "count_roots"]
