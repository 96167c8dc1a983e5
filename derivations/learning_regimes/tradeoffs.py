r"""The laws that test error and Dirichlet energy obey, in every regime: what holds, and what only seems to.

The target has pure degree 2, so S(f*)^2 = 2 ||f*||^2. For a predictor f that is an L2-projection of f*,
dirichlet_energy = 1 - test_error + sum_k (k - 2) ||f_k||^2/(2 ||f*||^2), which is 1 - test_error if f has degree 2.
Any f whatever obeys sqrt(dirichlet_energy) >= 1 - sqrt(test_error), with equality on the segment from 0 to f*.

With more random features the test error falls. That the energy rises with it ("robustness can only get worse when test
error improves") holds for every rho if and only if h = nu'/(2 nu) <= 2: for x^2 - 1, softplus, tanh(t + 1), relu, but
not for every activation: for h_2 + h_10 both improve from 6 to 20 features per dimension.
The paths of training are in tradeoffs_along_training, the order of the regimes in tradeoffs_ordering.
"""

from __future__ import annotations

from collections.abc import Iterator

from sympy import Expr, Integer, Max, Rational, Symbol, oo, sqrt

from derivations.activations import activation_constants
from derivations.core import Certified, Derivation, Exact, Level, Sampled, Simulation, Symbolic
from derivations.evidence import Instance
from derivations.expressions import parse_function
from derivations.learning_regimes import random_features
from derivations.learning_regimes.degree_two_fits import list_fits
from derivations.learning_regimes.feature_traces import alignment, eta, kappa, printed_eta, psi1, psi2
from derivations.learning_regimes.feature_traces import printed_energy as features_energy
from derivations.learning_regimes.feature_traces import printed_test_error as features_error
from derivations.learning_regimes.symbols import (
    DOHMATOB_BIETTI,
    OBSERVABLES,
    derivative_energy,
    nonlinear_energy,
    rho,
    trace_alignment,
)
from derivations.relations import (
    Claim,
    at_most,
    below,
    decreasing,
    equal,
    follows,
    increasing,
    limit_of,
    refuted,
    statement,
)
from derivations.spectral_formulas import gram_trace

theorem = Derivation(
    __name__, title="Laws between test error and robustness in the learning regimes", source=DOHMATOB_BIETTI
)

t = Symbol("t", real=True)
seen, across, high, linear = (Symbol(name, positive=True) for name in ("seen", "across", "high", "linear"))
degree, further = Symbol("degree", positive=True), Symbol("further", nonnegative=True)
target = (linear**2 + seen**2 + across**2 + high**2) / seen
"""||f*|| of a projection: f = linear h_1 + seen f*/||f*|| + across q + high h_degree is orthogonal to f* - f."""


def _errors(length: Expr) -> tuple[Expr, Expr]:
    """(test_error, dirichlet_energy) of that f for a target of the given norm, from the definitions."""
    distance = linear**2 + (seen - length) ** 2 + across**2 + high**2
    energy = linear**2 + 2 * (seen**2 + across**2) + degree * high**2
    return distance / length**2, energy / (2 * length**2)


@theorem.step(Symbolic())
def projections() -> Claim:
    """||f||^2 = <f, f*> = ||f*||^2 - ||f - f*||^2 and S(f)^2 = sum_k k ||f_k||^2: only degrees other than 2 differ."""
    test, energy = _errors(target)
    return equal(energy, 1 - test + ((degree - 2) * high**2 - linear**2) / (2 * target**2))


PARTS = {seen: (Rational(1, 20), 20), **dict.fromkeys((across, high, linear, further), (0, 20))}


@theorem.step(Symbolic(), Certified(PARTS), uses=[projections])
def half_of_what_is_gained() -> Claim:
    """Degree 1 costs least: dirichlet_energy >= (1 - test_error)/2 for every projection without a constant part."""
    test, energy = _errors(target)
    return at_most((1 - test) / 2, energy.subs(degree, 1 + further))


@theorem.step(Exact(list_fits), uses=[projections])
def one_minus_the_error() -> Claim:
    """Least squares over matrices: <M, B - M> = 0, so ||M||^2 = ||B||^2 - ||M - B||^2, at every size, on every draw."""
    return statement("dirichlet_energy = 1 - test_error for two fits of degree 2 in rationals, m = 2, d = 3")


half = Symbol("half", positive=True)
CIRCLE = {seen: seen * (1 - half**2) / (1 + half**2), across: 2 * seen * half / (1 + half**2)}
"""A degree-2 part of norm `seen`, at an angle to f* whose half has the tangent `half`."""


@theorem.step(Symbolic())
def energy_of_degree_two() -> Claim:
    """S(f)^2 >= 2 ||f_2||^2: other degrees only add."""
    return at_most(seen**2 + across**2, _errors(Integer(1))[1])


@theorem.step(Symbolic())
def distance_of_degree_two() -> Claim:
    """||f - f*|| >= ||f_2 - f*|| >= | ||f*|| - ||f_2|| |: projection, then the triangle inequality."""
    return at_most((1 - seen) ** 2, _errors(Integer(1))[0].xreplace(CIRCLE))


length, energy_beyond, error_beyond = (Symbol(n, nonnegative=True) for n in ("length", "energy_beyond", "error_beyond"))


@theorem.step(Symbolic(), uses=[energy_of_degree_two, distance_of_degree_two])
def universal_bound() -> Claim:
    """sqrt(energy) >= ||f_2||/||f*|| >= 1 - sqrt(test_error), for any f: no training, no architecture enters."""
    return at_most(1 - (1 - length + error_beyond), length + energy_beyond)


def _off_the_segment(part: Symbol) -> Certified:
    """Degrees up to 12, and one part besides f* that is not small."""
    box = dict.fromkeys((seen, across, high, linear), (0, 3))
    return Certified({**box, degree: (1, 12), part: (Rational(1, 4), 3)})


@theorem.step(*map(_off_the_segment, (across, high, linear)), uses=[universal_bound])
def strict_off_the_segment() -> Claim:
    """The bound itself, not its parts: the two sides touch only where f is a multiple of f*."""
    test, energy = _errors(Integer(1))
    return below(1, sqrt(test) + sqrt(energy))


def _segment() -> Iterator[Instance]:
    for part in (Rational(1, 3), Rational(2, 5), Integer(1)):
        on_the_segment = {linear: Integer(0), across: Integer(0), high: Integer(0), seen: part}
        test, energy = (value.xreplace(on_the_segment) for value in _errors(Integer(1)))
        yield f"f = {part} f*", 1 - sqrt(test), sqrt(energy)


@theorem.step(Exact(_segment), uses=[universal_bound])
def attained() -> Claim:
    """f = c f* has test error (1 - c)^2 and energy c^2."""
    return statement("sqrt(dirichlet_energy) = 1 - sqrt(test_error) for c f*, c in [0, 1]")


@theorem.step(Symbolic(), uses=[random_features.ridgeless_energy])
def features_excess() -> Claim:
    """For random features the energy differs from 1 - test_error by the degrees other than 2: the sign is eta - 1's."""
    return equal(features_energy() - (1 - features_error()), alignment * kappa * (eta - 1) / (1 + kappa) ** 2)


learnt, roughness, a, nu, gain = (Symbol(name, positive=True) for name in ("learnt", "h", "a", "nu", "kappa"))
features = learnt * (nu * a * learnt + nu + a) / (1 + a * learnt)
share = nu * features.diff(nu) / (learnt * features.diff(learnt))
"""rho, and r = nu psi2/psi1 by psi2 = -d psi1/d nu, in the coordinate learnt = rho psi1 = kappa/mu_2^2: rational."""
mean_eta = (1 + (2 * roughness - 1) * share) / 2
strength, margin = Symbol("strength", positive=True), Symbol("margin", nonnegative=True)
BOX = dict.fromkeys((learnt, a, nu, gain, strength, margin), (Rational(1, 100), Integer(100)))


@theorem.step(Symbolic())
def coordinate() -> Claim:
    """psi1 = learnt/rho solves psi1's quadratic: what is learnt is a coordinate of the curve rho -> (rho, psi1)."""
    psi = learnt / features
    cleared = nu * a * features * psi**2 + (nu + a * (1 - features)) * psi
    return equal(cleared, 1)


@theorem.step(Symbolic(), Certified(BOX), uses=[coordinate])
def more_features_learn_more() -> Claim:
    """rho increases with learnt, so kappa = mu_2^2 learnt increases with rho."""
    return increasing(features, learnt)


@theorem.step(Symbolic(), Certified(BOX), uses=[more_features_learn_more])
def error_falls_with_features() -> Claim:
    """The test error 1 - t2 kappa/(1 + kappa) falls strictly, whatever the activation."""
    return decreasing(features_error().xreplace({kappa: gain, alignment: Integer(1)}), gain)


@theorem.step(Symbolic(), Certified(BOX), uses=[coordinate])
def share_grows() -> Claim:
    """r increases with learnt, from nu/(nu + a) to 1, so that eta = (1 + (2h - 1) r)/2 grows to h."""
    return increasing(share, learnt)


def _energy_at(eta_value: Expr) -> Expr:
    """The energy over tau^2."""
    return features_energy().xreplace({eta: eta_value, alignment: Integer(1), kappa: gain})


below_two = 2 / (1 + margin)
"""An eta of at most 2."""


@theorem.step(Symbolic(), Certified(BOX), uses=[more_features_learn_more])
def energy_grows_at_fixed_eta() -> Claim:
    """The slope is (2 kappa + eta - eta kappa)/(1 + kappa)^3, positive for every kappa if eta <= 2."""
    slope = _energy_at(eta).diff(gain).xreplace({eta: below_two})
    return below(0, slope)


@theorem.step(Symbolic(), uses=[features_excess])
def slope_at_fixed_eta() -> Claim:
    """The numerator of that slope, for any eta."""
    return equal(_energy_at(eta).diff(gain) * (1 + gain) ** 3, 2 * gain + eta - eta * gain)


@theorem.step(Symbolic(), Certified(BOX), uses=[share_grows])
def energy_grows_with_eta() -> Claim:
    """At fixed kappa a rougher activation has more energy."""
    return increasing(_energy_at(eta), eta)


curve = _energy_at(mean_eta).xreplace({gain: strength * learnt})
"""The energy over tau^2 along rho, mu_2^2 = strength."""


@theorem.step(
    Sampled(domain={roughness: (1, 4), learnt: (Rational(1, 100), 100)}, points=100),
    Certified({**BOX, roughness: (1, 2)}),
    uses=[energy_grows_at_fixed_eta, energy_grows_with_eta, share_grows, more_features_learn_more],
)
def energy_grows_if_smooth() -> Claim:
    """h <= 2 gives eta <= h <= 2, and both partial slopes and both coordinates increase: the chain rule."""
    return increasing(curve, learnt, given=[at_most(roughness, 2)])


@theorem.step(Symbolic(), uses=[share_grows, slope_at_fixed_eta])
def overshoot() -> Claim:
    """energy = tau^2 (1 + (h - 2)/kappa + ...): for h > 2 it comes down to tau^2, so it has not grown all the way."""
    return limit_of((curve - 1) * strength * learnt, learnt, oo, roughness - 2)


def roughness_of(activation: str) -> Expr:
    """h = nu'/(2 nu) of an activation, exactly."""
    found = activation_constants(parse_function(activation, t), t, ("nonlinear_energy", "derivative_energy"))
    return found["derivative_energy"] / (2 * found["nonlinear_energy"])


@theorem.step(Symbolic(), uses=[energy_grows_if_smooth])
def named_activations_are_smooth_enough() -> Claim:
    """relu, 1.376, tanh(t + 1), 1.262, softplus, 1.008, and t^2 - 1: there more features always cost robustness."""
    return below(Max(*map(roughness_of, ("relu", "tanh(t+1)", "log(1+exp(t))", "t**2-1"))), 2)


WITNESS = "(t**2 - 1)/sqrt(2) + (t**10 - 45*t**8 + 630*t**6 - 3150*t**4 + 4725*t**2 - 945)/sqrt(3628800)"
"""h_2 + h_10: a = 0, mu_2 = 1, nu = 2, nu' = 12, h = 3."""
few, many = Symbol("few", positive=True), Symbol("many", positive=True)


def _rough(features_per_input: Expr) -> tuple[Expr, Expr]:
    """Test error and energy at tau = 1 of random features h_2 + h_10: no linear part, so psi1 = 1/nu."""
    psi = gram_trace(Integer(2), Integer(0), features_per_input)
    at_nu = {nonlinear_energy: Integer(2), derivative_energy: Integer(12), psi1: psi, psi2: psi**2}
    at = {kappa: features_per_input * psi, eta: printed_eta().xreplace(at_nu), alignment: Integer(1)}
    return features_error().xreplace(at), features_energy().xreplace(at)


def _witness_constants() -> Iterator[Instance]:
    words = ("linear_coefficient", "hermite(2)", "nonlinear_energy", "derivative_energy")
    found = activation_constants(parse_function(WITNESS, t), t, words)
    yield from ((word, found[word], Integer(value)) for word, value in zip(words, (0, 1, 2, 12), strict=True))


@theorem.step(Exact(_witness_constants), uses=[features_excess])
def rough_activation() -> Claim:
    """The constants of h_2 + h_10, by exact Gaussian integration."""
    return statement("h_2 + h_10 has mu_1 = 0, mu_2 = 1, nu = 2, nu' = 12, so h = 3")


def _slogan_instance() -> Iterator[Instance]:
    for value, energy in ((6, Rational(9, 8)), (20, Rational(130, 121))):
        yield f"energy over tau^2 at rho = {value}", _rough(Integer(value))[1], energy


@theorem.step(Exact(_slogan_instance), uses=[rough_activation, overshoot], source="abstract, as a slogan")
def slogan() -> Claim:
    """Robustness can only get worse when the test error improves: from 6 to 20 features per dimension both improve."""
    (error_few, energy_few), (error_many, energy_many) = _rough(few), _rough(many)
    claim = at_most(energy_few, energy_many, given=[below(error_many, error_few)])
    return refuted(claim, {few: Integer(6), many: Integer(20)})


@theorem.step(
    *(
        Simulation(
            "learning_regimes:random_features",
            at={rho: Integer(value), trace_alignment: Integer(1), "activation": WITNESS},
            bias="1/d",
            tolerance=0.01,
            sizes=(40, 80, 160),
            scale=dict.fromkeys(OBSERVABLES, Rational(3, 10)),
            defaults_of=lambda: random_features.theorem.model,
            level=Level.standard,
        )
        for value in (6, 20)
    ),
    uses=[slogan, random_features.ridgeless_energy],
)
def slogan_on_finite_draws() -> Claim:
    """Both sides of the refutation on finite layers: fewer features, more energy and more test error."""
    return follows(random_features.theorem.model, *OBSERVABLES)
