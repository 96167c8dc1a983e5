"""Spectral averages of a first layer in forms for floats: Gram resolvent, resolvent, Laplace transform, covariance.

W is m x d with m/d -> rho, K = WW', S = W'W, and mu is the limit law of S with its atom at 0. Shown in
`derivations.lemmas.spectral_averages`.
"""

from __future__ import annotations

from sympy import Expr, Piecewise, Symbol, exp, sqrt, tanh

from derivations.averages import LawMean, edge_mean

EIGENVALUE = Symbol("g", positive=True)
"""An eigenvalue of d times the covariance of the rows; its law has mean one."""


def gram_discriminant(nu: Expr, a: Expr, rho: Expr, /) -> Expr:
    """D, the square root of the discriminant of the quadratic for psi1: a sum of squares, no subtraction."""
    return sqrt((nu + a * (rho - 1)) ** 2 + 4 * nu * a)


def gram_closed_form(nu: Expr, a: Expr, rho: Expr, /) -> Expr:
    """psi1 = lim (1/m) tr (aK + nu)^(-1) in one formula, for algebra (it subtracts where rho is large)."""
    return 2 / (nu + a * (1 - rho) + gram_discriminant(nu, a, rho))


def gram_trace(nu: Expr, a: Expr, rho: Expr, /) -> Expr:
    """psi1 = lim (1/m) tr (aK + nu)^(-1) for nu > 0, a >= 0, without subtraction: for floats at every rho."""
    root = gram_discriminant(nu, a, rho)
    wide = (nu + a * (rho - 1) + root) / (nu * (nu + a * (rho + 1) + root))
    return Piecewise((2 / (nu + a * (1 - rho) + root), rho < 1), (wide, True))


def gram_trace_slope(nu: Expr, a: Expr, rho: Expr, /, psi1: Expr | None = None) -> Expr:
    """psi2 = lim (1/m) tr (aK + nu)^(-2) = -d psi1/d nu > 0; `psi1` may name the value of `gram_trace`."""
    trace = gram_trace(nu, a, rho) if psi1 is None else psi1
    return trace * (1 + a * rho * trace) / gram_discriminant(nu, a, rho)


def resolvent_discriminant(z: Expr, rho: Expr, /) -> Expr:
    """D(z), the square root of the discriminant of the quadratic for g_rho(z): z g + 1/g."""
    return sqrt((z + (rho - 1)) ** 2 + 4 * z)


def resolvent_mean(z: Expr, rho: Expr, /) -> Expr:
    """g_rho(z), the mean of 1/(s + z) over mu for z > 0, to a few units of 1e-16 (of 1e-16/sqrt(z) next to rho = 1)."""
    shift = z + (rho - 1)
    root = resolvent_discriminant(z, rho)
    return Piecewise((2 / (shift + root), shift > 0), ((root - shift) / (2 * z), True))


def seen_mean(z: Expr, rho: Expr, /, root: Expr | None = None) -> Expr:
    """The mean of s/(s + z) over mu, 1 - z g_rho(z) without the difference; `root` may name the discriminant D(z)."""
    return 2 * rho / (z + rho + 1 + (resolvent_discriminant(z, rho) if root is None else root))


def size_biased_laplace(u: Expr, rho: Expr, /) -> Expr:
    """ell(u), the mean of exp(-u s) over the semicircle law s dmu/rho, u >= 0, as an integral over an angle."""
    return edge_mean(lambda s: exp(-u * s), rho)


def laplace_mean(u: Expr, rho: Expr, /) -> Expr:
    """L(u), the mean of exp(-u s) over mu (atom included), u >= 0: 1 - rho times the mean of (1 - exp(-u s))/s.

    The integrand is entire in s, so that rho = 1 is no special case. The error is absolute, a few units of 1e-16.
    """
    return 1 - rho * edge_mean(lambda s: decayed(u, s), rho)


def decayed(u: Expr, s: Expr, /) -> Expr:
    """(1 - exp(-us))/s, which is entire in s, through tanh(us/2): it neither overflows nor cancels."""
    half = tanh(u * s / 2)
    return 2 * half / (s * (1 + half))


def covariance_mean(psi: Expr, a: Expr, rho: Expr, law: Expr, /, power: int = 1) -> Expr:
    """The mean of g/(1 + a rho psi g)^power over the law of g: a symbol that a LawParameter carries, or atoms."""
    return LawMean(EIGENVALUE / (1 + a * rho * psi * EIGENVALUE) ** power, EIGENVALUE, law)


def covariance_trace(psi: Expr, nu: Expr, a: Expr, rho: Expr, law: Expr, /) -> Expr:
    """The right-hand side of psi1 = 1/(nu + a E[g/(1 + a rho psi1 g)]), the law of psi1 under a covariance."""
    return 1 / (nu + a * covariance_mean(psi, a, rho, law))


def covariance_trace_slope(psi: Expr, nu: Expr, a: Expr, rho: Expr, law: Expr, /) -> Expr:
    """psi2 = -d psi1/d nu > 0 at a root psi of that law: psi/(nu + a E[g/(1 + a rho psi g)^2])."""
    return psi / (nu + a * covariance_mean(psi, a, rho, law, power=2))


__all__ = [
    "EIGENVALUE",
    "covariance_mean",
    "covariance_trace",
    "covariance_trace_slope",
    "decayed",
    "gram_closed_form",
    "gram_discriminant",
    "gram_trace",
    "gram_trace_slope",
    "laplace_mean",
    "resolvent_discriminant",
    "resolvent_mean",
    "seen_mean",
    "size_biased_laplace",
]
