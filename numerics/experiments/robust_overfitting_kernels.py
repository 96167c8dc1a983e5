"""Finite-width experiments on the kernels of fully connected networks: their means, and the drift of the ARK.

Layers z = W_std/sqrt(fan_in) W h + b_std bias, standard normal W and bias. Given the hidden layers, the output weights
are averaged out exactly: what is returned has the same mean as sampled networks and far less scatter.
"""

from __future__ import annotations

import math
from functools import cache
from types import SimpleNamespace

from derivations.lab import Array, Lab
from derivations.model import Model
from derivations.robust_overfitting import network_kernels
from numerics.lab import namespace, to_numpy
from numerics.solver import Solver

NETWORKS = 32
"""Networks in one draw."""
POINTS = 6
WIDTH = 1024
"""Training points, and the width of the initial function, of a draw of `ark_drift`."""


def sampled_networks(lab: Lab, at: SimpleNamespace, size: int) -> dict[str, float]:
    """nngp, ntk, ark_mean and ark_variance of NETWORKS networks of width `size`, between two inputs of the given Gram.

    With the controls variance_1 and variance_2.
    `at` holds the parameters of the derivation `robust_overfitting.kernels`. Raises ValueError for inputs that do not
    fit into at.dimension.
    """
    xp, weight, hidden = lab.xp, at.W_std**2 / size, round(at.depth)
    pre, tangent, overlap = _first_layer(lab, at, size)
    controls = _controls(lab, at, pre)
    full, own = None, overlap * xp.ones_like(pre[0, ...])
    for layer in range(2, hidden + 1):
        value, slope = _activate(lab, at.activation, pre)
        weights = lab.normal(NETWORKS, size, size)
        pre = math.sqrt(weight) * (weights @ value[..., None])[..., 0] + at.b_std * lab.normal(NETWORKS, size)
        back = math.sqrt(weight) * weights * slope[..., None, :]
        tangent = back @ tangent
        kernel = at.b_std**2 + weight * xp.sum(value[0, ...] * value[1, ...], axis=-1)
        carried = overlap * back[0, ...] if full is None else back[0, ...] @ full
        own = kernel[:, None] + xp.sum(carried * back[1, ...], axis=-1)
        if layer < hidden:
            identity = lab.asarray(lab.xp.eye(size))
            full = kernel[:, None, None] * identity + carried @ xp.matrix_transpose(back[1, ...])
    value, slope = _activate(lab, at.activation, pre)
    kernel = at.b_std**2 + weight * xp.sum(value[0, ...] * value[1, ...], axis=-1)
    return {
        "nngp": lab.mean(kernel),
        "ntk": lab.mean(kernel + weight * xp.sum(slope[0, ...] * slope[1, ...] * own, axis=-1)),
        **_gradient_moments(lab, math.sqrt(weight) * slope[..., None] * tangent),
        **controls,
    }


def _controls(lab: Lab, at: SimpleNamespace, pre: Array) -> dict[str, float]:
    """The first layer's second moments at the two inputs over their means: controls of mean 1."""
    norms = at.input_norm2, at.other_norm2
    means = [at.b_std**2 + at.W_std**2 * norm for norm in norms]
    return {f"variance_{k + 1}": lab.mean(pre[k, ...] ** 2) / mean for k, mean in enumerate(means)}


def _first_layer(lab: Lab, at: SimpleNamespace, size: int) -> tuple[Array, Array, float]:
    """Preactivations (2, networks, size), their input gradients (..., d), and the first layer's kernel."""
    d = round(at.dimension)
    if d < 2 and abs(at.cosine) < 1:
        raise ValueError(f"dimension: two inputs of cosine {at.cosine:g} need at least 2 dimensions, got {d}")
    lengths = math.sqrt(at.input_norm2 * d), math.sqrt(at.other_norm2 * d)
    turned = [at.cosine, math.sqrt(max(0.0, 1 - at.cosine**2)), *[0.0] * (d - 2)][:d]
    inputs = lab.asarray([[lengths[0], *[0.0] * (d - 1)], [lengths[1] * entry for entry in turned]])
    gradients = at.W_std / math.sqrt(d) * lab.normal(NETWORKS, size, d)
    biases = at.b_std * lab.normal(NETWORKS, size)
    pre = lab.xp.stack([gradients @ inputs[k, :] + biases for k in range(2)])
    overlap = at.cosine * math.sqrt(at.input_norm2 * at.other_norm2)
    return pre, lab.xp.stack([gradients, gradients]), at.b_std**2 + at.W_std**2 * overlap


def _activate(lab: Lab, kind: str, pre: Array) -> tuple[Array, Array]:
    """The activation and its slope, entry by entry."""
    xp = lab.xp
    if kind == "relu":
        positive = xp.where(pre > 0, xp.ones_like(pre), xp.zeros_like(pre))
        return pre * positive, positive
    return lab.erf(pre), 2 / math.sqrt(math.pi) * xp.exp(-(pre**2))


def _gradient_moments(lab: Lab, rows: Array) -> dict[str, float]:
    """Mean and variance of J(x).J(x'), J = sum_j v_j row_j, over the output weights v and over networks."""
    xp = lab.xp
    one, other = rows[0, ...], rows[1, ...]
    cross = xp.matrix_transpose(one) @ other
    own = (xp.matrix_transpose(one) @ one) * (xp.matrix_transpose(other) @ other)
    mean = xp.sum(one * other, axis=(-2, -1))
    given = xp.sum(own + cross * xp.matrix_transpose(cross), axis=(-2, -1))
    between = xp.sum((mean - xp.mean(mean)) ** 2) / (mean.shape[0] - 1)
    return {"ark_mean": lab.mean(mean), "ark_variance": lab.mean(given) + float(between)}


def ark_drift(lab: Lab, at: SimpleNamespace, size: int) -> dict[str, float]:
    """The relative change of |J|^2 on training points after plain gradient flow for at.time, in d = `size` dimensions.

    POINTS points uniform on |x|^2 = d with labels +-1, erf, one hidden layer, the initial function and its gradients
    from a network of width WIDTH, the flow by the infinite-width NTK. `drift` is the root mean square over points.
    """
    xp = lab.xp
    inputs = math.sqrt(size) * lab.sphere(POINTS, size)
    labels = xp.where(lab.uniform(POINTS) < 0.5, -1.0, 1.0)
    gradients = at.W_std / math.sqrt(size) * lab.normal(WIDTH, size)
    value, slope = _activate(lab, "erf", inputs @ gradients.T + at.b_std * lab.normal(WIDTH))
    output = at.W_std / math.sqrt(WIDTH) * lab.normal(WIDTH)
    residual = value @ output + at.b_std * lab.normal(1) - labels
    start = (slope * output) @ gradients
    theta, slope_q, slope_p = _tangent_kernels(lab, at, inputs @ inputs.T / size)
    rates, basis = xp.linalg.eigh(theta)
    spent = basis @ ((1 - xp.exp(-at.time * rates)) / rates * (basis.T @ residual))
    moved = (slope_q * spent) @ inputs + 2 * (slope_p @ spent)[:, None] * inputs
    ended = start - moved / size
    change = xp.sum(ended**2, axis=1) / xp.sum(start**2, axis=1) - 1
    return {"drift": math.sqrt(lab.mean(change**2))}


@cache
def _derived_kernels() -> Solver:
    """Theta, Theta_q and Theta_p of one hidden erf layer, generated from the derivation."""
    n = network_kernels
    layer = n.next_layer("erf", n.first_layer(n.p, n.q, n.r))
    inputs = ((n.p, n.input_norm2), (n.r, n.other_norm2), (n.q, n.cosine))
    parameters = (n.W_std, n.b_std, n.input_norm2, n.other_norm2, n.cosine)
    observables = {name: layer[name] for name in ("Theta", "Theta_q", "Theta_p")}
    return Solver(Model(parameters, (), inputs, (), observables, {}), title="erf NTK")


def _tangent_kernels(lab: Lab, at: SimpleNamespace, gram: Array) -> tuple[Array, Array, Array]:
    """(M, M) arrays on points with |x|^2 = d; `gram` is x.x'/d, at most 1 up to rounding."""
    xp = namespace(gram)
    cosines = to_numpy(xp.clip(gram, -1.0, 1.0))
    found = _derived_kernels()(W_std=at.W_std, b_std=at.b_std, input_norm2=1, other_norm2=1, cosine=cosines)
    theta, slope_q, slope_p = (lab.asarray(found.observables[name]) for name in ("Theta", "Theta_q", "Theta_p"))
    return theta, slope_q, slope_p
