"""From a scalar problem with a loss homogeneous of degree 2 to a Model in two unknowns.

M(s, c; step) = s^2 M(1, c/s; step), so that p and q depend on the step and on x = A/s only, and the s^2 and A^2
equations are affine in s^2: s^2 = C_s + K_s s^2 and A^2 = C_A + K_A s^2. Eliminating s^2 leaves one equation for the
step and x^2 C_s + K_s C_A = K_A C_s + C_A, both sides of which stay positive. Derived here.
"""

from __future__ import annotations

from collections.abc import Mapping

from sympy import Expr, Symbol, sqrt

from derivations.ingredients import Program
from derivations.model import AnyParameter, Model, Phase
from derivations.relations import Relation, equal
from derivations.scalar_problem import KAPPA, LAM, RATIO, STEP, A, P, Q, S, ScalarProblem, robust_risk

RHO, ENERGY, STEP_FROM_TRACES, S2, THETA2 = (
    Symbol(name, positive=True) for name in ("rho", "energy", "step_from_traces", "s2", "theta2")
)
C_S, K_S, C_A, K_A, C_T, K_T = (
    Symbol(name, nonnegative=True) for name in ("constant_s", "gain_s", "constant_A", "gain_A", "constant_w", "gain_w")
)


def reduce(
    problem: ScalarProblem,
    /,
    *,
    parameters: tuple[AnyParameter, ...],
    test_radius: Expr,
    start: Mapping[Symbol, Expr],
    phases: tuple[Phase, ...] = (),
) -> Model:
    """The Model of a scalar problem, in the unknowns step and ratio = A/s, with its five observables.

    standard_risk, robust_risk (at `test_radius`), robust_training_loss, gradient_norm and weight_norm_squared. The
    reported residual is that of the four equations for p, q, s^2 and A^2, with the step that the traces imply.
    """
    return Model(
        parameters=parameters,
        unknowns=(STEP, RATIO),
        program=two_unknown_program(problem),
        equations=(
            equal(STEP, STEP_FROM_TRACES),
            equal(RATIO**2 * C_S + K_S * C_A, K_A * C_S + C_A),
        ),
        observables=observables(problem, test_radius),
        reported={"s": S, "A": A, "p": P, "q": Q},
        start=start,
        residuals=four_equations(problem),
        phases=phases,
    )


def two_unknown_program(problem: ScalarProblem, /) -> Program:
    """Every named quantity as a function of the parameters, the step and the ratio."""
    loss, radius = problem.loss, problem.attack.radius
    return (
        (RHO, radius * RATIO),
        *loss.program(RHO, STEP),
        (P, loss.residual_slope(RHO, STEP)),
        (Q, radius * loss.attack_slope(RHO, STEP) / RATIO),
        (ENERGY, loss.energy(RHO, STEP)),
        *trace_program(problem),
        (STEP_FROM_TRACES, problem.name_traces(problem.step_size)),
        *affine_program(problem),
        (S2, (C_S + C_A) / (1 + RATIO**2 - K_S - K_A)),
        (S, sqrt(S2)),
        (A, RATIO * S),
        (THETA2, C_T + K_T * S2),
        *_at_implied_step(problem),
    )


def trace_program(problem: ScalarProblem, /) -> Program:
    """kappa, lam, and the first layer's stable traces there."""
    return ((KAPPA, problem.kappa), (LAM, problem.lam), *problem.first_layer.program(KAPPA, LAM))


def affine_program(problem: ScalarProblem, /) -> Program:
    """The coefficients of s^2 = C_s + K_s s^2, A^2 = C_A + K_A s^2 and ||theta||^2 = C_w + K_w s^2, from Phi."""
    sides = (problem.stationarity["s"].rhs, problem.stationarity["A"].rhs, problem.weight_norm())
    pairs = ((C_S, K_S), (C_A, K_A), (C_T, K_T))
    program: list[tuple[Symbol, Expr]] = []
    for side, names in zip(sides, pairs, strict=True):
        program += zip(names, problem.split(side, ENERGY), strict=True)
    return tuple(program)


def observables(problem: ScalarProblem, test_radius: Expr, /) -> dict[str, Expr]:
    """The five observables in the names of the program; risks include the noise."""
    training = problem.loss.training(RHO, STEP)
    return {
        "standard_risk": S2,
        "robust_risk": robust_risk(S2, A, test_radius),
        "robust_training_loss": training * S2,
        "gradient_norm": A,
        "weight_norm_squared": THETA2,
    }


def _implied(symbol: Symbol) -> Symbol:
    return Symbol(f"{symbol.name}_implied", nonnegative=True)


def _at_implied_step(problem: ScalarProblem) -> Program:
    """The loss's program once more, at the step that the traces imply instead of the one iterated on."""
    program = problem.loss.program(RHO, STEP_FROM_TRACES)
    names = {name: _implied(name) for name, _ in program}
    return tuple((names[name], expression.xreplace(names)) for name, expression in program)


def four_equations(problem: ScalarProblem, /) -> tuple[Relation, ...]:
    """The stationarity equations of Phi in p, q (with an attack), s and A at the computed values."""
    loss, radius = problem.loss, problem.attack.radius
    names = {name: _implied(name) for name, _ in loss.program(RHO, STEP_FROM_TRACES)}

    def implied(expression: Expr) -> Expr:
        return expression.xreplace(names)

    energy = implied(loss.energy(RHO, STEP_FROM_TRACES))
    right = {}
    for name in ("s", "A"):
        constant, gain = problem.split(problem.stationarity[name].rhs, ENERGY)
        right[name] = (constant + gain * S2).xreplace({ENERGY: energy})
    equations = (
        equal(P, implied(loss.residual_slope(RHO, STEP_FROM_TRACES))),
        equal(Q, radius * implied(loss.attack_slope(RHO, STEP_FROM_TRACES)) / RATIO),
        equal(S2, right["s"]),
        equal(A**2, right["A"]),
    )
    # without an attack q is 0 by definition, and 0 = 0 has no logarithm
    return tuple(equation for equation in equations if equation.rhs != 0)
