"""Students on the line, exactly: gate D as a piecewise linear function, its error and its robust error.

X is uniform on [0, 1] and Y = f*(X) + eps, eps = +-sigma with equal probabilities. Functions live on [-1, 2].
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import product

from derivations.overfitted_networks.blocks import bump
from derivations.overfitted_networks.gate_networks import Design
from derivations.overfitted_networks.kuhn_networks import Grid, interpolate
from derivations.piecewise_linear_functions import PiecewiseLinear

LEFT, RIGHT = Fraction(-1), Fraction(2)
ZERO, ONE = Fraction(0), Fraction(1)


@dataclass(frozen=True)
class Task:
    """A regression task: a design without labels, a target with its kinks, and the size of the noise."""

    places: tuple[Fraction, ...]
    target: Callable[[Fraction], Fraction]
    kinks: tuple[Fraction, ...]
    noise: Fraction
    radius: Fraction
    ramp: Fraction
    cells: int = 2
    height: Fraction = Fraction(2)
    is_oracle: bool = False

    @property
    def curve(self) -> PiecewiseLinear:
        """f* as a piecewise linear function."""
        return PiecewiseLinear.of(self.target, [LEFT, RIGHT, *self.kinks])

    def list_designs(self) -> Iterator[Design]:
        """All equally likely label vectors; nodal values follow the target for an oracle, else the nearest label."""
        for signs in product((1, -1), repeat=len(self.places)):
            labels = [self.target(x) + sign * self.noise for x, sign in zip(self.places, signs, strict=True)]
            nodes: dict[Grid, Fraction] = {}
            for k in range(self.cells + 1):
                node = Fraction(k, self.cells)
                nearest = min(range(len(labels)), key=lambda i: abs(self.places[i] - node))
                value = self.target(node) if self.is_oracle else labels[nearest]
                nodes[(k,)] = min(max(value, -self.height), self.height)
            centres = tuple((x,) for x in self.places)
            yield Design(centres, tuple(labels), nodes, self.cells, self.radius, self.ramp, self.height)


def teacher_curve(design: Design, /) -> PiecewiseLinear:
    """The teacher, which vanishes off [-h, 1 + h]."""
    knots = [LEFT, RIGHT, *(Fraction(k, design.cells) for k in range(-1, design.cells + 2))]
    return PiecewiseLinear.of(lambda x: interpolate(design.nodes, design.cells, (x,)), knots)


def student_curve(design: Design, /) -> PiecewiseLinear:
    """Gate D around the teacher: max(b, min(g + M, b + 2M(1 - A))) - M."""
    reach = (design.radius, design.radius + design.ramp)
    knots = [LEFT, RIGHT, *(c[0] + s * k for c in design.centres for s in (1, -1) for k in reach)]
    pairs = list(zip(design.centres, design.labels, strict=True))

    def weighted(weight: Callable[[Fraction], Fraction]) -> PiecewiseLinear:
        parts = [(centre[0], weight(label)) for centre, label in pairs]
        return PiecewiseLinear.of(
            lambda x: sum((w * bump((x - c,), design.radius, design.ramp) for c, w in parts), ZERO), knots
        )

    height = design.height
    total, labels = weighted(lambda label: ONE), weighted(lambda label: label + height)
    room = labels.plus(total.scale(-2 * height, 2 * height))
    return labels.maximum(room.minimum(teacher_curve(design).scale(1, height))).scale(1, -height)


def squared_error(curve: PiecewiseLinear, target: PiecewiseLinear, /) -> Fraction:
    """E (f - f*)^2."""
    return curve.plus(target.scale(-1)).integral_of_square(ZERO, ONE)


def robust_error(curve: PiecewiseLinear, task: Task, /) -> Fraction:
    """E sup_{|u - X| <= delta} (f(u) - Y)^2 = E max(max f - Y, Y - min f)^2, over both signs of the noise."""
    high, low, target = curve.window_maximum(task.radius), curve.window_minimum(task.radius), task.curve
    total = ZERO
    for sign in (1, -1):
        above = high.plus(target.scale(-1, -sign * task.noise))
        under = target.scale(1, sign * task.noise).plus(low.scale(-1))
        total += above.maximum(under).integral_of_square(ZERO, ONE) / 2
    return total


__all__ = ["Task", "robust_error", "squared_error", "student_curve", "teacher_curve"]
