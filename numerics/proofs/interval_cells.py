"""A box with exact ends that is cut and halved: no point is lost between two halves, and none is gained."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from flint import arb

from numerics.enclosures import balls
from numerics.proofs.rational_boxes import Bounds

_MOST_HALVINGS = 60
_WIDE = 8
"""An interval whose ends are positive with at least this ratio is halved on the logarithmic scale."""


@dataclass(frozen=True)
class Cell:
    """A closed box by its exact ends, and how often each coordinate was halved."""

    ends: tuple[tuple[arb, arb], ...]
    halvings: tuple[int, ...]

    @classmethod
    def around(cls, bounds: Bounds, /) -> Cell:
        """The smallest cell with ends of the current precision that contains the box with these rational bounds."""
        ends = tuple((arb(low).lower(), arb(high).upper()) for low, high in bounds)
        return cls(ends, (0,) * len(ends))

    def balls(self) -> list[arb]:
        """Balls that contain the sides."""
        return [low if low == high else balls.hull(low, high) for low, high in self.ends]

    def cut(self, image: Sequence[arb], /) -> Cell | None:
        """The cell that contains the common part with the image; None where there is none."""
        ends = []
        for (low, high), ball in zip(self.ends, image, strict=True):
            below, above = ball.lower(), ball.upper()
            if below > high or above < low:
                return None
            ends.append((below if below > low else low, above if above < high else high))
        return Cell(tuple(ends), self.halvings)

    def shrunk_from(self, other: Cell, /) -> bool:
        """Whether some side is at most half as long as the other cell's."""
        return any(2 * (b - a) <= d - c and d > c for (a, b), (c, d) in zip(self.ends, other.ends, strict=True))

    def halves(self, pull: Sequence[arb] = (), /) -> list[Cell]:
        """Two cells that share a face and cover this one; none where no coordinate may be halved any more.

        The coordinate of the largest pull takes turns with the one that was halved least.
        """
        middles = {k: m for k, (low, high) in enumerate(self.ends) if (m := _middle(low, high)) is not None}
        free = [k for k in middles if self.halvings[k] < _MOST_HALVINGS]
        if not free:
            return []
        if pull and sum(self.halvings) % 2 == 0:
            k = max(free, key=lambda i: pull[i])
        else:
            k = min(free, key=lambda i: self.halvings[i])
        (low, high), halvings = self.ends[k], list(self.halvings)
        halvings[k] += 1
        sides = ((low, middles[k]), (middles[k], high))
        return [Cell((*self.ends[:k], side, *self.ends[k + 1 :]), tuple(halvings)) for side in sides]


def _middle(low: arb, high: arb) -> arb | None:
    """An exact point strictly between the ends, None where the precision has none."""
    spread = low > 0 and high > _WIDE * low
    middle = ((low * high).sqrt() if spread else (low + high) / 2).mid()
    return middle if low < middle < high else None
