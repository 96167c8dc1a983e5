"""Teachers that are small ReLU networks: piecewise linear on Kuhn's triangulation of a grid, or affine and clipped.

The hat Lam(z) = relu(1 - max(0, z_1, ..., z_d) - max(0, -z_1, ..., -z_d)) of each node is exactly a ReLU network of
depth d + 1, and the hats of a grid are a partition of unity that reproduces affine functions, so that interpolation at
the nodes is second order. Values at the nodes are those of a function (oracle) or a least-squares fit. Source: derived
here.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.linalg import lsqr

from numerics.lab import Array, device_of, namespace
from numerics.relu_assembly import Assembly, Block, Term

Numbers: TypeAlias = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Form:
    """An affine function of blocks of one layer: sum of weight * block + bias."""

    inputs: tuple[tuple[Block, Any], ...]
    bias: Any = 0

    @property
    def level(self) -> int:
        """The layer of the blocks."""
        return self.inputs[0][0].level


class Teacher(Protocol):
    """A function that a network follows away from the data points, and how it is written as a network."""

    @property
    def bound(self) -> float:
        """What |g| never exceeds."""

    @property
    def size(self) -> int:
        """Nonzeros of its network, or a bound on them: P_g."""

    @property
    def description(self) -> str:
        """What it is, in a few words."""

    def __call__(self, points: Array, /) -> Array:
        """(B,) values at (B, d) points."""

    def add_to(self, assembly: Assembly, /) -> Form:
        """Add its hidden layers; its output as a form in the last of them."""


@dataclass(frozen=True, eq=False)
class KuhnTeacher:
    """sum_v values_v Lam(slopes (x - origin) - v) over the nodes v in {0, ..., cells}^d; values has d axes of cells +
    1.
    """

    values: Numbers
    origin: Numbers
    slopes: Numbers

    @property
    def cells(self) -> int:
        """Cells along each axis."""
        return int(self.values.shape[0]) - 1

    @property
    def dimension(self) -> int:
        """Number of inputs."""
        return int(self.values.ndim)

    @property
    def bound(self) -> float:
        """The largest absolute value at a node."""
        return float(np.abs(self.values).max())

    @property
    def size(self) -> int:
        """3 cells + 8 nonzeros for d = 1 (one more if the grid does not start at 0), for d >= 2 at most those of
        `network_size`.
        """
        return network_size(self.dimension, self.cells) + (self.dimension == 1 and self.origin[0] != 0)

    @property
    def description(self) -> str:
        """Grid and dimension."""
        return f"Kuhn triangulation, {self.cells} cells an axis"

    def __call__(self, points: Array, /) -> Array:
        """(B,) values at (B, d) points, by the d + 1 nodes of the simplex that holds each point."""
        device, xp = device_of(points), namespace(points)
        scaled = (points - device.asarray(self.origin)) * device.asarray(self.slopes)
        places, weights = simplex_weights(scaled, self.cells)
        taken = xp.take(device.asarray(np.pad(self.values, 1).reshape(-1)), xp.reshape(places, (-1,)))
        return xp.sum(xp.reshape(taken, weights.shape) * weights, axis=1)

    def add_to(self, assembly: Assembly, /) -> Form:
        """One hidden layer of hinges for d = 1, running maxima in d + 1 hidden layers for d >= 2."""
        return self._add_hinges(assembly) if self.dimension == 1 else self._add_maxima(assembly)

    def _add_hinges(self, assembly: Assembly) -> Form:
        slope, origin = assembly.numbers(self.slopes)[0], assembly.numbers(self.origin)[0]
        values = np.pad(assembly.numbers(self.values), 2, constant_values=assembly.numbers(0)[()])
        count = self.cells + 3
        shifts = assembly.numbers(np.arange(-1, self.cells + 2))
        places = np.arange(count)
        term = Term(assembly.input, places, np.zeros(count, dtype=np.int64), np.full(count, slope))
        hinges = assembly.add(1, [term], -(shifts + slope * origin))
        return Form(((hinges, values[2:] - 2 * values[1:-1] + values[:-2]),))

    def _add_maxima(self, assembly: Assembly) -> Form:
        dimension = self.dimension
        slopes, origin = assembly.numbers(self.slopes), assembly.numbers(self.origin)
        nodes = np.stack([grid.reshape(-1) for grid in np.indices(self.values.shape)])
        shifts = assembly.numbers(nodes)
        every, zero = np.arange(nodes.shape[1]), np.zeros(nodes.shape[1], dtype=np.int64)
        # a coordinate is carried as one neuron, its distance in cells from a whole grid below the grid, where every
        # hat vanishes: moving all lower coordinates up to there changes no value
        carried = [
            assembly.add_one(1, [(Block(0, axis, 1), slopes[axis])], self.cells - slopes[axis] * origin[axis])
            for axis in range(1, dimension)
        ]
        sides: list[list[Block]] = []
        for sign in (1, -1):
            term = Term(assembly.input, every, zero, np.full(len(every), sign * slopes[0]))
            sides.append([assembly.add(1, [term], -sign * (shifts[0] + slopes[0] * origin[0]))])
        for axis in range(1, dimension):
            level = axis + 1
            for side, sign in enumerate((1, -1)):
                terms = [Term(block, every, every, -np.ones(len(every))) for block in sides[side]]
                terms.append(Term(carried[axis - 1], every, zero, np.full(len(every), sign)))
                rise = assembly.add(level, terms, -sign * (shifts[axis] + self.cells))
                kept = [Term(block, every, every, np.ones(len(every))) for block in sides[side]]
                sides[side] = [assembly.add(level, kept, np.zeros(len(every))), rise]
            carried[axis:] = [assembly.carry(block, level) for block in carried[axis:]]
        terms = [Term(block, every, every, -np.ones(len(every))) for side in sides for block in side]
        hats = assembly.add(dimension + 1, terms, np.ones(len(every)))
        return Form(((hats, assembly.numbers(self.values.reshape(-1))),))


@dataclass(frozen=True, eq=False)
class AffineTeacher:
    """min(max(coefficients . x + intercept, -bound), bound): two neurons."""

    coefficients: Numbers
    intercept: float
    bound: float

    @property
    def size(self) -> int:
        """At most 2(d + 1) + 2 nonzeros."""
        return 2 * len(self.coefficients) + 4

    @property
    def description(self) -> str:
        """That it is affine and clipped."""
        return "affine, clipped by two neurons"

    def __call__(self, points: Array, /) -> Array:
        """(B,) values at (B, d) points."""
        values = points @ device_of(points).asarray(self.coefficients) + self.intercept
        return namespace(points).clip(values, -self.bound, self.bound)

    def add_to(self, assembly: Assembly, /) -> Form:
        """One hidden layer of two neurons."""
        intercept, bound = assembly.numbers(self.intercept)[()], assembly.numbers(self.bound)[()]
        first, second = (
            assembly.add_one(1, [(assembly.input, assembly.numbers(self.coefficients))], intercept + sign * bound)
            for sign in (1, -1)
        )
        return Form(((first, 1), (second, -1)), -bound)


def network_size(dimension: int, cells: int, /) -> int:
    """Nonzeros of the network of a Kuhn teacher, exact for d = 1 and in general position, else an upper bound: P_g."""
    if dimension == 1:
        return 3 * cells + 8
    return int((12 * dimension - 6) * (cells + 1) ** dimension + dimension * (dimension + 1) // 2 - 1)


def simplex_weights(scaled: Array, cells: int, /) -> tuple[Array, Array]:
    """Places (B, d + 1) in the grid {-1, ..., cells + 1}^d, row by row, of the vertices around (B, d) points, and
    weights.

    Kuhn's triangulation: with the fractional parts in falling order, the vertices add one axis after the other. Points
    outside get places at the rim of that grid.
    """
    xp, dimension = namespace(scaled), scaled.shape[1]
    inside = xp.clip(scaled, -1.0, cells + 1.0)
    corner = xp.clip(xp.floor(inside), -1.0, float(cells))
    rest = inside - corner
    order = xp.argsort(rest, axis=1, descending=True)
    sorted_ = xp.take_along_axis(rest, order, axis=1)
    ends = xp.zeros_like(sorted_[:, :1])
    weights = xp.concat([1.0 + ends, sorted_], axis=1) - xp.concat([sorted_, ends], axis=1)
    strides = device_of(scaled).asarray([(cells + 3) ** (dimension - 1 - axis) for axis in range(dimension)])
    first = xp.sum(xp.astype(corner + 1.0, xp.int64) * strides, axis=1)
    steps = xp.cumulative_sum(xp.reshape(xp.take(strides, xp.reshape(order, (-1,))), order.shape), axis=1)
    return xp.concat([first[:, None], first[:, None] + steps], axis=1), weights


def interpolate(
    function: Callable[[Numbers], Numbers], cells: int, dimension: int, /, *, bound: float = math.inf
) -> KuhnTeacher:
    """The oracle teacher on [0, 1]^d: the values of `function`, (k, d) -> (k,), at the nodes, clipped to +-bound."""
    nodes = np.array(list(itertools.product(range(cells + 1), repeat=dimension)), dtype=np.float64) / cells
    values = np.clip(function(nodes), -bound, bound).reshape((cells + 1,) * dimension)
    return KuhnTeacher(values, np.zeros(dimension), np.full(dimension, float(cells)))


def fit_kuhn(points: Numbers, labels: Numbers, cells: int, /, *, bound: float) -> KuhnTeacher:
    """Least squares over values at the nodes, least norm where undetermined, clipped to +-bound.

    The grid covers [0, 1]^d if that holds the points (n, d), else their bounding box.
    """
    dimension = points.shape[1]
    origin, slopes = _cover(points, cells)
    places, weights = simplex_weights((points - origin) * slopes, cells)
    rows = np.repeat(np.arange(len(points)), dimension + 1)
    shape = (len(points), (cells + 3) ** dimension)
    design = csr_array((weights.reshape(-1), (rows, places.reshape(-1))), shape=shape)
    found = lsqr(design, labels, atol=1e-10, btol=1e-10, iter_lim=2000)[0].reshape((cells + 3,) * dimension)
    inner = found[(slice(1, -1),) * dimension]
    return KuhnTeacher(np.clip(inner, -bound, bound), origin, slopes)


def _cover(points: Numbers, cells: int) -> tuple[Numbers, Numbers]:
    low, high = points.min(axis=0), points.max(axis=0)
    if (low >= 0).all() and (high <= 1).all():
        low, high = np.zeros_like(low), np.ones_like(high)
    return low, cells / np.where(high > low, high - low, 1.0)


def fit_affine(points: Numbers, labels: Numbers, /, *, bound: float) -> AffineTeacher:
    """Least squares over affine functions, clipped to +-bound."""
    middle = points.mean(axis=0)
    design = np.concatenate([points - middle, np.ones((len(points), 1))], axis=1)
    found = np.linalg.lstsq(design, labels, rcond=None)[0]
    return AffineTeacher(found[:-1], float(found[-1] - found[:-1] @ middle), bound)


def choose_teacher(points: Numbers, labels: Numbers, /, *, bound: float, smoothness: float = 1.0) -> Teacher:
    """The Kuhn least-squares teacher with n^(1/(2 smoothness + d)) cells an axis, or fewer so that (12d - 6)(cells +
    1)^d <= n.

    Where not even one cell fits, the least-squares affine function clipped to +-bound.
    """
    count, dimension = points.shape
    most = math.floor((count / (12 * dimension - 6)) ** (1 / dimension) + 1e-9) - 1
    cells = min(most, max(1, math.floor(count ** (1 / (2 * smoothness + dimension)))))
    if cells < 1:
        return fit_affine(points, labels, bound=bound)
    return fit_kuhn(points, labels, cells, bound=bound)
