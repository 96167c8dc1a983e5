r"""The curse of overparametrisation: under attack more features hurt where, without one, they cure the double descent.

Centred relu, psi2 = 2, signal 1, noise 1/2. Trained and tested at epsilon = 1/2 the estimator is zero, with the null
risk 5/4, for psi1 < 0.2243; from there on the robust risk grows with the number of features up to psi1 = 3.6565,
where it is 1.925287, and falls back to the null risk, from above, as psi1 -> infinity: no number of features beats the
zero estimator. Without attack and ridge the standard risk diverges at psi1 = psi2 from both sides and descends again
far below its first minimum. The attack removes that divergence.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import cache

from sympy import Expr, Integer, Rational, Symbol, sign, sqrt

from derivations.core import Certified, Derivation, Exact, Level, Model, Sampled, Simulation, Symbolic
from derivations.evidence import Instance
from derivations.ingredients import Attack, Target
from derivations.random_features import (
    collapse,
    extreme_sizes,
    limits,
    ridge_regression,
    ridgeless,
    robust_risk,
    scalar_reduction,
    setting,
    uniqueness,
)
from derivations.random_features.extreme_sizes import squared_threshold
from derivations.random_features.phases import collapse_program, critical_epsilon
from derivations.random_features.ridge_regression import GAIN, RATIONAL, H, h, omega, t
from derivations.random_features.symbols import (
    HASSANI_JAVANMARD,
    epsilon,
    linear_coefficient,
    noise,
    nonlinear_energy,
    psi1,
    psi2,
    ridge,
    signal,
)
from derivations.reduction import S2, reduce
from derivations.relations import Claim, at_most, below, decreasing, equal, follows, increasing, statement
from derivations.sensitivity import decreasing_along, differentiated, increasing_along

theorem = Derivation(__name__, title="The curse of overparametrisation, and double descent", source=HASSANI_JAVANMARD)

RADIUS = Rational(1, 2)
SETTING = {psi2: Integer(2), signal: Integer(1), noise: Rational(1, 2), epsilon: RADIUS}
NULL_RISK = Rational(5, 4)
ROBUST_RISK = Symbol("robust_risk", positive=True)


@cache
def curve() -> Model:
    """The robust risk of the setting, as a function of psi1 alone; above the collapse."""
    problem = replace(
        setting.problem,
        activation=limits.relu(),
        attack=Attack(RADIUS),
        target=Target(SETTING[signal], SETTING[noise]),
        samples=SETTING[psi2],
        ridge=Integer(0),
    )
    start = {u: guess.xreplace(SETTING) for u, guess in setting.starting_point(Integer(0)).items()}
    return reduce(problem, parameters=(psi1,), test_radius=RADIUS, start=start)


def robust_risk_of_the_curve() -> Expr:
    """The robust risk in the names of the curve's program."""
    return curve().observables["robust_risk"]


@cache
def slopes() -> Model:
    """The curve with the derivatives of its observables in psi1."""
    return differentiated(curve(), psi1)


def _between(low: str, high: str) -> dict[Symbol, tuple[Rational, Rational]]:
    return {psi1: (Rational(low), Rational(high))}


@theorem.step(Symbolic(), uses=[collapse.threshold, extreme_sizes.collapse_of_few_features])
def threshold_increases() -> Claim:
    """critical_epsilon increases with the trace h, and h with psi1: the collapse ends once."""
    return increasing(squared_threshold().xreplace(SETTING), h)


def _room(features: Rational) -> Expr:
    """critical_epsilon^2 of the setting less epsilon^2."""
    expression: Expr = critical_epsilon**2 - RADIUS**2
    for name, definition in reversed(collapse_program()):
        expression = expression.xreplace({name: definition})
    return limits.of_relu(expression).xreplace({**SETTING, psi1: features})


@theorem.step(Certified({}), uses=[threshold_increases])
def end_of_the_collapse() -> Claim:
    """It ends at psi1 = 0.2243: the radius crosses critical_epsilon between 0.22425 and 0.22435."""
    return below(_room(Rational("0.22425")) * _room(Rational("0.22435")), 0)


def _along(low: str, high: str, *quick: str, flat: tuple[str, str]) -> tuple[Certified | Sampled, ...]:
    """All of [low, high] at the standard level; at once the part between the ends `quick`, and points of all and of
    the `flat` part.
    """
    return (
        Certified(_between(*quick), roots_of=slopes),
        Certified(_between(low, high), roots_of=slopes, level=Level.standard),
        Sampled(_between(low, high), points=4, roots_of=slopes),
        Sampled(_between(*flat), points=3, roots_of=slopes),
    )


PEAK = ("3.65645", "3.65655")
"""The peak lies between."""


@theorem.step(
    *_along("0.2244", PEAK[0], "0.5", "2.5", flat=("3.62", PEAK[0])),
    uses=[scalar_reduction.two_unknowns, end_of_the_collapse],
)
def growth() -> Claim:
    """From the end of the collapse on more features raise the robust risk,"""
    return increasing_along("robust_risk", psi1)


@theorem.step(*_along(PEAK[1], "200", "5", "20", flat=("100", "200")), uses=[growth])
def decline() -> Claim:
    """up to psi1 = 3.6565; beyond they lower it."""
    return decreasing_along("robust_risk", psi1)


@theorem.step(Certified(_between("3.6565", "3.6565"), roots_of=curve), uses=[growth, decline])
def peak() -> Claim:
    """The highest robust risk, half as much again as the null risk."""
    return at_most((robust_risk_of_the_curve() - Rational("1.925287")) ** 2, Rational(1, 2 * 10**6) ** 2)


@theorem.step(
    Certified(_between("0.5", "10"), roots_of=curve),
    Certified(_between("0.5", "1000"), roots_of=curve, level=Level.standard),
    Sampled(_between("0.5", "1000000"), points=16, roots_of=curve),
    Sampled(_between("100000", "1000000"), points=6, roots_of=curve),
    uses=[growth, decline, extreme_sizes.gradient_of_the_fit],
)
def never_below_the_null_risk() -> Claim:
    """No number of features beats the zero estimator: AR tends to the null risk from above, like psi1^(-1/2).

    Up to psi1 = 1/2 it grows from there.
    """
    return below(NULL_RISK * (1 + 3 / (2 * sqrt(psi1) + 40)), robust_risk_of_the_curve())


@theorem.step(Certified(_between("2", "2"), roots_of=curve), uses=[scalar_reduction.convergence, uniqueness.one_root])
def no_divergence_under_attack() -> Claim:
    """At psi1 = psi2 = 2 the attacked estimator has an ordinary standard risk, 0.8311."""
    return at_most((S2 - Rational("0.8311")) ** 2, Rational(1, 20000) ** 2)


AT_THE_RIDGE = {omega: t}
"""ridge = 0 with psi1 < psi2: lam/kappa = t, and step/(1 + step) = psi1/psi2."""


@theorem.step(Symbolic(), uses=[ridge_regression.gain, ridge_regression.coordinate_step])
def gain_below_the_threshold() -> Claim:
    """Least squares without attack and ridge feeds back the share psi1/psi2 of s^2, one per parameter and sample."""
    gain = GAIN.xreplace(AT_THE_RIDGE) * RATIONAL[psi1].xreplace(AT_THE_RIDGE)
    return equal(gain, t * h + h / H)


FEWER_FEATURES = {**ridge_regression.BOX, psi1: (Rational(1, 4), 2), psi2: (Rational(5, 2), 8), ridge: (0, 0)}


@theorem.step(Sampled(FEWER_FEATURES, points=3, roots_of=ridge_regression.model), uses=[gain_below_the_threshold])
def divergence_from_below() -> Claim:
    """SR = psi2 (tau^2 + b^2 (1 - m))/(psi2 - psi1): noise and unlearnt signal, over the samples to spare."""
    return equal(S2 * (psi2 - psi1) / psi2, noise**2 + signal**2 / H)


def second_branch() -> Expr:
    """The risk of the least-norm interpolator in the setting, at a given h: a hyperbola in psi1."""
    risk = ridgeless.KERNEL_RISK + psi2 * ridgeless.UNLEARNT / (psi1 - psi2)
    return risk.xreplace(SETTING)


@theorem.step(Symbolic(), uses=[ridgeless.hyperbola])
def second_descent() -> Claim:
    """Without attack the risk falls with every feature beyond the threshold, from infinity."""
    return decreasing(second_branch(), psi1, given=[below(2, psi1)])


def _relu(expression: Expr) -> Expr:
    return expression.xreplace({t: limits.of_relu(nonlinear_energy / linear_coefficient**2), **SETTING})


def bracket() -> Iterable[Instance]:
    """The signs of m + t h - 2 at the two ends; the left side increases in h."""
    for value, expected in ((Rational("3.37"), -1), (Rational("3.39"), 1)):
        yield f"h = {value}", sign(_relu(h / H + t * h - 2).xreplace({h: value})), expected


@theorem.step(Exact(bracket), uses=[ridgeless.smaller_root])
def trace_of_the_setting() -> Claim:
    """m + t h increases in h, and is 2."""
    return statement("h of the least-norm interpolator in this setting lies between 3.37 and 3.39")


@theorem.step(
    Certified({h: (Rational("3.37"), Rational("3.39")), psi1: (40, 4000)}), uses=[second_descent, trace_of_the_setting]
)
def far_below() -> Claim:
    """It ends below 1/2,"""
    return below(_relu(second_branch()), Rational(1, 2))


@theorem.step(Certified({h: (Rational(1, 1000), 10)}), uses=[divergence_from_below])
def first_minimum() -> Claim:
    """while with fewer features than samples it is never below 1; the curve psi1 < 2 is h < 10."""
    features = RATIONAL[psi1].xreplace({omega: t})
    return below(_relu(1 - features / psi2), _relu(noise**2 + signal**2 / H))


def _observed(features: Rational, level: Level) -> Simulation:
    return Simulation(
        "random_features:first_order",
        at={psi1: features, psi2: SETTING[psi2], epsilon: RADIUS},
        bias="1/d",
        tolerance=0.05,
        sizes=(40, 80, 160),
        level=level,
    )


@theorem.step(
    _observed(Rational(1, 2), Level.standard),
    _observed(Rational(7, 2), Level.standard),
    _observed(Rational(10), Level.standard),
    uses=[growth, decline, peak],
)
def seen_on_samples() -> Claim:
    """The robust risk of true features before, near and beyond the peak."""
    return follows(robust_risk.model(), "robust_risk")
