"""Fully connected networks of finite width with one output: values, derivatives and tangent kernels by explicit
formulas.

Layers z = w_std/sqrt(fan_in) W h + b_std b (the neural-tangents parametrisation), `depth` hidden layers of one
activation and a linear output. B networks are handled at once: their parameters are the rows of a (B, P) array,
every input array is (B, m, d), or (m, d) where the networks share their inputs, and outputs are (B, m). NumPy, CuPy
or any other array library, by the arrays that are given.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from numerics.lab import Array, ArrayLab, erf, namespace


@dataclass(frozen=True)
class Network:
    """An architecture: input dimension, hidden width, number of hidden layers, activation, weight and bias scales.

    Raises ValueError for a dimension, width or depth below 1, another activation than relu and erf, or scales that are
    not positive (weights) or negative (biases).
    """

    dimension: int
    width: int
    depth: int = 1
    activation: str = "erf"
    w_std: float = 1.5
    b_std: float = 0.1

    def __post_init__(self) -> None:
        for name in ("dimension", "width", "depth"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}: {getattr(self, name)} is not allowed; it must be at least 1")
        if self.activation not in ("relu", "erf"):
            raise ValueError(f"activation: {self.activation!r} is unknown; allowed are relu, erf")
        if not self.w_std > 0 or not self.b_std >= 0:
            raise ValueError(f"w_std, b_std: {self.w_std}, {self.b_std} are not allowed; w_std > 0 and b_std >= 0 are")

    @property
    def shapes(self) -> list[tuple[int, int]]:
        """(fan_out, fan_in) of every layer, the output last."""
        sizes = [self.dimension, *[self.width] * self.depth, 1]
        return list(zip(sizes[1:], sizes[:-1], strict=True))

    @property
    def parameter_count(self) -> int:
        """P, weights and biases of all layers."""
        return sum(rows * (columns + 1) for rows, columns in self.shapes)

    def draw(self, lab: ArrayLab, networks: int, /) -> Array:
        """(networks, P) array of parameters at initialisation: independent standard normals."""
        return lab.normal(networks, self.parameter_count)

    @property
    def scales(self) -> list[float]:
        """w_std/sqrt(fan_in) of every layer."""
        return [self.w_std / math.sqrt(columns) for _, columns in self.shapes]

    def unpack(self, parameters: Array, /) -> list[tuple[Array, Array]]:
        """(W, b) of every layer, (B, fan_out, fan_in) and (B, 1, fan_out) views of the parameters."""
        xp, layers, place = namespace(parameters), [], 0
        for rows, columns in self.shapes:
            weights = parameters[:, place : place + rows * columns]
            biases = parameters[:, place + rows * columns : place + rows * (columns + 1)]
            layers.append((xp.reshape(weights, (-1, rows, columns)), biases[:, None, :]))
            place += rows * (columns + 1)
        return layers


@dataclass(frozen=True)
class Pass:
    """One evaluation: values h of every layer (the inputs first), preactivations and phi' of the hidden ones.

    `deltas[l]` is the (B, m, fan_out) derivative of the output with respect to the preactivation of layer l.
    """

    layers: list[tuple[Array, Array]]
    values: list[Array]
    preactivations: list[Array]
    slopes: list[Array]
    outputs: Array
    deltas: list[Array]
    gradients: Array


def evaluate(network: Network, parameters: Array, inputs: Array, /) -> Pass:
    """Outputs (B, m), their input gradients (B, m, d), and what they were computed from.

    Raises ValueError for parameters that are not (B, P) or inputs whose last axis is not the input dimension.
    """
    xp = namespace(parameters, inputs)
    if parameters.ndim != 2 or parameters.shape[1] != network.parameter_count:
        raise ValueError(
            f"parameters: their shape is {tuple(parameters.shape)}; (B, {network.parameter_count}) is allowed"
        )
    if inputs.ndim not in (2, 3) or inputs.shape[-1] != network.dimension:
        allowed = f"(m, {network.dimension}) or (B, m, {network.dimension})"
        raise ValueError(f"inputs: their shape is {tuple(inputs.shape)}; {allowed} is allowed")
    layers, scales = network.unpack(parameters), network.scales
    values, preactivations, slopes = [inputs if inputs.ndim == 3 else inputs[None, ...]], [], []
    for (weights, biases), scale in zip(layers, scales, strict=True):
        pre = scale * (values[-1] @ xp.matrix_transpose(weights)) + network.b_std * biases
        if len(values) == len(layers):
            break
        value, slope = _activate(network.activation, pre)
        values.append(value)
        slopes.append(slope)
        preactivations.append(pre)
    outputs = pre[..., 0]
    deltas, back = [xp.ones_like(pre)], scales[-1] * (xp.ones_like(pre) @ layers[-1][0])
    for layer in range(len(slopes) - 1, -1, -1):
        deltas.insert(0, slopes[layer] * back)
        back = scales[layer] * (deltas[0] @ layers[layer][0])
    return Pass(layers, values, preactivations, slopes, outputs, deltas, back)


def pull_back(network: Network, seen: Pass, weights: Array, /) -> Array:
    """(B, P) array: sum over points of weights (B, m) times the gradient of the output in the parameters."""
    xp, parts = namespace(weights), []
    for delta, value, scale in zip(seen.deltas, seen.values, network.scales, strict=True):
        weighted = weights[..., None] * delta
        product = xp.matrix_transpose(scale * weighted) @ value
        parts.append(xp.reshape(product, (product.shape[0], -1)))
        parts.append(network.b_std * xp.sum(weighted, axis=1))
    return xp.concat(parts, axis=1)


def push_forward(network: Network, seen: Pass, change: Array, /) -> tuple[Array, Array]:
    """Derivatives of outputs (B, m) and of input gradients (B, m, d) along a (B, P) change of the parameters."""
    xp, changes, scales = namespace(change), network.unpack(change), network.scales
    moves: list[Array] = []
    for layer, (d_weights, d_biases) in enumerate(changes):
        move = scales[layer] * (seen.values[layer] @ xp.matrix_transpose(d_weights)) + network.b_std * d_biases
        if layer:
            carried = seen.slopes[layer - 1] * moves[-1]
            move = move + scales[layer] * (carried @ xp.matrix_transpose(seen.layers[layer][0]))
        moves.append(move)
    turned = xp.zeros_like(seen.deltas[-1])
    for layer in range(len(changes) - 1, -1, -1):
        back = scales[layer] * (turned @ seen.layers[layer][0] + seen.deltas[layer] @ changes[layer][0])
        if layer:
            turned = seen.slopes[layer - 1] * back
            if network.activation == "erf":
                straight = scales[layer] * (seen.deltas[layer] @ seen.layers[layer][0])
                # phi'' = -2 z phi'; that of relu is 0 almost everywhere
                turned = (
                    turned - 2 * seen.preactivations[layer - 1] * seen.slopes[layer - 1] * moves[layer - 1] * straight
                )
    return moves[-1][..., 0], back


def tangent_kernel(network: Network, one: Pass, other: Pass, /) -> Array:
    """(B, m, k) array of the empirical neural tangent kernel between two sets of points of the same networks."""
    xp, kernel = namespace(one.outputs), 0.0
    for layer, scale in enumerate(network.scales):
        inner = scale**2 * (one.values[layer] @ xp.matrix_transpose(other.values[layer])) + network.b_std**2
        kernel = kernel + (one.deltas[layer] @ xp.matrix_transpose(other.deltas[layer])) * inner
    return kernel


def _activate(kind: str, pre: Array) -> tuple[Array, Array]:
    """phi and phi' entry by entry."""
    xp = namespace(pre)
    if kind == "relu":
        positive = xp.where(pre > 0, xp.ones_like(pre), xp.zeros_like(pre))
        return pre * positive, positive
    return erf(pre), (2 / math.sqrt(math.pi)) * xp.exp(-(pre * pre))
