"""Products of m second-order cones {(t, x): ||x|| <= t}: the algebra that an interior-point method needs, in batches.

A point is a pair (t, x) of an (m,) and an (m, k) array. Source: Alizadeh & Goldfarb (2003), sections 4 and 7, and
Vandenberghe, "The CVXOPT linear and quadratic cone program solvers" (2010), sections 4 and 8.
"""

from dataclasses import dataclass
from typing import TypeAlias

from numerics.lab import Array, namespace

Point: TypeAlias = tuple[Array, Array]


def inner(first: Array, second: Array, /) -> Array:
    """(m,) array of row-by-row inner products of two (m, k) arrays."""
    return namespace(first).sum(first * second, axis=1)


def norms(rows: Array, /) -> Array:
    """(m,) array of the Euclidean norms of the rows of an (m, k) array."""
    return namespace(rows).sqrt(inner(rows, rows))


def determinant_root(point: Point, /) -> Array:
    """(m,) array sqrt(t^2 - ||x||^2); zero outside the cone."""
    xp, length = namespace(point[0]), norms(point[1])
    margin = point[0] - length
    return xp.sqrt(xp.where(margin > 0, margin, 0.0 * margin) * (point[0] + length))


def jordan_product(first: Point, second: Point, /) -> Point:
    """(t, x) o (t', x') = (t t' + x.x', t x' + t' x)."""
    (t, x), (s, y) = first, second
    return t * s + inner(x, y), t[:, None] * y + s[:, None] * x


def jordan_divide(divisor: Point, point: Point, /) -> Point:
    """The solution of divisor o z = point, for a divisor inside the cone."""
    (t, x), (s, y) = divisor, point
    first = (t * s - inner(x, y)) / determinant_root(divisor) ** 2
    return first, (y - first[:, None] * x) / t[:, None]


def largest_step(inside: Point, direction: Point, /) -> float:
    """The largest a for which inside + a direction stays in every cone (infinity if there is none)."""
    xp, root = namespace(inside[0]), determinant_root(inside)
    t, x = inside[0] / root, inside[1] / root[:, None]
    along = t * direction[0] - inner(x, direction[1])
    across = direction[1] - ((along + direction[0]) / (t + 1.0))[:, None] * x
    rate = float(xp.max((norms(across) - along) / root))
    return 1.0 / rate if rate > 0.0 else float("inf")


def towards_interval(point: Point, low: Array, high: Array, /) -> Point:
    """What to add so that both eigenvalues t +- ||x|| of each point fall into [low, high], but never below -high."""
    xp, (t, x) = namespace(point[0]), point
    length = norms(x)
    plus, minus = clip_correction(t + length, low, high), clip_correction(t - length, low, high)
    along = xp.where(length > 0, (plus - minus) / (2.0 * xp.where(length > 0, length, 1.0 + length)), 0.0 * length)
    return (plus + minus) / 2.0, along[:, None] * x


def clip_correction(values: Array, low: Array, high: Array, /) -> Array:
    """What to add so that the values fall into [low, high], but never below -high (Gondzio 1996)."""
    xp = namespace(values)
    moved = xp.where(values < low, low, xp.where(values > high, high, values)) - values
    return xp.where(moved < -high, -high, moved)


@dataclass(frozen=True)
class Scaling:
    """The Nesterov-Todd scaling W of a pair of points inside the cone: W^-1 slack = W multiplier.

    W = size [[t, x'], [x, 1 + x x'/(1 + t)]], where (t, x) = (time, space) has determinant 1.
    """

    size: Array
    time: Array
    space: Array

    @classmethod
    def between(cls, slack: Point, multiplier: Point, /) -> "Scaling":
        """The scaling that maps the multiplier to the slack in two equal halves."""
        xp, root_s, root_z = namespace(slack[0]), determinant_root(slack), determinant_root(multiplier)
        s, x = slack[0] / root_s, slack[1] / root_s[:, None]
        z, y = multiplier[0] / root_z, multiplier[1] / root_z[:, None]
        half = xp.sqrt((1.0 + s * z + inner(x, y)) / 2.0)
        space = (x - y) / (2.0 * half[:, None])
        # The other way to form `time`, (s + z) / (2 half), lets the determinant drift away from 1.
        return cls(xp.sqrt(root_s / root_z), xp.sqrt(1.0 + inner(space, space)), space)

    def apply(self, point: Point, /) -> Point:
        """W point."""
        t, x = point
        along = inner(self.space, x)
        space = x + (t + along / (1.0 + self.time))[:, None] * self.space
        return self.size * (self.time * t + along), self.size[:, None] * space

    def invert(self, point: Point, /) -> Point:
        """W^-1 point."""
        t, x = point
        along = inner(self.space, x)
        space = x + (along / (1.0 + self.time) - t)[:, None] * self.space
        return (self.time * t - along) / self.size, space / self.size[:, None]

    def invert_twice(self, point: Point, /) -> Point:
        """W^-2 point."""
        t, x = point
        along = 2.0 * (self.time * t - inner(self.space, x))
        square = self.size**2
        return (along * self.time - t) / square, (x - along[:, None] * self.space) / square[:, None]
