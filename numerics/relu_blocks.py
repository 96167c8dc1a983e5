"""The exact building blocks: bumps in facet form, the square of a number in [0, 1], and the product of two numbers.

Source: derived here; the square is Yarotsky's (2017) interpolant with its accumulator in one neuron, the bump is in the
spirit of Shi, Liu, Cao & Suykens (2024) in a form on which interval propagation is tight.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from numerics.relu_assembly import Assembly, Block, Term
from numerics.relu_networks import Network


def add_bumps(assembly: Assembly, centres: Any, radius: Any, ramp: Any, /) -> Block:
    """One bump a centre (n, d), in layer 2: 1 on the l_inf ball of this radius, 0 where sum_j (|x_j-c_j| - radius)_+ >=
    ramp.

    4d + 2d + 1 nonzeros a bump, but for facets c_j -+ radius that are 0.
    """
    points = assembly.numbers(centres)
    count, dimension = points.shape
    size, slope = assembly.numbers(radius), 1 / assembly.numbers(ramp)
    places = np.arange(count * dimension)
    coordinates = places % dimension
    facets = []
    for sign in (1, -1):
        biases = ((-points if sign > 0 else points) - size).reshape(-1)
        facets.append(assembly.add(1, [Term(assembly.input, places, coordinates, np.full(len(places), sign))], biases))
    weights = np.full(len(places), -slope)
    return assembly.add(2, [Term(facet, places // dimension, places, weights) for facet in facets], np.ones(count))


def bump_network(centre: Any, radius: Any, ramp: Any, /, *, exact: bool = True) -> Network:
    """The bump about a centre (d,), with 6d + 2 nonzeros."""
    assembly = Assembly(len(centre), exact=exact)
    bump = add_bumps(assembly, np.asarray(centre, dtype=object)[None, :], radius, ramp)
    return assembly.finish([(bump, 1)])


def square_network(order: int, /, *, exact: bool = True) -> Network:
    """t -> the interpolant of t^2 at multiples of 2^-order on [0, 1], with 8 order - 3 nonzeros and error 2^(-2 order -
    2).

    ValueError for an order below 1.
    """
    assembly = Assembly(1, exact=exact)
    inputs = _add_square(assembly, [(assembly.input, 1)], 0, order)
    return assembly.finish(inputs)


def product_network(order: int, bound: Any, /, *, exact: bool = True) -> Network:
    """(x, y) -> x y for |x|, |y| <= bound with sup error bound^2 2^(-2 order - 2), exact where a factor is 0 or
    +-bound.

    ValueError for an order below 1.
    """
    assembly = Assembly(2, exact=exact)
    scale = 1 / (2 * assembly.numbers(bound))
    weights = np.outer([1, -1], [1, 1]) * scale, np.outer([1, -1], [1, -1]) * scale
    outputs: list[tuple[Block, Any]] = []
    for sign, matrix in zip((1, -1), weights, strict=True):
        term = Term(assembly.input, np.repeat([0, 1], 2), np.tile([0, 1], 2), matrix.reshape(-1))
        halves = assembly.add(1, [term], np.zeros(2))
        factor = sign * assembly.numbers(bound) ** 2
        outputs.extend((block, weight * factor) for block, weight in _add_square(assembly, [(halves, 1)], 1, order))
    return assembly.finish(outputs)


def _add_square(assembly: Assembly, inputs: list[tuple[Block, Any]], level: int, order: int) -> list[tuple[Block, Any]]:
    """The interpolant of t^2 as a form in the blocks of layer level + order, for t a form in those of `level`."""
    if order < 1:
        raise ValueError(f"order: {order!r} is not allowed; it must be a whole number from 1 on")
    half, quarter = assembly.numbers(1) / 2, assembly.numbers(1) / 4
    rising = assembly.add_one(level + 1, inputs)
    late = assembly.add_one(level + 1, inputs, -half)
    # f_0 = t is the rising neuron itself; later values of the accumulator are nonnegative, so one neuron holds them
    total: list[tuple[Block, Any]] = [(rising, assembly.numbers(1) - 2 * quarter), (late, 4 * quarter)]
    for step in range(2, order + 1):
        place, weight = level + step, quarter**step
        tooth = [(rising, 2), (late, -4)]
        carried = assembly.add_one(place, total)
        rising, late = assembly.add_one(place, tooth), assembly.add_one(place, tooth, -half)
        total = [(carried, 1), (rising, -2 * weight), (late, 4 * weight)]
    return total
