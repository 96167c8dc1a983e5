r"""Piecewise linear teachers on Kuhn's triangulation: exact ReLU networks with a sharp error bound for r <= 2.

The hats Lambda(N x - v), Lambda(z) = relu(1 - max(0, z_1, ..., z_d) - max(0, -z_1, ..., -z_d)), over the grid v of
mesh h = 1/N are nonnegative, add up to 1 and reproduce x on [0, 1]^d: at x they are the barycentric weights of a
simplex, which sorting the fractional parts of N x finds. All vertices of the simplex lie on the circumsphere of its
cube, so sum_v lambda_v |v - x|_2^2 = d h^2/4 - |x - centre|_2^2, and for f of Hoelder class (r, L), r in (0, 2],

    sup |f - I_h f| <= (L/max(1, r)) (sqrt(d) h/2)^r,

sharp for r = 2 and f = L |x|^2/2. The values of the interpolant lie between the nodal values. Running maxima give a
network of d + 1 hidden layers with at most (12d - 6)(N + 1)^d + d(d + 1)/2 - 1 nonzeros (d >= 2), 3N + 8 for d = 1.

Derived here, in the spirit of Shi, Liu, Cao & Suykens (2024), of which only the abstract was at hand.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from itertools import pairwise, permutations, product

from sympy import Expr, Integral, Rational, S, Symbol, sqrt, symbols

from derivations.core import Certified, Derivation, Exact, Level, Sampled, Symbolic
from derivations.evidence import Instance
from derivations.lemmas.piecewise_linear import one_cell, one_cone
from derivations.overfitted_networks.exact_networks import Network, neuron
from derivations.overfitted_networks.kuhn_networks import build_teacher, hat, interpolate, list_grid, sample_nodes
from derivations.overfitted_networks.symbols import SHI_LIU_CAO_SUYKENS
from derivations.relations import Claim, at_most, below, equal, statement

theorem = Derivation(
    __name__, title="Teachers that are exactly piecewise linear on Kuhn's triangulation", source=SHI_LIU_CAO_SUYKENS
)

h, L = symbols("h L", positive=True)
r = Symbol("r", positive=True)
u = symbols("u1:4", positive=True)
"""Fractional parts of N x in a cube, largest first."""


def barycentric_weights(parts: tuple[Expr, ...], /) -> tuple[Expr, ...]:
    """The weights of the vertices 0, e_1, e_1 + e_2, ... of the simplex u_1 >= u_2 >= ..., for a point u in it."""
    padded = (S.One, *parts, S.Zero)
    return tuple(left - right for left, right in pairwise(padded))


def squared_distance(parts: tuple[Expr, ...], vertex: int, /) -> Expr:
    """|v - x|_2^2 / h^2 for the vertex e_1 + ... + e_vertex."""
    return sum(((int(j < vertex) - part) ** 2 for j, part in enumerate(parts)), S.Zero)


def _points(d: int) -> list[tuple[Fraction, ...]]:
    """Vertices, centres and an inner point of all d! simplices of every cube of the grid with 2 cells an axis."""
    weights = [Fraction(2 * k + 1, (d + 1) ** 2) for k in range(d + 1)]
    found: set[tuple[Fraction, ...]] = set()
    for corner, order in product(product(range(2), repeat=d), permutations(range(d))):
        path = [tuple(corner[j] + int(order.index(j) < k) for j in range(d)) for k in range(d + 1)]
        for mixture in (weights, [Fraction(1, d + 1)] * (d + 1)):
            found.add(
                tuple(sum((w * v[j] for w, v in zip(mixture, path, strict=True)), Fraction(0)) / 2 for j in range(d))
            )
        found |= {tuple(Fraction(c, 2) for c in vertex) for vertex in path}
    return sorted(found)


def _reproduction() -> Iterator[Instance]:
    for d, cells in ((1, 2), (2, 2), (3, 1)):
        points = [tuple(2 * c / cells for c in x) for x in _points(d) if max(x) <= Fraction(cells, 2)]
        ones = dict.fromkeys(list_grid(d, cells), Fraction(1))
        yield f"sum of hats, d = {d}", tuple(interpolate(ones, cells, x) for x in points), (1,) * len(points)
        for j in range(d):
            line = sample_nodes(lambda *v, j=j: v[j], d, cells)
            yield (
                f"coordinate {j}, d = {d}",
                tuple(interpolate(line, cells, x) for x in points),
                tuple(x[j] for x in points),
            )


@theorem.step(Exact(_reproduction), uses=[one_cell, one_cone])
def affine_reproduction() -> Claim:
    """Hats are affine on every simplex, so its vertices decide; centres and inner points are tried as well."""
    return statement("sum_v lambda_v = 1 and sum_v lambda_v v = x on [0, 1]^d, d = 1, 2, 3")


def _weights() -> Iterator[Instance]:
    for parts in ((Fraction(3, 4), Fraction(1, 2), Fraction(1, 5)), (Fraction(2, 3), Fraction(1, 7), Fraction(1, 7))):
        for d in (1, 2, 3):
            x = parts[:d]
            path = [tuple(Fraction(int(j < k)) for j in range(d)) for k in range(d + 1)]
            hats = tuple(hat(tuple(a - b for a, b in zip(x, v, strict=True))) for v in path)
            yield f"{x}", hats, tuple(barycentric_weights(x))


@theorem.step(Exact(_weights), uses=[affine_reproduction])
def sorting() -> Claim:
    """Between consecutive sorted parts lies the weight of the vertex that has already turned the larger coordinates."""
    return statement("the hats at x are the differences of the sorted fractional parts of N x")


@theorem.step(Symbolic(), uses=[sorting])
def circumradius() -> Claim:
    """sum_v lambda_v |v|^2 = sum_j u_j in the cube's corner, so the left side is h^2 sum_j u_j (1 - u_j)."""
    weights = barycentric_weights(u)
    spread = sum((w * squared_distance(u, k) for k, w in enumerate(weights)), S.Zero)
    from_centre = sum(((h * part - h / 2) ** 2 for part in u), S.Zero)
    return equal(h**2 * spread, len(u) * h**2 / 4 - from_centre)


MODERATE = {r: (1, 2), L: (Rational(1, 2), 2), Symbol("D", positive=True): (Rational(1, 2), 2)}


@theorem.step(Symbolic(domain=MODERATE, digits=12), uses=[circumradius])
def taylor_remainder() -> Claim:
    """For r > 1 the gradient moves by at most L (s D)^(r-1) at distance s D: the remainder is L D^r/r."""
    s, distance = symbols("s D", positive=True)
    return equal(Integral(L * (s * distance) ** (r - 1) * distance, (s, 0, 1)), L * distance**r / r)


@theorem.step(Sampled(domain={r: (Rational(1, 20), 2)}, points=120), uses=[circumradius, taylor_remainder])
def interpolation_error() -> Claim:
    """Jensen: the mean of D^r is at most (mean of D^2)^(r/2) <= (sqrt(d) h/2)^r for r <= 2; affine parts are exact."""
    weights = barycentric_weights(u[:2])
    mean = sum((w * squared_distance(u[:2], k) ** (r / 2) for k, w in enumerate(weights)), S.Zero)
    return at_most(h**r * mean, (sqrt(2) * h / 2) ** r, given=[below(u[0], 1), below(u[1], u[0])])


WITHIN = Rational(101, 100)


@theorem.step(
    Certified({u[0]: (Rational(3, 5), Rational(99, 100)), u[1]: (Rational(1, 100), Rational(99, 100)), r: (1, 2)}),
    Certified(
        {**dict.fromkeys(u[:2], (Rational(1, 100), Rational(99, 100))), r: (Rational(1, 20), 2)}, level=Level.standard
    ),
    uses=[interpolation_error],
)
def interpolation_error_within_a_percent() -> Claim:
    """At every point of the simplex and every smoothness at once; the two sides touch at the cube's centre."""
    weights = barycentric_weights(u[:2])
    mean = sum((w * squared_distance(u[:2], k) ** (r / 2) for k, w in enumerate(weights)), S.Zero)
    return at_most(mean, WITHIN * (sqrt(2) / 2) ** r, given=[at_most(u[1], u[0])])


def error_at_centre(d: int, cells: int, /) -> Fraction:
    """I_h f - f for f = 5 |x|_2^2/2 at the centre of the first cube."""
    values = sample_nodes(lambda *v: Fraction(5, 2) * sum(c**2 for c in v), d, cells)
    half = Fraction(1, 2 * cells)
    return interpolate(values, cells, (half,) * d) - Fraction(5, 2) * d * half**2


def _sharpness() -> Iterator[Instance]:
    for d, cells in ((1, 1), (1, 3), (2, 2), (3, 1)):
        bound = Fraction(5, 2) * d * Fraction(1, 2 * cells) ** 2
        yield f"f = 5 |x|^2/2, d = {d}, N = {cells}", error_at_centre(d, cells), bound


@theorem.step(Exact(_sharpness), uses=[interpolation_error])
def sharp_at_two() -> Claim:
    """At a cube's centre the distance to every vertex is the circumradius."""
    return statement("for f = L |x|_2^2/2 the error at a cube's centre is the bound (L/2)(sqrt(d) h/2)^2")


def _networks() -> Iterator[Instance]:
    for d, cells in ((1, 2), (1, 5), (2, 2), (2, 3), (3, 1), (3, 2)):
        values = sample_nodes(lambda *v: 2 + sum((k + 1) * c**2 for k, c in enumerate(v)), d, cells)
        network = Network(d)
        network.output = neuron(build_teacher(network, values, cells))
        bound = 3 * cells + 8 if d == 1 else (12 * d - 6) * (cells + 1) ** d + d * (d + 1) // 2 - 1
        # the first coordinate of a node may be 0: two biases are spared for each of these nodes
        spared = 0 if d == 1 else 2 * (cells + 1) ** (d - 1)
        yield f"nonzeros, d = {d}, N = {cells}", network.nonzeros, bound - spared
        yield f"hidden layers, d = {d}", len(network.layers), d + 1 if d > 1 else 1
        points = _points(d)[:: d * d]
        yield (
            f"values, d = {d}, N = {cells}",
            tuple(network(*x) for x in points),
            tuple(interpolate(values, cells, x) for x in points),
        )
    for x in (Fraction(-1, 2), Fraction(3, 2), Fraction(5)):
        yield f"d = 1 at {x}", network_on_the_line(x), 0


def network_on_the_line(x: Fraction, /) -> Fraction:
    """A teacher of 2 cells for d = 1 with positive nodal values."""
    network = Network(1)
    network.output = neuron(build_teacher(network, sample_nodes(lambda v: 1 + v, 1, 2), 2))
    return network(x)


@theorem.step(Exact(_networks), uses=[affine_reproduction])
def nonzeros() -> Claim:
    """A hat: 4 in the first layer, 8 in the second, 12 in each further one, 5 + 1; d - 1 coordinates are carried along.

    Nodes on the face x_1 = 0 have two biases less. For d = 1 hats at -h and 1 + h make the output vanish beyond.
    """
    return statement("P_g = (12d - 6)(N + 1)^d + d(d + 1)/2 - 1 less 2 (N + 1)^(d - 1) zero biases; 3N + 8 for d = 1")
