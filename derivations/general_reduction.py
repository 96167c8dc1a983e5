"""From a scalar problem with any loss to a Model in three unknowns: the step, s and A.

A loss that is not homogeneous of degree 2 does not let the scale divide out. Its mean envelope M(s, c; step) is
differentiated by SymPy; p, q and the energy are its slopes, and the s^2 and A^2 equations stay as the potential gives
them. For a homogeneous loss derivations.reduction gives the same root with one unknown less. Derived here.
"""

from __future__ import annotations

from collections.abc import Mapping

from sympy import Expr, Symbol

from derivations.model import AnyParameter, Model, Phase
from derivations.reduction import (
    C_A,
    C_S,
    C_T,
    ENERGY,
    K_A,
    K_S,
    K_T,
    STEP_FROM_TRACES,
    affine_program,
    trace_program,
)
from derivations.relations import equal
from derivations.scalar_problem import STEP, A, P, Q, S, ScalarProblem


def reduce_general(
    problem: ScalarProblem,
    /,
    *,
    parameters: tuple[AnyParameter, ...],
    test_radius: Expr,
    start: Mapping[Symbol, Expr],
    phases: tuple[Phase, ...] = (),
) -> Model:
    """The Model of a scalar problem in the unknowns step, s and A, with the observables of derivations.reduction.

    robust_training_loss is E 2 loss(prox) = 2 (M + step dM/dstep), by the envelope theorem.
    """
    radius = problem.attack.radius
    slopes = problem.loss.slopes(S, radius * A, STEP)
    envelope = problem.loss.mean_envelope(S, radius * A, STEP)
    return Model(
        parameters=parameters,
        unknowns=(STEP, S, A),
        program=(
            (P, slopes[1] / S),
            (Q, radius * slopes[2] / A),
            (ENERGY, -2 * slopes[3] / S**2),
            *trace_program(problem),
            (STEP_FROM_TRACES, problem.name_traces(problem.step_size)),
            *affine_program(problem),
        ),
        equations=(
            equal(STEP, STEP_FROM_TRACES),
            equal(S**2, C_S + K_S * S**2),
            equal(A**2, C_A + K_A * S**2),
        ),
        observables={
            **problem.risks(test_radius),
            "robust_training_loss": 2 * (envelope + STEP * slopes[3]),
            "gradient_norm": A,
            "weight_norm_squared": C_T + K_T * S**2,
        },
        reported={"p": P, "q": Q},
        start=start,
        phases=phases,
    )
