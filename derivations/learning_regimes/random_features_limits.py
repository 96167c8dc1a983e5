r"""Random features: special activations, few and many neurons, and the curve of robustness against test error.

For t^2 - 1 the formulas are 1 - tau_G^2 rho/(1 + gamma rho) and its complement (Ghorbani et al. 2019). As rho -> 0 the
learnt share is tau^2 rho mu_2^2/(nu + a); as rho -> oo the test error tends to 1 - tau^2 and the Dirichlet energy to
tau^2, from above iff h = nu'/(2 nu) > 2. With s = (1 - test error)/tau^2 the energy is tau^2 s (s + eta (1 - s)). For
inputs on a sphere all formulas hold with tau = 0.
"""

from __future__ import annotations

from sympy import Expr, Integer, Rational, Symbol, cancel, pi, sqrt

from derivations.core import Derivation, Level, Simulation, Symbolic
from derivations.learning_regimes import random_features
from derivations.learning_regimes.feature_claims import CONTROLS
from derivations.learning_regimes.feature_setting import init_scale
from derivations.learning_regimes.feature_traces import (
    a,
    alignment,
    eta,
    gamma,
    kappa,
    printed_energy,
    printed_eta,
    printed_test_error,
    psi1,
    psi2,
    spike,
    visible,
)
from derivations.learning_regimes.symbols import (
    DOHMATOB_BIETTI,
    GHORBANI,
    OBSERVABLES,
    derivative_energy,
    hermite_2,
    linear_coefficient,
    nonlinear_energy,
    rho,
    ridge,
    trace_alignment,
)
from derivations.lemmas import gaussian, spectral_averages
from derivations.relations import Claim, equal, limit_of, tends_to
from derivations.spectral_formulas import gram_closed_form, gram_trace_slope

theorem = Derivation(__name__, title="Limits and special cases of random features", source=DOHMATOB_BIETTI)

tau_gamma = Symbol("tau_gamma", real=True)
first_share, second_share = Symbol("T1", positive=True), Symbol("T2", positive=True)
t = gaussian.t
q = Symbol("q", positive=True)


def _quadratic(expression: Expr) -> Expr:
    """Without degrees above 2: mu_2^2 = nu, nu' = 2 nu; psi1 = 1/(nu + a T1), psi2 = psi1/(nu + a T2) of any rows."""
    nu = nonlinear_energy
    traces = {psi2: psi1 / (nu + a * second_share), derivative_energy: 2 * nu, alignment: tau_gamma**2 / gamma}
    named = expression.subs(eta, printed_eta()).subs(kappa, rho * gamma * nu * psi1)
    return named.subs(traces).subs(psi1, 1 / (nu + a * first_share))


@theorem.step(
    Symbolic(),
    uses=[random_features.ridgeless_test_error],
    source=f"{GHORBANI}, Theorem 1, tau_G^2 = d tr(Gamma B)^2/||B||_F^2",
    printed=True,
)
def quadratic_activation() -> Claim:
    """The published test error for the activation t^2 - 1 (a -> 0), rows of covariance Gamma; the paper has a = 0."""
    return limit_of(_quadratic(printed_test_error()), a, 0, 1 - tau_gamma**2 * rho / (1 + gamma * rho))


@theorem.step(Symbolic(), uses=[random_features.ridgeless_energy, quadratic_activation])
def quadratic_activation_energy() -> Claim:
    """A fit of pure degree 2: the Dirichlet energy is what the test error leaves of 1."""
    return limit_of(_quadratic(printed_energy()), a, 0, tau_gamma**2 * rho / (1 + gamma * rho))


@theorem.step(Symbolic(), uses=[gaussian.relu_linear_coefficient])
def relu_second_coefficient() -> Claim:
    """max(t, 0) has mu_2^2 = (E[G (G^2 - 1); G > 0])^2/2 = 1/(4 pi); the other constants are steps of the lemma."""
    return equal(gaussian.mean(t * (t**2 - 1) / sqrt(2), 0) ** 2, 1 / (4 * pi))


def _traces(trace: Expr) -> dict[Symbol, Expr]:
    """rho, psi1 and psi2 as rational functions of psi1."""
    nu = nonlinear_energy
    features = ((nu + a) * trace - 1) / (a * trace * (1 - nu * trace))
    slope = trace * (1 + a * features * trace) / (nu * a * features * trace + 1 / trace)
    return {rho: features, psi1: trace, psi2: slope}


def _along(expression: Expr, trace: Expr) -> Expr:
    named = expression.subs(eta, printed_eta()).subs(kappa, rho * hermite_2**2 * psi1)
    return named.xreplace(_traces(trace))


FEW = 1 / (nonlinear_energy + a) + q
"""rho -> 0 is psi1 -> 1/(nu + a), from above."""
MANY = 1 / (nonlinear_energy * (1 + q))
"""rho -> oo is psi1 -> 1/nu, from below."""


@theorem.step(Symbolic(), uses=[random_features.ridgeless_test_error, spectral_averages.gram_law])
def few_neurons() -> Claim:
    """The learnt share per neuron and dimension as rho -> 0."""
    return limit_of(
        _along((1 - printed_test_error()) / (alignment * rho), FEW), q, 0, hermite_2**2 / (nonlinear_energy + a)
    )


@theorem.step(Symbolic(), uses=[random_features.ridgeless_energy, spectral_averages.gram_slope])
def few_neurons_energy() -> Claim:
    """The Dirichlet energy per neuron and dimension as rho -> 0."""
    nu = nonlinear_energy
    value = hermite_2**2 * (derivative_energy + a) / (2 * (nu + a) ** 2)
    return limit_of(_along(printed_energy() / (alignment * rho), FEW), q, 0, value)


@theorem.step(Symbolic(), uses=[random_features.ridgeless_test_error, spectral_averages.gram_law])
def many_neurons() -> Claim:
    """As rho -> oo the trace of B is learnt: the test error tends to 1 - tau^2."""
    return limit_of(cancel(_along(printed_test_error(), MANY)), q, 0, 1 - alignment)


@theorem.step(Symbolic(), uses=[random_features.ridgeless_energy, spectral_averages.gram_slope])
def many_neurons_energy() -> Claim:
    """As rho -> oo the energy is tau^2 (1 + (h - 2)/kappa + ...), with h = nu'/(2 nu)."""
    excess = (printed_energy() / alignment - 1) * kappa
    return limit_of(cancel(_along(excess, MANY)), q, 0, derivative_energy / (2 * nonlinear_energy) - 2)


@theorem.step(Symbolic(), uses=[random_features.ridgeless_test_error, random_features.ridgeless_energy])
def trade_off_curve() -> Claim:
    """The energy as a function of the learnt share s = (1 - test error)/tau^2."""
    learnt = (1 - printed_test_error()) / alignment
    return equal(printed_energy(), alignment * learnt * (learnt + eta * (1 - learnt)))


@theorem.step(Symbolic(), uses=[random_features.ridgeless_energy, spectral_averages.derivative_share])
def slope_of_the_curve() -> Claim:
    """eta = (1 + (2 h - 1) r)/2 with r = nu psi2/psi1, the share of the fit beyond degree two."""
    roughness = derivative_energy / (2 * nonlinear_energy)
    share_beyond = nonlinear_energy * psi2 / psi1
    return equal(printed_eta(), Rational(1, 2) * (1 + (2 * roughness - 1) * share_beyond))


def _without_degree_two(name: str, phase: str, gone: Symbol) -> Claim:
    """The model's own observable as mu_2 -> 0, for what is `gone` in the phase; psi1, psi2 do not know mu_2."""
    model = random_features.model()
    value = next(each.observables[name] for each in model.phases if each.name == phase)
    shares = dict(model.program) | {visible: Integer(1), gone: Integer(0)}
    expression = model.observables[name].xreplace({gone: Integer(0)})
    for symbol in (kappa, spike, visible):
        expression = expression.xreplace({symbol: shares[symbol]})
    return limit_of(expression, hermite_2, 0, value)


@theorem.step(Symbolic(), uses=[random_features.test_error_of_a_filter, random_features.missed_by_the_ridge])
def no_quadratic_part() -> Claim:
    """mu_2 -> 0: the target is not seen, and everything of it is missed, whatever the ridge,"""
    return _without_degree_two("test_error", "no_quadratic_part", init_scale)


@theorem.step(Symbolic(), uses=[random_features.energy_of_a_filter, random_features.energy_of_the_ridge])
def no_quadratic_part_energy() -> Claim:
    """by the function 0;"""
    return _without_degree_two("dirichlet_energy", "no_quadratic_part", init_scale)


@theorem.step(Symbolic(), uses=[no_quadratic_part])
def no_quadratic_part_converged() -> Claim:
    """without a ridge the initial weights are forgotten as well, whatever their scale,"""
    return _without_degree_two("test_error", "no_quadratic_part_converged", ridge)


@theorem.step(Symbolic(), uses=[no_quadratic_part_energy])
def no_quadratic_part_converged_energy() -> Claim:
    """in the Dirichlet energy too."""
    return _without_degree_two("dirichlet_energy", "no_quadratic_part_converged", ridge)


def _sphere_limits() -> dict[str, Expr]:
    """What is left of the initial weights, in units of the target's own energies on the sphere, 1 - tau^2 of ours."""
    shifted = nonlinear_energy + ridge
    trace = gram_closed_form(shifted, linear_coefficient**2, rho)
    square = gram_trace_slope(shifted, linear_coefficient**2, rho)
    bulk = trace - ridge * square
    kept = (init_scale * ridge) ** 2 / (1 - trace_alignment**2)
    extra = (derivative_energy - nonlinear_energy) * square
    return {"test_error": 1 + kept * bulk / 2, "dirichlet_energy": kept * (bulk + extra) / 4}


@theorem.step(
    Simulation(
        "learning_regimes:random_features_on_the_sphere",
        at={
            rho: Rational(1, 2),
            trace_alignment: Rational(3, 5),
            "activation": "relu",
            ridge: Rational(1, 2),
            init_scale: 1,
        },
        bias="1/d",
        tolerance=0.01,
        sizes=(100, 200, 400),
        scale=dict.fromkeys(OBSERVABLES, Rational(3, 10)),
        controls=CONTROLS,
        defaults_of=random_features.model,
        level=Level.standard,
    ),
    uses=[random_features.ridge_form_of_the_test_error, random_features.ridge_form_of_the_energy],
)
def data_on_the_sphere() -> Claim:
    """On |x|^2 = d the trace of B only moves the constant: whatever tau, the formulas hold with tau = 0.

    Gradients are tangential, and the units those of the target there: only then is its energy twice its square.
    """
    return tends_to(_sphere_limits())
