"""Strict feed-forward ReLU networks as sparse layers, over floats (NumPy or CuPy) or over exact rationals (NumPy
objects).

x -> W_1 x + b_1 -> relu -> ... -> W_L h + b_L, without skip connections and without relu after the last layer. The size
of a network is its number of nonzero weights and biases, its depth the number of hidden layers, its width the largest
of them. Layers over rationals are evaluated in integers, with one common denominator a layer: no number is rounded.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Any

import numpy as np

from numerics.lab import Array, device_of, namespace

Rational = Fraction | int | float
MOST_ENTRIES = 2**22
"""Products that are formed at a time: what bounds the memory of an evaluation."""

as_fractions = np.frompyfunc(Fraction, 1, 1)
"""The entries of an array as exact rationals: a float is the dyadic rational that it is."""


@dataclass(frozen=True, eq=False)
class Layer:
    """h -> W h + b: the nonzero weights (k,) with their rows and columns, and the biases, one for each row of W."""

    inputs: int
    rows: np.ndarray[Any, Any]
    columns: np.ndarray[Any, Any]
    weights: np.ndarray[Any, Any]
    biases: np.ndarray[Any, Any]

    @property
    def outputs(self) -> int:
        """Number of rows of W."""
        return len(self.biases)

    @property
    def size(self) -> int:
        """Number of nonzero weights and biases."""
        return int(np.count_nonzero(self.weights)) + int(np.count_nonzero(self.biases))

    @cached_property
    def groups(self) -> list[tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]]:
        """Rows with equally many weights together: (columns, weights), both (rows of the group, weights of a row)."""
        counts = np.bincount(self.rows, minlength=self.outputs)
        order = np.argsort(self.rows, kind="stable")
        starts = np.concatenate([[0], np.cumsum(counts)])
        found = []
        for count in np.unique(counts):
            places = order[starts[:-1][counts == count][:, None] + np.arange(count)]
            found.append((self.columns[places], self.weights[places]))
        return found

    @cached_property
    def positions(self) -> np.ndarray[Any, Any]:
        """(outputs,) where each row stands once the groups are put one after the other."""
        order = np.argsort(np.bincount(self.rows, minlength=self.outputs), kind="stable")
        return np.argsort(order, kind="stable")

    def apply(self, values: Array, /) -> Array:
        """(B, outputs) array W h + b for (B, inputs) values, floats or objects."""
        parts = [self._multiply(values, columns, weights) for columns, weights in self.groups]
        return self._assemble(parts, values)

    def apply_interval(self, lower: Array, upper: Array, /) -> tuple[Array, Array]:
        """The least and the largest W h + b for lower <= h <= upper, both (B, outputs): exact for exact numbers."""
        low, high = [], []
        for columns, weights in self.groups:
            rising, falling = np.maximum(weights, 0), np.minimum(weights, 0)
            pairs = ((lower, rising), (upper, falling), (upper, rising), (lower, falling))
            products = [self._multiply(values, columns, part) for values, part in pairs]
            low.append(products[0] + products[1])
            high.append(products[2] + products[3])
        return self._assemble(low, lower), self._assemble(high, upper)

    def pull_back(self, slopes: Array, /) -> Array:
        """(B, inputs) array: slopes (B, outputs) times W."""
        return self._transposed.apply(slopes)

    @cached_property
    def _transposed(self) -> Layer:
        return Layer(self.outputs, self.columns, self.rows, self.weights, np.zeros(self.inputs, self.biases.dtype))

    def _multiply(self, values: Array, columns: np.ndarray[Any, Any], weights: np.ndarray[Any, Any]) -> Array:
        xp, device = namespace(values), device_of(values)
        rows, count = columns.shape
        if count == 0:
            return xp.zeros((values.shape[0], rows), dtype=values.dtype)
        taken = xp.take(values, device.asarray(columns.reshape(-1)), axis=1)
        return xp.sum(xp.reshape(taken, (-1, rows, count)) * device.asarray(weights), axis=-1)

    def _assemble(self, parts: list[Array], values: Array) -> Array:
        xp, device = namespace(values), device_of(values)
        joined = xp.concat(parts, axis=1) if len(parts) > 1 else parts[0]
        return xp.take(joined, device.asarray(self.positions), axis=1) + device.asarray(self.biases)

    def over_integers(self, denominator: int, /) -> tuple[Layer, int]:
        """The same map for inputs with this common denominator: a layer over integers, and its outputs' denominator."""
        weights, biases = as_fractions(self.weights), as_fractions(self.biases)
        scale = math.lcm(*(weight.denominator for weight in weights))
        scale = math.lcm(scale, *(bias.denominator // math.gcd(bias.denominator, denominator) for bias in biases))
        whole = np.frompyfunc(int, 1, 1)
        layer = Layer(
            self.inputs, self.rows, self.columns, whole(weights * scale), whole(biases * (scale * denominator))
        )
        return layer, scale * denominator


@dataclass(frozen=True, eq=False)
class Network:
    """A network with one output, from its layers, the last of them without relu."""

    layers: tuple[Layer, ...]

    @property
    def size(self) -> int:
        """Number of nonzero weights and biases."""
        return sum(layer.size for layer in self.layers)

    @property
    def depth(self) -> int:
        """Number of hidden layers."""
        return len(self.layers) - 1

    @property
    def width(self) -> int:
        """Number of neurons in the largest hidden layer."""
        return max(layer.outputs for layer in self.layers[:-1])

    def __call__(self, points: Array, /) -> Array:
        """(B,) outputs at (B, d) points, on the device where these live, in pieces that bound the memory."""
        return self._in_pieces(self._forward, points)

    def gradients(self, points: Array, /) -> Array:
        """(B, d) gradients at (B, d) points; the slope of relu at 0 is taken as 0."""
        return self._in_pieces(self._backward, points)

    def _in_pieces(self, compute: Any, points: Array) -> Array:
        largest = max(layer.outputs + len(layer.weights) for layer in self.layers)
        step, count = max(1, MOST_ENTRIES // largest), points.shape[0]
        parts = [compute(points[at : min(at + step, count), :]) for at in range(0, count, step)]
        return namespace(points).concat(parts, axis=0) if parts else points[:, 0]

    def _forward(self, points: Array) -> Array:
        xp, values = namespace(points), points
        for layer in self.layers[:-1]:
            values = layer.apply(values)
            values = xp.where(values > 0, values, xp.zeros_like(values))
        return self.layers[-1].apply(values)[:, 0]

    def _backward(self, points: Array) -> Array:
        xp, values, masks = namespace(points), points, []
        for layer in self.layers[:-1]:
            values = layer.apply(values)
            masks.append(xp.astype(values > 0, points.dtype))
            values = values * masks[-1]
        slopes = self.layers[-1].pull_back(xp.ones_like(points[:, :1]))
        for layer, mask in zip(reversed(self.layers[:-1]), reversed(masks), strict=True):
            slopes = layer.pull_back(slopes * mask)
        return slopes

    def evaluate_exactly(self, points: Sequence[Sequence[Rational]], /) -> list[Fraction]:
        """The outputs at points with rational coordinates: no rounding, floats are the dyadic rationals they are."""
        return [low for low, _ in self.propagate(points, points)]

    def propagate(
        self, lower: Sequence[Sequence[Rational]], upper: Sequence[Sequence[Rational]], /
    ) -> list[tuple[Fraction, Fraction]]:
        """An interval with all outputs on each box lower <= x <= upper, by interval propagation in integers."""
        ends = [as_fractions(np.asarray(end, dtype=object)) for end in (lower, upper)]
        denominator = math.lcm(*(entry.denominator for end in ends for entry in end.reshape(-1)))
        low, high = (np.frompyfunc(int, 1, 1)(end * denominator) for end in ends)
        layers, last = self._over_integers(denominator)
        found = []
        for row in range(len(low)):
            below, above = low[row : row + 1], high[row : row + 1]
            for layer in layers[:-1]:
                below, above = (np.maximum(end, 0) for end in layer.apply_interval(below, above))
            below, above = layers[-1].apply_interval(below, above)
            found.append((Fraction(below[0, 0], last), Fraction(above[0, 0], last)))
        return found

    def _over_integers(self, denominator: int) -> tuple[list[Layer], int]:
        layers = []
        for layer in self.layers:
            whole, denominator = layer.over_integers(denominator)
            layers.append(whole)
        return layers, denominator
