r"""Hermite data of tangent features: what sigma'(w'x) and w'x sigma'(w'x) have beyond a quadratic target.

With h_k = He_k/sqrt(k!) and mu_k = E[f(G) h_k(G)], the coefficients beta_k of f'(t) and eta_k of t f'(t) are
beta_k = sqrt(k + 1) mu_(k+1) and eta_k = k mu_k + sqrt((k + 1)(k + 2)) mu_(k+2). The constants of
`derivations.tangent_constants` are sums over the degrees left when those up to one (beta) or two (eta) are removed, and
so are means of f, f', f'' by Parseval's identity. They vanish for quadratic f and only then. For the ReLU
tangent_energy/beta_1^2 = pi/2 - 1 and radial_tangent_energy/eta_2^2 = pi - 3, and sum k beta_k^2 is infinite.

Identities for all f are checked on monomials, on polynomials of degree 6 and on generating functions.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from math import factorial

from sympy import Derivative, Expr, Max, Rational, Symbol, diff, exp, expand, hermite_prob, oo, pi, sqrt

from derivations.activations import activation_constants
from derivations.core import Derivation, Exact, Source, Symbolic
from derivations.evidence import Instance
from derivations.gaussian_integrals import gaussian_mean
from derivations.gaussian_moments import LINEAR, MEAN, SLOPE, SLOPE_ENERGY, exact_moments
from derivations.lemmas import gaussian
from derivations.relations import Claim, equal, limit_of, statement
from derivations.tangent_constants import TANGENT_CONSTANTS, TANGENT_MOMENTS, tangent_constants

theorem = Derivation(
    __name__,
    title="Hermite data of tangent features",
    source=Source(
        "dohmatob2022robustness",
        ("Dohmatob, Elvis", "Bietti, Alberto"),
        "On the (non-)robustness of two-layer neural networks in different learning regimes",
        2022,
        arxiv="2203.11864",
    ),
)

DEGREE = 6
t = gaussian.t
a, b = gaussian.a, gaussian.b
delta = Symbol("delta", positive=True)
_KEYS = tuple({MEAN, LINEAR, SLOPE, SLOPE_ENERGY}.union(*TANGENT_MOMENTS.values()))


def _coefficient(function: Expr, k: int) -> Expr:
    """E[f He_k]."""
    return gaussian_mean(expand(function * hermite_prob(k, t)), t)


def _slope_coefficients() -> Iterator[Instance]:
    for j in range(1, DEGREE + 1):
        degrees = range((j + 1) % 2, j, 2)
        slopes = [_coefficient(j * t ** (j - 1), k) for k in degrees]
        yield f"t^{j}", slopes, [_coefficient(t**j, k + 1) for k in degrees]


@theorem.step(Exact(_slope_coefficients), uses=[gaussian.stein_on_polynomials])
def slope_coefficients() -> Claim:
    """Integration by parts: t He_k - He_k' = He_(k+1)."""
    return statement("E[f' He_k] = E[f He_(k+1)], that is beta_k = sqrt(k + 1) mu_(k+1), for f = t^j, j <= 6")


def _radial_coefficients() -> Iterator[Instance]:
    for j in range(1, DEGREE + 1):
        degrees = range(j % 2, j + 1, 2)
        radial = [_coefficient(j * t**j, k) for k in degrees]
        yield f"t^{j}", radial, [k * _coefficient(t**j, k) + _coefficient(t**j, k + 2) for k in degrees]


@theorem.step(Exact(_radial_coefficients), uses=[slope_coefficients])
def radial_coefficients() -> Claim:
    """t He_k = He_(k+1) + k He_(k-1), each integrated by parts."""
    return statement(
        "E[G f' He_k] = k E[f He_k] + E[f He_(k+2)], eta_k = k mu_k + sqrt((k+1)(k+2)) mu_(k+2), for t^j, j <= 6"
    )


@theorem.step(Symbolic(), uses=[radial_coefficients, gaussian.completed_square])
def radial_coefficients_generated() -> Claim:
    """All degrees at once: e_a = exp(a t - a^2/2) generates He_k, a d/da its k He_k and d^2/da^2 its He_(k+2)."""
    generating, function = exp(a * t - a**2 / 2), exp(b * t)
    mean = gaussian_mean(function * generating, t)
    raised = a * Derivative(mean, a) + Derivative(mean, (a, 2))
    return equal(gaussian_mean(t * diff(function, t) * generating, t), raised)


def _series(function: Expr) -> dict[str, Expr]:
    """The constants of a polynomial of degree 6 by their definitions as sums; m_k = E[f He_k] = sqrt(k!) mu_k."""
    m = {k: _coefficient(function, k) for k in range(DEGREE + 3)}
    radial = {k: k * m[k] + m[k + 2] for k in range(DEGREE + 1)}
    weight = [Rational(1, factorial(k)) for k in range(DEGREE + 1)]
    beyond, further = range(2, DEGREE), range(3, DEGREE + 1)
    return {
        "tangent_energy": sum(weight[k] * m[k + 1] ** 2 for k in beyond),
        "radial_tangent_energy": sum(weight[k] * radial[k] ** 2 for k in further),
        "tangent_derivative_energy": sum((k + 1) * weight[k] * m[k + 1] ** 2 for k in beyond),
        "radial_tangent_derivative_energy": sum(k * weight[k] * radial[k] ** 2 for k in further),
        "radial_overlap": sum(weight[k] * m[k] * radial[k] for k in further),
        "radial_derivative_overlap": sum(k * weight[k] * m[k] * radial[k] for k in further),
    }


def _parseval() -> Iterator[Instance]:
    for function in (t**6 + t**5 - t**2 + t, 3 * t**2 - t + 1):
        found = activation_constants(function, t, TANGENT_CONSTANTS)
        for name, series in _series(function).items():
            yield f"{name} of {function}", found[name], series


@theorem.step(Exact(_parseval), uses=[radial_coefficients, gaussian.hermite_orthogonality])
def parseval() -> Claim:
    """E[u v] = sum u_k v_k and E[u' v'] = sum k u_k v_k, less the degrees that are removed."""
    return statement("each constant is the sum over degrees that defines it, for polynomials f up to degree 6")


@cache
def _of_exponential() -> dict[str, Expr]:
    """The constants of exp(b t - b^2/2) as means; there mu_k = b^k/sqrt(k!)."""
    function = exp(b * t - b**2 / 2)
    return tangent_constants(exact_moments(((-oo, oo, function),), t, _KEYS), TANGENT_CONSTANTS)


@theorem.step(Symbolic(), uses=[parseval, gaussian.completed_square])
def radial_energy_of_an_exponential() -> Claim:
    """eta_k^2 = (k + b^2)^2 b^(2k)/k!, a Poisson second moment less the degrees 0, 1, 2: the series does not end."""
    x = b**2
    removed = x**2 + x * (1 + x) ** 2 + x**2 * (2 + x) ** 2 / 2
    return equal(_of_exponential()["radial_tangent_energy"], (4 * x**2 + x) * exp(x) - removed)


@theorem.step(Symbolic(), uses=[parseval, gaussian.completed_square])
def radial_derivative_overlap_of_an_exponential() -> Claim:
    """k mu_k eta_k = k (k + b^2) b^(2k)/k!, in the same way."""
    x = b**2
    removed = x * (1 + x) + x**2 * (2 + x)
    return equal(_of_exponential()["radial_derivative_overlap"], (2 * x**2 + x) * exp(x) - removed)


@cache
def _relu() -> dict[str, Expr]:
    words = ("tangent_energy", "radial_tangent_energy", "hermite(2)", "hermite(4)")
    return activation_constants(Max(t, 0), t, words)


@theorem.step(Symbolic(), uses=[slope_coefficients, gaussian.relu_hermite_series])
def relu_stiffness() -> Claim:
    """P(G > 0) less the squares of beta_0 = P(G > 0) and beta_1 = E[G; G > 0], in units of beta_1^2 = 2 mu_2^2."""
    return equal(_relu()["tangent_energy"], (pi / 2 - 1) * (sqrt(2) * _relu()["hermite(2)"]) ** 2)


@theorem.step(Symbolic(), uses=[radial_coefficients, gaussian.relu_hermite_series])
def relu_radial_stiffness() -> Claim:
    """t f' is the ReLU itself: what is left of E[G^2; G > 0], in units of eta_2^2, eta_2 = 2 mu_2 + sqrt(12) mu_4."""
    eta_2 = 2 * _relu()["hermite(2)"] + sqrt(12) * _relu()["hermite(4)"]
    return equal(_relu()["radial_tangent_energy"], (pi - 3) * eta_2**2)


@theorem.step(Symbolic(), uses=[gaussian.relu_kernel_curvature, parseval])
def relu_derivative_energy_diverges() -> Claim:
    """E[f'(g1) f'(g2)] = sum beta_k^2 r^k at correlation r = 1 - delta; its slope sum k beta_k^2 r^(k-1),
    the kernel's curvature 1/(2 pi sqrt(1 - r^2)), diverges.
    """
    return limit_of(2 * pi * sqrt(expand(1 - (1 - delta) ** 2)), delta, 0, 0)
