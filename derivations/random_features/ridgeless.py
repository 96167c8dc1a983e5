r"""The interpolator of least norm: random-features ridge regression as ridge -> 0 with more features than samples.

For psi1 > psi2 the step goes to infinity and psi2 = m + t h, t = mu_2^2/mu_1^2, so that m = kappa T11 is the smaller
root of m^2 - (1 + psi2 + t) m + psi2 = 0 whatever psi1 is. All observables then are closed forms, the published
ridgeless ones (Mei & Montanari 2022). With 1/H = 1 - m the standard risk is a hyperbola in psi1,

    SR = (1 + t H) (tau^2 H^2 + b^2)/(H + t H^3) + psi2 (tau^2 + b^2 (1 - m))/(psi1 - psi2):

it diverges at psi1 = psi2 and decreases all the way to the risk of the kernel limit (derived here).
"""

from __future__ import annotations

from sympy import Expr, Rational, Symbol, oo, sqrt

from derivations.core import Derivation, Level, Sampled, Simulation, Symbolic
from derivations.random_features import ridge_regression
from derivations.random_features.phases import NAMES, ridgeless_program
from derivations.random_features.ridge_regression import (
    BOX,
    GAIN,
    MEI_MONTANARI,
    RATIONAL,
    REMAINDER,
    TRACES,
    H,
    h,
    mu,
    omega,
    share,
    t,
)
from derivations.random_features.symbols import noise, nonlinear_energy, psi1, psi2, ridge, signal
from derivations.reduction import C_A, C_T, K_A, K_T, S2, THETA2
from derivations.relations import Claim, at_most, equal, follows, limit_of
from derivations.scalar_problem import STEP, A

theorem = Derivation(__name__, title="The random-features interpolator of least norm", source=MEI_MONTANARI)

AT_LIMIT = {**RATIONAL, psi2: share + t * h}
"""The parameters in coordinates when the step is infinite."""
STANDARD_RISK = (noise**2 + signal**2 * REMAINDER) / (1 - GAIN)


def ridgeless(name: str, /) -> Expr:
    """A name of the ridgeless phase, down to the parameters."""
    expression: Expr = Symbol(f"{name}_ridgeless", positive=True)
    for symbol, definition in reversed(ridgeless_program()):
        expression = expression.xreplace({symbol: definition})
    return expression


RISK, FEEDBACK = (Symbol(f"{name}_ridgeless", positive=True) for name in ("s2", "gain"))


def in_coordinates(expression: Expr, /, *kept: Symbol) -> Expr:
    """An expression in the names of the ridgeless phase in coordinates, its roots replaced, but for the names kept."""
    replaced = {**TRACES, "m": share}
    for symbol, definition in reversed(ridgeless_program()):
        if symbol not in kept:
            expression = expression.xreplace({symbol: replaced.get(symbol.name.removesuffix("_ridgeless"), definition)})
    return expression.xreplace(AT_LIMIT)


def of_the_phase(observable: str, /, *, power: int = 1) -> Expr:
    """A power of an observable of the ridgeless phase in coordinates and RISK."""
    (phase,) = (phase for phase in ridge_regression.model().phases if phase.name == "ridgeless")
    value = phase.observables[observable]
    if value is None:
        raise ValueError(f"the ridgeless phase has no value of {observable}")
    return in_coordinates(value**power, RISK)


def of_the_model(observable: str, /) -> Expr:
    """An observable of ridge regression in coordinates, RISK in the place of s^2."""
    squared_gradient = ridge_regression.in_coordinates(C_A + K_A * RISK)
    weight = ridge_regression.in_coordinates(C_T + K_T * RISK)
    expression: Expr = ridge_regression.model().observables[observable]
    return ridge_regression.in_coordinates(expression.xreplace({S2: RISK, A: sqrt(squared_gradient), THETA2: weight}))


@theorem.step(Symbolic(), uses=[ridge_regression.coordinate_step])
def discriminant() -> Claim:
    """The quadratic has the roots h/(1 + h) < 1 and 1 + t (1 + h) > 1; here is their distance."""
    return equal(((1 + psi2 + t) ** 2 - 4 * psi2).xreplace(AT_LIMIT), (1 + t * H - share) ** 2)


@theorem.step(Symbolic(), uses=[discriminant])
def smaller_root() -> Claim:
    """The closed form of the phase is the smaller root, m = h/(1 + h)."""
    distance = {sqrt((1 + psi2 + t) ** 2 - 4 * psi2): 1 + t * H - share}
    return equal(ridgeless("m").xreplace({nonlinear_energy: t * mu**2}).xreplace(distance).xreplace(AT_LIMIT), share)


@theorem.step(Symbolic(), uses=[ridge_regression.gain, ridge_regression.remainder, ridge_regression.scale])
def limit() -> Claim:
    """The risk of ridge regression as the step goes to infinity; the coordinates are continuous in the parameters."""
    risk = (noise**2 + signal**2 * REMAINDER) / (1 - GAIN * STEP / (1 + STEP))
    return limit_of(risk, STEP, oo, STANDARD_RISK)


@theorem.step(Symbolic(), uses=[smaller_root, limit])
def gain_of_the_phase() -> Claim:
    """What the phase computes: the feedback of s^2,"""
    return equal(in_coordinates(FEEDBACK), GAIN)


@theorem.step(Symbolic(), uses=[smaller_root, limit])
def risk_of_the_phase() -> Claim:
    """and the standard risk at the feedback G."""
    s2 = dict(ridgeless_program())[RISK] * (1 - FEEDBACK)
    return equal(in_coordinates(s2), noise**2 + signal**2 * REMAINDER)


@theorem.step(Sampled(points=12), uses=[risk_of_the_phase, ridge_regression.coordinate_step])
def weight_of_the_phase() -> Claim:
    """So do, at that risk, the norm ||theta||^2,"""
    return limit_of(of_the_model("weight_norm_squared"), STEP, oo, of_the_phase("weight_norm_squared"))


@theorem.step(Sampled(points=12), uses=[risk_of_the_phase, ridge_regression.coordinate_step])
def gradient_of_the_phase() -> Claim:
    """the squared gradient norm,"""
    return limit_of(of_the_model("gradient_norm") ** 2, STEP, oo, of_the_phase("gradient_norm", power=2))


@theorem.step(Symbolic(), uses=[risk_of_the_phase])
def training_loss_of_the_phase() -> Claim:
    """the training loss, which vanishes like step^(-2),"""
    return limit_of(of_the_model("robust_training_loss"), STEP, oo, of_the_phase("robust_training_loss"))


@theorem.step(Sampled(points=12), uses=[gradient_of_the_phase])
def robust_risk_of_the_phase() -> Claim:
    """and the robust risk at any test radius."""
    return limit_of(of_the_model("robust_risk"), STEP, oo, of_the_phase("robust_risk"))


@theorem.step(Symbolic(), uses=[smaller_root], source="Definition 1 as lambda -> 0")
def published_order_parameter() -> Claim:
    """Their closed form of chi at min(psi1, psi2) = psi2 is m - psi2 = -t h; zeta^2 = 1/t."""
    linear = psi2 / t - 1 / t - 1
    closed_form = -(sqrt(linear**2 + 4 * psi2 / t) + linear) * t / 2
    return equal(closed_form, ridgeless("m").xreplace({nonlinear_energy: t * mu**2}) - psi2)


NARROW = {**BOX, psi1: (3, 8), psi2: (Rational(1, 2), 2), ridge: (Rational(1, 10**12), Rational(1, 10**6))}


@theorem.step(Sampled(NARROW, digits=20, points=3, roots_of=ridge_regression.model), uses=[risk_of_the_phase])
def rate() -> Claim:
    """The model at a small ridge is within a constant times the ridge of the closed form."""
    s2 = ridgeless("s2")
    return at_most((S2 - s2) ** 2, (1000 * ridge * s2) ** 2)


@theorem.step(Symbolic(), uses=[gain_of_the_phase])
def threshold() -> Claim:
    """psi1 = psi2 means omega = t, where all of s^2 is fed back."""
    return equal((1 - GAIN) * (1 + t * H) * (1 + omega * H**2), (omega - t) * H * (1 + t * H**2))


KERNEL_RISK = (1 + t * H) * (noise**2 * H**2 + signal**2) / (H * (1 + t * H**2))
"""The standard risk as psi1 -> infinity."""
UNLEARNT = noise**2 + signal**2 / H
"""tau^2 + b^2 (1 - m): noise, and the signal that no linear part can fit."""


@theorem.step(Symbolic(), uses=[threshold, limit])
def hyperbola() -> Claim:
    """m and h do not depend on psi1, omega = (psi1 - m)/h is linear in it, the risk a Moebius function of omega."""
    features, samples = AT_LIMIT[psi1], AT_LIMIT[psi2]
    return equal(STANDARD_RISK, KERNEL_RISK + samples * UNLEARNT / (features - samples))


def _law(features: int, samples: int, tolerance: float, sizes: tuple[int, ...], level: Level) -> Simulation:
    return Simulation(
        "random_features:ridge_regression_gaussian",
        at={psi1: features, psi2: samples, ridge: 0},
        bias="1/d",
        tolerance={**dict.fromkeys(NAMES, tolerance), "weight_norm_squared": 1.5 * tolerance},
        scale={"robust_training_loss": 1},
        sizes=sizes,
        most=64 if level is Level.quick else 128,
        level=level,
    )


@theorem.step(
    _law(3, 1, 0.1, (20, 40, 80), Level.quick),
    _law(4, 2, 0.06, (32, 64, 128), Level.standard),
    uses=[risk_of_the_phase, weight_of_the_phase, gradient_of_the_phase],
)
def interpolators_of_draws() -> Claim:
    """The interpolator of least norm on finite samples with more features than samples: no ridge and no attack."""
    names = ("standard_risk", "robust_training_loss", "gradient_norm", "weight_norm_squared")
    return follows(ridge_regression.model(), *names)
