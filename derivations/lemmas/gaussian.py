"""Gaussian integration: Hermite expansion, Stein, Price and Mehler, and the constants of an activation.

Let G, and the pair (g1, g2) with correlation rho, be standard normal, and let f be absolutely continuous with f and f'
square integrable. Write hermite(k) = E[f(G) He_k(G)]/sqrt(k!). Then E[G f(G)] = E f'(G), E[f(g1) f(g2)] =
sum_k hermite(k)^2 rho^k, and d/drho E[f(g1) f(g2)] = E[f'(g1) f'(g2)]. An activation therefore enters second moments
through mean = hermite(0), linear_coefficient = hermite(1), nonlinear_energy = sum over k >= 2 of hermite(k)^2 and
derivative_energy = sum over k >= 2 of k hermite(k)^2.

Identities for all square-integrable f are checked on the generating functions exp(a t - a^2/2) = sum a^k He_k(t)/k!,
whose span is dense, and on monomials.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import factorial

from sympy import (
    Abs,
    Derivative,
    Expr,
    Integer,
    Integral,
    Poly,
    Rational,
    Symbol,
    asin,
    diff,
    erf,
    exp,
    expand,
    hermite_prob,
    oo,
    pi,
    sqrt,
)

from derivations.activations import ACTIVATION_CONSTANTS, activation_constants, check_activation, erf_constants
from derivations.core import Derivation, Exact, Sampled, Source, Symbolic, parameter
from derivations.evidence import Instance
from derivations.gaussian_integrals import gaussian_mean
from derivations.relations import Claim, equal, statement
from derivations.symbols import folded_normal_mean, gaussian_density

__all__ = ["ACTIVATION_CONSTANTS", "activation_constants", "check_activation", "theorem"]

theorem = Derivation(
    __name__,
    title="Gaussian integration: Hermite expansion, Stein, Price, Mehler",
    source=Source(
        "price1958",
        ("Price, Robert",),
        "A useful theorem for nonlinear devices having Gaussian inputs",
        1958,
        venue="IRE Transactions on Information Theory 4(2), 69-72",
        doi="10.1109/TIT.1958.1057444",
    ),
)

t = Symbol("t", real=True)
w = Symbol("w", real=True)
k = Symbol("k", positive=True)
y = Symbol("y", positive=True)
a = Symbol("a", real=True)
b = Symbol("b", positive=True)
m = Symbol("m", real=True)
scale = parameter("s", "standard deviation of the residual", positive=True)
strength = parameter("c", "attack strength", positive=True)
rho = parameter("rho", "correlation of two standard normals", positive=True)
SMALL = {a: (-1, 1), b: (Rational(1, 4), 2), rho: (Rational(1, 20), Rational(19, 20))}

relu_kernel = (sqrt(1 - rho**2) + rho * (pi / 2 + asin(rho))) / (2 * pi)
"""E[relu(g1) relu(g2)]: the arc-cosine kernel of degree one (Cho & Saul 2009), halved."""
erf_kernel = 2 * asin(2 * b**2 * rho / (1 + 2 * b**2)) / pi
"""E[erf(b g1) erf(b g2)]: the arcsine law (Williams 1996)."""


def mean(integrand: Expr, lower: Expr = -oo, /) -> Expr:
    """E[f(G); G > lower] as an integral that stays as written."""
    return Integral(integrand * gaussian_density(t), (t, lower, oo))


def given_first(second: Expr, /) -> Expr:
    """E[second(g2) | g1 = t], by g2 = rho g1 + sqrt(1 - rho^2) w with w independent."""
    return gaussian_mean(second.subs(t, rho * t + sqrt(1 - rho**2) * w), w)


def pair_mean(first: Expr, second: Expr, /) -> Expr:
    """E[first(g1) second(g2)] for first and second in t, in closed form."""
    return gaussian_mean(expand(first * given_first(second), power_exp=False), t)


@theorem.step(Symbolic(domain={k: (1, 6), y: (Rational(1, 4), 3)}))
def integration_by_parts() -> Claim:
    """The rule behind every closed form here: y^k phi(y) = (k - 1) y^(k-2) phi(y) - d/dy [y^(k-1) phi(y)].

    Both sides are polynomials times the density phi when k is an integer: agreement at y > 0 is agreement everywhere.
    """
    density = gaussian_density(y)
    return equal((k - 1) * y ** (k - 2) * density - diff(y ** (k - 1) * density, y), y**k * density)


@theorem.step(Symbolic(domain={b: (Rational(1, 4), 2), m: (-1, 1)}), uses=[integration_by_parts])
def completed_square() -> Claim:
    """exp(m y - b y^2) phi(y) is a multiple of the normal density of precision 1 + 2b and mean m/(1 + 2b)."""
    precision = 1 + 2 * b
    return equal(m * y - b * y**2 - y**2 / 2, m**2 / (2 * precision) - precision * (y - m / precision) ** 2 / 2)


@theorem.step(Sampled(domain={b: (Rational(1, 4), 2), m: (-1, 1)}, points=3, digits=12), uses=[completed_square])
def gaussian_integral() -> Claim:
    """The multiple is the mean: the rule by which exponentials are integrated here, against quadrature."""
    return equal(mean(exp(m * t - b * t**2)), gaussian_mean(exp(m * t - b * t**2), t))


def _orthogonality() -> Iterator[Instance]:
    for i in range(7):
        for j in range(i + 1):
            moment = gaussian_mean(hermite_prob(i, t) * hermite_prob(j, t), t)
            yield f"E[He_{i} He_{j}]", moment, Integer(factorial(i) if i == j else 0)


@theorem.step(Exact(_orthogonality), uses=[integration_by_parts])
def hermite_orthogonality() -> Claim:
    """He_k is orthogonal to lower powers by k integrations by parts; its square integrates to k!."""
    return statement("E[He_j(G) He_k(G)] = k! if j = k, else 0, for j, k <= 6")


def _stein() -> Iterator[Instance]:
    for degree in range(1, 11):
        yield f"t^{degree}", gaussian_mean(t * t**degree, t), gaussian_mean(degree * t ** (degree - 1), t)


@theorem.step(Exact(_stein), uses=[integration_by_parts])
def stein_on_polynomials() -> Claim:
    """t phi(t) = -phi'(t): integrate by parts. It needs f absolutely continuous: for sign(t) the two sides differ."""
    return statement("E[G f(G)] = E f'(G) for f = t^k, k = 1..10")


@theorem.step(Sampled(domain=SMALL, points=3, digits=12), uses=[integration_by_parts])
def stein_at_a_kink() -> Claim:
    """The same for a function with a kink, whose derivative is 1 beyond a: E[G max(G - a, 0)] = P(G > a)."""
    return equal(mean(t * (t - a), a), (1 - erf(a / sqrt(2))) / 2)


def _mehler() -> Iterator[Instance]:
    for i in range(6):
        for j in range(i + 1):
            moment = Poly(pair_mean(hermite_prob(i, t), hermite_prob(j, t)), rho)
            found = [moment.coeff_monomial(rho**power) for power in range(i + j + 1)]
            expected = [Integer(factorial(i) if power == i == j else 0) for power in range(i + j + 1)]
            yield f"E[He_{i}(g1) He_{j}(g2)] in powers of rho", found, expected


@theorem.step(Exact(_mehler), uses=[hermite_orthogonality])
def mehler_on_polynomials() -> Claim:
    """Given g1, He_k(g2) averages to rho^k He_k(g1); orthogonality does the rest.

    For polynomials of these degrees it makes E[f(g1) f(g2)] the sum of hermite(k)^2 rho^k.
    """
    return statement("E[He_j(g1) He_k(g2)] = k! rho^k if j = k, else 0, for j, k <= 5")


@theorem.step(Sampled(domain=SMALL, points=3, digits=12), uses=[gaussian_integral])
def mehler_on_generating_functions() -> Claim:
    """All degrees at once: the coefficient of a^j b^k is E[He_j(g1) He_k(g2)]/(j! k!) on the left."""
    first, second = exp(a * t - a**2 / 2), exp(b * t - b**2 / 2)
    return equal(mean(first * given_first(second)), exp(a * b * rho))


@theorem.step(Symbolic(domain=SMALL), uses=[mehler_on_generating_functions])
def price() -> Claim:
    """Differentiating Mehler's series in rho multiplies the k-th term by k/rho, which is what two derivatives do."""
    first, second = exp(a * t), exp(b * t)
    return equal(Derivative(pair_mean(first, second), rho), pair_mean(diff(first, t), diff(second, t)))


@theorem.step(Symbolic(), uses=[integration_by_parts])
def folded_normal() -> Claim:
    """E|G| is twice the mean over the half line."""
    return equal(2 * mean(t, 0), folded_normal_mean)


@theorem.step(Sampled(points=3, digits=12), uses=[folded_normal])
def risk_identity() -> Claim:
    """The robust risk E (|r| + c)^2 of a Gaussian residual r = s G under an attack that adds c to its size."""
    attacked = mean((Abs(scale * t) + strength) ** 2)
    return equal(attacked, scale**2 + 2 * folded_normal_mean * strength * scale + strength**2)


@theorem.step(Sampled(domain=SMALL, points=3, digits=12), uses=[folded_normal])
def relu_kernel_law() -> Claim:
    """Given g1 = t, g2 is N(rho t, 1 - rho^2) and its positive part has mean centre P + width density."""
    centre, width = rho * t, sqrt(1 - rho**2)
    ratio = centre / width
    positive_part = centre * (1 + erf(ratio / sqrt(2))) / 2 + width * gaussian_density(ratio)
    return equal(mean(t * positive_part, 0), relu_kernel)


@theorem.step(Symbolic(domain=SMALL), uses=[price, relu_kernel_law])
def relu_kernel_slope() -> Claim:
    """By Price's theorem the kernel's slope is P(g1 > 0, g2 > 0), which is 1/4 + asin(rho)/(2 pi) (Sheppard 1899)."""
    return equal(Derivative(relu_kernel, rho), Rational(1, 4) + asin(rho) / (2 * pi))


@theorem.step(Symbolic(domain=SMALL), uses=[relu_kernel_slope])
def relu_kernel_curvature() -> Claim:
    """By Price's theorem again the curvature is the joint density of (g1, g2) at the origin."""
    return equal(Derivative(relu_kernel, (rho, 2)), 1 / (2 * pi * sqrt(1 - rho**2)))


def _relu_series() -> Iterator[Instance]:
    series = Poly(expand((2 * pi * relu_kernel).series(rho, 0, 9).removeO()), rho)
    for degree in range(9):
        coefficient = gaussian_mean(expand(t * hermite_prob(degree, t)), t, 0, oo)
        energy = expand(2 * pi * coefficient**2 / factorial(degree))
        yield f"2 pi hermite({degree})^2", series.coeff_monomial(rho**degree), energy


@theorem.step(Exact(_relu_series), uses=[mehler_on_polynomials, relu_kernel_law])
def relu_hermite_series() -> Claim:
    """Mehler's theorem for a function with a kink: Taylor coefficients of the kernel against Hermite coefficients."""
    return statement("the coefficient of rho^k in E[relu(g1) relu(g2)] is hermite(k)^2, k = 0..8")


@theorem.step(Symbolic(), uses=[stein_at_a_kink])
def relu_linear_coefficient() -> Claim:
    """E[G relu(G)] is half the second moment; equally E relu'(G) = P(G > 0)."""
    return equal(mean(t**2, 0), Rational(1, 2))


@theorem.step(Symbolic(), uses=[relu_linear_coefficient, folded_normal])
def relu_nonlinear_energy() -> Claim:
    """E relu^2 = 1/2 less the squares of the mean and of the linear coefficient."""
    return equal(mean(t**2, 0) - mean(t, 0) ** 2 - mean(t**2, 0) ** 2, Rational(1, 4) - 1 / (2 * pi))


@theorem.step(Symbolic(), uses=[relu_linear_coefficient])
def relu_derivative_energy() -> Claim:
    """E relu'(G)^2 = P(G > 0) less the square of the linear coefficient."""
    return equal(mean(Integer(1), 0) - mean(t**2, 0) ** 2, Rational(1, 4))


@theorem.step(Symbolic(domain=SMALL), uses=[price, gaussian_integral])
def erf_kernel_slope() -> Claim:
    """By Price's theorem: erf' is a Gaussian, and two of them integrate by completing the square twice.

    Both sides are positive; they are compared squared, which leaves rational functions.
    """
    slope = diff(erf(b * t), t)
    return equal(Derivative(erf_kernel, rho) ** 2, pair_mean(slope, slope) ** 2)


@theorem.step(Sampled(domain=SMALL, points=3, digits=12), uses=[erf_kernel_slope])
def erf_kernel_law() -> Claim:
    """erf is odd, so its kernel vanishes at rho = 0; the law itself as an integral, g2 being averaged given g1."""
    averaged = erf(b * rho * t / sqrt(1 + 2 * b**2 * (1 - rho**2)))
    return equal(2 * mean(erf(b * t) * averaged, 0), erf_kernel)


@theorem.step(Sampled(domain=SMALL, points=3, digits=12), uses=[stein_on_polynomials, gaussian_integral])
def erf_linear_coefficient() -> Claim:
    """By Stein's identity E[G erf(bG)] = E[(erf(b t))'(G)], completed to a square."""
    return equal(mean(t * erf(b * t)), erf_constants(b)["linear_coefficient"])


@theorem.step(Sampled(domain=SMALL, points=3, digits=12), uses=[erf_kernel_law, erf_linear_coefficient])
def erf_nonlinear_energy() -> Claim:
    """The kernel at rho = 1 less the square of the linear coefficient."""
    return equal(
        2 * mean(erf(b * t) ** 2, 0) - gaussian_mean(diff(erf(b * t), t), t) ** 2, erf_constants(b)["nonlinear_energy"]
    )


@theorem.step(Sampled(domain=SMALL, points=3, digits=12), uses=[erf_linear_coefficient])
def erf_derivative_energy() -> Claim:
    """E[(erf(b t))'(G)^2] by completing the square, less the square of the linear coefficient."""
    slope = diff(erf(b * t), t)
    return equal(mean(slope**2) - gaussian_mean(slope, t) ** 2, erf_constants(b)["derivative_energy"])
