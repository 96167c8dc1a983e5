r"""The gradient flow of the output weights, and the two spectral laws that its averages are taken over.

v' = -((U + ridge) v - r - ridge alpha v0) from alpha v0 gives v = phi(U) r + alpha chi(U) v0 at time t, with
phi(x) = (1 - exp(-t (x + ridge)))/(x + ridge) and chi = 1 - x phi. The eigenvalues of M = aK + nu follow the law beta
of a s + nu. The law varsigma of 1/sqrt(m) under U = M + (spike/m) 11' is explicit as well: with e = mu_2^2 - a it has
the density a^2/(a^2 + rho e^2 - a e (s - 1 - rho)) with respect to the semicircle s dmu/rho, and for rho e^2 > a^2 the
missing mass sits at nu + mu_2^2 (a + rho e)/e. Derived here.
"""

from __future__ import annotations

from collections.abc import Callable

from sympy import Abs, Expr, Max, Piecewise, Symbol, exp, sqrt

from derivations.averages import edge_mean
from derivations.learning_regimes.feature_traces import Moments, Program, a, spike
from derivations.learning_regimes.symbols import hermite_2, nonlinear_energy, rho, ridge, time
from derivations.spectral_formulas import decayed

excess = Symbol("excess", real=True)
least = Symbol("least_eigenvalue", nonnegative=True)
reference = Symbol("reference", nonnegative=True)
first, energy, square, left_energy, left = (
    Symbol(name, nonnegative=True) for name in ("phi_mean", "phi_energy", "phi_square", "chi_energy", "chi_square")
)


def learnt_share(x: Expr, /) -> Expr:
    """phi(x), through tanh so that it neither cancels at small t (x + ridge) nor overflows at large."""
    return Piecewise((decayed(time, x + ridge), x + ridge > 0), (time, True))


def left_share(x: Expr, /) -> Expr:
    """chi(x) = 1 - x phi(x) = ridge phi(x) + exp(-t (x + ridge))."""
    return ridge * learnt_share(x) + exp(-time * (x + ridge))


def eigenvalue_mean(function: Callable[[Expr], Expr], /) -> Expr:
    """The average over beta, the law of the m eigenvalues of M: no case for rho < 1, rho > 1, atoms included.

    f(nu) stands under the integral, so that rounding in the difference is judged against it.
    """
    base = nonlinear_energy
    return edge_mean(lambda s: function(base) + (function(base + a * s) - function(base)) / s, rho)


def spiked_density(s: Expr, /) -> Expr:
    """The density of varsigma at a s + nu with respect to the semicircle law s dmu(s)/rho."""
    denominator = a**2 + rho * excess**2 - a * excess * (s - 1 - rho)
    return Piecewise((a**2 / denominator, denominator > 0), (0, True))


def outlier() -> Expr:
    """The eigenvalue that carries the missing mass, where there is one."""
    return nonlinear_energy + hermite_2**2 * (a + rho * excess) / excess


def spiked_mean(function: Callable[[Expr], Expr], /) -> Expr:
    """The average over varsigma: f(ref) + the mean of f - f(ref) over the density, ref the outlier if there is one.

    Any point serves as ref where no mass is missing. The outlier's second sheet is taken as long as it is close, which
    removes the pole of the density from the neighbourhood of the spectrum: the integrand is then entire.
    """
    base = function(reference)
    return edge_mean(lambda s: base + (function(nonlinear_energy + a * s) - base) * spiked_density(s), rho)


def law_program() -> Program:
    """What `spiked_mean` refers to."""
    reach = sqrt(rho) * Abs(excess)
    close = Max(reach - a, Abs(excess) * least / 2 - (reach - a) ** 2)
    return (
        (excess, hermite_2**2 - a),
        (least, nonlinear_energy + a * (1 - sqrt(rho)) ** 2),
        (reference, Piecewise((outlier(), close > 0), (least, True))),
    )


def flow_program() -> Program:
    """The averages at the time given, by name."""
    return (
        *law_program(),
        (first, _if_seen(spiked_mean(learnt_share))),
        (energy, _if_seen(spiked_mean(lambda x: x * learnt_share(x) ** 2))),
        (square, _if_seen(spiked_mean(lambda x: learnt_share(x) ** 2))),
        (left_energy, eigenvalue_mean(lambda x: x * left_share(x) ** 2)),
        (left, eigenvalue_mean(lambda x: left_share(x) ** 2)),
    )


def _if_seen(average: Expr) -> Expr:
    """The average where the target is seen at all: without degree two the spectrum may reach 0, and phi the time."""
    return Piecewise((average, spike > 0), (0, True))


def flow_moments() -> Moments:
    """In the names of `flow_program`."""
    return Moments(1 - spike * (2 * first - energy), energy, square, first, left_energy, left)
