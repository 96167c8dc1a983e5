r"""Lazy training: the network is linearised at an initial function f_0 of output weights v ~ N(0, alpha^2/m).

With P_T the projection on the tangent functions sum_j a_j'x sigma'(w_j'x), `variant` says what is returned:

- zero_output (V1): P_T f*; f_0 = 0, by neurons in pairs of opposite output weights, say;
- residual (V2): f_0 + P_T (f* - f_0), gradient flow to convergence (`learning_regimes.lazy_residual`);
- unfitted (V3): f_0 + P_T f*; f_0 stays in the predictor, but is not part of what is fitted;
- flow (V4): gradient flow from f_0 for a finite time (`learning_regimes.lazy_flow`);
- ridge (V5): ridge regression towards f_0's weights (`learning_regimes.lazy_ridge`).

**A badly scaled initialisation hurts robustness.** In unfitted, in flow at any finite time, and in ridge at any
positive penalty, both the test error and the Dirichlet energy are those at alpha = 0 plus alpha^2 times a positive
number that depends on neither alpha nor the target: for unfitted Var(sigma)/2 with an offset, E sigma^2/2 without, and
E sigma'^2/4. They increase in alpha without bound; an alpha of order one, the usual 1/sqrt(m) scaling, costs an amount
of order one at every rho. The claim is false in residual for homogeneous activations (t^2 + b, ReLU): f_0 is then a
tangent function itself and alpha has no effect whatever. Mean-field scaling, alpha^2 of order 1/m, and a symmetrised
initialisation remove the term in every variant.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

from sympy import Expr, Integer, Matrix, Rational, Symbol, diag, oo, sqrt

from derivations.core import Certified, Derivation, Exact, Level, Model, Simulation, Step, Symbolic
from derivations.evidence import Instance
from derivations.learning_regimes import (
    initialisation,
    lazy_flow,
    lazy_residual,
    lazy_ridge,
    tangent,
    tangent_quadratic,
)
from derivations.learning_regimes.lazy_fits import projected_fits
from derivations.learning_regimes.lazy_model import INITIAL, lazy_model
from derivations.learning_regimes.lazy_setting import init_scale, time
from derivations.learning_regimes.symbols import (
    DOHMATOB_BIETTI,
    OBSERVABLES,
    derivative_energy,
    linear_coefficient,
    nonlinear_energy,
    offset,
    rho,
    ridge,
    trace_alignment,
)
from derivations.relations import Claim, below, follows, increasing, limit_of, statement

theorem = Derivation(
    __name__,
    title="Lazy training from a random initialisation",
    source=DOHMATOB_BIETTI,
    simulations={
        "linearised": "learning_regimes_lazy:lazy",
        "trained network": "learning_regimes_lazy:lazy_training",
    },
)


@theorem.solvable
def model() -> Model:
    """The default variant is `unfitted`; the others are branches."""
    return lazy_model()


def _crossed() -> Iterator[Instance]:
    """The mean over all signs of ||alpha M_0 + M||^2, M_0 = W' diag(v) W, against the sum of the two means."""
    rows, scale = Matrix([[1, 2], [-1, 1], [3, 1]]), Integer(5)
    fit = Matrix([[2, -1], [-1, 7]])
    initial = [rows.T * diag(*signs) * rows for signs in product((1, -1), repeat=3)]
    together = sum(((scale * start + fit) ** 2).trace() for start in initial) / Integer(len(initial))
    alone = sum(((scale * start) ** 2).trace() for start in initial) / Integer(len(initial))
    yield "squared norm", together, alone + (fit**2).trace()
    yield "initial function", alone, scale**2 * sum((row * row.T).trace() ** 2 for row in map(rows.row, range(3)))


@theorem.step(Exact(_crossed), uses=[initialisation.mean_over_outputs])
def sum_of_the_parts() -> Claim:
    """v has independent signs and the fit P_T f* does not know them: in the mean f_0 and the fit add in squares, in the
    test error and in the Dirichlet energy, here for the quadratic form of three neurons.
    """
    return statement("E_v ||alpha f_0 + g||^2 = alpha^2 E_v ||f_0||^2 + ||g||^2 for g independent of v")


@theorem.step(
    Exact(lambda: projected_fits(theorem.model)),
    uses=[sum_of_the_parts, tangent_quadratic.energy_identity, tangent_quadratic.trace_without_offset],
)
def converged_quadratic() -> Claim:
    """Fitted to convergence, t^2 + 3t leaves P B P in every variant, P the projector off the rows; of rank n it keeps
    (n/d)^2 of a traceless B in general position and n/d of the identity. Only `unfitted` has f_0 beside it.
    """
    return statement("the closed forms for a quadratic activation are those of a projection, for m = d/4, 3d/4, 5d/4")


def _unfitted(name: str, /) -> Expr:
    return theorem.model.observables[name].xreplace({offset.symbol: Integer(1)})


GIVEN = (below(0, init_scale), below(0, nonlinear_energy), below(0, derivative_energy))
"""The initial function is not a constant."""
SOME = Certified(
    {
        **dict.fromkeys((init_scale, nonlinear_energy, derivative_energy), (Rational(1, 1000), 1000)),
        linear_coefficient: (-1000, 1000),
    }
)


@theorem.step(Symbolic(), SOME, uses=[sum_of_the_parts, initialisation.mean_of_the_observables])
def initialisation_hurts_error() -> Claim:
    """The test error of unfitted increases with the scale of the initialisation; its flow and ridge do as well."""
    return increasing(_unfitted("test_error"), init_scale, given=GIVEN)


@theorem.step(
    Symbolic(),
    SOME,
    uses=[
        sum_of_the_parts,
        initialisation.mean_of_the_observables,
        lazy_flow.initialisation_hurts_robustness,
        lazy_ridge.initialisation_hurts_robustness,
    ],
)
def initialisation_hurts_robustness() -> Claim:
    """So does the Dirichlet energy: lazy training from a badly scaled initialisation is not robust."""
    return increasing(_unfitted("dirichlet_energy"), init_scale, given=GIVEN)


@theorem.step(Symbolic(), uses=[initialisation_hurts_robustness])
def unbounded() -> Claim:
    """Already f_0's share, whatever the fit, exceeds any bound: it is alpha^2 times its value at alpha = 1."""
    once = INITIAL["dirichlet_energy"].xreplace({init_scale: Integer(1)})
    return limit_of(init_scale / (_unfitted("dirichlet_energy") - _fit_alone() + once), init_scale, oo, 0)


def _fit_alone() -> Expr:
    return _unfitted("dirichlet_energy").xreplace({init_scale: Integer(0)})


@theorem.step(Symbolic(), uses=[sum_of_the_parts])
def mean_field_scaling() -> Claim:
    """At alpha^2 = 1/m the initial function's Dirichlet energy vanishes with the width."""
    width = Symbol("width", positive=True)
    share = (_unfitted("dirichlet_energy") - _fit_alone()).xreplace({init_scale: 1 / sqrt(width)})
    return limit_of(share, width, oo, 0)


CONTROLS = {"square_overlap": 0, "target_overlap": 0, "init_energy": 1}
Setting = dict[Symbol | str, Expr | int | str]
HALF, DRAWS = Rational(1, 2), {Level.quick: 12, Level.standard: 100, Level.deep: 12}
SIZES = {Level.quick: (24, 48, 96), Level.standard: (64, 128, 256), Level.deep: (2048, 4096, 8192)}
TOLERANCE = {Level.quick: 0.03, Level.standard: 0.01, Level.deep: 0.003}
SHIFTED, SQUARE = "tanh(t+1)", "t**2"
QUICK, DEEP = (Level.quick, Level.standard), (Level.quick, Level.standard, Level.deep)


def _simulate(level: Level, at: Setting, experiment: str) -> Simulation:
    """Half widths of 3% or 0.01 at quick, 1% or 0.003 at standard, 0.3% or 0.001 at deep, whichever is larger."""
    return Simulation(
        f"learning_regimes_lazy:{experiment}",
        at=at,
        bias="1/d",
        tolerance=TOLERANCE[level],
        sizes=SIZES[level],
        scale=dict.fromkeys(OBSERVABLES, Rational(3, 10) if level is Level.standard else Rational(1, 3)),
        controls=CONTROLS,
        most=DRAWS[level],
        level=level,
    )


def _claim_at(
    name: str, reason: str, at: Setting, *uses: Step, levels: tuple[Level, ...] = QUICK, experiment: str = "lazy"
) -> Step:
    """The step that claims the observables at a point; only the test error of ReLU is finite."""

    def law() -> Claim:
        return follows(theorem.model, *(OBSERVABLES[:1] if at["activation"] == "relu" else OBSERVABLES))

    law.__name__, law.__doc__ = name, reason
    return theorem.step(*(_simulate(level, at, experiment) for level in levels), uses=uses)(law)


def _at(variant: str, activation: str, **values: Expr | int | str) -> Setting:
    """A point at rho = trace_alignment = 1/2 and alpha = 1, but for the values given."""
    names = {"rho": rho, "trace_alignment": trace_alignment, "init_scale": init_scale, "time": time, "ridge": ridge}
    given = {"rho": HALF, "trace_alignment": HALF, "init_scale": Integer(1), **values}
    return {"variant": variant, "activation": activation, **{names.get(k, k): v for k, v in given.items()}}


unfitted = _claim_at(
    "unfitted",
    "f_0 + P_T f* on finite layers: the tangent errors and those of the initialisation add.",
    _at("unfitted", SHIFTED),
    initialisation_hurts_error,
    initialisation_hurts_robustness,
    *tangent.PARTS,
    levels=DEEP,
)
residual = _claim_at(
    "residual",
    "What tangent features cannot express of f_0, at alpha = 3, where it is seen: the random-matrix formulas of V2.",
    _at("residual", SHIFTED, init_scale=3),
    lazy_residual.unfitted_degrees,
    *tangent.PARTS,
    levels=DEEP,
)
residual_of_relu = _claim_at(
    "residual_of_relu",
    "No effect of the initialisation when a homogeneous activation is fitted: the tangent error of ReLU, at alpha = 3.",
    _at("residual", "relu", init_scale=3),
    lazy_residual.initialisation_in_the_tangent_space,
    lazy_residual.no_error_of_homogeneous_activations,
    *tangent.PARTS,
)
flow = _claim_at(
    "flow",
    "The linearised gradient flow, stopped where the target and f_0 are both partly fitted.",
    _at("flow", SQUARE, time=Rational(3, 10)),
    lazy_flow.residual,
    lazy_flow.energy,
    lazy_flow.initial_function_over_signs,
)
flow_of_the_network = _claim_at(
    "flow_of_the_network",
    "The network itself, trained by gradient flow at a large output scale: a second witness, at rho = 2 and for t^2/2.",
    _at("flow", "t**2/2+1", rho=2, time=1),
    lazy_flow.residual,
    lazy_flow.energy,
    lazy_flow.initial_function_over_signs,
    levels=(Level.standard,),
    experiment="lazy_training",
)
ridge_regression = _claim_at(
    "ridge_regression",
    "Ridge regression towards f_0's weights, by conjugate gradients on the tangent Gram.",
    _at("ridge", SQUARE, ridge=1),
    lazy_ridge.shrinkage,
    lazy_ridge.penalised_tangent,
)
wide_ridge_regression = _claim_at(
    "wide_ridge_regression",
    "The same with more neurons than inputs, for t^2/2.",
    _at("ridge", "t**2/2", rho=2, ridge=HALF),
    lazy_ridge.shrinkage,
    lazy_ridge.penalised_tangent,
    levels=(Level.standard,),
)
WIDE, PENALISED = {"rho": Integer(2), "ridge": Rational(1, 5)}, {"ridge": Rational(1, 5)}


@theorem.step(
    _simulate(Level.quick, _at("zero_output", SHIFTED, **PENALISED), "lazy"),
    _simulate(Level.standard, _at("zero_output", SHIFTED, **WIDE), "lazy"),
    uses=tangent.PARTS,
)
def zero_output() -> Claim:
    """Without an initial function, with a ridge; at the standard level with more neurons than inputs."""
    return follows(theorem.model, *OBSERVABLES)


@theorem.step(
    *(_simulate(Level.quick, _at(name, "relu", **PENALISED), "lazy") for name in ("unfitted", "zero_output")),
    uses=[sum_of_the_parts, *tangent.PARTS],
)
def error_of_relu() -> Claim:
    """Its slope jumps and its fit has an infinite Dirichlet energy; the test error is that of any other activation."""
    return follows(theorem.model, "test_error")


without_offset = _claim_at(
    "without_offset",
    "An even activation with a mean and no trained constant: the trace part is missed, f_0's mean stays.",
    _at("unfitted", SQUARE, offset="no"),
    sum_of_the_parts,
    tangent_quadratic.trace_without_offset,
    levels=(Level.standard,),
)
