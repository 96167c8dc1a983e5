"""Kernels of infinitely wide, fully connected networks: NNGP and NTK Gram matrices and their input gradients.

The network is z = w_std/sqrt(fan_in) W h + b_std b in every layer, all entries of W and b independent standard normal
(the neural-tangents parametrisation), `depth` hidden layers with one activation, ReLU or erf, and one linear output.
Inputs are the rows of (n, d) arrays; with p = |x|^2/d, r = |x'|^2/d and q = x . x'/d all kernels are functions of (q,
p, r). Recursions: Jacot et al. 2018 (theorem 1), Cho & Saul 2009 and Williams 1998 for the two activations; their
partial derivatives are derived in `derivations.lemmas.dual_activations` and `derivations.robust_overfitting.kernels`.
Convolutional kernels are out of scope.

Everything runs on NumPy or CuPy by the arrays it is given, in float32 or float64, tile by tile: beside the results
themselves only a few tiles are in memory. The Gram matrix of one set of inputs (x2 left out) is exactly symmetric.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from numerics.kernel_layers import ACTIVATIONS, Curvature, Pairs, advance, curvature, variance_slope
from numerics.kernel_tiles import Inputs, Tile, products, read_inputs, tiles
from numerics.lab import Array, namespace


@dataclass(frozen=True)
class Architecture:
    """A fully connected network: hidden layers, activation, standard deviations of weights and biases.

    Raises ValueError for fewer than one hidden layer, another activation, a weight scale that is not positive or a
    negative bias scale.
    """

    depth: int
    activation: str = "relu"
    w_std: float = math.sqrt(2)
    b_std: float = 0.0

    def __post_init__(self) -> None:
        if isinstance(self.depth, bool) or not isinstance(self.depth, int | np.integer) or self.depth < 1:
            raise ValueError(f"depth: {self.depth!r} is not allowed; it is the number of hidden layers, at least 1")
        if self.activation not in ACTIVATIONS:
            raise ValueError(f"activation: {self.activation!r} is unknown; allowed are {', '.join(ACTIVATIONS)}")
        if not 0 < self.w_std < math.inf:
            raise ValueError(f"w_std: {self.w_std!r} is not allowed; it must be a finite number above 0")
        if not 0 <= self.b_std < math.inf:
            raise ValueError(f"b_std: {self.b_std!r} is not allowed; it must be a finite number, at least 0")

    @property
    def w2(self) -> float:
        """w_std^2"""
        return self.w_std**2

    @property
    def b2(self) -> float:
        """b_std^2"""
        return self.b_std**2


def nngp_and_ntk(
    x1: Array,
    x2: Array | None = None,
    /,
    *,
    depth: int,
    activation: str = "relu",
    w_std: float,
    b_std: float,
    block: int | None = None,
) -> tuple[Array, Array]:
    """(K, Theta), (n1, n2) arrays: covariance of the outputs at initialisation, and neural tangent kernel.

    `block`: entries of a tile. The diagonal of one set of inputs has an error of a few roundings. Raises ValueError for
    other options than `Architecture` allows, for shapes other than (n, d), other dtypes than float32 and float64, or
    NaN, and where a kernel is too large for the dtype.
    """
    return _gram(x1, x2, Architecture(depth, activation, w_std, b_std), block)


def ntk(
    x1: Array,
    x2: Array | None = None,
    /,
    *,
    depth: int,
    activation: str = "relu",
    w_std: float,
    b_std: float,
    block: int | None = None,
) -> Array:
    """(n1, n2) array of the neural tangent kernel Theta; options and errors of `nngp_and_ntk`."""
    return _gram(x1, x2, Architecture(depth, activation, w_std, b_std), block, nngp=False)[1]


def nngp(
    x1: Array,
    x2: Array | None = None,
    /,
    *,
    depth: int,
    activation: str = "relu",
    w_std: float,
    b_std: float,
    block: int | None = None,
) -> Array:
    """(n1, n2) array of the covariance K of the outputs at initialisation; options and errors of `nngp_and_ntk`."""
    return _gram(x1, x2, Architecture(depth, activation, w_std, b_std), block, tangent=False)[0]


def _gram(
    x1: Array, x2: Array | None, network: Architecture, block: int | None, *, nngp: bool = True, tangent: bool = True
) -> tuple[Array, Array]:
    inputs = read_inputs(x1, x2)
    with _unwarned():
        inner = products(inputs)
        # the inner products are read one tile before the kernel is written over them
        covariances = inner if nngp else None
        kernel = (namespace(inner).empty_like(inner) if nngp else inner) if tangent else None
        for tile in tiles(inputs, inner, network.w2, network.b2, block):
            theta = +tile.pairs.c if tangent else None
            for _ in range(network.depth):
                slope = advance(network.activation, tile.pairs, network.w2, network.b2)
                if theta is not None:
                    theta *= slope
                    theta += tile.pairs.c
            for target, values in ((covariances, tile.pairs.c), (kernel, theta)):
                if target is not None:
                    _write(target, tile, values, inputs)
        _check_finite(network, *(target for target in (covariances, kernel) if target is not None))
    return covariances, kernel


def _unwarned() -> np.errstate:
    """What overflows is reported once, by `_check_finite`."""
    return np.errstate(over="ignore", invalid="ignore")


def _check_finite(network: Architecture, *results: Array) -> None:
    for values in results:
        xp = namespace(values)
        if not bool(xp.isfinite(xp.sum(values))):
            raise ValueError(
                f"depth: {network.depth} hidden layers with w_std {network.w_std:g} take the kernel of these inputs "
                f"out of the range of {values.dtype}; fewer layers or a smaller w_std are allowed, or float64"
            )


def _write(target: Array, tile: Tile, values: Array, inputs: Inputs) -> None:
    target[tile.rows, tile.columns] = values
    if inputs.symmetric and tile.rows.start != tile.columns.start:
        target[tile.columns, tile.rows] = values.T


def ntk_with_partials(
    x1: Array,
    x2: Array,
    /,
    *,
    depth: int,
    activation: str = "relu",
    w_std: float,
    b_std: float,
    block: int | None = None,
) -> tuple[Array, Array, Array]:
    """(Theta, Theta_q, Theta_p), (n1, n2) arrays: the NTK and its derivatives in q = x . x'/d and p = |x|^2/d.

    The gradient in x is Theta_q x'/d + 2 Theta_p x/d. The ReLU kernel has a kink at x = x'; there the mean of the
    one-sided derivatives is given. Options and errors as in `nngp_and_ntk`.
    """
    network = Architecture(depth, activation, w_std, b_std)
    inputs = read_inputs(x1, x2)
    with _unwarned():
        theta = products(inputs)
        xp = namespace(theta)
        theta_q, theta_p = xp.empty_like(theta), xp.empty_like(theta)
        for tile in tiles(inputs, theta, network.w2, network.b2, block):
            place = (tile.rows, tile.columns)
            theta[place], theta_q[place], theta_p[place] = _tile_partials(tile.pairs, network)
        _check_finite(network, theta, theta_q, theta_p)
    return theta, theta_q, theta_p


def _tile_partials(pairs: Pairs, network: Architecture) -> tuple[Array, Array, Array]:
    xp, w2 = namespace(pairs.c), network.w2
    theta = +pairs.c
    nngp_q, nngp_p = w2 * xp.ones_like(theta), xp.zeros_like(theta)
    theta_q, theta_p = +nngp_q, +nngp_p
    a_p = w2 * xp.ones_like(pairs.a)
    for _ in range(network.depth):
        bent, a_slope = curvature(network.activation, pairs), variance_slope(network.activation, pairs.a, w2)
        theta *= w2
        in_q, in_p = bent.cc * nngp_q * theta, (bent.cc * nngp_p + bent.ac * a_p) * theta
        slope = advance(network.activation, pairs, w2, network.b2)
        nngp_q *= slope
        nngp_p *= slope
        nngp_p += bent.a * (w2 * a_p)
        theta_q = slope * theta_q + in_q + nngp_q
        theta_p = slope * theta_p + in_p + nngp_p
        theta *= slope / w2
        theta += pairs.c
        a_p = a_slope * a_p
    return theta, theta_q, theta_p


def contracted_gradient(contract: Array, theta_q: Array, theta_p: Array, x1: Array, x2: Array, /) -> Array:
    """(n1, d) array whose row i is sum over j of contract_ij grad_x Theta(x, x'_j) at x = x1_i.

    `contract`, `theta_q`, `theta_p` are (n1, n2), the latter from `ntk_with_partials`; nothing larger is formed.
    """
    rows = namespace(contract).sum(contract * theta_p, axis=1)[:, None]
    return ((contract * theta_q) @ x2 + 2 * rows * x1) / x1.shape[1]


def mean_ark(
    x1: Array,
    x2: Array | None = None,
    /,
    *,
    depth: int,
    activation: str = "relu",
    w_std: float,
    b_std: float,
    block: int | None = None,
) -> Array:
    """(n1, n2) array of the mean adversarial regularisation kernel E[grad f(x) . grad f(x')] of one output.

    It is the trace of d_x d_x' K, exact at every input dimension; at equal inputs and for ReLU that is
    w_std^2 (w_std^2/2)^depth. The kernel of one network fluctuates about it by sqrt(2/d) (derived in
    `derivations.robust_overfitting.kernels`). Options and errors as in `nngp_and_ntk`.
    """
    network = Architecture(depth, activation, w_std, b_std)
    inputs = read_inputs(x1, x2)
    with _unwarned():
        result = products(inputs)
        for tile in tiles(inputs, result, network.w2, network.b2, block):
            moments = (inputs.p[tile.rows][:, None], inputs.r[tile.columns][None, :])
            values = _tile_ark(tile.pairs, *moments, x1.shape[1], network)
            if inputs.symmetric and tile.rows == tile.columns:
                values = (values + values.T) / 2
            _write(result, tile, values, inputs)
        _check_finite(network, result)
    return result


def _tile_ark(pairs: Pairs, p: Array, r: Array, dimension: int, network: Architecture) -> Array:
    xp, w2 = namespace(pairs.c), network.w2
    q = (pairs.c - network.b2) / w2
    trace = w2 * xp.ones_like(pairs.c)
    in_q, in_p, in_r = +trace, xp.zeros_like(trace), xp.zeros_like(trace)
    a_p, b_r = w2 * xp.ones_like(p), w2 * xp.ones_like(r)
    for _ in range(network.depth):
        bent = curvature(network.activation, pairs)
        slopes = [variance_slope(network.activation, a, w2) for a in (pairs.a, pairs.b)]
        product = _gradient_product(bent, (in_q, in_p, in_r), (a_p, b_r), (q, p, r))
        slope = advance(network.activation, pairs, w2, network.b2)
        trace = slope * trace + (w2 / dimension) * product
        in_q, in_p, in_r = slope * in_q, slope * in_p + w2 * bent.a * a_p, slope * in_r + w2 * bent.b * b_r
        a_p, b_r = slopes[0] * a_p, slopes[1] * b_r
    return trace


def _gradient_product(
    bent: Curvature,
    covariance: tuple[Array, Array, Array],
    variances: tuple[Array, Array],
    moments: tuple[Array, Array, Array],
) -> Array:
    """d times T_cc <K_x, K_x'> + T_ac <a_x, K_x'> + T_bc <K_x, b_x'> + T_ab <a_x, b_x'>, the gradients' inner products.

    K_x = (K_q x' + 2 K_p x)/d, K_x' = (K_q x + 2 K_r x')/d, a_x = 2 a_p x/d and b_x' = 2 b_r x'/d.
    """
    (in_q, in_p, in_r), (a_p, b_r), (q, p, r) = covariance, variances, moments
    along_x = in_q * p + 2 * in_r * q
    along_other = in_q * r + 2 * in_p * q
    return (
        bent.cc * (in_q * (in_q * q + 2 * in_r * r) + 2 * in_p * along_x)
        + 2 * bent.ac * a_p * along_x
        + 2 * bent.bc * b_r * along_other
        + 4 * bent.ab * a_p * b_r * q
    )
