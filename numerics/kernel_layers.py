r"""One hidden layer of an infinitely wide network, on a tile of pairs of inputs, for ReLU and erf activations.

The preactivations at two inputs are a centred Gaussian pair with variances a, b and covariance c. A layer takes them to
b_std^2 + w_std^2 T, T = E phi(u) phi(v), and the tangent kernel to K' + w_std^2 T_c Theta. The formulas of T and its
partial derivatives are those of `derivations.lemmas.dual_activations`; here they are fused by hand, in place and with
what they share, for a tile that stays in the processor's cache. The tests tie each of them to the symbolic one.

What would cancel is carried instead of recomputed: for ReLU the squared distance e = a + b - 2c, from which

    ab - c^2 = (e - (sqrt a - sqrt b)^2) ((sqrt a + sqrt b)^2 - e) / 4,     e' = w_std^2 (e/2 - (s - c angle)/pi),

with s = sqrt(ab - c^2) and angle = atan2(s, c), so that the angle has an absolute error of a rounding at every pair and
is exactly 0 at equal inputs.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from numerics.lab import Array, namespace

ACTIVATIONS = ("relu", "erf")


@dataclass(slots=True)
class Pairs:
    """Second moments of the preactivations at n1 x n2 pairs of inputs.

    a (n1, 1) and b (1, n2) variances, c (n1, n2) covariances, distance = a + b - 2c and determinant = ab - c^2, both
    (n1, n2), known without cancellation.
    """

    a: Array
    b: Array
    c: Array
    distance: Array
    determinant: Array


@dataclass(frozen=True, slots=True)
class Curvature:
    """Partial derivatives of T at every pair, (n1, n2) each: in the covariance and in the two variances."""

    a: Array
    b: Array
    cc: Array
    ac: Array
    bc: Array
    ab: Array


def variance(activation: str, a: Array, w2: float, b2: float, /) -> Array:
    """b_std^2 + w_std^2 E phi(u)^2 for u of variance a, entry by entry; w2 = w_std^2 and b2 = b_std^2."""
    if activation == "relu":
        return b2 + w2 / 2 * a
    xp = namespace(a)
    return b2 + (2 * w2 / math.pi) * xp.atan2(2 * a, xp.sqrt(1 + 4 * a))


def variance_slope(activation: str, a: Array, w2: float, /) -> Array:
    """The derivative of `variance` in a."""
    if activation == "relu":
        return w2 / 2 + 0 * a
    return (4 * w2 / math.pi) / ((1 + 2 * a) * namespace(a).sqrt(1 + 4 * a))


def advance(activation: str, pairs: Pairs, w2: float, b2: float, /) -> Array:
    """Move `pairs` through one layer, in place, and return w_std^2 T_c at the pairs as they were, (n1, n2)."""
    return _advance_relu(pairs, w2, b2) if activation == "relu" else _advance_erf(pairs, w2, b2)


def _advance_relu(pairs: Pairs, w2: float, b2: float) -> Array:
    xp = namespace(pairs.c)
    root = xp.sqrt(pairs.determinant)
    angle = xp.atan2(root, pairs.c)
    pairs.c *= angle
    root -= pairs.c
    root *= w2 / math.pi
    pairs.distance *= w2 / 2
    pairs.distance -= root
    pairs.a, pairs.b = variance("relu", pairs.a, w2, b2), variance("relu", pairs.b, w2, b2)
    pairs.c = covariance(pairs.a, pairs.b, pairs.distance)
    pairs.determinant = determinant(pairs.a, pairs.b, pairs.distance)
    angle *= -w2 / (2 * math.pi)
    angle += w2 / 2
    return angle


def _advance_erf(pairs: Pairs, w2: float, b2: float) -> Array:
    xp = namespace(pairs.c)
    root = xp.sqrt(_erf_determinant(pairs))
    pairs.c *= 2
    pairs.c = xp.atan2(pairs.c, root)
    pairs.c *= 2 * w2 / math.pi
    pairs.c += b2
    pairs.a, pairs.b = variance("erf", pairs.a, w2, b2), variance("erf", pairs.b, w2, b2)
    pairs.determinant = pairs.a * pairs.b
    pairs.determinant -= pairs.c * pairs.c
    pairs.determinant = xp.maximum(pairs.determinant, xp.zeros_like(pairs.determinant))
    return (4 * w2 / math.pi) / root


def _erf_determinant(pairs: Pairs) -> Array:
    """(1 + 2a)(1 + 2b) - 4c^2, in which nothing cancels."""
    total = 4 * pairs.determinant
    total += 1 + 2 * (pairs.a + pairs.b)
    return total


def covariance(a: Array, b: Array, distance: Array, /) -> Array:
    """c from the squared distance a + b - 2c; exactly a where that is 0 and a = b."""
    c = a + b
    c -= distance
    c *= 0.5
    return c


def determinant(a: Array, b: Array, distance: Array, /, *, reflected: Array | None = None) -> Array:
    """ab - c^2 from the squared distance (and a + b + 2c, where that is known better than the distance tells it).

    Heron's formula for the triangle with the sides sqrt a, sqrt b and sqrt distance; at least 0.
    """
    xp = namespace(distance)
    first, second = xp.sqrt(a), xp.sqrt(b)
    gap = first - second
    gap *= gap
    if reflected is None:
        far = first + second
        far *= far
        far -= distance
    else:
        far = reflected - gap
    near = distance - gap
    near *= far
    near *= 0.25
    return xp.maximum(near, xp.zeros_like(near))


def curvature(activation: str, pairs: Pairs, /) -> Curvature:
    """The partial derivatives of T that input gradients need; call it before `advance`.

    ReLU at proportional inputs, where s = 0: T_cc and the like are infinite and every sum in which they enter has
    one-sided derivatives only; 1/s is taken as 0, which gives the mean of those from opposite sides.
    """
    return _curvature_relu(pairs) if activation == "relu" else _curvature_erf(pairs)


def _curvature_relu(pairs: Pairs) -> Curvature:
    xp = namespace(pairs.c)
    root = xp.sqrt(pairs.determinant)
    one = xp.ones_like(root)
    inverse = xp.where(root > 0, one / xp.where(root > 0, root, one), xp.zeros_like(root))
    inverse *= 1 / (8 * math.pi)
    root *= 1 / (4 * math.pi)
    left, right = _reciprocal(pairs.a), _reciprocal(pairs.b)
    mixed = -2 * pairs.c * inverse
    return Curvature(root * left, root * right, 4 * inverse, mixed * left, mixed * right, inverse)


def _reciprocal(values: Array) -> Array:
    """1/values, and 0 where a value is 0: the preactivation of a zero input without bias is 0."""
    xp = namespace(values)
    one = xp.ones_like(values)
    return xp.where(values > 0, one / xp.where(values > 0, values, one), xp.zeros_like(values))


def _curvature_erf(pairs: Pairs) -> Curvature:
    full = _erf_determinant(pairs)
    root = namespace(full).sqrt(full)
    left, right = 1 + 2 * pairs.a, 1 + 2 * pairs.b
    slope = -(4 / math.pi) * pairs.c / root
    cube = (4 / math.pi) / (full * root)
    product = pairs.c * cube
    return Curvature(slope / left, slope / right, 4 * product, -right * cube, -left * cube, product)
