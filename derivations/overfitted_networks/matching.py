r"""The least adversarial training error of any function, at every radius: a matching number.

Join two samples with opposite labels if |x_i - x_j|_inf <= 2 delta, and let nu be the largest number of disjoint edges
of this bipartite graph. The infimum of the adversarial training error in 0-1 loss over all functions is nu/n, and a
gate-C network attains it: each matched pair shares a point of both balls, where one of the two labels is missed; and by
Koenig's theorem some nu samples meet every edge, so that the others can carry bumps. In particular zero is possible if
and only if 2 delta is below the smallest distance of opposite labels.

Derived here, in the spirit of Shi, Liu, Cao & Suykens (2024), of which only the abstract was at hand.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from functools import partial
from itertools import combinations

from derivations.core import Cited, Derivation, Exact
from derivations.evidence import Instance
from derivations.overfitted_networks import gates, zero_error
from derivations.overfitted_networks.exact_networks import ball
from derivations.overfitted_networks.gate_networks import Design, gate_c
from derivations.overfitted_networks.kuhn_networks import Point, sample_nodes
from derivations.overfitted_networks.symbols import SHI_LIU_CAO_SUYKENS
from derivations.piecewise_linear_functions import PiecewiseLinear
from derivations.relations import Claim, statement

theorem = Derivation(
    __name__, title="The least adversarial training error is a matching number", source=SHI_LIU_CAO_SUYKENS
)

RADII = tuple(Fraction(k, 64) for k in (1, 4, 7, 10, 16, 40))


def draw_samples(seed: int, count: int, d: int, /) -> tuple[tuple[Point, ...], tuple[int, ...]]:
    """`count` different points of the grid (k/32) in d dimensions with labels +-1, from a congruential sequence."""
    state = seed
    points: list[Point] = []
    labels: list[int] = []
    while len(points) < count:
        entries = []
        for _ in range(d):
            state = (1103515245 * state + 12345) % 2**31
            entries.append(Fraction((state >> 12) % 33, 32))
        state = (1103515245 * state + 12345) % 2**31
        if tuple(entries) not in points:
            points.append(tuple(entries))
            labels.append(1 if (state >> 12) % 2 else -1)
    return tuple(points), tuple(labels)


def distance(one: Point, other: Point, /) -> Fraction:
    """The l_inf distance."""
    return max(abs(a - b) for a, b in zip(one, other, strict=True))


def list_conflicts(points: tuple[Point, ...], labels: tuple[int, ...], radius: Fraction, /) -> dict[int, list[int]]:
    """For every sample labelled +1, the samples labelled -1 within 2 radius."""
    minus = [j for j, label in enumerate(labels) if label < 0]
    return {
        i: [j for j in minus if distance(points[i], points[j]) <= 2 * radius]
        for i, label in enumerate(labels)
        if label > 0
    }


def find_matching(conflicts: dict[int, list[int]], /) -> dict[int, int]:
    """A largest matching by augmenting paths: the partner of every matched sample labelled -1."""
    partner: dict[int, int] = {}

    def augment(i: int, seen: set[int]) -> bool:
        for j in conflicts[i]:
            if j not in seen:
                seen.add(j)
                if j not in partner or augment(partner[j], seen):
                    partner[j] = i
                    return True
        return False

    for i in conflicts:
        augment(i, set())
    return partner


def find_cover(conflicts: dict[int, list[int]], partner: dict[int, int], /) -> set[int]:
    """Koenig's cover: reached minus labels and unreached plus labels, by alternating paths from unmatched pluses."""
    reached, queue = set(conflicts) - set(partner.values()), list(set(conflicts) - set(partner.values()))
    seen: set[int] = set()
    while queue:
        for j in conflicts[queue.pop()]:
            seen.add(j)
            if j in partner and partner[j] not in reached:
                reached.add(partner[j])
                queue.append(partner[j])
    return (set(conflicts) - reached) | seen


def least_error(points: tuple[Point, ...], labels: tuple[int, ...], radius: Fraction, /) -> int:
    """The fewest samples missed by any function, by exhaustion: the samples kept must not conflict."""
    conflicts = list_conflicts(points, labels, radius)
    edges = [(i, j) for i, row in conflicts.items() for j in row]
    for missed in range(len(points) + 1):
        for left_out in combinations(range(len(points)), missed):
            if all(i in left_out or j in left_out for i, j in edges):
                return missed
    raise ArithmeticError("leaving out every sample leaves no conflict")


def _instances() -> Iterator[tuple[str, tuple[Point, ...], tuple[int, ...], Fraction]]:
    for d, count, seed in ((1, 8, 1), (1, 9, 5), (2, 8, 3), (2, 9, 11)):
        points, labels = draw_samples(seed, count, d)
        for radius in RADII:
            yield f"d = {d}, n = {count}, delta = {radius}", points, labels, radius


def _koenig() -> Iterator[Instance]:
    for where, points, labels, radius in _instances():
        conflicts = list_conflicts(points, labels, radius)
        partner = find_matching(conflicts)
        cover = find_cover(conflicts, partner)
        covered = all(i in cover or j in cover for i, row in conflicts.items() for j in row)
        found = (len(partner), len(cover), covered)
        yield where, found, (least_error(points, labels, radius), len(partner), True)


@theorem.step(Exact(_koenig), uses=[zero_error.shared_point])
def cover() -> Claim:
    """Any function misses one of each matched pair; keeping all samples off a cover of nu samples is possible."""
    return statement("exhaustion over the samples kept gives nu, and Koenig's cover has nu samples")


@theorem.step(Cited("Koenig (1931), Grafok es matrixok, Matematikai es Fizikai Lapok 38, pp. 116-119"))
def koenig() -> Claim:
    """The step above computes instances; this is the general theorem."""
    return statement("in a bipartite graph the largest matching has as many edges as the smallest cover has vertices")


def best_network_design(points: tuple[Point, ...], labels: tuple[int, ...], radius: Fraction, /) -> Design:
    """Bumps on the samples off the cover, as wide as opposite labels allow; the teacher is a small constant."""
    conflicts = list_conflicts(points, labels, radius)
    left_out = find_cover(conflicts, find_matching(conflicts))
    kept = [i for i in range(len(points)) if i not in left_out]
    gaps = [distance(points[i], points[j]) for i, j in combinations(kept, 2) if labels[i] != labels[j]]
    ramp = min(gaps) - 2 * radius if gaps else Fraction(1)
    nodes = sample_nodes(lambda *v: Fraction(-1, 2), len(points[0]), 1)
    return Design(tuple(points[i] for i in kept), tuple(Fraction(labels[i]) for i in kept), nodes, 1, radius, ramp)


def _attained() -> Iterator[Instance]:
    for where, points, labels, radius in _instances():
        design = best_network_design(points, labels, radius)
        network = gate_c(design)
        fitted = sum(
            network.interval(*ball(centre, radius)) == (label, label)
            for centre, label in zip(design.centres, design.labels, strict=True)
        )
        yield where, len(points) - fitted, least_error(points, labels, radius)


@theorem.step(Exact(_attained), uses=[cover, koenig, gates.clipped_gate, gates.certificates])
def attained() -> Claim:
    """Bumps of one label may overlap; opposite ones stay clear with tau their smallest distance less 2 delta."""
    return statement(
        "a gate-C network with bumps off the cover misses nu samples, by interval propagation on the balls"
    )


def _threshold() -> Iterator[Instance]:
    for d, count, seed in ((1, 8, 1), (2, 9, 11)):
        points, labels = draw_samples(seed, count, d)
        opposite = min(
            distance(points[i], points[j]) for i, j in combinations(range(count), 2) if labels[i] != labels[j]
        )
        for radius in (opposite / 2 - Fraction(1, 1000), opposite / 2):
            yield f"d = {d}, 2 delta = {2 * radius}", least_error(points, labels, radius) > 0, 2 * radius >= opposite


@theorem.step(Exact(_threshold), uses=[attained])
def sharp_threshold() -> Claim:
    """Closed balls at a distance of exactly 2 delta share a point, so the inequality is strict."""
    return statement(
        "zero adversarial training error is possible iff 2 delta < the smallest distance of opposite labels"
    )


def _square_loss() -> Iterator[Instance]:
    places = [Fraction(k, 16) for k in (2, 3, 9, 11)]
    labels, radius = (Fraction(1), Fraction(-1, 2), Fraction(3, 4), Fraction(0)), Fraction(1, 16)
    pairs = sum((labels[k] - labels[k + 1]) ** 2 / 2 for k in (0, 2))
    knots = [Fraction(k, 16) for k in range(17)]
    for k in range(6):
        curve = PiecewiseLinear.of(partial(_zigzag, k), knots)
        yield f"function {k}", adversarial_cost(curve, places, labels, radius) >= pairs, True
    steps = [Fraction(1, 4)] * 6 + [Fraction(3, 8)] * 11
    best = PiecewiseLinear(tuple(knots), tuple(steps))
    yield "the pairs' midpoints", adversarial_cost(best, places, labels, radius), pairs


def _zigzag(k: int, x: Fraction) -> Fraction:
    return ((7 * x + k) % 3 - 1) / (k + 1)


def adversarial_cost(
    curve: PiecewiseLinear, places: list[Fraction], labels: tuple[Fraction, ...], radius: Fraction, /
) -> Fraction:
    """sum_i sup over the ball of x_i of (f - y_i)^2."""
    high, low = curve.window_maximum(radius), curve.window_minimum(radius)
    pairs = zip(places, labels, strict=True)
    return sum((max((high(x) - y) ** 2, (low(x) - y) ** 2) for x, y in pairs), Fraction(0))


@theorem.step(Exact(_square_loss), uses=[zero_error.shared_point])
def square_loss() -> Claim:
    """For the square loss every matching of conflicting pairs bounds the error from below, half a square for each."""
    return statement("the sum over samples is at least that of (y_i - y_j)^2/2 over matched pairs; two pairs attain it")
