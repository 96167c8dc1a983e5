"""Models with one root along a parameter `a`, and what every stretch has to satisfy."""

from __future__ import annotations

import random
from fractions import Fraction
from itertools import pairwise
from typing import Any

import mpmath
from flint import arb
from sympy import Rational, S

from derivations.model import Model, parameter, unknown
from derivations.relations import equal
from numerics.enclosures.decimals import ends
from numerics.proofs.certificate import CertificateStatus
from numerics.proofs.stretch_tiles import Tile
from numerics.proofs.stretches import Stretch

x, y = unknown("x", "an unknown", positive=True), unknown("y", "another unknown", positive=True)
a = parameter("a", "what runs", positive=True)
HALF = Rational(1, 2)


def root_model(left: Any, right: Any, *, start: Any = S.One, **more: Any) -> Model:
    return Model((a,), (x,), (), (equal(left, right),), {"x": x, "product": a * x}, {x: start}, **more)


def inside(tile: Tile, count: int, seed: int = 0) -> list[Fraction]:
    """The ends of the tile and random values between them."""
    draw = random.Random(f"{seed} {tile.low}")
    shares = [Fraction(draw.randrange(10**6 + 1), 10**6) for _ in range(count)]
    return [tile.low, tile.high, *(tile.low + share * (tile.high - tile.low) for share in shares)]


def holds(ball: arb, value: Any, slack: float = 1e-25) -> bool:
    found = ends(ball)
    assert found is not None
    low, high = (mpmath.mpf(end.numerator) / end.denominator for end in found)
    return bool(low - slack * (1 + abs(value)) <= value <= high + slack * (1 + abs(value)))


def gaps(stretch: Stretch) -> list[Tile]:
    return [tile for tile in stretch.tiles if tile.status is CertificateStatus.undecided]


def assert_undecided_about(stretch: Stretch, place: object) -> None:
    assert stretch.status is CertificateStatus.undecided
    assert not stretch.chained
    assert any(tile.low <= place <= tile.high for tile in gaps(stretch))
    assert stretch.reason.startswith("undecided from a = ")
    assert all(ball is None for ball in stretch.observables.values())


def assert_tiles_cover(stretch: Stretch) -> None:
    assert stretch.tiles[0].low == stretch.low
    assert stretch.tiles[-1].high == stretch.high
    for left, right in pairwise(stretch.tiles):
        assert left.high == right.low
