r"""Test error and Dirichlet energy of random features, in the spectral quantities that a training method gives.

With M = aK + nu (a = mu_1^2, K = WW'), the population Gram matrix acts as U = M + (spike/m) 11', that of the gradients
as U + (nu' - nu) + (spike/m) 11', and the target as r = sqrt(2 spike t2/m) 1, with spike = rho gamma mu_2^2 and
t2 = tau^2/gamma. A training method gives v = phi(U) r + alpha chi(U) v0, v0 ~ N(0, I/m), chi(x) = 1 - x phi(x). All
that is left are averages of phi and chi^2 over two laws: that of 1/sqrt(m) under U, and the eigenvalues of M.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sympy import Eq, Expr, Integer, Piecewise, Symbol, sqrt

from derivations.averages import LawMean
from derivations.core import unknown
from derivations.learning_regimes.symbols import (
    covariance,
    derivative_energy,
    g,
    hermite_2,
    linear_coefficient,
    mean,
    nonlinear_energy,
    offset,
    rho,
    ridge,
    trace_alignment,
)
from derivations.spectral_formulas import gram_trace

Program = tuple[tuple[Symbol, Expr], ...]

a = Symbol("linear_energy", nonnegative=True)
psi1 = unknown("psi1", "lim (1/m) tr (aK + nu + ridge)^(-1)", positive=True)
psi2 = Symbol("psi2", positive=True)
kappa = Symbol("kappa", nonnegative=True)
gamma = Symbol("gamma", positive=True)
spike = Symbol("spike", nonnegative=True)
alignment = Symbol("alignment", nonnegative=True)
visible = Symbol("visible", nonnegative=True)
linear_share = Symbol("linear_share", nonnegative=True)
eta = Symbol("eta", positive=True)

spread = LawMean((g - 1) ** 2, g, covariance.symbol)
"""The variance of the eigenvalues g: gamma - 1."""


@dataclass(frozen=True)
class Moments:
    """What a method v = phi(U) r + alpha chi(U) v0 learns: averages of phi over varsigma and of chi^2 over beta.

    `missed` is 1 - spike (2 E phi - E x phi^2) and `energy` is E x phi^2, `square` E phi^2, `first` E phi, over the law
    varsigma of 1/sqrt(m) under U; `left_energy` is E x chi^2 and `left` E chi^2 over the eigenvalues of M.
    """

    missed: Expr
    energy: Expr
    square: Expr
    first: Expr
    left_energy: Expr
    left: Expr


def errors(moments: Moments, init_scale: Expr, /) -> Mapping[str, Expr]:
    """The two observables, in units of ||f*||^2 = 2 and S(f*)^2 = 4, where the target acts as r up to `visible`."""
    extra = derivative_energy - nonlinear_energy
    learnt = moments.energy + extra * moments.square + spike * moments.first**2
    left = moments.left_energy + extra * moments.left
    return {
        "test_error": 1 - visible * alignment * (1 - moments.missed) + init_scale**2 * moments.left_energy / 2,
        "dirichlet_energy": visible * alignment * spike * learnt / 2 + init_scale**2 * left / 4,
    }


def ridge_moments() -> Moments:
    """phi = 1/(x + ridge), chi = ridge/(x + ridge), by Sherman and Morrison; without subtraction at large ridge."""
    bulk = psi2 * (nonlinear_energy + linear_share)
    once = 1 + kappa
    return Moments(
        missed=(1 + spike * bulk) / once**2,
        energy=(bulk + kappa * psi1) / once**2,
        square=psi2 / once**2,
        first=psi1 / once,
        left_energy=ridge**2 * bulk,
        left=ridge**2 * psi2,
    )


def setting_program() -> Program:
    """Names that every training method shares, from the parameters."""
    return (
        (a, linear_coefficient**2),
        (gamma, 1 + spread),
        (spike, rho * gamma * hermite_2**2),
        (alignment, trace_alignment**2 / gamma),
        (visible, Piecewise((1, offset.symbol > 0), (1, Eq(mean, 0)), (0, True))),
    )


def isotropic_program() -> Program:
    """psi1, psi2 and kappa at nu + ridge for rows without a preferred direction."""
    shifted = nonlinear_energy + ridge
    return (
        (psi1, gram_trace(shifted, a, rho)),
        (linear_share, a / (1 + a * rho * psi1) ** 2),
        (psi2, psi1 / (shifted + linear_share)),
        (kappa, spike * psi1),
    )


def anisotropic_program() -> Program:
    """The same given psi1, for rows of a covariance: linear_share is a E[g/(1 + a rho psi1 g)^2]."""
    return (
        (linear_share, a * LawMean(g / (1 + a * rho * psi1 * g) ** 2, g, covariance.symbol)),
        (psi2, psi1 / (nonlinear_energy + ridge + linear_share)),
        (kappa, spike * psi1),
    )


def printed_test_error() -> Expr:
    """1 - t2 kappa/(1 + kappa), the ridgeless limit."""
    return 1 - alignment * kappa / (1 + kappa)


def printed_energy() -> Expr:
    """t2 kappa (kappa + eta)/(1 + kappa)^2, the ridgeless limit, eta = (1 + (nu' - nu) psi2/psi1)/2."""
    return alignment * kappa * (kappa + eta) / (1 + kappa) ** 2


def printed_eta() -> Expr:
    """(1 + (nu' - nu) psi2/psi1)/2."""
    return (1 + (derivative_energy - nonlinear_energy) * psi2 / psi1) / 2


def target_length(spike: Expr, alignment: Expr, rows: Expr, /) -> Expr:
    """The entry sqrt(2 spike t2/m) of r, which is sqrt2 mu_2 tau_Gamma/sqrt d."""
    return sqrt(Integer(2) * spike * alignment / rows)
