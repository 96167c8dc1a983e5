"""The lazy variants as one model: `unfitted` is the model itself, every other variant a branch of its own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache

from sympy import Expr, oo

from derivations.core import Branch, Model, Phase
from derivations.ingredients import Program
from derivations.learning_regimes import initialisation, lazy_flow, lazy_residual, lazy_ridge, tangent_errors
from derivations.learning_regimes.lazy_setting import PARAMETERS, QUADRATIC, REFUSALS, init_scale, time, variant
from derivations.learning_regimes.symbols import (
    OBSERVABLES,
    ridge,
    tangent_derivative_energy,
)
from derivations.relations import Relation, equal

Pair = Mapping[str, Expr]
INITIAL: Pair = {
    name: (value - target).xreplace({initialisation.alpha: init_scale})
    for (name, value), target in zip(initialisation.model().observables.items(), (1, 0), strict=True)
}
"""What f_0, independent of the rest, adds to the observables: regime (a) without the target."""


@cache
def tangent_pair() -> Pair:
    """What the tangent features miss of the target, and the Dirichlet energy of their fit."""
    return {
        "test_error": tangent_errors.test_error(ridge),
        "dirichlet_energy": tangent_errors.dirichlet_energy(ridge),
    }


@cache
def projection_pair() -> Pair:
    """The same for a quadratic activation, fitted to convergence."""
    return {
        "test_error": tangent_errors.quadratic_error(),
        "dirichlet_energy": 1 - tangent_errors.quadratic_error(),
    }


JUMPS = "the slope of the activation jumps: the fitted tangent function has an infinite Dirichlet energy"


def add(left: Pair, right: Pair, /) -> dict[str, Expr]:
    """The sum of two pairs of observables."""
    return {name: left[name] + right[name] for name in OBSERVABLES}


def _phases(option: str, own: Pair, quadratic: Pair, program: Program = ()) -> tuple[Phase, ...]:
    """Of a variant that is fitted to convergence: `own` are its observables, `quadratic` those where c_b = 0."""
    when = variant.chosen(option)
    projection = (when, QUADRATIC, equal(ridge, 0))
    jumps = {"test_error": own["test_error"], "dirichlet_energy": None}
    return (
        Phase(f"quadratic_{option}", "converged", projection, dict(quadratic), "the fit is a projection of matrices"),
        Phase(f"jumps_{option}", "converged", (when, equal(tangent_derivative_energy, oo)), jumps, JUMPS, program),
    )


def _sub_model(own: Pair, phases: tuple[Phase, ...], program: Program = ()) -> Model:
    return Model(
        parameters=PARAMETERS,
        unknowns=(),
        program=program,
        equations=(),
        observables=own,
        start={},
        phases=phases,
    )


def _converged(name: str, when: Relation, note: str) -> Phase:
    return Phase(name, "converged", (when,), dict(projection_pair()), note)


def _branches() -> Iterator[Branch]:
    residual = lazy_residual
    models = {
        "zero_output": _sub_model(tangent_pair(), _phases("zero_output", tangent_pair(), projection_pair())),
        "residual": _sub_model(
            residual.observables(),
            _phases("residual", residual.observables(), projection_pair(), residual.program()),
            residual.full_program(),
        ),
        "flow": _sub_model(
            lazy_flow.OBSERVABLES,
            (_converged("flow_has_converged", equal(time, oo), "time not given: the flow has converged to P_T f*"),),
            lazy_flow.program(),
        ),
        "ridge": _sub_model(
            lazy_ridge.observables(),
            (_converged("ridge_vanishes", equal(ridge, 0), "ridge -> 0: the tangent projection P_T f*"),),
            lazy_ridge.program(),
        ),
    }
    for option, built in models.items():
        yield Branch(option, (variant.chosen(option),), built)


def lazy_model() -> Model:
    """Closed forms with integrals over one angle; no unknowns."""
    own = add(tangent_pair(), INITIAL)
    return Model(
        parameters=PARAMETERS,
        unknowns=(),
        program=(),
        equations=(),
        observables=own,
        start={},
        phases=_phases("unfitted", own, add(projection_pair(), INITIAL)),
        branches=tuple(_branches()),
        refusals=REFUSALS,
    )
