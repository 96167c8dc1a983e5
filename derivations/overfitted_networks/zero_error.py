r"""Zero adversarial training error: when, how many such networks there are, and how steep they must be.

If 2 delta + tau <= q, q the smallest l_inf distance of two samples, gate D equals y_i on B(x_i, delta) for any teacher,
and gates E, C, S and P do for |g| <= M: the adversarial training error is 0 for the 0-1, square and hinge losses, and
as small as one likes for the logistic loss of a multiple of f. The exact condition is s_ij = sum_k (|x_ik - x_jk| -
2 delta)_+ >= tau for all i != j. If 2 delta + 2 tau <= q the supports are disjoint. The networks f_tau for
0 < tau <= q - 2 delta are pairwise different. Any function with zero error has the Lipschitz constant
|y_i - y_j|/(|x_i - x_j| - 2 delta) or more. The linear size (6d + 3) n + P_g + K is counted on the assembled networks.

Derived here, in the spirit of Shi, Liu, Cao & Suykens (2024), of which only the abstract was at hand.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from itertools import combinations, permutations

from sympy import exp, log, oo, symbols

from derivations.core import Derivation, Exact, Symbolic
from derivations.evidence import Instance
from derivations.overfitted_networks import blocks, gates, partition_of_unity
from derivations.overfitted_networks.exact_networks import ball
from derivations.overfitted_networks.gate_networks import Design, gate_c, gate_d, gate_e
from derivations.overfitted_networks.kuhn_networks import Point, interpolate
from derivations.overfitted_networks.symbols import SHI_LIU_CAO_SUYKENS
from derivations.piecewise_linear_functions import PiecewiseLinear
from derivations.relations import Claim, equal, limit_of, statement

theorem = Derivation(__name__, title="Zero adversarial training error", source=SHI_LIU_CAO_SUYKENS)

SAMPLES = ((1, 2), (9, 4), (4, 12), (14, 13), (3, 7))
"""In units of 1/16: no two coordinates of the plane's five samples agree."""


def plane_samples() -> tuple[Point, ...]:
    """Five samples in the unit square."""
    return tuple(tuple(Fraction(entry, 16) for entry in row) for row in SAMPLES)


def separation(centres: tuple[Point, ...], /) -> Fraction:
    """q: the smallest l_inf distance of two samples, in full."""
    return min(max(abs(a - b) for a, b in zip(x, y, strict=True)) for x, y in combinations(centres, 2))


def overlap_depth(one: Point, other: Point, radius: Fraction, /) -> Fraction:
    """s_ij = sum_k (|x_ik - x_jk| - 2 radius)_+: the smallest V_j on the ball of x_i."""
    gaps = (abs(a - b) - 2 * radius for a, b in zip(one, other, strict=True))
    return sum((max(gap, Fraction(0)) for gap in gaps), Fraction(0))


def nearest(centre: Point, target: Point, radius: Fraction, /) -> Point:
    """The coordinatewise projection of `target` onto the ball around `centre`: it minimises V around `target`."""
    pairs = zip(centre, target, strict=True)
    return tuple(min(max(t, c - radius), c + radius) for c, t in pairs)


def _exact_condition() -> Iterator[Instance]:
    centres = plane_samples()
    radius = Fraction(3, 40)
    for i, j in permutations(range(len(centres)), 2):
        target = nearest(centres[i], centres[j], radius)
        offset = tuple(a - b for a, b in zip(target, centres[j], strict=True))
        depth = overlap_depth(centres[i], centres[j], radius)
        yield f"V_{j} on the ball of {i}", blocks.depth_outside(offset, radius), depth
        corners = [centres[i][0] + s * radius * Fraction(k, 4) for s in (1, -1) for k in range(5)]
        rows = [centres[i][1] + s * radius * Fraction(k, 4) for s in (1, -1) for k in range(5)]
        seen = min(blocks.depth_outside((a - centres[j][0], b - centres[j][1]), radius) for a in corners for b in rows)
        yield f"no lower on a grid of the ball, {i} and {j}", min(seen, depth), depth
        yield f"at least q - 2 delta, {i} and {j}", depth >= separation(centres) - 2 * radius, True


@theorem.step(Exact(_exact_condition), uses=[blocks.fattened_support])
def exact_condition() -> Claim:
    """A bump fattened by the ball has delta doubled; some |x_ik - x_jk| is at least q, so s_ij >= q - 2 delta."""
    return statement(
        "the smallest V_j on B(x_i, delta) is s_ij >= q - 2 delta: phi_j vanishes on the ball iff s_ij >= tau"
    )


def _zero_error() -> Iterator[Instance]:
    for design in (gates.golden(), gates.scattered(2, 2)):
        q = separation(design.centres)
        for radius in (q / 4, Fraction(7, 16) * q):
            for ramp in (q - 2 * radius, (q - 2 * radius) / 3):
                sized = replace(design, radius=radius, ramp=ramp)
                network = gate_d(sized)
                for centre, label in zip(sized.centres, sized.labels, strict=True):
                    found = network.interval(*ball(centre, radius))
                    yield f"delta = {radius}, tau = {ramp}, ball around {centre}", found, (label, label)


@theorem.step(Exact(_zero_error), uses=[exact_condition, gates.median_is_exact, gates.certificates])
def zero_error() -> Claim:
    """phi_i = 1 and the other bumps 0 on the ball; the gate then returns the label. Up to 2 delta + tau = q."""
    return statement(
        "2 delta + tau <= q: gate D is y_i on every ball, by interval propagation of the assembled network"
    )


margin, label = symbols("K y", positive=True)


@theorem.step(Symbolic(), uses=[zero_error])
def logistic_loss() -> Claim:
    """K f has the margin K on every ball: the adversarial logistic loss log(1 + exp(-K)) is as small as one likes."""
    return limit_of(log(1 + exp(-margin)), margin, oo, 0)


def _disjoint_supports() -> Iterator[Instance]:
    centres, radius = plane_samples(), Fraction(1, 16)
    ramp = separation(centres) / 2 - radius
    for i, j in combinations(range(len(centres)), 2):
        boxes = ball(centres[i], radius + ramp), ball(centres[j], radius + ramp)
        gap = max(max(a[0], b[0]) - min(a[1], b[1]) for a, b in zip(*boxes, strict=True))
        yield f"{i} and {j}", gap >= 0, True


@theorem.step(Exact(_disjoint_supports), uses=[blocks.plateau])
def disjoint_supports() -> Claim:
    """Supports lie in open cubes of radius delta + tau; in d = 1 the weaker 2 delta + tau <= q keeps f in between."""
    return statement("2 delta + 2 tau <= q: no two supports meet")


def _family() -> Iterator[Instance]:
    design = gates.golden()
    edge, top = design.centres[0][0] - design.radius, design.labels[0] + design.height
    for ramp in (Fraction(1, 16), Fraction(1, 20), Fraction(1, 32), Fraction(1, 100)):
        network = gate_d(replace(design, ramp=ramp))
        step = ramp / 16
        yield f"slope at tau = {ramp}", (network(edge) - network(edge - step)) / step, top / ramp


@theorem.step(Exact(_family), uses=[zero_error])
def infinitely_many() -> Claim:
    """On the outward ray f_tau leaves the label with slope (M + y)/tau or (M - y)/tau: every tau is another network."""
    return statement("f_tau leaves y_i with slope (M + y_i)/tau, for every 0 < tau <= q - 2 delta")


def _steepness() -> Iterator[Instance]:
    design = gates.golden()
    network, knots = gate_d(design), [Fraction(k, 256) for k in range(-64, 321)]
    line = PiecewiseLinear.of(network, knots)
    slopes = [abs(b - a) * 256 for a, b in zip(line.values, line.values[1:], strict=False)]
    yield "steepest", max(slopes), 2 * design.height / design.ramp
    room = design.centres[1][0] - design.centres[0][0] - 2 * design.radius
    needed = abs(design.labels[0] - design.labels[1]) / room
    ends = design.centres[0][0] + design.radius, design.centres[1][0] - design.radius
    yield "mean slope between the balls", abs(network(ends[1]) - network(ends[0])) / room, needed
    yield "at least that steep", max(slopes) >= needed, True


@theorem.step(Exact(_steepness), uses=[zero_error])
def steepness() -> Claim:
    """Two balls come as close as |x_i - x_j| - 2 delta, with the labels on them; gate D is at most 2Md/tau steep."""
    return statement("zero error needs the slope |y_i - y_j|/(|x_i - x_j| - 2 delta); gate D has at most 2Md/tau here")


def constants(d: int, /) -> int:
    """K of gate D: 15 for d = 1, 2d + 12 beyond."""
    return 15 if d == 1 else 2 * d + 12


def _sizes() -> Iterator[Instance]:
    for d, cells in ((1, 2), (2, 1), (3, 1)):
        design = gates.spread_out(d, cells)
        n, network = len(design.labels), gate_d(design)
        where = f"d = {d}, N = {cells}"
        yield f"gate D, {where}", network.nonzeros, (6 * d + 3) * n + gates.count_teacher(design) + constants(d)
        yield f"hidden layers, {where}", len(network.layers), 5 if d == 1 else d + 4
        bound = 2 * n + cells + 3
        if d > 1:
            bound = max(2 * d * n + 2 * (cells + 1) ** d + d - 1, n + 4 * (cells + 1) ** d + d)
        yield f"width, {where}", max(len(layer) for layer in network.layers) <= bound, True
        per_sample = gate_e(design).nonzeros, gate_c(design).nonzeros
        doubled = replace(design, centres=_twice(design), labels=design.labels * 2)
        more = gate_e(doubled).nonzeros - per_sample[0], gate_c(doubled).nonzeros - per_sample[1]
        yield f"each sample in gates E and C, {where}", more, ((6 * d + 2) * n,) * 2


def _twice(design: Design) -> tuple[Point, ...]:
    moved = tuple(tuple(entry + Fraction(1, 1000) for entry in centre) for centre in design.centres)
    return design.centres + moved


@theorem.step(Exact(_sizes), uses=[blocks.nonzeros, partition_of_unity.nonzeros])
def linear_size() -> Claim:
    """6d + 1 within a bump, 2 outgoing weights to the accumulators of gate D, 1 in gates E and C; then a constant."""
    return statement("gate D has (6d + 3) n + P_g + K nonzeros in general position, E and C 6d + 2 for each sample")


def _centre_only() -> Iterator[Instance]:
    design = gates.golden()
    exact = gate_d(design)
    for centre, target in zip(design.centres, design.labels, strict=True):
        correction = target - interpolate(design.nodes, design.cells, centre)
        corner = (centre[0] + design.radius,)
        yield f"at the sample {centre}", interpolate(design.nodes, design.cells, centre) + correction, target
        missed = interpolate(design.nodes, design.cells, corner) + correction - target
        moved = interpolate(design.nodes, design.cells, corner) - interpolate(design.nodes, design.cells, centre)
        yield f"at the corner {corner}", (missed, missed != 0, exact(*corner)), (moved, True, target)


@theorem.step(Exact(_centre_only), uses=[zero_error])
def centre_only() -> Claim:
    """Adding (y_i - g(x_i)) phi_i moves the teacher's variation over the ball along instead of cancelling it."""
    return statement("the classical correction misses the labels at corners by g(u) - g(x_i); gate D does not")


first, second, best = symbols("y_1 y_2 c", real=True)


@theorem.step(Symbolic(), uses=[exact_condition])
def shared_point() -> Claim:
    """Two balls that meet share a point: its value c costs (c - y_1)^2 + (c - y_2)^2 >= (y_1 - y_2)^2/2 in all."""
    cost = (best - first) ** 2 + (best - second) ** 2
    return equal(cost, (first - second) ** 2 / 2 + 2 * (best - (first + second) / 2) ** 2)
