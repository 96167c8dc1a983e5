r"""A ReLU bump on l_2 balls: exact on the ball, although the squares inside it are approximate.

S(z) = sum_j f_m(|z_j|) lies between |z|_2^2 and |z|_2^2 + eps, eps = d 2^(-2m-2), where |z_j| <= 1, and f_m >= 1
beyond. So relu(1 - relu(S(x - c) - delta^2 - eps)/tau) is 1 on the closed l_2 ball of radius delta, and 0 where
|x - c|_2^2 >= delta^2 + eps + tau. It vanishes on the other balls while delta <= (q_2 - (eps + tau)/q_2)/2. A bump on
the l_inf ball covers the l_2 ball too, at the price of the l_inf separation.

Derived here, in the spirit of Shi, Liu, Cao & Suykens (2024), of which only the abstract was at hand.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from itertools import product

from sympy import symbols

from derivations.core import Derivation, Exact, Symbolic
from derivations.evidence import Instance
from derivations.lemmas.piecewise_linear import relu
from derivations.overfitted_networks.exact_networks import Name, Network, Neuron, neuron
from derivations.overfitted_networks.squares import interpolates_the_square, nonzeros, square, square_network
from derivations.overfitted_networks.symbols import SHI_LIU_CAO_SUYKENS
from derivations.relations import Claim, equal, statement

theorem = Derivation(__name__, title="A ReLU bump that is exactly one on an l_2 ball", source=SHI_LIU_CAO_SUYKENS)

radius, slack, ramp, gap = symbols("delta epsilon tau q_2", positive=True)


def euclidean_bump(z: tuple[Fraction, ...], radius: Fraction, ramp: Fraction, depth: int, /) -> Fraction:
    """relu(1 - relu(S(z) - delta^2 - eps)/tau)."""
    allowance = radius**2 + Fraction(len(z), 4 ** (depth + 1))
    total = sum((square(abs(entry), depth) for entry in z), Fraction(0))
    return Fraction(relu(1 - relu(total - allowance) / ramp))


def _euclidean_bump() -> Iterator[Instance]:
    radius, ramp = Fraction(1, 2), Fraction(1, 8)
    for d, depth in ((1, 2), (2, 2), (2, 3), (3, 2)):
        beyond = radius**2 + Fraction(d, 4 ** (depth + 1)) + ramp
        points = list(product([Fraction(i, 10) for i in (-12, -6, -5, -3, 0, 3, 4, 7)], repeat=d))
        inner = [z for z in points if sum(c * c for c in z) <= radius**2]
        outer = [z for z in points if sum(c * c for c in z) >= beyond]
        where = f"d = {d}, m = {depth}"
        yield f"one at {len(inner)} points, {where}", tuple(_at(z, depth) for z in inner), (1,) * len(inner)
        yield f"zero at {len(outer)} points, {where}", tuple(_at(z, depth) for z in outer), (0,) * len(outer)


def _at(z: tuple[Fraction, ...], depth: int) -> Fraction:
    return euclidean_bump(z, Fraction(1, 2), Fraction(1, 8), depth)


@theorem.step(Exact(_euclidean_bump), uses=[interpolates_the_square])
def euclidean_ball() -> Claim:
    """The squares err upwards by at most eps in all, and beyond 1 they stay at least 1: harmless."""
    return statement("the l_2 bump is 1 where |z|_2 <= delta and 0 where |z|_2^2 >= delta^2 + eps + tau, exactly")


@theorem.step(Symbolic(), uses=[euclidean_ball])
def euclidean_separation() -> Claim:
    """|u - x_j|_2 >= q_2 - delta for u in the ball of x_i: phi_j vanishes there up to this radius."""
    largest = (gap - (slack + ramp) / gap) / 2
    return equal((gap - largest) ** 2, largest**2 + slack + ramp)


def euclidean_bump_network(d: int, depth: int, /) -> Network:
    """The l_2 bump around a generic centre, one outgoing weight; |z_j| is relu(z_j) + relu(-z_j)."""
    network = Network(d)
    for j in range(d):
        for sign in (1, -1):
            network.add(1, ("side", j, sign), neuron({("x", j): sign}, Fraction(-sign, 3)))
    total: dict[Name, object] = {}
    for j in range(d):
        single = square_network(depth)
        for layer, neurons in enumerate(single.layers, start=2):
            for name, each in neurons.items():
                network.add(layer, (*name, j), _renamed(each, j))
        total |= {(*name, j): weight for name, weight in single.output.weights.items()}
    network.add(depth + 2, ("outside",), neuron(total, Fraction(-1, 7)))
    network.add(depth + 3, ("bump",), neuron({("outside",): -8}, 1))
    network.output = neuron({("bump",): 1})
    return network


def _renamed(each: Neuron, j: int) -> Neuron:
    weights: dict[Name, Fraction] = {}
    for name, weight in each.weights.items():
        sources = [("side", j, 1), ("side", j, -1)] if name == ("x", 0) else [(*name, j)]
        weights |= dict.fromkeys(sources, weight)
    return Neuron(weights, each.bias)


def _euclidean_counts() -> Iterator[Instance]:
    for d, depth in product((1, 2, 3), (2, 3, 4)):
        network = euclidean_bump_network(d, depth)
        yield f"nonzeros, d = {d}, m = {depth}", network.nonzeros, d * (8 * depth + 3) + 4
        yield f"hidden layers, d = {d}, m = {depth}", len(network.layers), depth + 3


@theorem.step(Exact(_euclidean_counts), uses=[nonzeros, euclidean_ball])
def euclidean_nonzeros() -> Claim:
    """Each coordinate: 8m - 3 for its square, 4 for its two sides, 2 for reading both; then 1 + 2 + 1 at the end."""
    return statement("the l_2 bump takes d (8m + 3) + 4 nonzeros in m + 3 hidden layers")
