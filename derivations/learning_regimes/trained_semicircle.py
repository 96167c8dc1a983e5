r"""The smallest squares of a shifted semicircle law: E[b^2; |b| < u] for b = tau + sqrt(1 - tau^2) xi, given its mass.

xi has the semicircle law of radius 2. Its partial moments are elementary in the angle a with xi = 2 sin a. While both
ends of |b| < u lie inside the support the threshold u is the unknown; once the lower end leaves it, the angle is.
"""

from __future__ import annotations

from sympy import Expr, Integer, Max, Rational, Symbol, asin, cos, pi, sin

from derivations.core import Branch, Model, unknown
from derivations.learning_regimes.symbols import rho
from derivations.learning_regimes.trained_setting import (
    PARAMETERS,
    PROGRAM,
    centre,
    is_semicircle,
    kept_share,
    spread,
)
from derivations.relations import Relation, at_most, below, equal

threshold = unknown(
    "threshold",
    "odds of the threshold u: u = (2 spread - centre) threshold/(1 + threshold)",
    positive=True,
    convention="eigenvalues with |b| < u are dropped; the spectrum is symmetrised to centre >= 0",
)
upper_angle = unknown(
    "upper_angle",
    "angle of the upper end of the dropped eigenvalues: centre - 2 spread cos(upper_angle)",
    positive=True,
)


def partial_moments(angle: Expr, /) -> tuple[Expr, Expr, Expr]:
    """E[xi^k; xi < 2 sin(angle)] for k = 0, 1, 2 and xi of the semicircle law of radius 2, angle in [-pi/2, pi/2]."""
    s, c = sin(angle), cos(angle)
    return (
        Rational(1, 2) + (angle + s * c) / pi,
        -4 * c**3 / (3 * pi),
        Rational(1, 2) + (angle - s * c * (1 - 2 * s**2)) / pi,
    )


def moments_between(lower: Expr, upper: Expr, /) -> tuple[Expr, ...]:
    """E[xi^k; 2 sin(lower) < xi < 2 sin(upper)] for k = 0, 1, 2."""
    pairs = zip(partial_moments(lower), partial_moments(upper), strict=True)
    return tuple(high - low for low, high in pairs)


def square_mean(moments: tuple[Expr, ...], /) -> Expr:
    """E[b^2; ...] from the partial moments of xi, b = centre + spread xi."""
    return centre**2 * moments[0] + 2 * centre * spread * moments[1] + spread**2 * moments[2]


def losses(dropped: Expr, /) -> dict[str, Expr]:
    """The observables when E[b^2; dropped] is lost: without an offset the trace part is lost as well."""
    error = 1 - kept_share * (1 - dropped)
    return {"test_error": error, "dirichlet_energy": 1 - error}


lower_end, upper_end = Symbol("lower_end", real=True), Symbol("upper_end", real=True)
dropped_mass, dropped_square = Symbol("dropped_mass", positive=True), Symbol("dropped_square", positive=True)

mass_at_edge = Symbol("mass_at_edge", nonnegative=True)
"""P(|b| < u) at u = 2 spread - centre, where the lower end leaves the support."""
EDGE = ((mass_at_edge, partial_moments(asin(Max(-1, 1 - centre / spread)))[0]),)
"""Its definition: the program in which the branches are told apart contains it."""


def _keeps(mass: Expr) -> Relation:
    # 1 + mass against 2 - rho: both ends of rho in (0, 1) are well scaled
    return equal(1 + mass, 2 - rho)


def two_ends() -> Model:
    """The threshold while |b| < u has both ends inside the support."""
    u = (2 * spread - centre) * threshold / (1 + threshold)
    moments = moments_between(asin(lower_end), asin(upper_end))
    reached = (1 - rho) / mass_at_edge
    return Model(
        parameters=PARAMETERS,
        unknowns=(threshold,),
        program=(
            *PROGRAM,
            *EDGE,
            (lower_end, (-u - centre) / (2 * spread)),
            (upper_end, (u - centre) / (2 * spread)),
            (dropped_mass, moments[0]),
            (dropped_square, square_mean(moments)),
        ),
        equations=(_keeps(dropped_mass),),
        observables=losses(dropped_square),
        # at centre 0 the mass reaches 1 with exponent 3/2
        start={threshold: reached / (1 - reached) ** Rational(2, 3)},
        reported={"u": u},
    )


def one_end() -> Model:
    """The upper end of the dropped eigenvalues, once all below it are dropped."""
    moments = partial_moments(upper_angle - pi / 2)
    return Model(
        parameters=PARAMETERS,
        unknowns=(upper_angle,),
        program=(*PROGRAM, (dropped_mass, moments[0]), (dropped_square, square_mean(moments))),
        equations=(_keeps(dropped_mass),),
        observables=losses(dropped_square),
        start={upper_angle: pi * (1 - rho) ** Rational(1, 3)},
        reported={"u": centre - 2 * spread * cos(upper_angle)},
    )


def semicircle_branches() -> tuple[Branch, ...]:
    """The two branches, for rho < 1 and a spectrum that is a semicircle of positive width."""
    common = (equal(is_semicircle, Integer(1)), below(0, spread))
    return (
        Branch("both_ends", (*common, below(1 - rho, mass_at_edge)), two_ends()),
        Branch("upper_end_only", (*common, at_most(mass_at_edge, 1 - rho)), one_end()),
    )


__all__ = ["EDGE", "losses", "moments_between", "partial_moments", "semicircle_branches"]
