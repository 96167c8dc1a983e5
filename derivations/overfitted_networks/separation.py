r"""How far apart independent samples are: q^d is of the order of n^(-2), so that bumps on them cost next to nothing.

For n independent uniform samples of the cube and q their smallest l_inf distance, P(q > s) <= exp(-n(n - 1)/2 (s/2)^d),
so E q^d <= 2^(d+1)/(n(n - 1)) and n V_d(delta, tau) <= n q^d is of the order of 1/n at every admissible radius; as
n grows n(n - 1)/2 (2q)^d tends to a standard exponential variable. A separated design may have delta ~ n^(-1/d),
and then the bumps' mass does not vanish.

Derived here, in the spirit of Shi, Liu, Cao & Suykens (2024), of which only the abstract was at hand.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from itertools import combinations, product

from sympy import Integer, Integral, Rational, Symbol, exp, oo

from derivations.core import Certified, Derivation, Exact, Level, Sampled, Simulation, Symbolic
from derivations.evidence import Instance
from derivations.overfitted_networks import blocks
from derivations.overfitted_networks.bump_volume import BumpVolume
from derivations.overfitted_networks.settings import dimension, radius, ramp, samples, typical_separation
from derivations.overfitted_networks.symbols import SHI_LIU_CAO_SUYKENS
from derivations.relations import Claim, at_most, below, equal, statement, tends_to

theorem = Derivation(__name__, title="The separation of independent samples", source=SHI_LIU_CAO_SUYKENS)

t, earlier = Symbol("t", positive=True), Symbol("earlier", positive=True)


def _packing() -> Iterator[Instance]:
    for d, cells in ((1, 4), (2, 3), (3, 2)):
        gap = Fraction(1, cells)
        points = [tuple(gap * i for i in node) for node in product(range(cells + 1), repeat=d)]
        apart = min(max(abs(a - b) for a, b in zip(x, y, strict=True)) for x, y in combinations(points, 2))
        yield f"lattice of {len(points)} points, d = {d}", (1 / apart + 1) ** d, len(points)


@theorem.step(Exact(_packing))
def packing() -> Claim:
    """Open cubes of side q around the samples are disjoint and inside a cube of side 1 + q: n q^d <= (1 + q)^d."""
    return statement("n <= (1 + 1/q)^d for every design in the cube, and lattices reach it")


@theorem.step(Sampled(domain={t: (Rational(1, 1000), 5)}), Certified({t: (Rational(1, 10**6), 1000)}))
def separation_tail() -> Claim:
    """If the first k samples are s apart, disjoint cubes of volume (s/2)^d around them, inside [0, 1]^d, are closed

    to the next; with t = k (s/2)^d, prod_k (1 - k (s/2)^d) <= exp(-n(n - 1)/2 (s/2)^d).
    """
    return below(1 - t, exp(-t))


def _integrated_tail() -> Iterator[Instance]:
    for d in (1, 3):
        pairs, rate = (1 + earlier) * earlier, Symbol("rate", positive=True)
        integral = Integral(exp(-rate * t), (t, 0, oo)).doit()
        yield f"d = {d}", integral.subs(rate, pairs / 2 / 2**d), 2 ** (d + 1) / ((1 + earlier) ** 2 - 1 - earlier)


@theorem.step(Exact(_integrated_tail), uses=[separation_tail])
def mean_separation() -> Claim:
    """E q^d = int P(q^d > t) dt, with n = 1 + the number of earlier samples."""
    return statement("E q^d <= int exp(-n(n - 1)/2 t/2^d) dt = 2^(d+1)/(n(n - 1))")


@theorem.step(Sampled(domain={samples: (2, 99), dimension: (1, 9)}), uses=[separation_tail])
def median_separation() -> Claim:
    """Where the exponential variable n(n - 1)/2 (2q)^d has its median log 2: what the models call typical."""
    return equal(exp(-samples * (samples - 1) / 2 * (2 * typical_separation()) ** dimension), Rational(1, 2))


@theorem.step(
    Symbolic(),
    Certified(dict.fromkeys((radius, ramp), (Rational(1, 1000), Rational(1, 2)))),
    uses=[mean_separation, blocks.volume_bound],
)
def benign_for_independent_samples() -> Claim:
    """delta + tau <= q/2: n V_d <= n q^d, of mean 2^(d+1)/(n - 1): below n^(-2r/(2r + d)) at all admissible radii."""
    return at_most(BumpVolume(4, radius, ramp), (2 * (radius + ramp)) ** 4)


def _law(d: int, tolerance: float, size: int, level: Level) -> Simulation:
    return Simulation(
        "overfitted_networks:separation",
        at={dimension: d},
        bias="none",
        tolerance=tolerance,
        scale={"separation_tail": 1},
        sizes=(size,),
        level=level,
    )


@theorem.step(
    _law(2, 0.12, 256, Level.quick),
    _law(1, 0.04, 1024, Level.standard),
    _law(2, 0.05, 1024, Level.standard),
    uses=[mean_separation],
)
def law() -> Claim:
    """Close pairs are a Poisson process: n(n - 1)/2 (2q)^d tends to a standard exponential variable."""
    return tends_to({"scaled_separation": Integer(1), "separation_tail": exp(-1)})


@theorem.step(_law(2, 0.08, 256, Level.standard), uses=[law])
def law_of_the_square() -> Claim:
    """Its second moment is 2."""
    return tends_to("scaled_separation_squared", Integer(2))
