r"""The square by repeated folding, with an error that is known exactly.

With the tooth g(t) = 2 relu(t) - 4 relu(t - 1/2) on [0, 1] and its iterates g^(s), f_m(t) = t - sum_{s<=m} g^(s)(t)/4^s
interpolates t^2 at the multiples of 2^(-m). Its error e_m = f_m - t^2 is e_0(g^(m)(t))/4^m with e_0 = t (1 - t): never
negative, at most 2^(-2m-2), attained at the odd multiples of 2^(-m-1), and symmetric, e_m(1 - t) = e_m(t). The network
has width 3, m hidden layers and 8m - 3 nonzeros.

The construction is Yarotsky's (2017); the exact errors are derived here.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

from sympy import Expr, Rational, Symbol, symbols

from derivations.core import Certified, Derivation, Exact, Symbolic
from derivations.evidence import Instance
from derivations.lemmas.piecewise_linear import Value, one_cell, relu
from derivations.overfitted_networks.exact_networks import Name, Network, neuron
from derivations.overfitted_networks.symbols import YAROTSKY
from derivations.relations import Claim, at_most, equal, statement

theorem = Derivation(__name__, title="The square as a ReLU network, with its exact error", source=YAROTSKY)

t = Symbol("t", real=True)
k, h = symbols("k h", positive=True)
share = Symbol("share", positive=True)
DEEPEST = 5


def tooth(value: Value, /) -> Value:
    """g on [0, 1]: up to 1 at 1/2 and down again."""
    result: Value = 2 * relu(value) - 4 * relu(value - Fraction(1, 2))
    return result


def square(value: Value, depth: int, /) -> Value:
    """f_m(t) for t >= 0; beyond 1 the folds continue downwards, so that it stays at least 1."""
    total, folded = value, value
    for stage in range(1, depth + 1):
        folded = tooth(folded)
        total -= folded / 4**stage
    return total


def error(value: Value, depth: int, /) -> Value:
    """e_m(t) = f_m(t) - t^2."""
    result: Value = square(value, depth) - value**2
    return result


def _start(value: Expr) -> Expr:
    return value * (1 - value)


@theorem.step(Symbolic())
def rising_half() -> Claim:
    """One fold on t <= 1/2, where g = 2t: what is left of t (1 - t) is a quarter of it at g."""
    return equal(_start(t) - 2 * t / 4, _start(2 * t) / 4)


@theorem.step(Symbolic())
def falling_half() -> Claim:
    """On t >= 1/2, where g = 2 - 2t: so by induction e_m(t) = e_0(g^(m)(t))/4^m, which is between 0 and 4^(-m)/4."""
    return equal(_start(t) - (2 - 2 * t) / 4, _start(2 - 2 * t) / 4)


@theorem.step(Symbolic(), Certified({share: (0, 1000)}), uses=[rising_half, falling_half])
def at_most_a_quarter() -> Claim:
    """e_0 <= 1/4, so that the largest error after m folds is 2^(-2m-2)."""
    inside = share / (1 + share)
    return at_most(_start(inside), Rational(1, 4))


@theorem.step(Symbolic(), uses=[one_cell])
def error_on_a_cell() -> Claim:
    """Between k h and (k + 1) h the interpolant of t^2 exceeds it by (t - k h)((k + 1) h - t)."""
    ends = (k * h) ** 2, ((k + 1) * h) ** 2
    interpolant = ends[0] + (ends[1] - ends[0]) * (t - k * h) / h
    return equal(interpolant - t**2, (t - k * h) * ((k + 1) * h - t))


def _interpolates() -> Iterator[Instance]:
    for m in range(1, DEEPEST + 1):
        grid = [Fraction(i, 2**m) for i in range(2**m + 1)]
        yield f"nodes, m = {m}", tuple(square(x, m) for x in grid), tuple(x**2 for x in grid)
        peaks = [Fraction(2 * i + 1, 2 ** (m + 1)) for i in range(2**m)]
        yield f"peaks, m = {m}", tuple(error(x, m) for x in peaks), (Fraction(1, 4 ** (m + 1)),) * 2**m
        quarters = [Fraction(4 * i + 1, 2 ** (m + 2)) for i in range(2**m)]
        yield f"cells are straight, m = {m}", tuple(error(x, m) for x in quarters), (Fraction(3, 4 ** (m + 2)),) * 2**m
        fine = [Fraction(i, 2 ** (m + 3)) for i in range(2 ** (m + 3) + 1)]
        yield f"symmetric, m = {m}", tuple(error(x, m) for x in fine), tuple(error(1 - x, m) for x in fine)
    third = Fraction(1, 3)
    yield (
        "f_1, f_2, f_3 at 1/3",
        tuple(square(third, m) for m in (1, 2, 3)),
        (Fraction(1, 6), Fraction(1, 8), Fraction(11, 96)),
    )


@theorem.step(Exact(_interpolates), uses=[at_most_a_quarter, error_on_a_cell])
def interpolates_the_square() -> Claim:
    """The iterates of g have their kinks at the multiples of 2^(-m); the largest error is attained in every cell."""
    return statement(
        "f_m interpolates t^2 at k/2^m, and its largest error 2^(-2m-2) is at the odd multiples of 2^(-m-1)"
    )


FOLDS = 4


@theorem.step(Certified({t: (0, 1)}), uses=[interpolates_the_square])
def never_below() -> Claim:
    """The block itself, after four folds, at every point of [0, 1]: it touches the square at the nodes alone."""
    return at_most(0, error(t, FOLDS))


@theorem.step(Certified({t: (0, 1)}), uses=[interpolates_the_square])
def largest_error() -> Claim:
    """Its sup-norm error, with the constant that is attained in every cell."""
    return at_most(error(t, FOLDS), Rational(1, 4 ** (FOLDS + 1)))


@theorem.step(Certified({t: (1, 64)}), uses=[interpolates_the_square])
def beyond_one() -> Claim:
    """Beyond 1 the block stays at least 1."""
    return at_most(1, square(t, FOLDS))


def square_network(depth: int, /) -> Network:
    """f_m on [0, 1] in m hidden layers of at most 3 neurons.

    The sum f_{j-1} >= 0 is carried by one neuron, which in the first layer is relu(t) itself.
    """
    network = Network(1)
    network.add(1, ("up",), neuron({("x", 0): 1}))
    network.add(1, ("down",), neuron({("x", 0): 1}, "-1/2"))
    summed: dict[Name, object] = {("up",): Fraction(1, 2), ("down",): 1}
    for j in range(2, depth + 1):
        network.add(j, ("up",), neuron({("up",): 2, ("down",): -4}))
        network.add(j, ("down",), neuron({("up",): 2, ("down",): -4}, "-1/2"))
        network.add(j, ("sum",), neuron(summed))
        summed = {("sum",): 1, ("up",): Fraction(-2, 4**j), ("down",): Fraction(4, 4**j)}
    network.output = neuron(summed)
    return network


def _counts() -> Iterator[Instance]:
    points = [Fraction(i, 37) for i in range(38)]
    for m in range(1, 9):
        network = square_network(m)
        yield f"nonzeros, m = {m}", network.nonzeros, 8 * m - 3
        yield f"values, m = {m}", tuple(network(x) for x in points), tuple(square(x, m) for x in points)


@theorem.step(Exact(_counts), uses=[interpolates_the_square])
def nonzeros() -> Claim:
    """2 + 3 + 3 a layer (the second has 2 + 3 + 2, the first 1 + 2), and 3 for the output (2 if m = 1)."""
    return statement("the assembled network of f_m has 8m - 3 nonzeros and the values of f_m, m = 1..8")
