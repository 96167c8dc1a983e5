"""The piecewise linear teacher on Kuhn's triangulation as an exact network."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fractions import Fraction
from itertools import product

from derivations.overfitted_networks.exact_networks import Name, Network, neuron

Point = tuple[Fraction, ...]
Grid = tuple[int, ...]


def hat(z: Point, /) -> Fraction:
    """Lambda(z) = relu(1 - max(0, z_1, ..., z_d) - max(0, -z_1, ..., -z_d))."""
    zero = Fraction(0)
    return max(1 - max(zero, *z) - max(zero, *(-entry for entry in z)), zero)


def list_grid(d: int, cells: int, /) -> list[Grid]:
    """The nodes i of the grid, i/cells in [0, 1]^d."""
    return list(product(range(cells + 1), repeat=d))


def sample_nodes(function: Callable[..., Fraction], d: int, cells: int, /) -> dict[Grid, Fraction]:
    """The values of the function at the nodes."""
    return {node: function(*(Fraction(i, cells) for i in node)) for node in list_grid(d, cells)}


def interpolate(values: Mapping[Grid, Fraction], cells: int, x: Point, /) -> Fraction:
    """The interpolant of nodal values: sum_v values_v Lambda(N x - v)."""
    return sum(
        (
            value * hat(tuple(cells * entry - i for entry, i in zip(x, node, strict=True)))
            for node, value in values.items()
        ),
        Fraction(0),
    )


def build_teacher(network: Network, values: Mapping[Grid, Fraction], cells: int, /) -> dict[Name, Fraction]:
    """Add the hats to the network; returns the output weights, to be read by layer d + 1 (2 for d = 1)."""
    if network.dimension == 1:
        return _build_line(network, [values[(i,)] for i in range(cells + 1)], cells)
    for node in values:
        _build_hat(network, node, cells)
    for k in range(1, network.dimension):
        network.add(1, ("shifted", k), neuron({("x", k): 1}, 1))
        network.carry([("shifted", k)], 2, k)
    return {("hat", *node): value for node, value in values.items()}


def _build_line(network: Network, values: list[Fraction], cells: int) -> dict[Name, Fraction]:
    """Second differences of the values, continued by 0 on both sides, so that the output vanishes off [-h, 1 + h]."""
    padded = [Fraction(0), Fraction(0), *values, Fraction(0), Fraction(0)]
    weights: dict[Name, Fraction] = {}
    for k in range(-1, cells + 2):
        network.add(1, ("kink", k), neuron({("x", 0): 1}, Fraction(-k, cells)))
        left, centre, right = padded[k + 1 : k + 4]
        weights[("kink", k)] = cells * (left - 2 * centre + right)
    return weights


def _build_hat(network: Network, node: Grid, cells: int) -> None:
    """Running maxima of z and of -z, z = N x - node: m_k = m_{k-1} + relu(+-z_k - m_{k-1})."""
    d = network.dimension
    for sign in (1, -1):
        network.add(1, ("new", sign, *node), neuron({("x", 0): sign * cells}, -sign * node[0]))
        for k in range(1, d):
            below = {("new", sign, *node): 1} | ({("held", sign, *node): 1} if k > 1 else {})
            network.add(k + 1, ("held", sign, *node), neuron(below))
            shifted = {("shifted", k): sign * cells, **dict.fromkeys(below, -1)}
            network.add(k + 1, ("new", sign, *node), neuron(shifted, -sign * (cells + node[k])))
    tops = {(part, sign, *node): -1 for part in ("new", "held") for sign in (1, -1)}
    network.add(d + 1, ("hat", *node), neuron(tops, 1))


__all__ = ["Grid", "Point", "build_teacher", "hat", "interpolate", "list_grid", "sample_nodes"]
