"""What is proved on one tile: the region of all values of a parameter in an interval, their roots and their values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import cached_property
from typing import TypeAlias

from flint import arb
from sympy import Expr, Symbol

from derivations.model import Branch, Model, Phase, Refusal
from numerics.enclosures.affine_forms import AffineForm, range_of
from numerics.enclosures.ball_matrices import contains
from numerics.enclosures.ball_programs import as_ball
from numerics.enclosures.tape import UnsupportedNode
from numerics.parameters import ParameterError
from numerics.proofs.certified_values import CertificateStatus, collect, name_infinite
from numerics.proofs.exact_balls import exact_ball
from numerics.proofs.exact_parameters import ExactValues
from numerics.proofs.krawczyk import RootStatus
from numerics.proofs.model_balls import Conditions, ModelBalls
from numerics.proofs.moving_boxes import MovingBox, MovingCondition, MovingSystem, MovingValues
from numerics.proofs.start_points import solve_in_doubles
from numerics.solution import REGULAR

Region: TypeAlias = Refusal | Phase | Branch
Span: TypeAlias = tuple[Fraction, Fraction]

_LOOSE = 128
"""A tile is loose where a ball is wider than the move of its value by a fifth, and by this share of the value."""


@dataclass(frozen=True)
class Tile:
    """What holds for every value of the parameter from `low` to `high`.

    For each of them exactly one root lies in `box` (balls by unknown; empty where there are no unknowns). `unknowns`
    and `observables` are balls that contain the true values at all of them; None where infinite, undefined or not
    enclosed: then `notes` has a line.
    """

    low: Fraction
    high: Fraction
    status: CertificateStatus
    phase: str
    box: dict[str, arb]
    unknowns: dict[str, arb]
    observables: dict[str, arb | None]
    reason: str = ""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Proof:
    """A tile, whether narrower ones would say clearly more, and its root at the high end, with its velocity."""

    tile: Tile
    loose: bool = False
    root: list[arb] = field(default_factory=list)
    velocity: list[arb] = field(default_factory=list)


@dataclass(frozen=True)
class Undecided:
    """Why a tile is not proved; `final` where no narrower tile would be."""

    reason: str
    final: bool = False


class TileProver:
    """Proofs on intervals of one parameter: `moved` are the symbols that take its value, the others are exact."""

    def __init__(self, model: Model, exact: ExactValues, moved: Sequence[Symbol], /) -> None:
        self.model, self.exact, self.moved = model, exact, moved
        self._parts: dict[int, _Parts] = {}

    def prove(self, span: Span, before: Proof | None, /) -> Proof | Undecided:
        """The proof on a span, where `before` is that of the tile that ends where it begins.

        Raises ParameterError where the whole span lies in a refusal.
        """
        return self._prove(self.model, span, before)

    def _prove(self, model: Model, span: Span, before: Proof | None) -> Proof | Undecided:
        if id(model) not in self._parts:
            self._parts[id(model)] = _Parts(ModelBalls(model, self.exact.laws), self.exact, self.moved)
        parts = self._parts[id(model)]
        for region in model.regions:
            inside = parts.decide(parts.compiled.region(region), region.name, span)
            if isinstance(inside, Undecided):
                return inside
            if inside and isinstance(region, Refusal):
                raise ParameterError(region.reason)
            if isinstance(region, Refusal) and region.exactly:
                strict = parts.compiled.exactly(region)
                if parts.decide(strict, region.name, span) is not False:
                    return Undecided(f"at the exact parameters: {region.reason}")
            if inside and isinstance(region, Phase):
                return self._prove_phase(parts, region, span)
            if inside and isinstance(region, Branch):
                return _rename(self._prove(region.model, span, before), region.name)
        return (
            self._prove_root(parts, span, before)
            if model.unknowns
            else self._finish(parts, span, REGULAR, parts.values)
        )

    def _prove_phase(self, parts: _Parts, phase: Phase, span: Span) -> Proof | Undecided:
        if phase.status == "outside_domain":
            nothing = dict.fromkeys(self.model.observables)
            return Proof(Tile(*span, CertificateStatus.none, phase.name, {}, {}, nothing, phase.note))
        return self._finish(parts, span, phase.name, parts.phase(phase), infinite=name_infinite(phase))

    def _prove_root(self, parts: _Parts, span: Span, before: Proof | None) -> Proof | Undecided:
        if parts.system is None:
            return Undecided(parts.reason, final=True)
        half, at_middle = parts.half(span), parts.inputs(_middle(span))
        root = before.root if before else parts.certify_root(span[0], parts.find_root(span[0]))
        if root is None:
            return Undecided("no root is proved at the low end")
        moving = parts.system.prove(parts.guess(root, before, half), at_middle, half)
        if moving is None:
            return Undecided("the Krawczyk operator does not contract")
        if not contains(moving.box, root):
            return Undecided("the root at the low end lies outside the box")
        if not parts.admissible(moving, at_middle):
            return Undecided("a sign is not certain")
        proof = self._finish(parts, span, REGULAR, parts.values, moving)
        root = parts.certify_root(span[1], [ball.mid() for ball in moving.at(half)])
        if root is None or not contains(moving.box, root):
            return Undecided("no root is proved at the high end")
        return replace(proof, root=root, velocity=moving.velocity)

    def _finish(
        self,
        parts: _Parts,
        span: Span,
        phase: str,
        values: MovingValues,
        moving: MovingBox | None = None,
        infinite: tuple[str, ...] = (),
    ) -> Proof:
        """The tile of a region that is decided, from the values there and, with unknowns, the proof of their root."""
        model = parts.compiled.model
        found = values(moving or MovingBox(parts.half(span)), parts.inputs(_middle(span)))
        ranges = {name: range_of(form) for name, form in found.items()}
        known = collect(model, ranges, values.missing, roots=moving.enclosure if moving else ())
        box = dict(zip(known.roots, moving.box, strict=True)) if moving else {}
        notes = (*infinite, *known.lost)
        tile = Tile(*span, known.status, phase, box, known.unknowns, known.observables, known.reason, notes)
        loose = len(known.finite) < len(found) or any(_is_loose(form) for form in found.values())
        return Proof(tile, loose)


class _Parts:
    """A model compiled for tiles: what is asked of it is compiled once."""

    def __init__(self, compiled: ModelBalls, exact: ExactValues, moved: Sequence[Symbol]) -> None:
        self.compiled, self.exact, self.moved = compiled, exact, moved
        self.fixed: Mapping[Symbol, Expr] = {s: v for s, v in exact.numbers.items() if s not in moved}
        self.reason = ""
        self.moves = [symbol in moved for symbol in compiled.symbols]
        self._regions: dict[int, list[MovingCondition]] = {}
        self._phases: dict[str, MovingValues] = {}

    @cached_property
    def system(self) -> MovingSystem | None:
        """The equations with their slopes, None where balls do not support them: then there is a reason."""
        try:
            return MovingSystem(self.compiled, self.moved)
        except UnsupportedNode as error:
            self.reason = str(error)
            return None

    @cached_property
    def values(self) -> MovingValues:
        """The observables, and what else is reported."""
        return MovingValues(self.compiled.values, self.moved)

    def phase(self, phase: Phase, /) -> MovingValues:
        """The closed forms of a phase."""
        if phase.name not in self._phases:
            self._phases[phase.name] = MovingValues(self.compiled.phase(phase), self.moved)
        return self._phases[phase.name]

    def inputs(self, value: Fraction, /) -> list[arb]:
        """The balls of the model's symbols where the parameter is `value`."""
        moving = as_ball(value, "the parameter")
        return [moving if s in self.moved else exact_ball(self.fixed[s]) for s in self.compiled.symbols]

    def half(self, span: Span, /) -> arb:
        """Half the width of a span, not less."""
        return as_ball((span[1] - span[0]) / 2, "the parameter").upper()

    def find_root(self, value: Fraction, /) -> list[arb] | None:
        """The root in double precision where the parameter is `value`."""
        names = {symbol.name: value for symbol in self.moved}
        return solve_in_doubles(self.compiled, [replace(self.exact, given={**self.exact.given, **names})])[0]

    def certify_root(self, value: Fraction, guess: list[arb] | None, /) -> list[arb] | None:
        """Balls of the one root near a guess where the parameter is `value`, None where there is no proof."""
        if self.system is None or guess is None:
            return None
        status, _, root = self.system.system.inflate(guess, self.inputs(value))
        return root if status is RootStatus.unique else None

    def guess(self, root: Sequence[arb], before: Proof | None, half: arb, /) -> list[arb]:
        """A guess of the root in the middle of a tile, from that at its low end and the velocity before it."""
        if before is None:
            return [ball.mid() for ball in root]
        return [(ball + v * half).mid() for ball, v in zip(root, before.velocity, strict=True)]

    def decide(self, conditions: Conditions, name: str, span: Span, /) -> bool | Undecided:
        """Whether all values of a span meet the conditions of the region called `name`, or none of them."""
        if id(conditions) not in self._regions:
            self._regions[id(conditions)] = self._conditions(conditions)
        inputs, open_ones = MovingBox(self.half(span)).along(self.inputs(_middle(span)), self.moves), []
        for condition in self._regions[id(conditions)]:
            truth = condition(inputs)
            if truth is False:
                return False
            open_ones += [] if truth else [condition]
        if not open_ones:
            return True
        why = open_ones[0].reason or "its boundary is too close"
        return Undecided(f"whether the values lie in {name} is not decided: {why}", not open_ones[0].moves)

    def admissible(self, moving: MovingBox, at_middle: Sequence[arb], /) -> bool:
        """Whether the root is certainly in the unknowns' domains, with positive sides of the equations, everywhere."""
        inputs = [*moving.tube(), *moving.along(at_middle, self.moves)]
        return all(condition(inputs) for condition in self._signs)

    @cached_property
    def _signs(self) -> list[MovingCondition]:
        return self._conditions(self.compiled.admissible)

    def _conditions(self, whole: Conditions) -> list[MovingCondition]:
        return [MovingCondition(relation, whole, self.fixed) for relation in whole.relations]


def _middle(span: Span) -> Fraction:
    return (span[0] + span[1]) / 2


def _is_loose(form: AffineForm | arb) -> bool:
    """Whether the ball is wider than the first-order move of the value by much, and by more than a share of itself."""
    if not isinstance(form, AffineForm):
        return bool(form.rad() > abs(form).lower() / _LOOSE)
    return bool(form.range.rad() > 6 * abs(form.slopes[0]).upper() / 5 + abs(form.range).lower() / _LOOSE)


def _rename(found: Proof | Undecided, name: str) -> Proof | Undecided:
    """A branch's own regular phase goes by the branch's name."""
    if isinstance(found, Undecided) or found.tile.phase != REGULAR:
        return found
    return replace(found, tile=replace(found.tile, phase=name))


__all__ = ["Proof", "Tile", "TileProver", "Undecided"]
