r"""Adversarial training of linear regression in the proportional limit: the member with the identity first layer.

Inputs N(0, I_d), labels y = <beta, x> + noise, n samples, n/d -> psi2; theta in R^d minimises (1/2n) sum_i max over
||delta_i|| <= epsilon of (y_i - <theta, x_i + delta_i>)^2 + (ridge/2) ||theta||^2. The inner maximum is
(|y_i - <theta, x_i>| + epsilon ||theta||)^2 exactly, so A = ||theta||, and every trace is a power of p + q + ridge. At
epsilon = 0 the model is ordinary ridge regression and, for psi2 < 1 without ridge, the interpolator of least norm. The
estimator is zero from critical_epsilon^2 = (pi/2) (b^2 + v/psi2)/v on, v = b^2 + tau^2; without noise a weak attack
leaves theta = beta (random_features.exact_recovery).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from types import SimpleNamespace

from sympy import Expr, Integer, Max, Piecewise, Rational, Symbol, diff, erfinv, exp, oo, sqrt

from derivations.core import Assumed, Derivation, Exact, Lab, Level, Model, Phase, Sampled, Simulation, Source, Symbolic
from derivations.evidence import Instance
from derivations.ingredients import Activation, Attack, Program, Target, attacked_square, identity_layer
from derivations.lemmas import marchenko_pastur
from derivations.lemmas.trace_functionals import traces_from_resolvent
from derivations.random_features import collapse, elimination, scalar_reduction
from derivations.random_features.phases import NAMES, critical_radius, no_data, null_risk, outside_domain
from derivations.random_features.symbols import A, epsilon, epsilon_test, noise, psi2, ridge, signal
from derivations.reduction import C_S, C_T, K_S, K_T, S2, STEP_FROM_TRACES, THETA2, reduce, two_unknown_program
from derivations.relations import Claim, Relation, at_most, below, equal, follows, limit_of, statement, tends_to
from derivations.scalar_problem import KAPPA, LAM, RATIO, STEP, P, Q, ScalarProblem, robust_risk
from derivations.symbols import folded_normal_mean

theorem = Derivation(
    __name__,
    title="Adversarial training of linear regression",
    source=Source(
        key="javanmard2020precise",
        authors=("Javanmard, Adel", "Soltanolkotabi, Mahdi", "Hassani, Hamed"),
        title="Precise tradeoffs in adversarial training for linear regression",
        year=2020,
        venue="Conference on Learning Theory, PMLR 125, 2034-2078",
        arxiv="2002.10477",
    ),
    simulations={"linear": "random_features:linear_regression"},
)

problem = ScalarProblem(
    loss=attacked_square(),
    activation=Activation(Integer(1), Integer(0), Integer(0)),
    first_layer=identity_layer(),
    attack=Attack(epsilon),
    target=Target(signal, noise),
    samples=psi2,
    ridge=ridge,
)

critical_epsilon = critical_radius(Integer(1), Integer(1))
"""Both traces of the collapse threshold are 1."""

kink, recovery_room, least_scale = (Symbol(f"{name}", nonnegative=True) for name in ("kink", "room", "least_scale"))


def recovery_program() -> Program:
    """For psi2 > 1: P(|G| <= kink) = 1/psi2, and epsilon^2 recovery_epsilon^2 - (epsilon^2 + ridge)^2 as `room`.

    Without noise theta = beta where room >= 0; with little noise s there is about `least_scale`.
    """
    z = kink
    radius2 = (folded_normal_mean * exp(-(z**2) / 2) / z - (1 - 1 / psi2)) / psi2
    room = epsilon**2 * radius2 - (epsilon**2 + ridge) ** 2
    return (
        (kink, sqrt(2) * erfinv(1 / psi2)),
        (recovery_room, room),
        (least_scale, noise * epsilon / (psi2 * kink * sqrt(recovery_room))),
    )


def closed_phases() -> tuple[Phase, ...]:
    """Where the limit is infinite or known in closed form, in the order in which they are tested."""
    plain = (at_most(epsilon, 0), at_most(ridge, 0))
    exact = (at_most(noise, 0), below(1, psi2))
    zero = (null_risk, null_risk, null_risk, Integer(0), Integer(0))
    found = (Integer(0), (epsilon_test * signal) ** 2, (epsilon * signal) ** 2, signal, signal**2)
    return (
        no_data(),
        outside_domain("interpolation_threshold", "psi2 = 1 without attack or ridge: no limit", *plain, equal(psi2, 1)),
        _closed("least_norm", "the interpolator of least norm", (*plain, below(psi2, 1)), _least_norm()),
        _closed("recovered", "theta = beta", (*exact, at_most(0, recovery_room)), found, recovery_program()),
        Phase(
            "collapsed",
            "collapsed",
            (at_most(critical_epsilon, epsilon),),
            dict(zip(NAMES, zero, strict=True)),
            "epsilon is at or above critical_epsilon: the zero estimator is optimal",
        ),
    )


def _closed(name: str, note: str, when: tuple[Relation, ...], values: tuple[Expr, ...], program: Program = ()) -> Phase:
    return Phase(name, "converged", when, dict(zip(NAMES, values, strict=True)), note, program)


def _least_norm() -> tuple[Expr, ...]:
    """The interpolator learns the fraction psi2 of the signal, and all of the noise."""
    risk = signal**2 * (1 - psi2) + noise**2 / (1 - psi2)
    norm2 = signal**2 * psi2 + noise**2 * psi2 / (1 - psi2)
    robust = robust_risk(risk, sqrt(norm2), epsilon_test)
    return risk, robust, Integer(0), sqrt(norm2), norm2


@theorem.solvable
def model() -> Model:
    """The same assembly as the robust risk of random features, with another first layer and no nonlinear part."""
    built = reduce(
        problem,
        parameters=(psi2, epsilon, epsilon_test, noise, signal, ridge),
        test_radius=epsilon_test,
        start=starting_point(),
        phases=closed_phases(),
    )
    cancelling = dict(built.program)[C_S]
    return replace(
        built,
        program=tuple((name, REMAINDER if name == C_S else definition) for name, definition in built.program),
        residuals=tuple(equal(e.lhs, e.rhs - cancelling + C_S if e.lhs == S2 else e.rhs) for e in built.residuals),
    )


REMAINDER = noise**2 + signal**2 * ((Q + ridge) / (KAPPA + LAM)) ** 2
"""Noise and the missed part of the signal: C_s without the difference that loses all digits near exact recovery."""


def starting_point() -> dict[Symbol, Expr]:
    """Where theta is almost recovered s is about `least_scale`; elsewhere the step of ridge regression will do."""
    recovers = (psi2 > 1) & (recovery_room > 0) & (least_scale < signal)
    step = Piecewise(
        (kink * least_scale / (epsilon * signal), recovers), (1 / (Max(psi2 - 1, 0) + epsilon**2 + ridge), True)
    )
    ratio = Piecewise((signal / least_scale, recovers), (Rational(1, 3), True))
    for name, definition in reversed(recovery_program()):
        step, ratio = step.xreplace({name: definition}), ratio.xreplace({name: definition})
    return {STEP: step, RATIO: ratio}


def at_no_attack(name: Symbol, /) -> Expr:
    """A name of the model's program at epsilon = 0, in step, psi2 and ridge."""
    expression: Expr = name
    for symbol, definition in reversed(two_unknown_program(problem)):
        expression = expression.xreplace({symbol: definition.subs(epsilon, 0)})
    return expression


omega, g = marchenko_pastur.omega, marchenko_pastur.g
SAMPLE_LAW = {psi2: marchenko_pastur.aspect, ridge: omega / marchenko_pastur.aspect, STEP: g}
"""X/sqrt d is a white layer with n/d = psi2; its resolvent trace g at omega = psi2 ridge, in rational coordinates."""
HALF = Rational(1, 2)
ORDINARY_RISK = "Hastie, Montanari, Rosset & Tibshirani (2022), Annals of Statistics 50(2), Theorem 5"


@theorem.step(Assumed())
def linear_model() -> Claim:
    """The identity in the place of the first layer: nothing is random but the data."""
    return statement("W = I, N = d, sigma(t) = t: mu_1 = 1, mu_2 = nu = 0; d, n -> infinity with n/d -> psi2")


def traces() -> Iterable[Instance]:
    """Every trace of the identity layer against its definition through the resolvent (1/d) tr (I + omega)^(-1)."""
    layer = identity_layer()
    general = traces_from_resolvent(layer.resolvent, layer.features, KAPPA, LAM)
    for trace, stable in layer.traces(KAPPA, LAM).items():
        yield str(trace), stable, general[trace]


@theorem.step(Exact(traces), uses=[linear_model])
def identity_traces() -> Claim:
    """S = I has one eigenvalue, 1, and the two sides of the layer are the same."""
    return statement("every trace of the identity layer is its power of kappa + lam")


@theorem.step(Symbolic(), uses=[identity_traces, scalar_reduction.residual_equation])
def remainder() -> Claim:
    """What the model computes in the place of C_s is C_s: 1 - p T11 is (q + ridge) T11, a square completed."""
    down = {LAM: ridge, KAPPA: P + Q}
    return equal(dict(two_unknown_program(problem))[C_S].xreplace(down), REMAINDER.xreplace(down))


BOX = {
    psi2: (Rational(1, 3), 5),
    epsilon: (Rational(1, 20), 1),
    ridge: (0, 1),
    noise: (Rational(1, 5), 1),
    signal: (1, 2),
}


@theorem.step(Sampled(BOX, points=4, roots_of=model), uses=[identity_traces, scalar_reduction.gradient_equation])
def gradient_is_the_weight() -> Claim:
    """A linear function has one gradient, theta: A^2 = ||theta||^2 at every root."""
    return equal(A**2, THETA2)


@theorem.step(Symbolic(), uses=[identity_traces, elimination.elimination_of_scales, marchenko_pastur.fixed_point])
def ridge_step() -> Claim:
    """At epsilon = 0 the step is the resolvent trace g of X'X/d at omega = psi2 ridge: its equation is their law."""
    return equal(at_no_attack(STEP_FROM_TRACES).xreplace(SAMPLE_LAW), g)


def _slope_of_the_resolvent() -> Expr:
    return -diff(marchenko_pastur.aspect, omega) / diff(marchenko_pastur.aspect, g)


@theorem.step(Symbolic(), uses=[ridge_step, scalar_reduction.two_unknowns], source=ORDINARY_RISK)
def ordinary_ridge_bias() -> Claim:
    """The risk of a unit of signal is ridge^2 (1/d) tr (X'X/n + ridge)^(-2) = -omega^2 g'."""
    ours = at_no_attack(C_S / (1 - K_S)).subs({noise: 0, signal: 1}).xreplace(SAMPLE_LAW)
    return equal(ours, -(omega**2) * _slope_of_the_resolvent(), given=[marchenko_pastur.admissible])


@theorem.step(Symbolic(), uses=[ridge_step, scalar_reduction.two_unknowns], source=ORDINARY_RISK)
def ordinary_ridge_variance() -> Claim:
    """The excess risk of a unit of noise is (1/n) tr X'X/n (X'X/n + ridge)^(-2) = g + omega g'."""
    gain = at_no_attack(K_S).xreplace(SAMPLE_LAW)
    return equal(gain / (1 - gain), g + omega * _slope_of_the_resolvent(), given=[marchenko_pastur.admissible])


def _without_ridge(name: Symbol) -> Expr:
    """A name at epsilon = 0 along the solutions of the step's equation; step -> infinity is ridge -> 0 if psi2 < 1."""
    return at_no_attack(name).subs(ridge, 1 / (psi2 * STEP) - 1 / (1 + STEP))


@theorem.step(Symbolic(), uses=[ridge_step, ordinary_ridge_bias, ordinary_ridge_variance])
def least_norm_risk() -> Claim:
    """psi2 < 1, ridge -> 0: the interpolator of least norm."""
    risk = _without_ridge(C_S) / (1 - _without_ridge(K_S))
    return limit_of(risk, STEP, oo, _least_norm()[0], given=[below(psi2, 1)])


@theorem.step(Symbolic(), uses=[least_norm_risk])
def least_norm_weight() -> Claim:
    """Its norm ||theta||^2 = C_w + K_w s^2 in the same limit."""
    norm2 = _without_ridge(C_T) + _without_ridge(K_T) * _least_norm()[0]
    return limit_of(norm2, STEP, oo, _least_norm()[4], given=[below(psi2, 1)])


@theorem.step(Symbolic(), uses=[collapse.optimality, linear_model])
def collapse_threshold() -> Claim:
    """theta = 0 is optimal iff ||X'y|| <= epsilon ||y||_1; E||X'y||^2 over n^2 and (E|y|)^2 give critical_epsilon^2.

    E||X'y||^2 = n (n - 1) b^2 + n E y^2 ||x||^2, and E y^2 ||x||^2 = d v + 2 b^2.
    """
    n = Symbol("n", positive=True)
    square = n * (n - 1) * signal**2 + n * (n / psi2 * null_risk + 2 * signal**2)
    return limit_of(square / (n**2 * folded_normal_mean**2 * null_risk), n, oo, critical_epsilon**2)


def critical_radius_of_a_draw(lab: Lab, at: SimpleNamespace, d: int) -> dict[str, float]:
    """||X'y||/||y||_1, the radius from which theta = 0 is optimal on this draw."""
    inputs = lab.normal(round(at.psi2 * d), d)
    labels = inputs @ (at.signal * lab.sphere(1, d)[0, :]) + at.noise * lab.normal(inputs.shape[0])
    return {"critical_epsilon": lab.norm(inputs.T @ labels) / (inputs.shape[0] * lab.mean(lab.xp.abs(labels)))}


@theorem.step(
    Simulation(
        critical_radius_of_a_draw,
        at={psi2: 2, epsilon: 1, noise: Rational(1, 2), signal: 1},
        bias="1/d",
        tolerance=0.03,
        sizes=(50, 100, 200),
    ),
    uses=[collapse_threshold],
)
def collapse_of_draws() -> Claim:
    """The exact threshold of finite samples."""
    return tends_to("critical_epsilon", critical_epsilon)


def _law(size: Rational, within: float, loss: float, level: Level = Level.quick, radius: Expr = HALF) -> Simulation:
    return Simulation(
        "random_features:linear_regression",
        at={psi2: size, epsilon: radius, epsilon_test: HALF},
        bias="1/d",
        tolerance={**dict.fromkeys(NAMES, within), "robust_training_loss": loss, NAMES[-1]: 2 * within},
        sizes=(50, 100, 200) if radius == HALF else (30, 60, 120),
        scale={} if radius == HALF else dict.fromkeys(NAMES, 1),
        most=64 if level is Level.quick else 256,
        level=level,
    )


@theorem.step(
    _law(Rational(2), 0.04, 0.05),
    _law(Rational(1, 2), 0.06, 0.12),
    _law(HALF, 0.05, 0.05, radius=Integer(0)),
    _law(Rational(2), 0.05, 0.1, radius=Integer(2)),
    _law(Rational(1, 2), 0.04, 0.06, Level.standard),
    uses=[elimination.auxiliary_problem, least_norm_risk, least_norm_weight, collapse_threshold],
)
def adversarial_law() -> Claim:
    """The theorem on finite samples, more or fewer than dimensions; so are least norm and the zero estimator."""
    return follows(model(), *NAMES)
