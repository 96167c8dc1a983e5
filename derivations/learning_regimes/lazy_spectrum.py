"""Laplace transforms of the spectrum of W'W at every time: angles that gather at the lower edge as time grows.

At time u only eigenvalues within 1/u of the lower edge are left, a window of width u^(-1/2) in the angle at rho = 1,
which the plain midpoint rule either resolves late or, its coarse rules agreeing, never sees.
"""

from __future__ import annotations

from collections.abc import Callable

from sympy import Expr, Rational, cos, exp, sin, sqrt

from derivations.averages import ANGLE, angle_mean
from derivations.spectral_formulas import decayed


def edge_weight(near: Expr, far: Expr, gather: Expr, sine: Expr, /) -> Expr:
    """The density of the semicircle law in the new angle, whose sine is `sine`: near + far is the Jacobian's bottom."""
    return 2 * gather**3 * sine**2 / (near + far) ** 3


def edge_mean(function: Callable[[Expr], Expr], rho: Expr, gather: Expr, /) -> Expr:
    """The mean of `function` over the semicircle law s dmu/rho, as an integral over an angle that is even and periodic.

    The distance psi of the usual angle from the lower edge is tan(psi/2) = gather tan(angle/2): at gather = 1 the usual
    angle, and a share of about gather of the edge fills half of the rule. s is counted from the edge (1 - sqrt(rho))^2,
    so that nothing cancels there.
    """
    near, far = cos(ANGLE / 2) ** 2, gather**2 * sin(ANGLE / 2) ** 2
    value = (1 - sqrt(rho)) ** 2 + 4 * sqrt(rho) * far / (near + far)
    return angle_mean(edge_weight(near, far, gather, sin(ANGLE)) * function(value))


def gathered(u: Expr, /) -> Expr:
    """u^(-1/4): the edge's window and the rest then need equally many angles, of the order of u^(1/4)."""
    return (1 + u) ** Rational(-1, 4)


def size_biased_laplace(u: Expr, rho: Expr, /) -> Expr:
    """ell(u), the mean of exp(-u s) over s dmu/rho."""
    return edge_mean(lambda s: exp(-u * s), rho, gathered(u))


def laplace_mean(u: Expr, rho: Expr, /) -> Expr:
    """L(u), the mean of exp(-u s) over mu, its atom (1 - rho)_+ included: 1 - rho E_omega (1 - exp(-u s))/s.

    The error is absolute, about 1e-15.
    """
    return 1 - rho * edge_mean(lambda s: decayed(u, s), rho, gathered(u))
