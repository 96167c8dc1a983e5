r"""The corner epsilon -> 0, ridge -> 0 with more features than samples: the two limits do not commute.

For psi1 > psi2 many theta interpolate. As epsilon -> 0 along ridge = k epsilon^2 the robust estimator tends to the
interpolator that minimises A^2 + k ||theta||^2: the one of least gradient norm A at k = 0, of least ||theta|| as
k -> infinity. With t = mu_2^2/mu_1^2, r = (nu^2 + k)/mu_1^2 and rho = q/p its equation is

    (1 + rho) psi2 = m(omega) + t h(omega),    omega = (t + rho r)/(1 + rho),

which has exactly one root rho > 0 iff psi1 > psi2 (and r > t); the attack's part of the loss is exponentially close to
c^2/2. So at ridge = 0 the standard risk jumps at epsilon = 0. Derived here.
"""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

from sympy import Abs, Expr, Integer, Max, Rational, Symbol, diff, erfc, exp, sqrt

from derivations.activations import activation_constants
from derivations.core import Certified, Derivation, Lab, Level, Model, Sampled, Simulation, Symbolic, parameter
from derivations.ingredients import Activation, Attack, Loss, Target, white_layer
from derivations.lemmas import proximal
from derivations.lemmas.proximal import mean_envelope
from derivations.random_features import ridge_regression, ridgeless, setting
from derivations.random_features.phases import no_data, no_linear_part, outside_domain
from derivations.random_features.symbols import (
    HASSANI_JAVANMARD,
    activation,
    derivative_energy,
    epsilon,
    linear_coefficient,
    noise,
    nonlinear_energy,
    psi1,
    psi2,
    signal,
)
from derivations.reduction import S2, THETA2, reduce
from derivations.relations import Claim, at_most, below, equal, follows
from derivations.scalar_problem import RATIO, STEP, A, ScalarProblem
from derivations.side_by_side import side_by_side
from derivations.symbols import folded_normal_mean

theorem = Derivation(__name__, title="Vanishing attack and vanishing ridge do not commute", source=HASSANI_JAVANMARD)

_LAST = "0: the attack vanishes last, and chooses the interpolator"
share = parameter("ridge_share", "k = lim ridge/epsilon^2", nonnegative=True, default=0, convention=_LAST)
epsilon_test = ridge_regression.epsilon_test


def interpolation() -> Loss:
    """r = 0 as a constraint, and c^2/2: what is left of the attacked square loss as step c/s -> infinity."""
    return Loss(
        name="r = 0; c^2/2",
        mean_envelope=lambda s, c, step: s**2 / (2 * step) + c**2 / 2,
        program=lambda rho, step: (),
        residual_slope=lambda rho, step: 1 / step,
        attack_slope=lambda rho, step: rho,
        energy=lambda rho, step: 1 / step**2,
        training=lambda rho, step: rho**2,
    )


problem = ScalarProblem(
    loss=interpolation(),
    activation=Activation(linear_coefficient, nonlinear_energy, derivative_energy),
    first_layer=white_layer(psi1),
    attack=Attack(Integer(1)),
    target=Target(signal, noise),
    samples=psi2,
    ridge=share,
)


def starting_point() -> dict[Symbol, Expr]:
    """A guess from the root for psi1 much larger than psi2."""
    step = (psi1 / psi2 - 1) * nonlinear_energy / (derivative_energy + share)
    return {STEP: step, RATIO: sqrt(psi1 / (1 + psi1)) / 2}


@theorem.solvable
def model() -> Model:
    """The interpolator of least A^2 + k ||theta||^2; its training loss is in units of epsilon^2."""
    return reduce(
        problem,
        parameters=(psi1, psi2, epsilon_test, noise, signal, share, activation),
        test_radius=epsilon_test,
        start=starting_point(),
        phases=(
            no_data(),
            no_linear_part(),
            outside_domain("linear_activation", "theta is not unique", at_most(nonlinear_energy, 0)),
            outside_domain("no_interpolator", "psi1 <= psi2: the labels cannot be interpolated", at_most(psi1, psi2)),
        ),
    )


h, omega = ridge_regression.h, ridge_regression.omega
t, r = (Symbol(name, positive=True) for name in ("t", "r"))
z = Symbol("z", positive=True)
rho = STEP
"""At attack radius 1 q = 1 and p = 1/step, so that the step is q/p."""


def excess(z: Expr, /) -> Expr:
    """E (|G| - z)^2 over |G| > z: what samples that are not interpolated would save."""
    return (1 + z**2) * erfc(z / sqrt(2)) - folded_normal_mean * z * exp(-(z**2) / 2)


@theorem.step(Symbolic(), uses=[proximal.gaussian_average])
def distance_to_interpolation() -> Claim:
    """M(s, c; step) is that of exact interpolation less a share of the samples beyond the kink z = step c/s."""
    s, c, step = proximal.s, proximal.c, proximal.step
    gap = interpolation().mean_envelope(s, c, step) - mean_envelope(s, c, step)
    return equal(gap, s**2 * excess(step * c / s) / (2 * step * (1 + step)))


@theorem.step(Certified({z: (0, 8)}), uses=[distance_to_interpolation])
def exponentially_close() -> Claim:
    """It is below a Gaussian tail, and z = step epsilon A/s grows like rho A/(epsilon s), as step epsilon^2 -> rho.

    For large k rho is of the order of 1/k: the corner is reached once epsilon (1 + k) is small.
    """
    return at_most(excess(z), 2 * exp(-(z**2) / 2))


def _capacity_slope() -> Expr:
    """d(m + t h)/domega at fixed psi1 = omega h + h/(1 + h), implicitly."""
    psi = ridge_regression.RATIONAL[psi1]
    return diff(h / (1 + h) + t * h, h) * (-diff(psi, omega) / diff(psi, h))


@theorem.step(Symbolic(), uses=[ridge_regression.companion_law])
def capacity_decreases() -> Claim:
    """m + t h, the fit's effective number of parameters over d, decreases in omega; it is psi1 at omega = t."""
    return below(_capacity_slope(), 0)


@theorem.step(Symbolic(), uses=[capacity_decreases])
def one_root() -> Claim:
    """omega increases with rho if r > t, which Hermite expansion gives: nu^2 >= 2 mu_2^2, for no term has k < 2.

    So (1 + rho) psi2 increases from psi2 while m + t h decreases from psi1: one crossing if psi1 > psi2, else none.
    """
    return below(0, diff((t + rho * r) / (1 + rho), rho), given=[below(t, r)])


def attacked_and_corner() -> Model:
    """The robust estimator at ridge = k epsilon^2, beside the corner that it tends to."""
    penalty = share * epsilon**2
    attacked, start = replace(setting.problem, ridge=penalty), setting.starting_point(penalty)
    parameters = (psi1, psi2, epsilon, epsilon_test, noise, signal, share, activation)
    return side_by_side(
        reduce(attacked, parameters=parameters, test_radius=epsilon_test, start=start), model(), "corner"
    )


def gaussian_tail() -> Claim:
    """s^2 is the corner's but for the relative error exp(-z^2/2), at most 0.04% as the kink is at z >= 4."""
    limit, kink = Symbol("s2_corner", positive=True), Symbol("z", nonnegative=True)
    return at_most(Abs(S2 - limit), limit * exp(-(kink**2) / 2), given=[at_most(4, kink)])


BOX = {
    psi1: (3, 6),
    psi2: (Rational(1, 2), 2),
    noise: (0, 1),
    signal: (Rational(1, 2), 2),
    share: (0, 2),
    linear_coefficient: (Rational(1, 4), 1),
    nonlinear_energy: (Rational(1, 10), Rational(1, 2)),
    derivative_energy: (1, 2),
}
SMALL_ATTACK = {**BOX, epsilon: (Rational(1, 50), Rational(1, 10))}


@theorem.step(Sampled(SMALL_ATTACK, points=3, roots_of=attacked_and_corner), uses=[exponentially_close, one_root])
def corner() -> Claim:
    """The risk of the robust estimator differs from the corner's by an exponentially small factor, not by a power."""
    return gaussian_tail()


NEAR_RELU = {
    psi1: (3, 6),
    psi2: (1, 1),
    noise: (Rational(1, 2), Rational(1, 2)),
    signal: (1, 1),
    share: (0, 0),
    linear_coefficient: (Rational(1, 2), Rational(1, 2)),
    nonlinear_energy: (Rational(1, 11), Rational(1, 11)),
    derivative_energy: (Rational(1, 4), Rational(1, 4)),
}
"""A curve with the constants of the relu, but for 1/4 - 1/(2 pi) = 0.09085 in the place of 1/11."""


@theorem.step(
    Certified(NEAR_RELU, roots_of=model),
    Certified({**NEAR_RELU, psi2: (1, 2)}, roots_of=model, level=Level.standard),
    Sampled({**BOX, share: (0, 0)}, points=24, roots_of=model),
    uses=[corner, ridgeless.risk_of_the_phase],
)
def least_gradient() -> Claim:
    """At k = 0 the gradient norm is below that of the interpolator of least norm,"""
    return below(A**2, ridgeless.ridgeless("A2"))


@theorem.step(
    Certified({**NEAR_RELU, share: (1, 1)}, roots_of=model),
    Certified({**NEAR_RELU, share: (0, 2)}, roots_of=model, level=Level.standard),
    Sampled({**BOX, share: (0, 1000)}, points=24, roots_of=model),
    uses=[corner, ridgeless.risk_of_the_phase],
)
def least_norm() -> Claim:
    """and for every k the norm is above."""
    return below(ridgeless.ridgeless("theta2"), THETA2)


@theorem.step(Sampled({**BOX, share: (10**4, 10**7)}, digits=20, points=12, roots_of=model), uses=[least_norm])
def ridge_dominates() -> Claim:
    """As k -> infinity the corner is the ridgeless limit, with an error of the order of 1/k."""
    s2 = ridgeless.ridgeless("s2")
    return at_most((S2 - s2) ** 2, (1000 * s2 / share) ** 2)


def relu() -> Activation:
    """The constants of the centred relu, exact."""
    argument = Symbol("t", real=True)
    found = activation_constants(Max(argument, 0), argument, tuple(activation.constants))
    return Activation(*(found[word] for word in ("linear_coefficient", "nonlinear_energy", "derivative_energy")))


def of_relu(expression: Expr, /) -> Expr:
    """The expression with the relu's constants."""
    values = relu()
    symbols = (linear_coefficient, nonlinear_energy, derivative_energy)
    return expression.xreplace(dict(zip(symbols, (values.linear, values.nonlinear, values.derivative), strict=True)))


def relu_model() -> Model:
    """The corner for the relu, with no function left to choose."""
    return reduce(
        replace(problem, activation=relu()),
        parameters=(psi1, psi2, noise, signal, share),
        test_radius=Integer(0),
        start={symbol: of_relu(guess) for symbol, guess in starting_point().items()},
    )


def _at(features: int, samples: int) -> Certified:
    fixed = {psi1: features, psi2: samples, signal: 1, noise: Rational(1, 2), share: 0}
    return Certified({symbol: (value, value) for symbol, value in fixed.items()}, roots_of=relu_model)


def _risks(least_gradient: str, least_norm: str) -> Claim:
    ridge_only = of_relu(ridgeless.ridgeless("s2"))
    apart = (S2 - Rational(least_gradient)) ** 2 + (ridge_only - Rational(least_norm)) ** 2
    return at_most(apart, Rational(1, 20000) ** 2)


@theorem.step(_at(6, 3), uses=[corner, ridge_dominates])
def limits_differ() -> Claim:
    """For the relu at (psi1, psi2) = (6, 3) the risk is .8460 or .7532. With much noise the order can be the other."""
    return _risks("0.8460", "0.7532")


@theorem.step(_at(20, 2), uses=[corner, ridge_dominates])
def limits_differ_by_half() -> Claim:
    """At (20, 2) it is .9759 or .4834."""
    return _risks("0.9759", "0.4834")


def interpolator_of_a_draw(lab: Lab, at: SimpleNamespace, d: int) -> dict[str, float]:
    """The minimiser of A^2 + k ||theta||^2 among interpolators of Gaussian-equivalent features, in closed form."""
    layer, inputs = lab.sphere(round(at.psi1 * d), d), lab.normal(round(at.psi2 * d), d)
    samples, width = inputs.shape[0], layer.shape[0]
    mu_1, target = at.linear_coefficient, at.signal * lab.sphere(1, d)[0, :]
    features = mu_1 * inputs @ layer.T + at.nonlinear_energy**0.5 * lab.normal(samples, width)
    gram = mu_1**2 * layer @ layer.T + at.derivative_energy * lab.xp.eye(width)
    metric = gram + at.ridge_share * lab.xp.eye(width)
    pulled = lab.solve(metric, features.T)
    theta = pulled @ lab.solve(features @ pulled, inputs @ target + at.noise * lab.normal(samples))
    missed = lab.norm(target - mu_1 * layer.T @ theta) ** 2
    weight = lab.norm(theta) ** 2
    return {
        "standard_risk": missed + at.nonlinear_energy * weight + at.noise**2,
        "gradient_norm": float(theta @ gram @ theta) ** 0.5,
        "weight_norm_squared": weight,
    }


@theorem.step(
    Simulation(interpolator_of_a_draw, at={psi1: 4, psi2: 2}, bias="1/d", tolerance=0.05, sizes=(30, 60, 120)),
    uses=[corner],
)
def interpolators_of_draws() -> Claim:
    """The interpolator of least gradient norm on finite samples."""
    return follows(model(), "standard_risk", "gradient_norm", "weight_norm_squared")
