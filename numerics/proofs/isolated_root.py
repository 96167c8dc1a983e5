"""A root isolated in one box around a double, then enclosed as sharply as the precision allows by chord steps.

The slopes on the first box are computed once, at few bits, and serve until they gain too little: with Y near the
inverse of their middle and R = I - Y J(X), each root in a box X' within X lies in m - Y f(m) + R (X' - m) for every
point m of X'. A step costs one evaluation of f at a point, and gains the factor |R|, about the radius of X.
Source: as in `numerics.proofs.krawczyk`; derived here is only that slopes of X serve every box within.
"""

from __future__ import annotations

from dataclasses import dataclass

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
from numerics.proofs.krawczyk import RootStatus, RootSystem

_WIDEST = 42
_NARROWER = 12
_MOST_BOXES = 8
"""A box of relative radius 2**-42 comes first; one that is too wide to contract is followed by one 2**-12 of it."""
_SLOPE_BITS = 80
_MOST_CHORDS = 40
_FEW = 4
"""Where this many steps more, each gaining as the last, do not end at rounding, slopes are computed anew."""


@dataclass
class IsolatedRoot:
    """What is proved about `box`, and `root`, a box that holds every root of `box`; neither is a claim if undecided.

    `inverse` and `remainder` are Y and R on `within`, which holds `root`; None where chord steps are not offered.
    """

    status: RootStatus
    box: list[arb]
    root: list[arb]
    within: list[arb]
    inverse: arb_mat | None = None
    remainder: arb_mat | None = None

    def sharpen(self, system: RootSystem, parameters: list[arb]) -> list[arb]:
        """`root`, narrowed by chord steps as far as flint's current precision allows; it stays so.

        `parameters` are balls of the same exact numbers that the box was proved for.
        """
        renewed = False
        for _ in range(_MOST_CHORDS):
            middle = [ball.mid() for ball in self.root]
            if self.inverse is None or self.remainder is None or not contains(self.within, middle):
                break
            step = chord(system, self.inverse, middle, parameters)
            moved = _image(middle, step, self.remainder, self.root)
            radii = [
                (old.rad(), new.rad(), step[k, 0].rad())
                for k, (old, new) in enumerate(zip(self.root, moved, strict=True))
            ]
            self.root = [new if new.rad() < old.rad() else old for old, new in zip(self.root, moved, strict=True)]
            if all(new <= 2 * rounding for _, new, rounding in radii):
                break
            stuck = not any(2 * new < old for old, new, _ in radii)
            slow = any(new * (new / old) ** _FEW > rounding for old, new, rounding in radii)
            if stuck and (renewed or not slow):
                break
            renewed = slow
            if slow and not self._renew(system, parameters):
                break
        return self.root

    def _renew(self, system: RootSystem, parameters: list[arb]) -> bool:
        """Slopes anew, on the box that is reached and at full precision; False, and none, where they are not finite."""
        inverse, remainder = _slopes(system, self.root, parameters, ctx.prec)
        if inverse is None or remainder is None:
            return False
        self.inverse, self.remainder, self.within = inverse, remainder, self.root
        return True


def isolate_near(system: RootSystem, guess: list[arb], parameters: list[arb]) -> IsolatedRoot:
    """The root near a guess that is good to a double, or, where that takes more, what `system.inflate` proves.

    `parameters` are balls of exact numbers, under flint's current precision.
    """
    middle, exponent = [ball.mid() for ball in guess], -_WIDEST
    for _ in range(_MOST_BOXES):
        box = [point + arb(0, abs(point) * arb(2) ** exponent) for point in middle]
        inverse, remainder = _slopes(system, box, parameters, _SLOPE_BITS)
        if inverse is None or remainder is None:
            break
        step = chord(system, inverse, middle, parameters)
        root = _image(middle, step, remainder, box)
        if contains_interior(box, root):
            return IsolatedRoot(RootStatus.unique, box, root, box, inverse, remainder)
        near = all(2 * step[k, 0].abs_upper() < ball.rad() for k, ball in enumerate(box))
        exponent -= _NARROWER if near else 0
        middle = [(point - step[k, 0]).mid() for k, point in enumerate(middle)]
        if not are_finite(middle):
            break
    status, box, root = system.inflate(guess, parameters)
    inverse, remainder = _slopes(system, root, parameters, ctx.prec) if status is RootStatus.unique else (None, None)
    return IsolatedRoot(status, box, root, root, inverse, remainder)


def _slopes(
    system: RootSystem, box: list[arb], parameters: list[arb], bits: int
) -> tuple[arb_mat | None, arb_mat | None]:
    """Y and R = I - Y J(box), None where a slope or an equation is not finite on the box, or Y is not regular."""
    with ctx.workprec(bits):
        slopes = system.slopes_on_narrow(box, parameters)
        inverse = None if slopes is None else invert_middle_regularly(slopes)
        if slopes is None or inverse is None:
            return None, None
        return inverse, identity(len(box)) - inverse * slopes


def chord(system: RootSystem, inverse: arb_mat, point: list[arb], parameters: list[arb]) -> arb_mat:
    """Y f at a point, a column."""
    return inverse * column(system.equations.on_narrow([*point, *parameters]))


def _image(middle: list[arb], step: arb_mat, remainder: arb_mat, box: list[arb]) -> list[arb]:
    """m - Y f(m) + R (X - m)."""
    moved = remainder * offsets(box, middle) - step
    return [point + moved[k, 0] for k, point in enumerate(middle)]


__all__ = ["IsolatedRoot", "isolate_near"]
