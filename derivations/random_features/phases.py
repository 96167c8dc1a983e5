"""Regions of parameters in which the random-features limit is known in closed form, or does not exist."""

from __future__ import annotations

from sympy import Expr, Integer, Piecewise, Symbol, sqrt

from derivations.ingredients import Program
from derivations.lemmas.marchenko_pastur import stable_program
from derivations.model import Phase
from derivations.random_features.symbols import (
    derivative_energy,
    epsilon,
    epsilon_test,
    linear_coefficient,
    noise,
    nonlinear_energy,
    psi1,
    psi2,
    ridge,
    signal,
)
from derivations.relations import Relation, at_most, below, equal
from derivations.scalar_problem import robust_risk
from derivations.symbols import folded_normal_mean

NAMES = ("standard_risk", "robust_risk", "robust_training_loss", "gradient_norm", "weight_norm_squared")

null_risk = signal**2 + noise**2
"""The risk of the zero estimator, v."""

critical_epsilon = Symbol("critical_epsilon", nonnegative=True)


def critical_radius(shrinkage: Expr, kernel: Expr, /) -> Expr:
    """critical_epsilon from shrinkage = mu_1^2 T11 and kernel = mu_1^2 T11 + mu_2^2 T~01 (random_features.collapse)."""
    return sqrt((signal**2 * shrinkage + null_risk * kernel / psi2) / null_risk) / folded_normal_mean


def collapse_program() -> Program:
    """Definitions up to critical_epsilon: the first layer's traces at kappa = mu_1^2, lam = nu^2."""
    kappa, lam = (Symbol(f"{name}_collapse", positive=True) for name in ("kappa", "lam"))
    traces = [item for item in stable_program(psi1, kappa, lam) if item[0].name not in ("m12", "m22", "h2")]
    names = {name: Symbol(f"{name}_collapse", real=True) for name, _ in traces}
    m, h = (names[Symbol(name, positive=True)] for name in ("m", "h"))
    kernel = Symbol("kernel_collapse", positive=True)
    # a linear activation has no N-dimensional part: 0 times an infinite trace
    nonlinear = Piecewise((0, nonlinear_energy <= 0), (nonlinear_energy * h / linear_coefficient**2, True))
    return (
        (kappa, linear_coefficient**2),
        (lam, derivative_energy),
        *((names[name], expression.xreplace(names)) for name, expression in traces),
        (kernel, m + nonlinear),
        (critical_epsilon, critical_radius(m, kernel)),
    )


def outside_domain(name: str, note: str, *when: Relation, observables: tuple[str, ...] = NAMES) -> Phase:
    """An admissible region in which the limit does not exist or is infinite."""
    return Phase(name, "outside_domain", when, dict.fromkeys(observables), note)


def no_data(observables: tuple[str, ...] = NAMES) -> Phase:
    """signal = noise = 0."""
    note = "signal = noise = 0: every label is zero"
    return outside_domain("no_data", note, at_most(null_risk, 0), observables=observables)


def no_linear_part(observables: tuple[str, ...] = NAMES) -> Phase:
    """mu_1 = 0."""
    note = "mu_1 = 0 is not covered: the scalar problem divides by kappa = 0; give the activation a small linear part"
    return outside_domain("no_linear_part", note, equal(linear_coefficient, 0), observables=observables)


def ridgeless_program() -> Program:
    """The limit ridge -> 0 at epsilon = 0 and psi1 > psi2, p -> 0 with m(omega) + t h(omega) = psi2, t = mu_2^2/mu_1^2.

    With h = (psi1 - m)/omega and omega = (1 - m)(psi1 - m)/m this is m^2 - (1 + psi2 + t) m + psi2 = 0.
    """
    t, m, w, h, m12, m22, h2, gain, s2, theta2, a2 = (
        Symbol(f"{name}_ridgeless", positive=True)
        for name in ("t", "m", "omega", "h", "m12", "m22", "h2", "gain", "s2", "theta2", "A2")
    )
    traces = stable_program(psi1, Symbol("kappa", positive=True), Symbol("lam", positive=True))
    names = {name: Symbol(f"{name}_ridgeless", **name.assumptions0) for name, _ in traces}
    stable = {name.name: (names[name], definition.xreplace(names)) for name, definition in traces}
    mu = linear_coefficient
    sum_ = 1 + psi2 + t
    energy = s2 / psi2
    return (
        (t, nonlinear_energy / mu**2),
        (m, 2 * psi2 / (sum_ + sqrt(sum_**2 - 4 * psi2))),
        (w, (1 - m) * (psi1 - m) / m),
        *(stable[name] for name in ("shift", "root")),
        (h, (psi1 - m) / w),
        *(stable[name] for name in ("m12", "m22", "h2")),
        (gain, (m22 + 2 * t * m12 + t**2 * h2) / psi2),
        (s2, (noise**2 + signal**2 * (1 - 2 * m + m22 + t * m12)) / (1 - gain)),
        (theta2, (signal**2 * m12 + energy * (m12 + t * h2)) / mu**2),
        (a2, signal**2 * m22 + energy * (m22 + t * m12) + derivative_energy * theta2),
    )


def _ridgeless_observables() -> dict[str, Expr]:
    s2, theta2, a2 = (Symbol(f"{name}_ridgeless", positive=True) for name in ("s2", "theta2", "A2"))
    return {
        "standard_risk": s2,
        "robust_risk": robust_risk(s2, sqrt(a2), epsilon_test),
        "robust_training_loss": 0 * s2 + Integer(0),
        "gradient_norm": sqrt(a2),
        "weight_norm_squared": theta2,
    }


def degenerate_phases(*unattacked: Relation) -> tuple[Phase, ...]:
    """Where nothing can be learnt, and ridge = 0; `unattacked` are the conditions for training without an attack."""
    no_ridge = at_most(ridge, 0)
    return (
        no_data(),
        no_linear_part(),
        outside_domain(
            "linear_activation",
            "a linear activation without ridge: theta is not unique",
            at_most(nonlinear_energy, 0),
            no_ridge,
        ),
        outside_domain(
            "interpolation_threshold",
            "psi1 = psi2 at epsilon = 0 and ridge = 0: the standard risk diverges",
            *unattacked,
            no_ridge,
            equal(psi1, psi2),
        ),
        Phase(
            "ridgeless",
            "converged",
            (*unattacked, no_ridge, below(psi2, psi1)),
            _ridgeless_observables(),
            "epsilon = 0, ridge -> 0: the interpolator of least norm, in closed form",
            ridgeless_program(),
        ),
    )


def closed_phases() -> tuple[Phase, ...]:
    """The phases of the robust risk, in the order in which they are tested."""
    collapsed = {
        "standard_risk": null_risk,
        "robust_risk": null_risk,
        "robust_training_loss": null_risk,
        "gradient_norm": Integer(0),
        "weight_norm_squared": Integer(0),
    }
    return (
        *degenerate_phases(at_most(epsilon, 0)),
        Phase(
            "collapsed",
            "collapsed",
            (at_most(critical_epsilon, epsilon),),
            collapsed,
            "epsilon is at or above critical_epsilon: the zero estimator is optimal",
            collapse_program(),
        ),
    )
