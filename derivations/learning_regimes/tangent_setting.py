"""The tangent regime as a model: its parameters, where nothing is stated, and where its limits are simpler."""

from __future__ import annotations

from functools import cache

from sympy import Expr, Integer, Max, Piecewise, Rational, S, Symbol, atan, cos, oo, pi, sin

from derivations.averages import LawMean
from derivations.core import Domain, Model, Phase, Refusal, parameter
from derivations.learning_regimes import symbols
from derivations.learning_regimes import tangent_errors as errors
from derivations.learning_regimes.symbols import (
    g,
    hermite_2,
    hermite_3,
    linear_coefficient,
    offset,
    rho,
    ridge,
    tangent_derivative_energy,
    tangent_energy,
    trace_alignment,
)
from derivations.relations import Relation, below, equal

dimension = parameter(
    "dimension",
    "input dimension d, for the mean at finite d",
    positive=True,
    domain=Domain(Integer(2), oo, lower_open=False),
    default=oo,
    convention="a whole number, with m = round(rho d) rows; quadratic activations only; not given: the limit",
)
activation = symbols.activation(
    "linear_coefficient", "hermite(3)", *errors.ENERGY_WORDS, where="mu_2 != 0, and mu_1 != 0 or mu_3 = 0"
)
covariance = symbols.covariance_of_rows("no effect in the limit for B in general position; quadratic activations only")
PARAMETERS = (rho, trace_alignment, activation, offset, ridge, covariance, dimension)

QUADRATIC = equal(tangent_energy, 0)
"""c_b = 0: the activation is a polynomial of degree at most 2."""
GENERAL = below(0, tangent_energy)
PENALISED = below(0, ridge)
FINITE = below(dimension, oo)
COLOURED = below(0, LawMean((g - 1) ** 2, g, covariance.symbol))

rows = Symbol("rows", positive=True)


def nearest(value: Expr, /) -> Expr:
    """The whole number nearest to `value`, ties to even as Python rounds, in functions that every solver knows."""
    shifted = value - Rational(1, 10**9) * sin(pi * value)
    return shifted - atan(sin(pi * shifted) / cos(pi * shifted)) / pi


def mean_error(d: Expr, m: Expr, /) -> Expr:
    """E eps_test of a quadratic activation with m <= d rows: n/d - (1 - tau^2) n m/((d + 2)(d - 1)), n = d - m."""
    left = d - m
    return left / d - (1 - trace_alignment**2) * left * m / ((d + 2) * (d - 1))


def refusals() -> tuple[Refusal, ...]:
    """Combinations of parameters for which nothing is stated."""
    part = sin(pi * dimension) ** 2
    whole = below(Rational(1, 10**12), part)
    return (
        Refusal("no_curvature", (equal(hermite_2, 0),), "the tangent limits need an activation with mu_2 != 0"),
        Refusal(
            "no_linear_part",
            (equal(linear_coefficient, 0), below(0, hermite_3**2)),
            "the tangent limits need mu_1 != 0, or an even activation (mu_1 = mu_3 = 0); here mu_1 = 0 and mu_3 != 0",
        ),
        Refusal(
            "part_of_a_dimension",
            (FINITE, whole),
            "dimension must be a whole number of at least 2",
            exactly=(FINITE, below(0, part)),
        ),
        Refusal("dimension_of_general", (FINITE, GENERAL), "dimension is for quadratic activations (a*t**2 + b*t + c)"),
        Refusal("dimension_with_ridge", (FINITE, PENALISED), "dimension is for ridge=0: a ridge is known in the limit"),
        Refusal("dimension_without_offset", (FINITE, offset.chosen("no")), "dimension is for offset=yes"),
        Refusal("coloured_general", (COLOURED, GENERAL), "covariance is for quadratic activations (a*t**2 + b*t + c)"),
        Refusal("coloured_ridge", (COLOURED, PENALISED), "covariance is for ridge=0"),
    )


def phases() -> tuple[Phase, ...]:
    """Quadratic activations without ridge fit by a projection; slopes that jump have an infinite Dirichlet energy."""
    plain = (QUADRATIC, equal(ridge, 0))
    mean = Piecewise((mean_error(dimension, rows), rows < dimension), (S.Zero, True))
    return (
        _projection("finite_dimension", (*plain, FINITE), "the exact mean over rows in dimension d", mean),
        _projection("quadratic", plain, "the fit is a projection of matrices", errors.quadratic_error()),
        Phase(
            "slope_jumps",
            "converged",
            (equal(tangent_derivative_energy, oo),),
            {"test_error": errors.test_error(ridge), "dirichlet_energy": None},
            "the slope of the activation jumps: the tangent features are discontinuous and their Dirichlet energy is "
            "infinite",
        ),
    )


def _projection(name: str, when: tuple[Relation, ...], note: str, error: Expr) -> Phase:
    program = ((rows, Max(1, nearest(rho * dimension))),) if rows in error.free_symbols else ()
    return Phase(name, "converged", when, {"test_error": error, "dirichlet_energy": 1 - error}, note, program)


@cache
def tangent_model() -> Model:
    """Closed forms, one integral over an angle each for the traceless part; no unknowns. Always the same object."""
    return Model(
        parameters=PARAMETERS,
        unknowns=(),
        program=(),
        equations=(),
        observables={"test_error": errors.test_error(ridge), "dirichlet_energy": errors.dirichlet_energy(ridge)},
        start={},
        phases=phases(),
        refusals=refusals(),
    )
