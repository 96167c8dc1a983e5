r"""The model of random features: parameters, closed phases, and a branch for each way of training and law of rows."""

from __future__ import annotations

from collections.abc import Mapping

from sympy import Expr, Integer, oo

from derivations.core import Branch, Domain, Model, Phase, Refusal, parameter
from derivations.learning_regimes import symbols
from derivations.learning_regimes.feature_flow import flow_moments, flow_program
from derivations.learning_regimes.feature_traces import (
    Moments,
    Program,
    a,
    alignment,
    anisotropic_program,
    errors,
    gamma,
    isotropic_program,
    kappa,
    psi1,
    psi2,
    ridge_moments,
    setting_program,
    spike,
    spread,
    visible,
)
from derivations.learning_regimes.symbols import (
    derivative_energy,
    hermite_2,
    linear_coefficient,
    mean,
    nonlinear_energy,
    offset,
    rho,
    ridge_penalty,
    time,
    trace_alignment,
)
from derivations.relations import Relation, below, equal
from derivations.spectral_formulas import covariance_trace

init_scale = symbols.init_scale(0)
covariance = symbols.covariance_of_rows("B in general position: sqrt(d) tr(Gamma B) = tau; not with time")
ridge = ridge_penalty(f"||f - f*||^2 + lambda ||v - v(0)||^2, v(0) the initial output weights; {symbols.UNITS}")
single_neuron_alignment = parameter(
    "single_neuron_alignment",
    "w'Bw/||B||_F of a single neuron",
    domain=Domain(Integer(-1), Integer(1), lower_open=False, upper_open=False),
    default=oo,
    convention="given: exactly m = 1, |w| = 1 (rho, trace_alignment and covariance are then without effect)",
)
activation = symbols.activation("mean", "linear_coefficient", "hermite(2)", "nonlinear_energy", "derivative_energy")
PARAMETERS = (
    rho,
    trace_alignment,
    activation,
    offset,
    ridge,
    init_scale,
    time,
    covariance,
    single_neuron_alignment,
)

SINGLE = below(single_neuron_alignment, oo)
FLOWING = below(time, oo)
NO_OFFSET = offset.chosen("no")
HAS_MEAN = below(0, mean**2)
ANISOTROPIC = below(0, spread)


def single_neuron_errors() -> Mapping[str, Expr]:
    """The projection on one centred feature, exact at every d."""
    second, slope = linear_coefficient**2 + nonlinear_energy, linear_coefficient**2 + derivative_energy
    share = hermite_2**2 * single_neuron_alignment**2 / second
    return {"test_error": 1 - share, "dirichlet_energy": share * slope / (2 * second)}


def refusals() -> tuple[Refusal, ...]:
    """Combinations without a formula."""
    alone = "single_neuron_alignment is the least-squares fit of one neuron with a constant: "
    return (
        Refusal(
            "flow_with_covariance",
            (FLOWING, ANISOTROPIC),
            "time with a covariance: the law of 1/sqrt m under U is not explicit there; give one of the two",
        ),
        Refusal("neuron_with_ridge", (SINGLE, below(0, ridge)), f"{alone}leave ridge at 0"),
        Refusal("neuron_with_init", (SINGLE, below(0, init_scale)), f"{alone}leave init_scale at 0"),
        Refusal("neuron_with_time", (SINGLE, FLOWING), f"{alone}leave time out"),
        Refusal(
            "neuron_without_offset",
            (SINGLE, NO_OFFSET, HAS_MEAN),
            f"{alone}take offset=yes, or an activation with E sigma(G) = 0",
        ),
    )


def phases() -> tuple[Phase, ...]:
    """Where the limit needs no spectrum."""
    nothing: dict[str, Expr | None] = {"test_error": Integer(1), "dirichlet_energy": Integer(0)}
    flat: tuple[Relation, ...] = (equal(hermite_2, 0),)
    no_init = equal(init_scale, 0)
    converged = (equal(ridge, 0), equal(time, oo))
    no_part = "the activation has no part of degree 2 (odd, say): nothing of the target is learnt"
    no_mean = (
        "without a constant, E sigma(G) != 0 takes the only informative direction of the features: nothing is learnt "
        "of a centred target, whatever the ridge or the time"
    )
    return (
        Phase("no_quadratic_part", "converged", (*flat, no_init), dict(nothing), no_part),
        Phase("no_quadratic_part_converged", "converged", (*flat, *converged), dict(nothing), no_part),
        Phase("single_neuron", "converged", (SINGLE,), dict(single_neuron_errors()), "exact for m = 1, at every d"),
        Phase("mean_not_fitted", "converged", (NO_OFFSET, HAS_MEAN, no_init), dict(nothing), no_mean),
    )


def closed_form(program: Program, moments: Moments, /) -> Model:
    """A model without unknowns on the shared parameters."""
    return Model(
        parameters=PARAMETERS,
        unknowns=(),
        program=(*setting_program(), *program),
        equations=(),
        observables=errors(moments, init_scale),
        start={},
    )


def anisotropic_model() -> Model:
    """psi1 solves psi1 = 1/(nu + ridge + a E[g/(1 + a rho psi1 g)]): one root, as psi1 times the bracket grows."""
    shifted = nonlinear_energy + ridge
    return Model(
        parameters=PARAMETERS,
        unknowns=(psi1,),
        program=(*setting_program(), *anisotropic_program()),
        equations=(equal(psi1, covariance_trace(psi1, shifted, linear_coefficient**2, rho, covariance.symbol)),),
        observables=errors(ridge_moments(), init_scale),
        start={psi1: 1 / (shifted + linear_coefficient**2)},
    )


def build_model() -> Model:
    """Isotropic rows trained to convergence; branches for the gradient flow and for a covariance of the rows."""
    return Model(
        parameters=PARAMETERS,
        unknowns=(),
        program=(*setting_program(), *isotropic_program()),
        equations=(),
        observables=errors(ridge_moments(), init_scale),
        start={},
        phases=phases(),
        branches=(
            Branch("flow", (FLOWING,), closed_form(flow_program(), flow_moments())),
            Branch("anisotropic", (ANISOTROPIC,), anisotropic_model()),
        ),
        refusals=refusals(),
    )


__all__ = [
    "PARAMETERS",
    "a",
    "activation",
    "alignment",
    "build_model",
    "gamma",
    "init_scale",
    "kappa",
    "psi2",
    "single_neuron_alignment",
    "spike",
    "trace_alignment",
    "visible",
]
