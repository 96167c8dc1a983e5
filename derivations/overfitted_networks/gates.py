r"""Gates: a network equals the label on the whole ball of every sample, and its teacher off the bumps.

With A = sum_i phi_i, b = sum_i (y_i + M) phi_i and G = relu(g + M) of a teacher g, labels in [-M, M]:

- gate D: f + M = b + relu(2M(1 - A) - relu(2M(1 - A) + b - G)) = max(b, min(G, b + 2M(1 - A))). On a ball it is y_i
  for every real teacher value; off the bumps it is g if |g| <= M; on the shell of one bump it lies between g and y_i.
- gate E, one accumulator S = sum_i (y_i + 3M) phi_i: r = relu(S - 2M), f = relu(g - (S - r)/2) - relu(-g - (S - r)/2)
  - S/2 + 3r/2. Exact where gate D is if |g| <= M, but it dips to -M inside every shell.
- gate S: relu(g - MA) - relu(-g - MA) + sum_i y_i phi_i, and gate P: M prod(g/M, 1 - A) + sum_i y_i phi_i, prod the
  product network at B = 1: exact in the same places if |g| <= M.
- gate C, labels +-1 and |g| <= 1: f = 1 - relu(2 - relu(g + 1 + 2A_+ - 2A_-)), the clip of g + 2 sum_i y_i phi_i; bumps
  of one label may overlap.

The classical correction g + sum_i (y_i - g(x_i)) phi_i is exact at the samples only.

Derived here, in the spirit of Shi, Liu, Cao & Suykens (2024), of which only the abstract was at hand.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from itertools import product

from derivations.core import Derivation, Exact
from derivations.evidence import Instance
from derivations.lemmas.piecewise_linear import axes, lattice_operations, on_rays, relu
from derivations.overfitted_networks import blocks, partition_of_unity, products
from derivations.overfitted_networks.exact_networks import Network, ball, neuron
from derivations.overfitted_networks.gate_networks import Design, gate_c, gate_d, gate_e
from derivations.overfitted_networks.kuhn_networks import Grid, build_teacher, interpolate, sample_nodes
from derivations.overfitted_networks.symbols import SHI_LIU_CAO_SUYKENS
from derivations.relations import Claim, statement

theorem = Derivation(
    __name__, title="Gates that put labels on balls and keep the teacher elsewhere", source=SHI_LIU_CAO_SUYKENS
)


def median(b: int, teacher: int, room: int, /) -> int:
    """Gate D less -M: b + relu(room - relu(room + b - G)), room = 2M(1 - A)."""
    return int(b + relu(room - relu(room + b - teacher)))


def folded(total: int, teacher: int, height: int, /) -> int:
    """Twice gate E."""
    high = relu(total - 2 * height)
    middle = total - high
    return int(relu(2 * teacher - middle) - relu(-2 * teacher - middle) - total + 3 * high)


def soft(labels: int, teacher: int, threshold: int, /) -> int:
    """Gate S at sum y_i phi_i = labels, M A = threshold."""
    return int(relu(teacher - threshold) - relu(-teacher - threshold) + labels)


def clipped(push: int, teacher: int, one: int, /) -> int:
    """Gate C at 2A_+ - 2A_- = push, made homogeneous by a coordinate for 1."""
    return int(one - relu(2 * one - relu(teacher + one + push)))


def _gate_d_clips() -> Iterator[Instance]:
    # coordinates b, G and room = 2M(1 - A) >= 0
    forms = ((1, -1, 0), (1, -1, 1), *axes(3))
    yield from on_rays("clip", median, lambda b, g, room: max(b, min(g, b + room)), forms, ((0, 0, 1),))


@theorem.step(Exact(_gate_d_clips), uses=[lattice_operations])
def median_gate() -> Claim:
    """Three numbers, the gate returns the middle one: the teacher, clipped to [b, b + 2M(1 - A)] less M."""
    return statement("b + relu(room - relu(room + b - G)) = max(b, min(G, b + room)) for room >= 0 and all real b, G")


def _gate_d_on_balls() -> Iterator[Instance]:
    # A = 1 and b = y + M leave no room, whatever G; A = b = 0 leaves [0, 2M]; coordinates y, G, M and G, M
    forms = ((1, 0, 1), (1, -1, 1), *axes(3))
    yield from on_rays("ball", lambda y, g, m: median(y + m, g, 0) - m, lambda y, g, m: y, forms)
    inside = ((1, 0), (-1, 2))
    yield from on_rays("off the bumps", lambda g, m: median(0, g, 2 * m), lambda g, m: g, axes(2), inside)


@theorem.step(Exact(_gate_d_on_balls), uses=[median_gate])
def median_is_exact() -> Claim:
    """On a ball the clip has no width, so any teacher is cancelled; off the bumps its width is 2M."""
    return statement("gate D: A = 1, b = y + M give f = y for all real G; A = b = 0 gives f + M = G if 0 <= G <= 2M")


def _gate_d_between() -> Iterator[Instance]:
    # coordinates b, G, room and Y = y + M, which lies in [b, b + room] because (y + M) phi = b and 0 <= phi <= 1
    forms = ((1, -1, 0, 0), (1, -1, 1, 0), (0, 1, 0, -1), (1, 0, 0, -1), (1, 0, 1, -1), *axes(4))
    cone = ((0, 0, 1, 0), (-1, 0, 0, 1), (1, 0, 1, -1))
    yield from on_rays(
        "above", lambda b, g, s, y: max(median(b, g, s), g, y), lambda b, g, s, y: max(g, y), forms, cone
    )
    yield from on_rays(
        "below", lambda b, g, s, y: min(median(b, g, s), g, y), lambda b, g, s, y: min(g, y), forms, cone
    )


@theorem.step(Exact(_gate_d_between), uses=[median_gate])
def median_is_between() -> Claim:
    """Where one bump acts alone, y + M lies in [b, b + 2M(1 - phi)]: the clip of g moves towards it."""
    return statement("on the shell of one bump gate D lies between the teacher's value and the label")


def _gate_e() -> Iterator[Instance]:
    # coordinates y, g, M with |y|, |g| <= M
    cone = ((1, 0, 1), (-1, 0, 1), (0, 1, 1), (0, -1, 1))
    forms = ((1, 0, 1), (0, 1, 1), (0, 1, -1), *axes(3))
    yield from on_rays("ball", lambda y, g, m: folded(y + 3 * m, g, m), lambda y, g, m: 2 * y, forms, cone)
    yield from on_rays("off the bumps", lambda y, g, m: folded(0, g, m), lambda y, g, m: 2 * g, forms, cone)
    yield from on_rays("in the shell", lambda y, g, m: folded(2 * m, g, m), lambda y, g, m: -2 * m, forms, cone)


@theorem.step(Exact(_gate_e), uses=[lattice_operations])
def folded_gate() -> Claim:
    """S passes 2M somewhere in every shell, because S = y + 3M >= 2M on the ball: there f = -M, whatever g and y."""
    return statement("gate E is y on balls and g off bumps if |g|, |y| <= M, and -M where S = 2M")


def _gate_s() -> Iterator[Instance]:
    cone = ((0, 1, 1), (0, -1, 1))
    forms = ((0, 1, 1), (0, 1, -1), *axes(3))
    yield from on_rays("ball", soft, lambda y, g, m: y, forms, cone)
    yield from on_rays("off the bumps", lambda y, g, m: soft(0, g, 0), lambda y, g, m: g, forms, cone)


@theorem.step(Exact(_gate_s), uses=[lattice_operations])
def soft_gate() -> Claim:
    """The soft threshold at M A swallows a teacher of at most M where A = 1."""
    return statement("gate S is y on balls and g off bumps if |g| <= M")


def _gate_p() -> Iterator[Instance]:
    height, labels = Fraction(3, 2), (Fraction(-1), Fraction(3, 2))
    for depth, y in product((1, 3), labels):
        for g in (Fraction(k, 8) for k in range(-12, 13)):
            on_ball = height * products.multiply(g / height, Fraction(0), depth, Fraction(1)) + y
            off = height * products.multiply(g / height, Fraction(1), depth, Fraction(1))
            yield f"g = {g}, y = {y}, m = {depth}", (on_ball, off), (y, g)


@theorem.step(Exact(_gate_p), uses=[products.exact_factors])
def product_gate() -> Claim:
    """1 - A is 0 or 1, which products at B = 1 treat exactly; in the shell the error is at most M 2^(-2m-2)."""
    return statement("gate P is y on balls and g off bumps if |g| <= M")


def _gate_c() -> Iterator[Instance]:
    # coordinates push, g, 1 with |g| <= 1
    cone, forms = ((0, 1, 1), (0, -1, 1)), ((1, 1, 1), (1, 1, -1), (1, 0, -2), (1, 0, 2), *axes(3))
    yield from on_rays("clip", clipped, lambda p, g, o: min(max(p + g, -o), o), forms, ((0, 0, 1),))
    yield from on_rays("overlap, +", clipped, lambda p, g, o: o, forms, (*cone, (1, 0, -2)))
    yield from on_rays("overlap, -", clipped, lambda p, g, o: -o, forms, (*cone, (-1, 0, -2)))
    yield from on_rays("off the bumps", lambda p, g, o: clipped(0, g, o), lambda p, g, o: g, forms, cone)


@theorem.step(Exact(_gate_c), uses=[lattice_operations])
def clipped_gate() -> Claim:
    """A push of 2A >= 2 moves any teacher in [-1, 1] to the end, so bumps of one label may overlap."""
    return statement("gate C is the clip of g + 2A_+ - 2A_-: +-1 where only bumps of that label reach 1, g off bumps")


def golden() -> Design:
    """Two samples on the line with a teacher of two cells; every number dyadic."""
    quarter = Fraction(1, 4)
    nodes: dict[Grid, Fraction] = {(0,): Fraction(0), (1,): Fraction(1, 2), (2,): Fraction(0)}
    labels = (Fraction(1), Fraction(-1, 2))
    return Design(((quarter,), (3 * quarter,)), labels, nodes, cells=2, radius=Fraction(1, 8), ramp=Fraction(1, 16))


def scattered(d: int, cells: int, /) -> Design:
    """Four samples in general position in d dimensions, labels +-1, at least 9/40 apart."""
    values = sample_nodes(lambda *v: Fraction(2, 5) - sum(c**2 for c in v) / (2 * d), d, cells)
    rows = ((3, 5, 7), (12, 28, 4), (21, 9, 33), (30, 18, 16))
    centres = tuple(tuple(Fraction(entry, 40) for entry in row[:d]) for row in rows)
    labels = tuple(Fraction(sign) for sign in (1, -1, -1, 1))
    return Design(centres, labels, values, cells=cells, radius=Fraction(3, 40), ramp=Fraction(1, 20))


def spread_out(d: int, cells: int = 1, /) -> Design:
    """The scattered samples with sizes and a height at which no weight or bias vanishes."""
    return replace(scattered(d, cells), radius=Fraction(1, 16), ramp=Fraction(1, 50), height=Fraction(2))


def count_teacher(design: Design, /) -> int:
    """P_g: the nonzeros of the teacher on its own."""
    network = Network(design.dimension)
    network.output = neuron(build_teacher(network, design.nodes, design.cells))
    return network.nonzeros


POINTS = (Fraction(5, 64), Fraction(7, 64), Fraction(1, 8), Fraction(37, 64), Fraction(5, 8))


def _golden() -> Iterator[Instance]:
    design = golden()
    one, other = gate_d(design), gate_e(design)
    expected = ("5/64 5/64 -1/2", "7/64 1/2 0", "1/8 1 1", "27/64 27/64 -13/64", "3/8 -1/2 -1/2")
    for u, row in zip(POINTS, expected, strict=True):
        yield (
            f"(g, f_D, f_E) at {u}",
            (interpolate(design.nodes, 2, (u,)), one(u), other(u)),
            tuple(map(Fraction, row.split())),
        )
    yield "nonzeros of D and E", (one.nonzeros, other.nonzeros), (45, 48)


@theorem.step(Exact(_golden), uses=[median_is_exact, folded_gate, blocks.plateau, partition_of_unity.nonzeros])
def reference_values() -> Claim:
    """The assembled networks at five points; two of the teacher's second differences are 0, and spared."""
    return statement("gates D and E on two samples: values at five points, 45 and 48 nonzeros")


def _certificates() -> Iterator[Instance]:
    for design in (golden(), scattered(2, 2), scattered(3, 1)):
        networks = [("D", gate_d(design))]
        if set(design.labels) == {1, -1}:
            networks.append(("C", gate_c(design)))
        for name, network in networks:
            for centre, label in zip(design.centres, design.labels, strict=True):
                found = network.interval(*ball(centre, design.radius))
                yield f"gate {name}, d = {design.dimension}, ball around {centre}", found, (label, label)


@theorem.step(Exact(_certificates), uses=[median_is_exact, clipped_gate, blocks.interval_propagation])
def certificates() -> Claim:
    """Interval propagation is tight here: on a ball phi = [1, 1] by facets, the others [0, 0], then the gate."""
    return statement("interval propagation over each ball returns [y_i, y_i] for the assembled gates D and C")
