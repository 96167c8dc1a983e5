"""The pairs of inputs of a Gram matrix, tile by tile, with distances that are exact where inputs nearly coincide."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import array_api_compat
import numpy as np

from numerics.kernel_layers import Pairs, covariance, determinant
from numerics.lab import Array, gram, namespace

CACHED = 2**14
"""Entries of a tile whose temporary arrays stay in a processor's cache."""
PARALLEL = 2**24
"""Entries of a tile that keep a GPU busy."""
CLOSE = 1e-3
"""Inputs whose distance (or whose reflection's) is below about this share of their squares are subtracted directly."""
GATHERED = 2**22
"""Numbers gathered at a time to subtract close inputs."""


@dataclass(frozen=True)
class Inputs:
    """x1 (n1, d) against x2 (n2, d); symmetric: x2 is x1. p = |x|^2/d and r = |x'|^2/d, (n,) each."""

    x1: Array
    x2: Array
    p: Array
    r: Array
    symmetric: bool


@dataclass(frozen=True)
class Tile:
    """A tile: its rows, its columns, and the first preactivations' moments at its pairs."""

    rows: slice
    columns: slice
    pairs: Pairs


def read_inputs(x1: Array, x2: Array | None, /) -> Inputs:
    """The inputs, checked. Raises ValueError for wrong shapes, other dtypes than float32 and float64, or NaN."""
    xp = namespace(x1) if x2 is None else namespace(x1, x2)
    named = {"x1": x1} if x2 is None else {"x1": x1, "x2": x2}
    for name, x in named.items():
        if x.ndim != 2 or 0 in x.shape:
            raise ValueError(
                f"{name}: an array of shape {tuple(x.shape)} was given; allowed is (n, d), n and d at least 1"
            )
        if x.dtype not in (xp.float32, xp.float64):
            raise ValueError(f"{name}: its dtype is {x.dtype}; allowed are float32 and float64")
        if not bool(xp.all(xp.isfinite(x))):
            raise ValueError(f"{name}: some entries are NaN or infinite; allowed are finite numbers")
    other = x1 if x2 is None else x2
    if x1.shape[1] != other.shape[1] or x1.dtype != other.dtype:
        raise ValueError(
            f"x2: {other.dtype} inputs of dimension {other.shape[1]} were given beside x1 with {x1.dtype} and "
            f"{x1.shape[1]}; both must be equal"
        )
    with np.errstate(over="ignore"):  # what is too large comes out as a kernel that is not finite
        p = xp.sum(x1 * x1, axis=1) / x1.shape[1]
        r = p if x2 is None else xp.sum(other * other, axis=1) / x1.shape[1]
    return Inputs(x1, other, p, r, x2 is None)


def products(inputs: Inputs, /) -> Array:
    """(n1, n2) array of inner products x . x'; exactly symmetric for one set of inputs."""
    return gram(inputs.x1) if inputs.symmetric else inputs.x1 @ inputs.x2.T


def tiles(inputs: Inputs, inner: Array, w2: float, b2: float, block: int | None, /) -> Iterator[Tile]:
    """Every tile of the Gram matrix with inner products `inner`; for one set of inputs those on and above the diagonal.

    `block` is the number of entries of a tile; None chooses it by the device.
    """
    side = math.isqrt(block or (CACHED if array_api_compat.is_numpy_array(inner) else PARALLEL))
    for top in range(0, inner.shape[0], side):
        rows = slice(top, min(top + side, inner.shape[0]))
        for left in range(top if inputs.symmetric else 0, inner.shape[1], side):
            columns = slice(left, min(left + side, inner.shape[1]))
            yield Tile(rows, columns, _first_pairs(inputs, inner[rows, columns], rows, columns, w2, b2))


def _first_pairs(inputs: Inputs, inner: Array, rows: slice, columns: slice, w2: float, b2: float) -> Pairs:
    """The moments of the first preactivations, b_std^2 + w_std^2 x . x'/d."""
    xp = namespace(inner)
    p, r = inputs.p[rows][:, None], inputs.r[columns][None, :]
    x1, x2 = inputs.x1[rows, :], inputs.x2[columns, :]
    total = p + r
    twice = inner * (2 / x1.shape[1])
    close = xp.abs(twice) >= (1 - CLOSE) * total
    distance = total - twice
    some = bool(xp.any(close))
    if some:
        _subtract(distance, close & (twice > 0), x1, x2, xp.subtract)
    a, b = b2 + w2 * p, b2 + w2 * r
    reflected = None
    if some and bool(xp.any(close & (twice < 0))):
        reflected = total + twice
        _subtract(reflected, close & (twice < 0), x1, x2, xp.add)
        reflected = 4 * b2 + w2 * reflected
    distance *= w2
    c = covariance(a, b, distance)
    return Pairs(a, b, c, distance, determinant(a, b, distance, reflected=reflected))


def _subtract(distance: Array, close: Array, x1: Array, x2: Array, combine: Callable[[Array, Array], Array]) -> None:
    """Write |x -+ x'|^2/d from the inputs themselves over the entries marked `close`."""
    xp = namespace(distance)
    first, second = xp.nonzero(close)
    if first.shape[0] == 0:
        return
    step = max(1, GATHERED // x1.shape[1])
    parts = []
    for begin in range(0, first.shape[0], step):
        some = slice(begin, min(begin + step, first.shape[0]))
        change = combine(xp.take(x1, first[some], axis=0), xp.take(x2, second[some], axis=0))
        change *= change
        parts.append(xp.sum(change, axis=1) / x1.shape[1])
    distance[close] = xp.concat(parts)
