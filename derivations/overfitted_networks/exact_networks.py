"""Feed-forward ReLU networks over exact rationals, neuron by neuron: values, intervals, and numbers of nonzeros.

For counts and certificates of small examples; networks of any size are built by `numerics`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

Name = tuple[object, ...]
Interval = tuple[Fraction, Fraction]


@dataclass(frozen=True)
class Neuron:
    """An affine form of the layer before: weights by name, and a bias. Hidden neurons apply max(t, 0) to it."""

    weights: Mapping[Name, Fraction]
    bias: Fraction = Fraction(0)

    @property
    def nonzeros(self) -> int:
        """The number of weights and biases that are not 0."""
        return sum(weight != 0 for weight in self.weights.values()) + (self.bias != 0)

    def value(self, below: Mapping[Name, Fraction], /) -> Fraction:
        """The affine form at the values of the layer before."""
        return self.bias + sum((weight * below[name] for name, weight in self.weights.items()), Fraction(0))

    def interval(self, below: Mapping[Name, Interval], /) -> Interval:
        """The range of the affine form when every value of the layer before ranges over its own interval."""
        low = high = self.bias
        for name, weight in self.weights.items():
            ends = sorted((weight * below[name][0], weight * below[name][1]))
            low, high = low + ends[0], high + ends[1]
        return low, high


def neuron(weights: Mapping[Any, object], bias: object = 0, /) -> Neuron:
    """A neuron from numbers that Fraction reads."""
    return Neuron({name: Fraction(str(w)) for name, w in weights.items()}, Fraction(str(bias)))


@dataclass
class Network:
    """Hidden layers, each neurons by name, and one output. Layer 0 is the input, neurons ("x", j)."""

    dimension: int
    layers: list[dict[Name, Neuron]] = field(default_factory=list)
    output: Neuron = field(default_factory=lambda: Neuron({}))

    def add(self, layer: int, name: Name, added: Neuron, /) -> None:
        """Put a neuron into hidden layer `layer` (1 is the first). Raises ValueError for a name that is taken."""
        while len(self.layers) < layer:
            self.layers.append({})
        if name in self.layers[layer - 1]:
            raise ValueError(f"layer {layer} has a neuron named {name} already")
        self.layers[layer - 1][name] = added

    def carry(self, names: Iterable[Name], first: int, last: int, /) -> None:
        """Pass neurons that are never negative from layer first - 1 on through the layers first to last."""
        for name in names:
            for layer in range(first, last + 1):
                self.add(layer, name, neuron({name: 1}))

    @property
    def nonzeros(self) -> int:
        """The size: nonzero weights and biases of all layers and the output."""
        return sum(n.nonzeros for layer in self.layers for n in layer.values()) + self.output.nonzeros

    def __call__(self, *x: Fraction) -> Fraction:
        """The value at a point."""
        below: dict[Name, Fraction] = {("x", j): entry for j, entry in enumerate(x)}
        for layer in self.layers:
            below = {name: max(n.value(below), Fraction(0)) for name, n in layer.items()}
        return self.output.value(below)

    def interval(self, *box: Interval) -> Interval:
        """Bounds on the values over a box, by interval propagation."""
        below: dict[Name, Interval] = {("x", j): side for j, side in enumerate(box)}
        for layer in self.layers:
            ranges = {name: n.interval(below) for name, n in layer.items()}
            below = {name: (max(low, Fraction(0)), max(high, Fraction(0))) for name, (low, high) in ranges.items()}
        return self.output.interval(below)


def ball(centre: Iterable[Fraction], radius: Fraction, /) -> list[Interval]:
    """The closed l_inf ball as a box."""
    return [(entry - radius, entry + radius) for entry in centre]


__all__ = ["Interval", "Network", "Neuron", "ball", "neuron"]
