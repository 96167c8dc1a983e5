"""Putting a strict feed-forward network together: blocks of neurons, each in one layer, fed by blocks of the layer
below.

A value that is needed higher up is carried by one neuron a layer, which is exact because every neuron is nonnegative.
Numbers are floats or exact rationals, for the whole network, so that one assembly serves both.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from numerics.relu_networks import Layer, Network, as_fractions

Numbers: TypeAlias = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Block:
    """`count` neighbouring neurons of hidden layer `level`, from position `start`; level 0 is the input."""

    level: int
    start: int
    count: int


@dataclass(frozen=True, eq=False)
class Term:
    """Weights from neurons of a block, by their positions in it, to rows of a new one."""

    block: Block
    rows: Any
    columns: Any
    weights: Any


class Assembly:
    """A network under construction with `inputs` inputs; with `exact` its numbers are rationals, else floats."""

    def __init__(self, inputs: int, /, *, exact: bool) -> None:
        self.exact = exact
        self.input = Block(0, 0, inputs)
        self._terms: list[list[tuple[int, Term]]] = []
        self._biases: list[list[Numbers]] = []
        self._counts = [inputs]

    def numbers(self, values: Any, /) -> Numbers:
        """The values as rationals or as floats; floats are read as the dyadic rationals they are."""
        if self.exact:
            return np.asarray(as_fractions(np.asarray(values, dtype=object)), dtype=object)
        return np.asarray(values, dtype=np.float64)

    def add(self, level: int, terms: Sequence[Term], biases: Any, /) -> Block:
        """New neurons relu(sum of terms + bias) in a layer, one for each of the biases (k,)."""
        numbers = self.numbers(biases)
        while len(self._terms) < level:
            self._terms.append([])
            self._biases.append([])
            self._counts.append(0)
        start = self._counts[level]
        if any(term.block.level != level - 1 for term in terms):
            raise ValueError(f"terms: every block must be in layer {level - 1}, the one below the new neurons")
        self._terms[level - 1].extend((start, term) for term in terms)
        self._biases[level - 1].append(numbers)
        self._counts[level] += len(numbers)
        return Block(level, start, len(numbers))

    def add_one(self, level: int, inputs: Sequence[tuple[Block, Any]], bias: Any = 0, /) -> Block:
        """One neuron relu(sum of weight * block + bias); a block of many neurons has one weight, or one for each."""
        return self.add(level, [self._row(block, weights) for block, weights in inputs], [bias])

    def carry(self, block: Block, level: int, /) -> Block:
        """The same values in a higher layer."""
        while block.level < level:
            places = np.arange(block.count)
            term = Term(block, places, places, np.ones(block.count))
            block = self.add(block.level + 1, [term], np.zeros(block.count))
        return block

    def finish(self, inputs: Sequence[tuple[Block, Any]], bias: Any = 0, /) -> Network:
        """The network with the output sum of weight * block + bias, from blocks of the last layer."""
        self.add_one(len(self._counts), inputs, bias)
        return Network(tuple(self._layer(place) for place in range(len(self._terms))))

    def _row(self, block: Block, weights: Any) -> Term:
        spread = np.broadcast_to(np.asarray(weights, dtype=object if self.exact else np.float64), (block.count,))
        return Term(block, np.zeros(block.count, dtype=np.int64), np.arange(block.count), spread)

    def _layer(self, place: int) -> Layer:
        rows = [start + np.asarray(term.rows).reshape(-1) for start, term in self._terms[place]]
        columns = [term.block.start + np.asarray(term.columns).reshape(-1) for _, term in self._terms[place]]
        weights = np.concatenate([self.numbers(term.weights).reshape(-1) for _, term in self._terms[place]])
        kept = np.flatnonzero(weights)
        joined = (np.concatenate(rows)[kept], np.concatenate(columns)[kept], weights[kept])
        return Layer(self._counts[place], *joined, np.concatenate(self._biases[place]))
