r"""Gradient flow on random features: every average of a spectral filter, in closed laws.

The flow of the output weights from alpha v0 (with a ridge or without) gives v = phi(U) r + alpha chi(U) v0. With
p = psi(z) the Stieltjes transform of the law of a s + nu, the law varsigma of 1/sqrt m under U has the transform
psi/(1 + spike psi), and with kappa_0 = spike = rho mu_2^2

    test error = 1 - tau^2 kappa_0 [2 E phi - E x phi^2] + (alpha^2/2) E_beta x chi^2,
    Dirichlet energy = (tau^2 kappa_0/2) [E x phi^2 + (nu' - nu) E phi^2 + kappa_0 (E phi)^2]
                       + (alpha^2/4) E_beta (x + nu' - nu) chi^2.

On the bulk psi = -1/(a (rho + sqrt(rho) exp(i angle))), a Moebius map: varsigma is a semicircle with a simple density,
and one outlier where rho (mu_2^2 - a)^2 > a^2. Derived here.
"""

from __future__ import annotations

from sympy import Derivative, Expr, I, Integer, Rational, Symbol, diff, exp, oo, sqrt

from derivations.core import Derivation, Level, Sampled, Symbolic
from derivations.learning_regimes import random_features
from derivations.learning_regimes.feature_claims import simulate_point
from derivations.learning_regimes.feature_flow import (
    eigenvalue_mean,
    excess,
    law_program,
    learnt_share,
    least,
    left_share,
    outlier,
    reference,
    spiked_density,
    spiked_mean,
)
from derivations.learning_regimes.feature_setting import init_scale
from derivations.learning_regimes.feature_traces import a
from derivations.learning_regimes.symbols import (
    DOHMATOB_BIETTI,
    hermite_2,
    nonlinear_energy,
    rho,
    ridge,
    time,
    trace_alignment,
)
from derivations.lemmas import spectral_averages
from derivations.relations import Claim, Relation, below, equal, limit_of
from derivations.spectral_formulas import gram_closed_form

theorem = Derivation(__name__, title="Gradient flow on random features", source=DOHMATOB_BIETTI)

x = Symbol("x", positive=True)
target, start = Symbol("r", real=True), Symbol("v0", real=True)
level = Symbol("level", positive=True)
q = Symbol("q", positive=True)


def _gain(at: Expr) -> Expr:
    """phi at an eigenvalue as the exponential that it is."""
    return (1 - exp(-time * (at + ridge))) / (at + ridge)


@theorem.step(Symbolic())
def flow() -> Claim:
    """In the eigenbasis v = phi r + chi alpha v0 solves v' = -((x + ridge) v - r - ridge alpha v0)."""
    v = _gain(x) * target + (1 - x * _gain(x)) * init_scale * start
    return equal(Derivative(v, time), -((x + ridge) * v - target - ridge * init_scale * start))


@theorem.step(Symbolic(), uses=[flow])
def learnt_share_through_tanh() -> Claim:
    """The model's phi, which neither cancels nor overflows: 1 - exp(-y) = 2 T/(1 + T), T = tanh(y/2)."""
    return equal(learnt_share(x).rewrite(exp), _gain(x))


@theorem.step(Symbolic(), uses=[learnt_share_through_tanh])
def left_share_through_tanh() -> Claim:
    """chi = 1 - x phi = ridge phi + exp(-t (x + ridge)), without subtraction."""
    return equal(left_share(x).rewrite(exp), 1 - x * _gain(x))


@theorem.step(Symbolic(), uses=[flow, random_features.sherman_morrison])
def late_times() -> Claim:
    """As t -> oo phi -> 1/(x + ridge): the ridge solution, or least squares."""
    return limit_of(_gain(x), time, oo, 1 / (x + ridge))


@theorem.step(Symbolic(), uses=[flow])
def early_times() -> Claim:
    """As t -> 0 chi -> 1: the network at initialisation."""
    return limit_of(1 - x * _gain(x), time, 0, Integer(1))


def _boundary(point: Expr, /) -> Expr:
    """psi at the bulk's point s = 1 + rho + sqrt(rho)(u + 1/u), u = exp(i angle)."""
    return -1 / (a * (rho + sqrt(rho) * point))


@theorem.step(Symbolic(), uses=[spectral_averages.gram_fixed_point])
def boundary_value() -> Claim:
    """psi on the bulk solves psi (nu - z + a/(1 + a rho psi)) = 1 at z = nu + a s: a Moebius map of the circle."""
    u = Symbol("u", positive=True)
    psi = _boundary(u)
    s = 1 + rho + sqrt(rho) * (u + 1 / u)
    return equal(psi * (-a * s + a / (1 + a * rho * psi)), 1)


@theorem.step(Symbolic(), uses=[boundary_value])
def density() -> Claim:
    """Im psi/(1 + spike psi) on the bulk is pi times the density of varsigma: dx = 2 a sqrt(rho) sin d(angle)."""
    root = Symbol("root", positive=True)
    point = (1 + I * q) / (1 - I * q)
    upper, lower = (_boundary(u) / (1 + rho * hermite_2**2 * _boundary(u)) for u in (point, 1 / point))
    cosine, sine = (1 - q**2) / (1 + q**2), 2 * q / (1 + q**2)
    piece = spiked_density(1 + rho + 2 * sqrt(rho) * cosine).args[0][0].subs(excess, hermite_2**2 - a)
    return equal(((upper - lower) / (2 * I)).subs(rho, root**2), (sine * piece / (a * sqrt(rho))).subs(rho, root**2))


def _transform() -> Expr:
    """psi(-level)/(1 + spike psi(-level))."""
    psi = gram_closed_form(nonlinear_energy + level, a, rho)
    return psi / (1 + rho * hermite_2**2 * psi)


def _mean_of_resolvent(at: Expr, power: int = 1) -> Expr:
    """E (x + level)^-power over varsigma, with the reference put at `at`."""
    mean = spiked_mean(lambda value: (value + level) ** -power)
    return mean.subs(reference, at).subs(excess, hermite_2**2 - a)


BOX = {
    a: (Rational(1, 4), 2),
    hermite_2: (Rational(1, 4), Rational(3, 2)),
    nonlinear_energy: (Rational(5, 2), 4),
    rho: (Rational(1, 4), 3),
    level: (Rational(1, 4), 2),
    reference: (Rational(1, 4), 3),
}
SQUARE = rho * (hermite_2**2 - a) ** 2
ATTACHED, DETACHED = below(SQUARE, a**2), below(a**2, SQUARE)


def _law(at: Expr, given: Relation) -> Claim:
    return equal(_mean_of_resolvent(at), _transform(), given=[given])


@theorem.step(Sampled(BOX, points=1, digits=10), uses=[density])
def law_without_an_outlier() -> Claim:
    """Its Stieltjes transform left of the spectrum, wherever the reference point is put."""
    return _law(reference, ATTACHED)


def _place() -> Expr:
    """The reference point that the model takes."""
    names = dict(law_program())
    return names[reference].subs(least, names[least])


@theorem.step(Sampled(BOX, points=2, digits=10), uses=[density])
def law_with_an_outlier() -> Claim:
    """The mass 1 - a^2/(rho e^2) sits at nu + mu_2^2 (a + rho e)/e, the model's reference there: no case left."""
    return _law(_place(), DETACHED)


@theorem.step(Symbolic(), uses=[boundary_value])
def outlier_is_the_pole() -> Claim:
    """1 + spike psi = 0 at u = sqrt(rho) e/a, whose point of the spectrum is the outlier."""
    u = sqrt(rho) * (hermite_2**2 - a) / a
    place = nonlinear_energy + a * (1 + rho + sqrt(rho) * (u + 1 / u))
    return equal(place, outlier().subs(excess, hermite_2**2 - a))


@theorem.step(Sampled(BOX, points=1, digits=10), uses=[law_with_an_outlier, random_features.sherman_morrison])
def ridge_as_a_filter() -> Claim:
    """phi = 1/(x + ridge) gives back the ridge formula: E phi^2 = psi2/(1 + kappa)^2, minus a derivative in ridge."""
    return equal(_mean_of_resolvent(_place(), 2), -diff(_transform(), level), given=[DETACHED])


@theorem.step(Sampled(BOX, points=2, digits=10), uses=[spectral_averages.semicircle_law])
def eigenvalues_of_the_bulk() -> Claim:
    """f(nu) + the size-biased mean of (f(nu + a s) - f(nu))/s: at f = 1/(x + level) it is psi1."""
    psi = gram_closed_form(nonlinear_energy + level, a, rho)
    return equal(eigenvalue_mean(lambda value: 1 / (value + level)), psi)


POINTS: dict[str, dict[object, object]] = {
    "tanh": {
        rho: Rational(1, 2),
        trace_alignment: 1,
        "activation": "tanh(t+1)",
        time: 20,
        init_scale: Rational(1, 2),
    },
    "outlier_and_ridge": {
        rho: 2,
        trace_alignment: Rational(3, 5),
        "activation": "t**2-1+t/2",
        time: Rational(1, 3),
        ridge: Rational(1, 2),
        init_scale: 1,
    },
    "no_quadratic_part": {
        rho: Rational(1, 2),
        trace_alignment: -1,
        "activation": "t**3/3",
        time: Rational(1, 4),
        init_scale: 1,
    },
    "relu": {rho: 1, trace_alignment: 1, "activation": "relu", time: 10},
    "mean_not_fitted": {rho: 1, trace_alignment: 1, "activation": "relu", time: 10, init_scale: 1, "offset": "no"},
}
for _level, _names in (
    (Level.quick, ("tanh", "no_quadratic_part")),
    (Level.standard, tuple(POINTS)),
    (Level.deep, ("tanh", "relu")),
):
    for _name in _names:
        simulate_point(
            theorem,
            POINTS[_name],
            _level,
            name=_name,
            reason="The flow in the eigenbasis of finite population Gram matrices, extrapolated in 1/d.",
            model_of=random_features.theorem,
            uses=(flow, law_with_an_outlier, law_without_an_outlier, eigenvalues_of_the_bulk),
        )
