"""What the lazy variants share: their parameters, their names for recurring constants, and where nothing is stated."""

from __future__ import annotations

from sympy import Symbol, oo

from derivations.core import ChoiceParameter, Refusal, parameter
from derivations.learning_regimes import symbols
from derivations.learning_regimes.symbols import (
    hermite_2,
    hermite_3,
    linear_coefficient,
    offset,
    rho,
    ridge_penalty,
    tangent_energy,
    trace_alignment,
)
from derivations.relations import Relation, below, equal

init_scale = symbols.init_scale(1)
activation = symbols.activation(
    *symbols.SYMBOL_OF,
    where="mu_2 != 0, and mu_1 != 0 or mu_3 = 0; variants flow and ridge take a*t**2 + b only",
)
ridge = ridge_penalty(
    "||f - f*||^2 + lambda sum |a_j|^2 (variant ridge: |a_j - a_j(0)|^2), a_j the weights of tangent features of unit "
    "output weight; a penalty Lambda on the rows of a network of output weights alpha_v/sqrt(m) is lambda = "
    f"Lambda m/alpha_v^2; {symbols.UNITS}"
)
time = parameter(
    "time",
    "time of the gradient flow",
    positive=True,
    default=oo,
    convention="variant flow only: in units of m/(4 alpha_v^2) for output weights of size alpha_v/sqrt(m) and the loss "
    "||f - f*||^2/2; not given: the flow has converged",
)
variant = ChoiceParameter(
    "variant",
    "what the linearised network starts from, and how it is fitted",
    {"zero_output": 1, "residual": 2, "unfitted": 3, "flow": 4, "ridge": 5},
    default="unfitted",
    symbol=Symbol("variant_number", positive=True),
    convention="zero_output: no initial function; residual: f* - f_0 is fitted to convergence; unfitted: the fit of "
    "f* is added to f_0, whose scale then shows; flow: gradient flow from f_0 up to `time`; ridge: the penalty pulls "
    "towards f_0's weights",
)
PARAMETERS = (rho, trace_alignment, variant, init_scale, ridge, time, offset, activation)

LAST_FITTED = variant.options["unfitted"]
"""The variants up to here are fitted to convergence, with any activation; flow and ridge take a quadratic one."""
QUADRATIC = equal(tangent_energy, 0)
"""The activation is a polynomial of degree at most 2."""
GENERAL = below(0, tangent_energy)
PARTIAL = below(LAST_FITTED, variant.symbol)

init_energy = init_scale**2 * hermite_2**2 / 2
"""The initial function's ||f_0||^2/||f*||^2, and its Dirichlet energy over the target's, for a quadratic activation."""


def isnt(option: str, /) -> Relation:
    """The condition that another variant than `option` is chosen."""
    return below(0, (variant.symbol - variant.options[option]) ** 2)


REFUSALS = (
    Refusal("time_without_flow", (below(time, oo), isnt("flow")), "time has a meaning for variant=flow only"),
    Refusal(
        "penalised_residual",
        (below(0, ridge), variant.chosen("residual")),
        "ridge has no meaning for variant=residual, which is fitted to convergence; use variant=ridge",
    ),
    Refusal(
        "penalised_flow",
        (below(0, ridge), variant.chosen("flow")),
        "ridge has no meaning for variant=flow; use variant=ridge",
    ),
    Refusal(
        "partial_fit_of_general_activation",
        (PARTIAL, GENERAL),
        "variant=flow and variant=ridge are known for activations a*t**2 + b only",
    ),
    Refusal(
        "partial_fit_of_linear_part",
        (PARTIAL, below(0, linear_coefficient**2)),
        "variant=flow and variant=ridge are known for activations a*t**2 + b only, without a linear part",
    ),
    Refusal(
        "partial_fit_without_offset",
        (PARTIAL, offset.chosen("no")),
        "variant=flow and variant=ridge are known with offset=yes only",
    ),
    Refusal(
        "no_quadratic_part",
        (equal(hermite_2, 0),),
        "the tangent limits need an activation with mu_2 != 0",
    ),
    Refusal(
        "no_linear_part",
        (equal(linear_coefficient, 0), below(0, hermite_3**2)),
        "the tangent limits need mu_1 != 0, or an even activation (mu_1 = mu_3 = 0); here mu_1 = 0 and mu_3 != 0",
    ),
)
