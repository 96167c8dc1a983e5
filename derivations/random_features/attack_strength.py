"""How the risks depend on the strength of the attack, trained and tested at the same radius.

Centred relu, signal 1, no ridge. The robust training loss grows with epsilon, as a minimum of losses that do, and the
gradient norm of the fit falls. The robust risk AR does not grow throughout: with four times more features than inputs
and as many samples it grows from epsilon = 2/5 to 1 and falls from 5/4 to 3/2, on the way from above to the null risk;
near psi1 = psi2 = 1, where the fit without attack diverges, it falls already between 1/2 and 3/4. The slopes are those
of the fixed point, by the implicit function theorem; their signs are shown for all parameters of a box. Derived here.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache

from sympy import Integer, Rational

from derivations.core import Certified, Derivation, Level, Model, Sampled
from derivations.evidence import Box
from derivations.ingredients import Target
from derivations.random_features import collapse, limits, scalar_reduction, setting
from derivations.random_features.symbols import HASSANI_JAVANMARD, epsilon, noise, psi1, psi2, signal
from derivations.reduction import S2, reduce
from derivations.relations import Claim, below
from derivations.sensitivity import decreasing_along, differentiated, increasing_along

theorem = Derivation(__name__, title="Risks against the strength of the attack", source=HASSANI_JAVANMARD)

NO_RIDGE = Integer(0)


@cache
def relu_model() -> Model:
    """The robust estimator with the relu's constants put in, signal 1 and no ridge; below the collapse."""
    problem = replace(setting.problem, activation=limits.relu(), target=Target(Integer(1), noise), ridge=NO_RIDGE)
    start = {u: guess.xreplace({signal: Integer(1)}) for u, guess in setting.starting_point(NO_RIDGE).items()}
    return reduce(problem, parameters=(psi1, psi2, epsilon, noise), test_radius=epsilon, start=start)


@cache
def slopes() -> Model:
    """Its observables with their total derivatives in epsilon."""
    return differentiated(relu_model(), epsilon)


def _box(features: object, samples: object, low: object, high: object) -> Box:
    """psi1, psi2 and epsilon, at noise 1/2; a single number stands for both ends."""
    pairs = [ends if isinstance(ends, tuple) else (ends, ends) for ends in (features, samples)]
    half = Rational(1, 2)
    return dict(zip((psi1, psi2, epsilon, noise), (*pairs, (low, high), (half, half)), strict=True))


ANYWHERE: Box = {
    psi1: (Rational(1, 2), 6),
    psi2: (Rational(1, 2), 6),
    epsilon: (Rational(1, 5), Rational(2, 5)),
    noise: (Rational(1, 5), 1),
}
SQUARE = _box((1, Rational(5, 4)), 1, Rational(1, 2), Rational(3, 4))


def _line(features: int, samples: int, low: object, high: object) -> Certified:
    return Certified(_box(features, samples, low, high), roots_of=slopes)


LINE_AND_SQUARE = (
    _line(1, 1, Rational(1, 2), Rational(3, 4)),
    Certified(SQUARE, roots_of=slopes, level=Level.standard),
    Sampled(ANYWHERE, digits=20, points=4, roots_of=slopes),
)


@theorem.step(
    *LINE_AND_SQUARE,
    uses=[scalar_reduction.training_loss, collapse.threshold],
)
def training_loss_increases() -> Claim:
    """At every theta the loss grows with the radius, so its minimum does."""
    return increasing_along("robust_training_loss", epsilon)


@theorem.step(
    *LINE_AND_SQUARE,
    uses=[scalar_reduction.two_unknowns, collapse.threshold],
)
def gradient_norm_decreases() -> Claim:
    """The attack is a price on the gradient: the higher it is, the less of it the fit takes."""
    return decreasing_along("gradient_norm", epsilon)


@theorem.step(
    Certified(_box(1, 1, Rational(1, 4), 1), roots_of=slopes),
    Certified(_box((1, 2), 1, Rational(1, 4), 1), roots_of=slopes, level=Level.standard),
    Sampled(ANYWHERE, digits=20, points=4, roots_of=slopes),
    uses=[scalar_reduction.training_loss, scalar_reduction.two_unknowns],
)
def training_flatters() -> Claim:
    """The loss on the samples that were fitted is below the robust risk on new ones."""
    observables = relu_model().observables
    return below(observables["robust_training_loss"], observables["robust_risk"])


@theorem.step(
    _line(4, 1, Rational(2, 5), 1),
    Certified(_box((4, 5), 1, Rational(2, 5), Rational(4, 5)), roots_of=slopes, level=Level.standard),
    uses=[gradient_norm_decreases],
)
def robust_risk_increases() -> Claim:
    """With many features a stronger attack costs more than the smaller gradient saves,"""
    return increasing_along("robust_risk", epsilon)


@theorem.step(
    _line(4, 1, Rational(5, 4), Rational(3, 2)),
    uses=[robust_risk_increases, collapse.threshold],
)
def robust_risk_decreases() -> Claim:
    """until the fit gives in: from above the null risk AR falls back to it, which it has at the collapse."""
    return decreasing_along("robust_risk", epsilon)


@theorem.step(
    _line(1, 1, Rational(1, 2), Rational(3, 4)),
    Certified(SQUARE, roots_of=slopes, level=Level.standard),
    uses=[gradient_norm_decreases],
)
def robust_risk_decreases_near_the_threshold() -> Claim:
    """Where there are as many features as samples the attack acts as the ridge that was missing."""
    return decreasing_along("robust_risk", epsilon)


@theorem.step(
    Certified(_box(4, 1, Rational(2, 5), Rational(3, 2)), roots_of=slopes),
    uses=[scalar_reduction.residual_equation],
)
def noise_is_not_learnt() -> Claim:
    """No fit is better than the noise of new labels."""
    return below(noise**2, S2)
