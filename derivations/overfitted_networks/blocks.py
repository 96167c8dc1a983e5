r"""A ReLU bump that is exactly one on a ball: phi(x) = relu(1 - V(x)/tau), V(x) = sum_j (|x_j - c_j| - delta)_+.

V adds the 2d facet distances relu(x_j - c_j - delta) + relu(c_j - x_j - delta). The bump is 1 on the closed l_inf ball
of radius delta around c and nowhere else, 0 where V >= tau, hence off the open cube of radius delta + tau. It equals
the sum form relu(sum_j T_j - (d - 1)) over trapezoids T_j with half as many nonzeros, and unlike that form it is
bounded exactly by interval propagation on its ball. Its support has Steiner's volume
V_d(delta, tau) = sum_k C(d, k) (2 delta)^(d-k) (2 tau)^k / k!, and adding a ball of radius rho replaces delta by
delta + rho. Here for d <= 4; the arguments do not depend on d.

Derived here, in the spirit of Shi, Liu, Cao & Suykens (2024), of which only the abstract was at hand.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from itertools import product
from types import SimpleNamespace

from sympy import Expr, Integer, Max, Rational, S, Symbol, expand, integrate, symbols

from derivations.core import Certified, Derivation, Exact, Lab, Simulation, Symbolic
from derivations.evidence import Instance
from derivations.lemmas.piecewise_linear import axes, lattice_operations, on_rays, one_cell, one_cone, relu
from derivations.overfitted_networks.bump_volume import BumpVolume, steiner_polynomial
from derivations.overfitted_networks.exact_networks import Network, ball, neuron
from derivations.overfitted_networks.symbols import SHI_LIU_CAO_SUYKENS
from derivations.piecewise_linear_functions import PiecewiseLinear
from derivations.relations import Claim, at_most, statement, tends_to

theorem = Derivation(__name__, title="A ReLU bump that is exactly one on a ball", source=SHI_LIU_CAO_SUYKENS)

delta, tau, rho = symbols("delta tau rho", positive=True)
DELTA, TAU = Fraction(1, 8), Fraction(1, 16)


def depth_outside(z: tuple[Fraction, ...], radius: Fraction, /) -> Fraction:
    """V = sum_j (|z_j| - radius)_+ at the offset z from the centre."""
    return sum((max(abs(entry) - radius, Fraction(0)) for entry in z), Fraction(0))


def bump(z: tuple[Fraction, ...], radius: Fraction, ramp: Fraction, /) -> Fraction:
    """phi at the offset z from the centre."""
    return Fraction(relu(1 - depth_outside(z, radius) / ramp))


def trapezoid(t: Expr, /) -> Expr:
    """1 on [-delta, delta], 0 off (-delta - tau, delta + tau), by four ReLUs; expressions in delta and tau."""
    kinks = (t + delta + tau, t + delta, t - delta, t - delta - tau)
    return sum((sign * Max(kink, 0) for sign, kink in zip((1, -1, -1, 1), kinks, strict=True)), S.Zero) / tau


def _trapezoid() -> Iterator[Instance]:
    inside, corner = delta / 2, delta + tau
    for t in (-corner - 1, -corner, -delta - tau / 2, -delta, -inside, 0, inside, delta, delta + tau / 2, corner):
        facets = Max(t - delta, 0) + Max(-t - delta, 0)
        yield f"t = {t}", trapezoid(t), Max(1 - facets / tau, 0)
    yield "beyond the end", trapezoid(corner + 1), Integer(0)


@theorem.step(Exact(_trapezoid), uses=[one_cell])
def one_dimension() -> Claim:
    """Both are linear between the four kinks -delta - tau, -delta, delta, delta + tau: their values there decide."""
    return statement("the four-ReLU trapezoid is relu(1 - v/tau), v = (|t| - delta)_+, for all delta, tau > 0")


def _facet_form() -> Iterator[Instance]:
    for d in (1, 2, 3):
        size = d + 1
        total = (*(1 for _ in range(d)), -1)
        above = tuple(tuple(int(i == j) - int(i == d) for i in range(size)) for j in range(d))

        def facets(*w: int) -> int:
            return int(relu(w[-1] - sum(w[:-1])))

        def trapezoids(*w: int) -> int:
            return int(relu(sum(w[-1] - min(w[-1], each) for each in w[:-1]) - (len(w) - 2) * w[-1]))

        yield from on_rays(f"d = {d}", trapezoids, facets, (total, *above), axes(size))


@theorem.step(Exact(_facet_form), uses=[one_dimension, one_cone])
def facet_form() -> Claim:
    """In w_j = v_j/tau >= 0: if some w_j >= 1 both forms vanish, otherwise they are the same expression.

    Made homogeneous by a coordinate for 1, both are linear on the cones cut out by w_j = 1 and sum w = 1.
    """
    return statement("relu(sum_j T_j - (d - 1)) = relu(1 - V/tau), d = 1, 2, 3")


def _plateau() -> Iterator[Instance]:
    for d in (1, 2, 3):
        points = list(product([Fraction(k, 32) for k in (-7, -6, -5, -4, 0, 3, 4, 5, 6)], repeat=d))
        values = [bump(z, DELTA, TAU) for z in points]
        yield (
            f"plateau, d = {d}",
            tuple(value == 1 for value in values),
            tuple(max(map(abs, z)) <= DELTA for z in points),
        )
        outside = [v for z, v in zip(points, values, strict=True) if max(map(abs, z)) >= DELTA + TAU]
        yield f"off the cube of radius delta + tau, d = {d}", sum(outside), 0
        # along the diagonal V grows at rate d
        step = TAU / (4 * d)
        yield (
            f"slope on the diagonal, d = {d}",
            (bump((DELTA,) * d, DELTA, TAU) - bump((DELTA + step,) * d, DELTA, TAU)) / step,
            d / TAU,
        )


@theorem.step(Exact(_plateau), uses=[facet_form])
def plateau() -> Claim:
    """V = 0 exactly on the ball, and V >= tau off the cube; V has slope at most d in l_inf, so phi at most d/tau."""
    return statement("phi = 1 iff |x - c|_inf <= delta, phi = 0 off the cube of radius delta + tau, slope d/tau")


def _facet_network(d: int, radius: Fraction) -> Network:
    network = Network(d)
    for j in range(d):
        for sign in (1, -1):
            centre = Fraction(1, 3) + j
            network.add(1, ("facet", j, sign), neuron({("x", j): sign}, -sign * centre - radius))
    weights = dict.fromkeys(network.layers[0], -1 / TAU)
    network.add(2, ("bump",), neuron(weights, 1))
    network.output = neuron({("bump",): 3})
    return network


def _trapezoid_network(d: int, radius: Fraction) -> Network:
    network = Network(d)
    for j, (k, kink) in product(range(d), enumerate((radius + TAU, radius, -radius, -radius - TAU))):
        network.add(1, ("kink", j, k), neuron({("x", j): 1}, kink - Fraction(1, 3) - j))
    signs = (1, -1, -1, 1)
    network.add(2, ("bump",), neuron({name: signs[int(str(name[2]))] / TAU for name in network.layers[0]}, 1 - d))
    network.output = neuron({("bump",): 3})
    return network


def _nonzeros() -> Iterator[Instance]:
    for d in (1, 2, 3, 4):
        yield f"facet form, d = {d}", _facet_network(d, DELTA).nonzeros, 6 * d + 2
        # one trapezoid needs no bias of its own in the second layer
        yield f"trapezoids, d = {d}", _trapezoid_network(d, DELTA).nonzeros, 12 * d + 2 - (d == 1)


@theorem.step(Exact(_nonzeros), uses=[facet_form])
def nonzeros() -> Claim:
    """4d for the facets, 2d + 1 for the bump, one outgoing weight; the trapezoids double the first two."""
    return statement("a bump takes 6d + 2 nonzeros by facets, 12d + 2 by trapezoids (13 for d = 1), d = 1..4")


def _interval_propagation() -> Iterator[Instance]:
    for d in (1, 2, 3):
        box = ball([Fraction(1, 3) + j for j in range(d)], DELTA)
        yield f"facets, d = {d}", _facet_network(d, DELTA).interval(*box), (3, 3)
    flat = _trapezoid_network(1, DELTA)
    flat.output = flat.layers.pop()[("bump",)]
    yield "four-ReLU trapezoid", flat.interval(*ball([Fraction(1, 3)], DELTA)), (-3, 5)


@theorem.step(Exact(_interval_propagation), uses=[plateau])
def interval_propagation() -> Claim:
    """On the ball every facet distance is relu of something at most 0; the trapezoid's kinks cancel, intervals do not.

    At radius delta = 2 tau the trapezoid's sum ranges over [-3, 5] for interval propagation although it is 1.
    """
    return statement("interval propagation over the ball returns [1, 1] by facets and not by trapezoids")


def _recursion() -> Iterator[Instance]:
    for d, value in enumerate((Rational(3, 8), Rational(17, 128), Rational(139, 3072), Rational(491, 32768)), start=1):
        yield f"V_{d}(1/8, 1/16)", steiner_polynomial(d, Rational(1, 8), Rational(1, 16)), value
    s = Symbol("s", positive=True)
    for d in range(1, 6):
        below = steiner_polynomial(d - 1, delta, tau - s)
        outside = 2 * delta * steiner_polynomial(d - 1, delta, tau) + 2 * integrate(expand(below), (s, 0, tau))
        yield f"d = {d}", steiner_polynomial(d, delta, tau), outside


@theorem.step(Exact(_recursion), uses=[plateau])
def volume() -> Claim:
    """Over the last coordinate: 2 delta where it adds nothing to V, then twice what it adds, from 0 to tau."""
    return statement("V_d(tau) = 2 delta V_{d-1}(tau) + 2 int_0^tau V_{d-1}(tau - s) ds is Steiner's formula, d <= 5")


@theorem.step(Symbolic(), Certified(dict.fromkeys((delta, tau), (Rational(1, 1000), 1000))), uses=[volume])
def volume_bound() -> Claim:
    """1/k! <= 1 term by term: the support is inside the cube of radius delta + tau. Here d = 5."""
    return at_most(BumpVolume(5, delta, tau), (2 * (delta + tau)) ** 5)


def _fattened() -> Iterator[Instance]:
    radius, more, reach = Fraction(1, 8), Fraction(3, 32), Fraction(1)
    facets = PiecewiseLinear.of(lambda z: Fraction(relu(abs(z) - radius)), [-reach, -radius, radius, reach])
    nearest = facets.window_minimum(more)
    for k in range(-28, 29):
        z = Fraction(k, 32)
        yield f"z = {z}", nearest(z), relu(abs(z) - radius - more)


@theorem.step(Exact(_fattened), uses=[volume, lattice_operations])
def fattened_support() -> Claim:
    """V is a sum over coordinates and the l_inf ball a product, so V is minimised coordinate by coordinate."""
    return statement("min over |u|_inf <= rho of V(z - u) is V with delta + rho: the support plus a ball of radius rho")


def share_of_the_cube(lab: Lab, at: SimpleNamespace, size: int) -> dict[str, float]:
    """The share of `size` uniform points of [-1, 1]^3 that lie in the support."""
    points = 2 * lab.uniform(size, 3) - 1
    excess = lab.xp.abs(points) - at.delta
    outside = lab.xp.sum(lab.xp.where(excess > 0, excess, 0 * excess), axis=1)
    return {"volume": 8 * lab.mean(lab.xp.where(outside < at.tau, 1.0, 0.0))}


@theorem.step(
    Simulation(
        share_of_the_cube,
        at={delta: Rational(1, 2), tau: Rational(1, 4)},
        bias="none",
        tolerance=0.03,
        sizes=(4096,),
    ),
    uses=[volume],
)
def sampled_volume() -> Claim:
    """Steiner's formula against random points."""
    return tends_to("volume", BumpVolume(3, delta, tau))
