r"""The bounds that this paper's models report, put together once more from definitions, in the plane or in space.

A bump's support by its slices, the movement of f* by the distance along both axes, the oracle's error as an integral
of Taylor's remainder, a variance as a sum over nodes: what `overfitted_networks.classification` and
`overfitted_networks.regression` evaluate in any dimension has to be their sum.
"""

from __future__ import annotations

from sympy import Expr, Integral, Max, Min, Rational, S, Sum, Symbol, exp, symbols

from derivations.core import Derivation, Sampled
from derivations.overfitted_networks import (
    blocks,
    classification,
    gap,
    learning_rates,
    partition_of_unity,
    regression,
    separation,
)
from derivations.overfitted_networks.bump_volume import BumpVolume, area_by_slices
from derivations.overfitted_networks.regression import lipschitz, smoothness
from derivations.overfitted_networks.settings import (
    bad_samples,
    density,
    dimension,
    label_noise,
    nodes,
    noise,
    radius,
    ramp,
    samples,
)
from derivations.overfitted_networks.symbols import SHI_LIU_CAO_SUYKENS
from derivations.relations import Claim, at_most, below, equal

theorem = Derivation(
    __name__,
    title="The bounds of overfitted networks, term by term",
    source=SHI_LIU_CAO_SUYKENS,
)

SIZES = dict.fromkeys((radius, ramp), (Rational(1, 100), Rational(1, 5)))
FEW = {**classification.BOX, radius: (Rational(1, 50), Rational(1, 10)), bad_samples: (1, 8)}
PLANE = {each: regression.MODERATE[each] for each in (smoothness, lipschitz)} | {
    **SIZES,
    nodes: (2, 9),
    samples: (2, 20),
    noise: (Rational(1, 10), 1),
}
in_the_plane = Sampled(PLANE, digits=12, points=4)


@theorem.step(Sampled(FEW, digits=12), uses=[classification.volume_of_the_bound])
def error_of_disjoint_bumps() -> Claim:
    """A fattened support adds its mass to the robust error and no more, and an error is at most 1. Here d = 2."""
    mass = density * bad_samples * area_by_slices(2 * radius, ramp)
    return equal(Min(1, label_noise + mass), classification.reported("robust_error_bound")[0].subs(dimension, 2))


@theorem.step(Sampled(classification.BOX), uses=[error_of_disjoint_bumps])
def error_of_overlapping_bumps() -> Claim:
    """Where the fattened bumps cannot be disjoint the bound of the regular region has become 1. Here d = 3."""
    regular, crowded = classification.reported("robust_error_bound")
    mass = density * bad_samples * BumpVolume(3, 2 * radius, ramp)
    return equal(regular.subs(dimension, 3), crowded, given=[below(1, mass)])


@theorem.step(Sampled({samples: (2, 99), dimension: (1, 9)}), uses=[separation.median_separation])
def typical_radius() -> Claim:
    """Twice the radius that the models call typical is the median of the separation, in every region."""
    found = (*classification.reported("typical_admissible_radius"), regression.reported("typical_admissible_radius"))
    pairs = samples * (samples - 1) / 2
    tails = [exp(-pairs * (2 * 2 * each) ** dimension) for each in found]
    return equal(sum(tails, S.Zero), Rational(len(tails), 2))


def movement(distance: Expr, /) -> Expr:
    """The largest |f*(x) - f*(u)| where x and u are `distance` apart along both axes of the plane."""
    return lipschitz * (distance**2 + distance**2) ** (Min(smoothness, 1) / 2)


def oracle_in_the_plane() -> Expr:
    """Taylor's remainder at a cell's centre, whose corners are half a cell away along both axes."""
    share, half = Symbol("s", positive=True), 1 / (2 * nodes)
    power = lipschitz * (half**2 + half**2) ** (smoothness / 2)
    return Integral(power * share ** (Max(smoothness, 1) - 1), (share, 0, 1))


def bumps_in_the_plane(variance: Expr, reach: Expr, /) -> Expr:
    """Every support costs its area times the noise and the squared movement of f* within its reach and ramp."""
    return samples * (variance + movement(reach + ramp) ** 2) * area_by_slices(reach, ramp)


@theorem.step(in_the_plane, uses=[regression.label_error, blocks.volume])
def error_of_the_bumps() -> Claim:
    """On its support a bump's label is as far from f* as the noise and the movement of f* put it. Here d = 2."""
    return equal(bumps_in_the_plane(noise, radius), regression.reported("bump_error").subs(dimension, 2))


@theorem.step(
    in_the_plane, uses=[error_of_the_bumps, regression.between_is_convex, partition_of_unity.taylor_remainder]
)
def standard_error() -> Claim:
    """The oracle teacher adds the square of its error. Here d = 2."""
    bound = oracle_in_the_plane() ** 2 + bumps_in_the_plane(noise, radius)
    return equal(bound, regression.reported("standard_error_bound").subs(dimension, 2))


@theorem.step(in_the_plane, uses=[gap.bounds_in_order, partition_of_unity.taylor_remainder])
def robust_error() -> Claim:
    """By Minkowski's inequality the teacher has sigma, its movement and its error; bumps have 2 delta, both noises."""
    teacher = noise ** Rational(1, 2) + movement(radius) + oracle_in_the_plane()
    bound = teacher**2 + bumps_in_the_plane(2 * noise, 2 * radius)
    return equal(bound, regression.reported("robust_error_bound").subs(dimension, 2))


@theorem.step(in_the_plane, uses=[gap.bounds_in_order])
def least_error_of_separated_samples() -> Claim:
    """Within 2 delta of a sample its label is a second draw of the noise: s2 once more. Here d = 2."""
    first, second = symbols("z1 z2", real=True)
    around = ((each, -2 * radius, 2 * radius) for each in (first, second))
    apart = at_most(samples * (4 * radius) ** 2, 1)
    bound = regression.reported("robust_error_lower_bound").subs(dimension, 2)
    return equal(noise + samples * Integral(noise, *around), bound, given=[apart])


@theorem.step(Sampled(PLANE), uses=[least_error_of_separated_samples])
def least_error_of_crowded_samples() -> Claim:
    """Where no samples are 4 delta apart only s2 is left. Here d = 2."""
    crowded = below(1, samples * (4 * radius) ** 2)
    return equal(noise, regression.reported("robust_error_lower_bound").subs(dimension, 2), given=[crowded])


@theorem.step(in_the_plane, uses=[learning_rates.fixed_design, partition_of_unity.taylor_remainder])
def least_squares_error() -> Claim:
    """Beside the oracle's square the share 1/n of the noise for each node. Here d = 2."""
    row, column = symbols("i j", integer=True)
    kept = Sum(noise / samples, (row, 0, nodes), (column, 0, nodes)).doit()
    return equal(oracle_in_the_plane() ** 2 + kept, regression.reported("least_squares_error").subs(dimension, 2))
