r"""Rates of the teacher, and of the overfitted student: piecewise linear least squares with the samples' noise.

With N cells along each axis and a fixed design least squares has the mean squared error
||(I - Pi) f*||_n^2 + s2 rank/n, at most (L/max(1, r))^2 (sqrt(d)/(2N))^(2r) + s2 (N + 1)^d/n, hence n^(-2r/(2r + d)) at
N = n^(1/(2r + d)). For the targets of `overfitted_networks.takagi` the error is known absolutely,
N^(-2r) V_r + s2 (N + 1)^d/n, and the bumps of gate D on independent samples do not change it. A random design costs at
most a logarithm for truncated estimators (Gyoerfi, Kohler, Krzyzak & Walk 2002, Theorem 11.3), which is not used here.

Derived here, in the spirit of Shi, Liu, Cao & Suykens (2024), of which only the abstract was at hand.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from itertools import product

from sympy import Expr, Matrix, Rational, Symbol

from derivations.core import Derivation, Exact, Level, Rate, Simulation, Symbolic
from derivations.evidence import Instance
from derivations.overfitted_networks import partition_of_unity, takagi
from derivations.overfitted_networks.kuhn_networks import hat
from derivations.overfitted_networks.regression import (
    bump_inequality,
    least_squares_error,
    oracle_error,
    smoothness,
)
from derivations.overfitted_networks.separation import benign_for_independent_samples
from derivations.overfitted_networks.settings import dimension, nodes, noise, samples
from derivations.overfitted_networks.symbols import SHI_LIU_CAO_SUYKENS
from derivations.relations import Claim, equal, exponent, statement, tends_to

theorem = Derivation(
    __name__,
    title="Rates of regressors with zero adversarial training error",
    source=SHI_LIU_CAO_SUYKENS,
    simulations={
        "regression_error": "overfitted_networks:regression_error",
        "calibrated": "overfitted_networks:calibrated_regression_error",
    },
)

count = Symbol("n", positive=True)


def _fixed_design() -> Iterator[Instance]:
    places = [Fraction(k, 12) for k in (0, 1, 5, 6, 8, 11)]
    basis = Matrix([[Rational(str(hat((2 * x - k,)))) for k in range(3)] for x in places])
    projection = basis * (basis.T * basis).inv() * basis.T
    truth, size, deviation = Matrix([Rational(str(x**2)) for x in places]), len(places), Rational(1, 3)
    errors = []
    for signs in product((1, -1), repeat=size):
        fitted = projection * (truth + deviation * Matrix(signs))
        errors.append(sum(entry**2 for entry in fitted - truth) / size)
    bias = sum(entry**2 for entry in truth - projection * truth) / size
    yield "6 samples, 3 nodes", sum(errors) / len(errors), bias + deviation**2 * basis.rank() / size
    at = {nodes: 2, dimension: 1, samples: size, noise: deviation**2}
    variance = (least_squares_error() - oracle_error() ** 2).subs(at)
    yield "what the model says of the noise", variance, deviation**2 * basis.rank() / size


@theorem.step(Exact(_fixed_design), uses=[partition_of_unity.affine_reproduction])
def fixed_design() -> Claim:
    """A projection: the noise that it keeps has rank directions. All 64 sign vectors, exactly."""
    return statement("E ||g - f*||_n^2 = ||(I - Pi) f*||_n^2 + s2 rank/n for least squares")


@theorem.step(
    Symbolic(domain={smoothness: (Rational(1, 2), 2), dimension: (1, 5), count: (2, 50)}), uses=[fixed_design]
)
def balance() -> Claim:
    """At N = n^(1/(2r + d)) bias N^(-2r) and variance N^d/n are the same power of n."""
    cells = count ** (1 / (2 * smoothness + dimension))
    return equal(cells ** (-2 * smoothness) / (cells**dimension / count), 1)


def _prediction(order: int) -> Expr:
    variance = noise * (nodes + 1) ** dimension / samples
    return takagi.approximation_error(order, nodes) + variance


def _absolute(order: int, d: int, cells: int, size: int, level: Level = Level.quick) -> Simulation:
    return Simulation(
        "overfitted_networks:regression_error",
        at={dimension: d, smoothness: order, noise: Rational(1, 10), nodes: cells, samples: size},
        bias="none",
        tolerance=0.15 if level is Level.quick else 0.06,
        sizes=(size,),
        level=level,
    )


@theorem.step(
    _absolute(1, 1, 8, 2048),
    _absolute(1, 2, 4, 2048),
    _absolute(1, 3, 2, 2048),
    _absolute(1, 1, 8, 16384, Level.standard),
    _absolute(1, 1, 32, 65536, Level.standard),
    _absolute(1, 2, 8, 16384, Level.standard),
    _absolute(1, 3, 4, 32768, Level.standard),
    uses=[bump_inequality, fixed_design, takagi.variances, takagi.several_dimensions, benign_for_independent_samples],
)
def rough_target() -> Claim:
    """T_1 in one to three dimensions, N a power of two; the design is random and the bumps are there."""
    return tends_to({"standard_error": _prediction(1), "teacher_error": _prediction(1)})


@theorem.step(
    _absolute(2, 1, 4, 4096),
    _absolute(2, 2, 4, 4096, Level.standard),
    _absolute(2, 2, 4, 16384, Level.standard),
    uses=[bump_inequality, fixed_design, takagi.variances, takagi.several_dimensions, benign_for_independent_samples],
)
def smooth_target() -> Claim:
    """T_2, a parabola."""
    return tends_to({"standard_error": _prediction(2), "teacher_error": _prediction(2)})


def _slope(order: int, d: int, sizes: tuple[int, ...], level: Level = Level.quick) -> Rate:
    return Rate(
        "overfitted_networks:calibrated_regression_error",
        at={dimension: d, smoothness: order, noise: Rational(1, 10)},
        sizes=sizes,
        draws=120 if level is Level.quick else 64,
        level=level,
    )


@theorem.step(_slope(1, 1, (256, 2048)), uses=[balance, rough_target])
def rough_rate() -> Claim:
    """-2/3 in one dimension at r = 1, steeper on a short range since (N + 1)/N is not yet 1."""
    return exponent("standard_error", -0.79, -0.6)


@theorem.step(_slope(1, 1, (256, 2048, 16384), Level.standard), uses=[rough_rate])
def rough_rate_over_a_long_range() -> Claim:
    """The same over six octaves, to a narrower interval."""
    return exponent("standard_error", -0.73, -0.62)


@theorem.step(_slope(2, 1, (128, 4096)), uses=[balance, smooth_target])
def smooth_rate() -> Claim:
    """-4/5 in one dimension at r = 2, about -0.83 on this short range by the finite-n formula."""
    return exponent("standard_error", -1.0, -0.72)


@theorem.step(_slope(2, 1, (128, 4096, 31104), Level.standard), uses=[smooth_rate])
def smooth_rate_over_a_long_range() -> Claim:
    """The same over eight octaves, to a narrower interval."""
    return exponent("standard_error", -0.89, -0.76)


@theorem.step(_slope(1, 2, (1024, 16384), Level.standard), uses=[balance, rough_target])
def rough_rate_of_the_plane() -> Claim:
    """-1/2 in two dimensions at r = 1."""
    return exponent("standard_error", -0.6, -0.46)


@theorem.step(_slope(2, 2, (2916, 16384, 62500), Level.standard), uses=[balance, smooth_target])
def smooth_rate_of_the_plane() -> Claim:
    """-2/3 in two dimensions at r = 2, about -0.71 on this range (3, 4 and 5 cells) by the finite-n formula."""
    return exponent("standard_error", -0.76, -0.66)
