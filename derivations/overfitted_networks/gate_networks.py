"""Gates C, D and E as exact networks: labels on the balls, the teacher elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

from derivations.overfitted_networks.exact_networks import Name, Network, neuron
from derivations.overfitted_networks.kuhn_networks import Grid, Point, build_teacher

HALF = Fraction(1, 2)


@dataclass(frozen=True)
class Design:
    """Data, a teacher by its nodal values, and the sizes of the bumps; labels and nodal values are at most height."""

    centres: tuple[Point, ...]
    labels: tuple[Fraction, ...]
    nodes: Mapping[Grid, Fraction]
    cells: int
    radius: Fraction
    ramp: Fraction
    height: Fraction = Fraction(1)

    @property
    def dimension(self) -> int:
        """The input dimension."""
        return len(self.centres[0])


def gate_d(design: Design, /) -> Network:
    """f + M = b + relu(2M(1 - A) - relu(2M(1 - A) + b - G)), A = sum phi_i, b = sum (y_i + M) phi_i, G = g + M."""
    height = design.height
    sums = {"A": [Fraction(1)] * len(design.labels), "b": [label + height for label in design.labels]}
    network, top = _begin(design, sums)
    network.add(top + 1, ("inner",), neuron({("A",): -2 * height, ("b",): 1, ("G",): -1}, 2 * height))
    network.carry([("A",)], top + 1, top + 1)
    network.carry([("b",)], top + 1, top + 2)
    network.add(top + 2, ("outer",), neuron({("A",): -2 * height, ("inner",): -1}, 2 * height))
    network.output = neuron({("b",): 1, ("outer",): 1}, -height)
    return network


def gate_e(design: Design, /) -> Network:
    """f = relu(g - m/2) - relu(-g - m/2) - S/2 + 3r/2, S = sum (y_i + 3M) phi_i, r = relu(S - 2M), m = S - r."""
    height = design.height
    network, top = _begin(design, {"S": [label + 3 * height for label in design.labels]})
    network.add(top + 1, ("r",), neuron({("S",): 1}, -2 * height))
    network.carry([("G",)], top + 1, top + 1)
    network.carry([("S",)], top + 1, top + 2)
    network.carry([("r",)], top + 2, top + 2)
    for name, sign in ((("up",), 1), (("down",), -1)):
        network.add(top + 2, name, neuron({("G",): sign, ("S",): -HALF, ("r",): HALF}, -sign * height))
    network.output = neuron({("up",): 1, ("down",): -1, ("S",): -HALF, ("r",): 3 * HALF})
    return network


def gate_c(design: Design, /) -> Network:
    """f = 1 - relu(2 - relu(g + 1 + 2A_+ - 2A_-)), A_+- the bumps of each label; labels +-1 and height 1."""
    sums = {name: [Fraction(label == sign) for label in design.labels] for name, sign in (("plus", 1), ("minus", -1))}
    network, top = _begin(design, sums)
    network.add(top + 1, ("inner",), neuron({("G",): 1, ("plus",): 2, ("minus",): -2}))
    network.add(top + 2, ("outer",), neuron({("inner",): -1}, 2))
    network.output = neuron({("outer",): -1}, 1)
    return network


def _begin(design: Design, sums: Mapping[str, list[Fraction]]) -> tuple[Network, int]:
    """Bumps, teacher and accumulators (one weight for each bump), and the first layer in which all are available."""
    d = design.dimension
    network = Network(d)
    bumps = _build_bumps(network, design)
    teacher = build_teacher(network, design.nodes, design.cells)
    layer = 2 if d == 1 else d + 2
    network.add(layer, ("G",), neuron(teacher, design.height))
    for name, weights in sums.items():
        network.add(3, (name,), neuron(dict(zip(bumps, weights, strict=True))))
    top = max(layer, 3)
    network.carry([("G",)], layer + 1, top)
    network.carry([(name,) for name in sums], 4, top)
    return network, top


def _build_bumps(network: Network, design: Design) -> list[Name]:
    names: list[Name] = []
    for i, centre in enumerate(design.centres):
        facets: dict[Name, object] = {}
        for j, entry in enumerate(centre):
            for sign in (1, -1):
                network.add(1, ("facet", i, j, sign), neuron({("x", j): sign}, -sign * entry - design.radius))
                facets[("facet", i, j, sign)] = -1 / design.ramp
        network.add(2, ("bump", i), neuron(facets, 1))
        names.append(("bump", i))
    return names


__all__ = ["Design", "gate_c", "gate_d", "gate_e"]
