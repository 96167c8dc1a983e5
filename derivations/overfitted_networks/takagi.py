r"""Functions of exact smoothness: Takagi and Landsberg's series, whose least-squares errors are known.

T_r(x) = sum_k 2^(-kr) dist(2^k x, Z) has mean 1/(4 (1 - 2^(-r))), and for dyadic mesh h the interpolation error is a
copy of itself: T_r - I_h T_r = h^r T_r(x/h). T_1 is Takagi's function, T_2 = 2x(1 - x) on [0, 1]. On every cell the
residual less its mean is orthogonal to affine functions, so the error of projecting onto continuous piecewise linear
functions is h^(2r) V_r with V_r its variance: V_1 = 1/36, V_2 = 1/45. In d dimensions the target
d^(-1/2) sum_j (T_r(x_j) - mean) has the same error on Kuhn's triangulation of the torus.

Derived here, in the spirit of Shi, Liu, Cao & Suykens (2024), of which only the abstract was at hand.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

from sympy import Expr, Integral, Rational, Symbol, expand, integrate

from derivations.core import Derivation, Exact, Source, Symbolic
from derivations.evidence import Instance
from derivations.overfitted_networks.partition_of_unity import affine_reproduction
from derivations.relations import Claim, equal, statement

theorem = Derivation(
    __name__,
    title="Piecewise linear approximation of the Takagi-Landsberg functions, exactly",
    source=Source(
        key="takagi1903",
        authors=("Takagi, Teiji",),
        title="A simple example of the continuous function without derivative",
        year=1903,
        venue="Proceedings of the Physico-Mathematical Society of Japan 1, 176-177",
    ),
)

t = Symbol("t", real=True)
r = Symbol("r", positive=True)


def mean(smoothness: Expr, /) -> Expr:
    """The mean of T_r: every term has the mean 2^(-kr)/4."""
    return Rational(1, 4) / (1 - 2 ** (-smoothness))


def variance(smoothness: int, /) -> Rational:
    """V_r for r = 1 and 2."""
    return {1: Rational(1, 36), 2: Rational(1, 45)}[smoothness]


def distance_to_integers(x: Fraction, /) -> Fraction:
    """dist(x, Z)."""
    return min(x % 1, 1 - x % 1)


def takagi(x: Fraction, smoothness: int, /) -> Fraction:
    """T_r at a dyadic x, where the series ends."""
    total, scale = Fraction(0), Fraction(1)
    while x % 1:
        total += scale * distance_to_integers(x)
        x, scale = 2 * x, scale / 2**smoothness
    return total


def _self_similarity() -> Iterator[Instance]:
    for smoothness in (1, 2, 3):
        for level in (1, 2, 3):
            cells, fine = 2**level, 2 ** (level + 4)
            nodes = [takagi(Fraction(i, cells), smoothness) for i in range(cells + 1)]
            residuals, copies = [], []
            for i in range(fine):
                place = Fraction(i * cells, fine)
                cell, part = int(place), place % 1
                interpolant = nodes[cell] * (1 - part) + nodes[cell + 1] * part
                residuals.append(takagi(Fraction(i, fine), smoothness) - interpolant)
                copies.append(takagi(place, smoothness) / cells**smoothness)
            yield f"r = {smoothness}, h = 1/{cells}", tuple(residuals), tuple(copies)
    points = [Fraction(i, 64) for i in range(65)]
    yield "T_2", tuple(takagi(x, 2) for x in points), tuple(2 * x * (1 - x) for x in points)


@theorem.step(Exact(_self_similarity))
def self_similarity() -> Claim:
    """The terms k < log2(1/h) are linear on the cells and the others vanish at the nodes."""
    return statement("T_r - I_h T_r = h^r T_r(x/h) for dyadic h, and T_2 = 2x(1 - x)")


def _moments() -> tuple[Expr, Expr]:
    """E T and E T^2 of T_1 from T(x) = x + T(2x)/2 on the left half, by symmetry on the right: two linear equations."""
    first = 2 * Rational(1, 8) / (1 - Rational(1, 2))
    # E[x T(2x)] over the left half: T is symmetric about 1/2, so x may be replaced by 1/4
    cross = Rational(1, 4) * first / 2
    square = 2 * (Rational(1, 24) + cross) / (1 - Rational(1, 4))
    return first, square


def _takagi_moments() -> Iterator[Instance]:
    first, square = _moments()
    yield "mean of T_1", first, mean(Rational(1))
    yield "variance of T_1", square - first**2, variance(1)
    parabola = 2 * t * (1 - t)
    average = Integral(parabola, (t, 0, 1)).doit()
    yield "mean of T_2", average, mean(Rational(2))
    yield "variance of T_2", Integral((parabola - average) ** 2, (t, 0, 1)).doit(), variance(2)


@theorem.step(Exact(_takagi_moments), uses=[self_similarity])
def variances() -> Claim:
    """T_1 is x + T_1(2x)/2 on the left half and symmetric; T_2 is a parabola."""
    return statement("V_1 = 1/36 and V_2 = 1/45, with means 1/2 and 1/3")


@theorem.step(Symbolic(domain={r: (Rational(1, 2), 3)}), uses=[self_similarity])
def series_mean() -> Claim:
    """T_r(x) = dist(x, Z) + 2^(-r) T_r(2x): the mean solves a linear equation."""
    return equal(Rational(1, 4) + 2 ** (-r) * mean(r), mean(r))


def _orthogonality() -> Iterator[Instance]:
    for power in (1, 2):
        residual = (t * (1 - t)) ** power
        centred = residual - integrate(expand(residual), (t, 0, 1))
        yield (
            f"moments of (t (1 - t))^{power}",
            tuple(integrate(expand(centred * t**k), (t, 0, 1)) for k in (0, 1)),
            (0, 0),
        )


@theorem.step(Exact(_orthogonality), uses=[self_similarity])
def orthogonality() -> Claim:
    """Residuals are symmetric about the cell's centre: functions of t (1 - t), whose powers span them."""
    return statement("a symmetric residual less its mean is orthogonal to affine functions on the cell")


def _kuhn_average() -> Iterator[Instance]:
    """int over x_2 of the hat of the plane as a function of x_1, where 0 <= x_1 <= 1."""
    x = Symbol("x", positive=True)
    inner = Symbol("y", real=True)
    upper = Integral(1 - inner, (inner, x, 1)).doit() + x * (1 - x)
    lower = Integral(1 - x + inner, (inner, x - 1, 0)).doit()
    yield "hat of the plane over x_2", upper + lower, 1 - x


@theorem.step(Exact(_kuhn_average), uses=[orthogonality, affine_reproduction])
def several_dimensions() -> Claim:
    """A hat averaged over the other coordinates is affine on cells of the torus: the one-dimensional error remains."""
    return statement("the hat of the plane integrates over x_2 to the hat of x_1")


def approximation_error(smoothness: int, nodes: Expr, /) -> Expr:
    """N^(-2r) V_r, the squared error of the best piecewise linear function with N cells along each axis, N dyadic."""
    return variance(smoothness) / nodes ** (2 * smoothness)
