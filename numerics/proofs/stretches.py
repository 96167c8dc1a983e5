"""A certificate for a whole stretch of a curve: one parameter runs over an interval, the others are exact numbers.

The stretch is cut into tiles. On a tile a region is decided for all of its values, and Krawczyk's operator proves a
root for each of them. The root at the end of a tile, enclosed there, has to lie in the next tile's box, where only one
root is: so the roots are one continuous branch. What is not proved on a tile of the least width is undecided.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction

from flint import arb, ctx
from sympy import Symbol

from derivations.model import Model, Parameter
from numerics.enclosures import balls
from numerics.enclosures.deadline import TimeSpent, within
from numerics.enclosures.decimals import round_fraction, write_exactly
from numerics.parameters import ParameterError
from numerics.proofs.certified_values import CertificateStatus, first_precision, require_digits
from numerics.proofs.exact_parameters import ExactValues, NotExact, read_exact, read_number
from numerics.proofs.stretch_tiles import Proof, Tile, TileProver, Undecided

MOST_SECONDS = 120.0
MOST_HALVINGS = 14
"""The least width of a tile is that of the stretch, halved so often."""
_LOOSE_HALVINGS = 8
"""A tile that is proved but loose is halved at most so often."""
_STREAK = 4
"""After a failure so many tiles of one width are proved before a wider one is tried."""
_GROWTH = 16
"""Where nothing is proved the next attempt is as wide as this share of the gap, so that a long gap takes few."""
_DECIMALS = 12
"""Digits of a place in a reason, where its exact decimals are longer."""


@dataclass(frozen=True)
class Stretch:
    """What is proved for all values of a parameter from `low` to `high`.

    `status` is unique where every tile is: then all tiles have one phase, and with unknowns `chained` is True: the
    roots form one continuous branch. `unknowns` and `observables` are balls that hold the values over the whole stretch
    (None where a tile has none). `notes` are those of the tiles, `attempts` the tiles tried, `precision` is in bits.
    """

    status: CertificateStatus
    parameter: str
    low: Fraction
    high: Fraction
    tiles: tuple[Tile, ...]
    chained: bool
    unknowns: dict[str, arb]
    observables: dict[str, arb | None]
    reason: str = ""
    notes: tuple[str, ...] = ()
    attempts: int = 0
    precision: int = 0
    seconds: float = 0.0


def certify_stretch(
    model: Model,
    given: Mapping[str, object],
    name: str,
    low: object,
    high: object,
    /,
    *,
    digits: int = 15,
    most_tiles: int = 4096,
    seconds: float = MOST_SECONDS,
) -> Stretch:
    """The certificate of the model where the numeric parameter `name` runs from `low` to `high`, ends included.

    `given` are the other parameters, exact as for `certify`; the ends are int, Fraction, Rational, decimal text or
    double. `digits` sets the working precision; enclosures are as wide as the curve moves on a tile. What is left when
    `most_tiles` tiles or `seconds` are spent is undecided. Raises ParameterError for inadmissible parameters, a
    parameter that is not numeric, low >= high, or a refusal met on the way; ValueError for digits outside 1 to 1000, or
    seconds that are not positive.
    """
    require_digits(digits)
    if not seconds > 0:
        raise ValueError(f"seconds is {seconds}; allowed is a positive number")
    begun = time.perf_counter()
    span = _read_span(model, given, name, low, high)
    walk = _Walk(
        name, span, most_tiles, begun + seconds, f"the limit of {seconds:g} s is reached; give more seconds (--seconds)"
    )
    try:
        exact, moved = _read_moving(model, given, name, span)
    except NotExact as error:
        walk.leave(span[1], str(error))
    else:
        with ctx.workprec(first_precision(digits)):
            try:
                with within(seconds):
                    walk.run(TileProver(model, exact, moved))
            except TimeSpent:
                walk.leave(span[1], walk.late, ends=True)
    with ctx.workprec(first_precision(digits)):
        found = walk.finish(model)
    return replace(found, seconds=time.perf_counter() - begun)


class _Walk:
    """Tiles from the low end on: half as wide after a failure, down to the least width, twice after a few proofs."""

    def __init__(self, name: str, span: tuple[Fraction, Fraction], most: int, until: float, late: str) -> None:
        self.name, self.span, self.most, self.until, self.late = name, span, most, until, late
        self.least: Fraction = (span[1] - span[0]) / 2**MOST_HALVINGS
        self.tiles: list[Tile] = []
        self.place, self.attempts, self.gap, self.streak = 0, 0, 0, _STREAK
        self.chained = True

    def run(self, prover: TileProver) -> None:
        """Cover the whole stretch with tiles. Raises ParameterError where one lies in a refusal."""
        whole, width, before = 2**MOST_HALVINGS, 2**MOST_HALVINGS, None
        while self.place < whole:
            if len(self.tiles) >= self.most or time.perf_counter() > self.until:
                late = time.perf_counter() > self.until
                self.leave(self.span[1], self.late if late else f"{self.most} tiles are spent", ends=True)
                return
            width = min(width, whole - self.place)
            self.attempts += 1
            found = prover.prove((self._value(self.place), self._value(self.place + width)), before)
            if isinstance(found, Proof):
                self.gap = 0
                if found.loose and width > whole >> _LOOSE_HALVINGS:
                    width, self.streak = width // 2, 0
                    continue
                before = self._accept(found, before, width)
                width *= 2 if self.streak >= _STREAK else 1
            elif found.final:
                self.leave(self.span[1], found.reason)
                return
            elif width > 1 and not self.gap:
                width, self.streak = width // 2, 0
            else:
                before, width = None, self._skip(found, width)

    def _accept(self, found: Proof, before: Proof | None, width: int) -> Proof | None:
        self.chained = self.chained and bool(found.root) and (before is not None or not self.tiles)
        self.tiles.append(found.tile)
        self.place += width
        self.streak += 1
        return found if found.root else None

    def _skip(self, found: Undecided, width: int) -> int:
        """Leave the tile undecided; the width of the next attempt."""
        self.gap += width
        self.streak = _STREAK
        self.leave(self._value(self.place + width), found.reason)
        self.place += width
        return max(1, self.gap // _GROWTH)

    def _value(self, place: int) -> Fraction:
        return self.span[0] + place * self.least

    def leave(self, high: Fraction, reason: str, *, ends: bool = False) -> None:
        """An undecided tile from where the last one ends; two neighbours become one, with the first reason.

        Where the walk `ends` with it, this reason is told, too.
        """
        low, self.chained = self.tiles[-1].high if self.tiles else self.span[0], False
        if self.tiles and self.tiles[-1].phase == "" and self.tiles[-1].status is CertificateStatus.undecided:
            last = self.tiles.pop()
            low, reason = last.low, f"{last.reason}; then {reason}" if ends else last.reason
        self.tiles.append(Tile(low, high, CertificateStatus.undecided, "", {}, {}, {}, reason))

    def finish(self, model: Model, /) -> Stretch:
        """What the tiles say together."""
        statuses, gaps = {tile.status for tile in self.tiles}, [tile for tile in self.tiles if not tile.phase]
        status = statuses.pop() if len(statuses) == 1 else CertificateStatus.undecided
        if status is CertificateStatus.unique and (len({t.phase for t in self.tiles}) > 1 or self._broken()):
            status = CertificateStatus.undecided
        names = {name: None for tile in self.tiles for name in tile.unknowns}
        unknowns = {name: _hull(tile.unknowns.get(name) for tile in self.tiles) for name in names}
        observables = {name: _hull(tile.observables.get(name) for tile in self.tiles) for name in model.observables}
        return Stretch(
            status,
            self.name,
            *self.span,
            tuple(self.tiles),
            self.chained,
            {name: ball for name, ball in unknowns.items() if ball is not None},
            observables,
            self._reason(gaps) if gaps else next((tile.reason for tile in self.tiles if tile.reason), ""),
            tuple(dict.fromkeys(note for tile in self.tiles for note in tile.notes)),
            self.attempts,
            ctx.prec,
        )

    def _broken(self) -> bool:
        return not self.chained and any(tile.box for tile in self.tiles)

    def _reason(self, gaps: list[Tile]) -> str:
        ends = (_decimals(end) for end in (gaps[0].low, gaps[0].high))
        further = f" (the first of {len(gaps)} gaps)" if len(gaps) > 1 else ""
        return f"undecided from {self.name} = {' to '.join(ends)}: {gaps[0].reason}{further}"


def _decimals(value: Fraction) -> str:
    exact = write_exactly(value)
    return exact if len(exact) <= _DECIMALS else round_fraction(value, _DECIMALS)


def _hull(parts: Iterable[arb | None]) -> arb | None:
    """The ball of all parts, None where one is missing."""
    found = list(parts)
    known = [ball for ball in found if ball is not None]
    if len(known) < len(found) or not found:
        return None
    return balls.hull(min(ball.lower() for ball in known), max(ball.upper() for ball in known))


def _read_span(
    model: Model, given: Mapping[str, object], name: str, low: object, high: object
) -> tuple[Fraction, Fraction]:
    known = {item.name: item for item in model.parameters}
    numeric = [item.name for item in model.parameters if isinstance(item, Parameter)]
    if name not in numeric:
        what = "is no number" if name in known else "is unknown"
        raise ParameterError(f"{name} {what}: an interval is for one of {', '.join(numeric)}")
    if name in given:
        raise ParameterError(f"{name} is given as {given[name]!r} and as an interval; give it once")
    ends = _read_end(name, low), _read_end(name, high)
    if ends[0] >= ends[1]:
        raise ParameterError(f"{name} runs from {low} to {high}; allowed is low < high")
    return ends


def _read_end(name: str, value: object) -> Fraction:
    exact = read_number(value)
    if exact is None:
        raise ParameterError(f"an end of the interval of {name} is {value!r}; allowed is a finite exact number")
    return exact


def _read_moving(
    model: Model, given: Mapping[str, object], name: str, span: tuple[Fraction, Fraction]
) -> tuple[ExactValues, tuple[Symbol, ...]]:
    """The exact values at the low end, and the symbols that move: the parameter, and those that default to it."""
    low, high = (read_exact(model, {**given, name: end}) for end in span)
    numeric = [item for item in model.parameters if isinstance(item, Parameter)]
    moved = tuple(item for item in numeric if low.numbers[item] != high.numbers[item])
    for item in moved:
        if Fraction(str(low.numbers[item])) != span[0] or Fraction(str(high.numbers[item])) != span[1]:
            raise NotExact(f"{item.name} depends on {name} in another way than by being equal")
    return low, moved
