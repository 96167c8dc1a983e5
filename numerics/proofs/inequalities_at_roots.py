"""Proof of an inequality between a model's unknowns and parameters, at its root for every parameter point of a box.

The box is halved until on each part a tube holds exactly one root for every parameter, and the inequality holds on the
tube. Two tubes that share a face are then shown to hold the same root at a point of it; along the face the two roots,
continuous and each alone in its tube, agree at a closed and open set of points, hence everywhere: the tubes are one
continuous branch. That it is the model's branch is seen in the middle of every part, where the solver's root lies in
the tube. Derived here; `numerics.proofs.root_tubes` has the proof on one part.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from flint import arb, ctx, fmpq

from derivations.model import Model
from derivations.relations import Relation
from numerics.enclosures.exact_numbers import to_sympy
from numerics.enclosures.taylor_models import TaylorModel, Value
from numerics.proofs.inequalities_on_boxes import BoxProof, ProofStatus
from numerics.proofs.rational_boxes import Bounds, NamedBounds, Point, halve, midpoint
from numerics.proofs.root_claims import RootClaim
from numerics.proofs.root_tubes import Tube

_MOST_HALVINGS = 40


@dataclass(frozen=True)
class RootBoxProof(BoxProof):
    """The outcome of a search over parameters; `reason` says what stands in the way where nothing is decided."""

    reason: str = ""


def prove_at_roots(
    model: Model,
    relation: Relation,
    box: NamedBounds,
    /,
    *,
    budget: int = 2_000,
    precision: int = 128,
) -> RootBoxProof:
    """Decide an inequality at the model's root for every parameter point of the closed box that meets its conditions.

    Sides and conditions may use the model's parameters, unknowns and the names of its program. `violated` comes with an
    exact parameter point at which the certified root that the solver finds violates the relation. `undecided` where a
    part of the box has no tube (a fold, the edge of the domain, one of the model's phases), where the tubes are not one
    branch, or after `budget` parts. Deterministic. Raises ValueError for an equality, an end that is not rational, or a
    symbol without bounds; UnsupportedNode for what balls do not support.
    """
    with ctx.workprec(precision):
        claim = RootClaim(model, relation, box)
        return _Search(claim, budget).run()


@dataclass(eq=False)
class _Part:
    """A part of the box: "open" until it is "settled", "vacuous" (outside the conditions) or "left"."""

    bounds: Bounds
    halvings: list[int]
    guess: Sequence[arb] | None = None
    state: str = "open"
    reason: str = "the budget of parts is spent"
    tube: Tube | None = None
    axis: int = 0
    halves: tuple[_Part, ...] = ()

    def middle(self) -> list[fmpq]:
        """The exact midpoint."""
        return midpoint(self.bounds)

    def split(self, pull: Sequence[arb]) -> bool:
        """Halve the coordinate with the greatest pull; False where every coordinate is at its limit."""
        free = [k for k, (a, b) in enumerate(self.bounds) if a < b and self.halvings[k] < _MOST_HALVINGS]
        if not free:
            return False
        known = bool(pull) and all(x.is_finite() for x in pull)
        k = max(free, key=lambda i: (pull[i] if known else arb(0), -self.halvings[i]))
        halvings = [count + (i == k) for i, count in enumerate(self.halvings)]
        self.axis = k
        self.halves = tuple(_Part(half, halvings) for half in halve(self.bounds, k))
        return True

    def leaves(self) -> Iterator[_Part]:
        """The parts that are not halved."""
        if not self.halves:
            yield self
        for half in self.halves:
            yield from half.leaves()


@dataclass
class _Search:
    claim: RootClaim
    budget: int
    looked_at: int = 0
    effective: bool = False
    witness: Point | None = None

    def run(self) -> RootBoxProof:
        """Level by level, so that the solver is asked for many guesses at once."""
        whole = _Part(self.claim.bounds, [0] * len(self.claim.bounds))
        level = [whole]
        while level and self.witness is None and self.looked_at < self.budget:
            self._guess([part for part in level if part.guess is None])
            level = [half for part in level for half in self._look_at(part)]
        if self.witness is not None:
            values = zip(self.claim.free, self.witness, strict=True)
            point = {symbol: to_sympy(x) for symbol, x in values}
            return RootBoxProof(ProofStatus.violated, self.looked_at, ctx.prec, witness={**self.claim.fixed, **point})
        leaves = list(whole.leaves())
        unsettled = [part for part in leaves if part.state in ("open", "left")]
        if not unsettled:
            unsettled = self._check_branch(whole, leaves)
        if unsettled:
            return self._undecided(unsettled)
        return RootBoxProof(ProofStatus.proved if self.effective else ProofStatus.empty, self.looked_at, ctx.prec)

    def _guess(self, parts: Sequence[_Part]) -> None:
        for part, guess in zip(parts, self.claim.find_roots([part.middle() for part in parts]), strict=True):
            part.guess = guess

    def _look_at(self, part: _Part) -> tuple[_Part, ...]:
        """Settle a part of the box, or the halves into which it falls."""
        self.looked_at += 1
        claim, pull = self.claim, list[arb]()
        applies, region = claim.applies(part.bounds), claim.region(part.bounds)
        if applies is False:
            part.state = "vacuous"
            return ()
        if region is not None:
            name, certain = region
            return self._halve(part, pull, f"the box reaches into {name}", final=certain)
        path = None if part.guess is None else claim.tubes.path(part.bounds, part.guess)
        if path is None:
            return self._halve(part, pull, "no root was found there")
        pull = _pull_of_path(path, part)
        found = claim.tubes.prove(path)
        if found is None:
            self._try_witness(part, claim.tubes.evaluate(path.follow(part.middle()), part.middle()))
            return self._halve(part, pull, "no unique root is shown")
        seen = claim.judge(found.values)
        if seen.admissible and (seen.holds or seen.given is False):
            part.state, part.tube = "settled", found.tube
            self.effective = self.effective or self._is_effective(part, found.tube)
            return ()
        self._try_witness(part, found.values)
        halves = self._halve(part, _pull_of_gap(found.values[0]) or pull, "the inequality is not shown")
        for half in halves:
            half.guess = found.tube.follow(half.middle())
        return halves

    def _is_effective(self, part: _Part, tube: Tube) -> bool:
        """Whether the root in the middle certainly meets the conditions."""
        point = part.middle()
        applies = self.claim.applies([(x, x) for x in point])
        return bool(applies and self.claim.judge(self.claim.tubes.evaluate(tube.at(point), point)).given)

    def _halve(self, part: _Part, pull: Sequence[arb], reason: str, *, final: bool = False) -> tuple[_Part, ...]:
        part.reason = reason
        if final or not part.split(pull):
            part.state = "left"
        return part.halves

    def _try_witness(self, part: _Part, values: Sequence[Value]) -> None:
        """Take the middle as a witness where the inequality certainly fails at the solver's root."""
        gap = values[0]
        centre = gap.coefficients[0] if isinstance(gap, TaylorModel) else gap
        point = part.middle()
        bounds = [(x, x) for x in point]
        if centre > 0 or self.claim.applies(bounds) is not True or self.claim.region(bounds) is not None:
            return
        guess = self.claim.find_roots([point])[0]
        found = None if guess is None else self.claim.prove_at(point, guess)
        if found is not None and found[1].admissible and found[1].given and found[1].holds is False:
            self.witness = point

    def _check_branch(self, whole: _Part, leaves: Sequence[_Part]) -> list[_Part]:
        """The parts whose tubes are not shown to belong to the model's branch."""
        groups = {part: {part} for part in leaves if part.tube is not None}
        for first, second, point in _list_neighbours(whole):
            if first.tube is None or second.tube is None:
                continue
            if not self._share_root(first.tube, second.tube, point):
                first.reason = second.reason = "two parts of the box are not shown to have one branch"
                return [first, second]
            if groups[first] is not groups[second]:
                groups[first] |= groups[second]
                groups.update(dict.fromkeys(groups[second], groups[first]))
        return self._check_choice({id(group): group for group in groups.values()}.values())

    def _check_choice(self, groups: Iterable[set[_Part]]) -> list[_Part]:
        """The parts at whose middle the solver finds another root than the tube's, or that it never reaches."""
        wrong = []
        for group in groups:
            parts = list(group)
            roots = self.claim.find_roots([part.middle() for part in parts])
            found = [(part, root) for part, root in zip(parts, roots, strict=True) if root is not None]
            wrong += [part for part, root in found if not self._is_of(part, root)] if found else parts
        for part in wrong:
            part.reason = "the solver does not find this root"
        return wrong

    def _share_root(self, first: Tube, second: Tube, point: Point) -> bool:
        """Whether the roots of two tubes at a common point are the same: one that lies in both tubes is."""
        if second.surrounds(first.at(point), point) or first.surrounds(second.at(point), point):
            return True
        found = self.claim.prove_at(point, first.follow(point))
        if found is None:
            return False
        root = found[0].at(point)
        return first.surrounds(root, point) and second.surrounds(root, point)

    def _is_of(self, part: _Part, root: Sequence[arb]) -> bool:
        """Whether the solver's root at the middle is the tube's; where rounding hides it, by its certificate."""
        point, tube = part.middle(), part.tube
        if tube is None or tube.surrounds(root, point):
            return tube is not None
        found = self.claim.prove_at(point, root)
        return found is not None and tube.surrounds(found[0].at(point), point)

    def _undecided(self, parts: Sequence[_Part]) -> RootBoxProof:
        narrowest = max(parts, key=lambda part: sum(part.halvings))
        ends = {s: (to_sympy(a), to_sympy(b)) for s, (a, b) in zip(self.claim.free, narrowest.bounds, strict=True)}
        fixed = {s: (value, value) for s, value in self.claim.fixed.items()}
        return RootBoxProof(
            ProofStatus.undecided,
            self.looked_at,
            ctx.prec,
            left=len(parts),
            smallest_left={**fixed, **ends},
            reason=narrowest.reason,
        )


def _pull_of_path(path: Tube, part: _Part) -> list[arb]:
    """How much each parameter moves the unknowns and itself, relatively."""
    found = []
    for k, (a, b) in enumerate(part.bounds):
        unit = tuple(int(i == k) for i in range(len(part.bounds)))
        place = path.ring.monomials.index(unit)
        moved = [abs(each[place]) / abs(each[0]) for each in path.path]
        found.append((sum(moved, start=arb((b - a) / (abs(a) + abs(b))))).upper())
    return found


def _pull_of_gap(gap: Value) -> list[arb]:
    """How much each parameter moves the inequality's gap; nothing where the rest hides it."""
    if not isinstance(gap, TaylorModel) or not gap.rest.abs_upper() < gap.wide.abs_upper() / 2:
        return []
    pairs = list(zip(gap.coefficients, gap.ring.monomials, strict=True))
    return [sum((abs(c).upper() for c, p in pairs if p[k]), start=arb(0)) for k in range(gap.ring.size)]


def _list_neighbours(part: _Part) -> Iterator[tuple[_Part, _Part, Point]]:
    """All pairs of leaves that share a face, with a point of it."""
    if part.halves:
        low, high = part.halves
        yield from _list_neighbours(low)
        yield from _list_neighbours(high)
        yield from _list_across(low, high, part.axis)


def _list_across(low: _Part, high: _Part, axis: int) -> Iterator[tuple[_Part, _Part, Point]]:
    """The pairs across the face at the upper end of `low` and the lower end of `high` along the axis."""
    common = [(max(a, c), min(b, d)) for (a, b), (c, d) in zip(low.bounds, high.bounds, strict=True)]
    if any(a >= b for k, (a, b) in enumerate(common) if k != axis):
        return
    if low.halves:
        for half in low.halves[1:] if low.axis == axis else low.halves:
            yield from _list_across(half, high, axis)
    elif high.halves:
        for half in high.halves[:1] if high.axis == axis else high.halves:
            yield from _list_across(low, half, axis)
    else:
        yield low, high, midpoint(common)
