r"""Test error and Dirichlet energy of the fully trained quadratic network, at its best fit and along its flow.

Network sum_j v_j (w_j'x)^2 + constant, m = rho d neurons, target x'Bx - tr B. The network is x'Mx with M = W'diag(v)W.

- Best fit, output weights free: M is the best approximation of B of rank m, and eps_test = int_0^(1 - rho) q(p)^2 dp, q
  the quantile function of |b|, b the eigenvalues of B with E b^2 = 1. This is the least loss of any such network;
  gradient descent need not reach it from every start.
- At the best fit, and at every stationary point, eps_rob = 1 - eps_test.
- B a GOE matrix: (2 phi + sin 2 phi)/pi = 1 - rho, eps_test = (4 phi - sin 4 phi)/(2 pi). B = identity: (1 - rho)_+.
- Without an offset, sigma = t^2: only what varies about the kept eigenvalues' own mean is fitted. For a spectrum that
  is symmetric about its mean eps_test = tau^2 + (1 - tau^2) times the error of the centred spectrum.
- Flow of finite time from random rows, output weights +1 (learning_regimes.trained_from_random): as t grows it keeps
  the largest positive eigenvalues only. `time` not given means the best fit instead.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TypeAlias

from sympy import Matrix, Rational, S, Symbol, Tuple, diff, oo, pi, sin, solve, trace
from sympy import symbols as new_symbols

from derivations.core import Cited, Derivation, Exact, Level, Model, Phase, Sampled, Simulation, Step, Symbolic
from derivations.evidence import Instance, Number
from derivations.learning_regimes import trained_fits, trained_flow, trained_limit
from derivations.learning_regimes.lower_mean import LowerMean
from derivations.learning_regimes.symbols import DOHMATOB_BIETTI, OBSERVABLES, rho
from derivations.learning_regimes.trained_from_random import flow_branches
from derivations.learning_regimes.trained_semicircle import (
    EDGE,
    losses,
    moments_between,
    partial_moments,
    semicircle_branches,
)
from derivations.learning_regimes.trained_setting import (
    PARAMETERS,
    PROGRAM,
    REFUSALS,
    init_scale,
    time,
    trace_alignment,
    x,
)
from derivations.relations import Claim, Limit, Relation, Statement, at_most, equal, follows, limit_of, statement

theorem = Derivation(
    __name__,
    title="The fully trained quadratic network",
    source=DOHMATOB_BIETTI,
    simulations={
        "trained": "learning_regimes_trained:trained_from_random",
        "best fit": "learning_regimes_trained:best_approximation",
        "flow in closed form": "learning_regimes_trained:riccati_flow",
        "network training": "learning_regimes_trained:network_training",
        "both layers": "learning_regimes_trained:network_training_both_layers",
    },
)


@theorem.solvable
def model() -> Model:
    """The best fit as a lower mean of b^2, in closed form for a semicircle; the flow has branches of its own."""
    dropped = Symbol("dropped", nonnegative=True)
    full = Phase(
        "full_rank",
        "converged",
        (equal(time, oo), at_most(1, rho)),
        losses(S.Zero),
        "as many neurons as dimensions: every quadratic form is represented",
    )
    return Model(
        parameters=PARAMETERS,
        unknowns=(),
        program=(*PROGRAM, *EDGE, (dropped, trained_fits.DROPPED)),
        equations=(),
        observables=losses(dropped),
        start={},
        phases=(full,),
        branches=(*flow_branches(), *semicircle_branches()),
        refusals=REFUSALS,
    )


@theorem.step(Exact(trained_fits.rescaled_spectra))
def rescaled_spectrum() -> Statement:
    """The model's b = shift + scale x from a spectrum typed at any scale, its traceless part kept up to scale."""
    return statement("E b^2 = 1, and E b is tau where trace_alignment is given, else that of the spectrum as typed")


@theorem.step(Exact(trained_fits.best_fits), uses=[trained_flow.stationary_points])
def best_fit() -> Statement:
    """The loss has a minimum, which is stationary: B on an invariant subspace of at most m dimensions.

    The best subspace belongs to the m largest |b|: the theorem of Eckart & Young (1936) for symmetric matrices.
    """
    return statement("the least loss over all networks of m neurons is the sum of the d - m smallest b^2")


@theorem.step(Exact(trained_fits.fits_with_fixed_signs), uses=[trained_flow.stationary_points])
def fixed_signs() -> Statement:
    """W'diag(v)W has at most as many positive (negative) eigenvalues as v has positive (negative) entries."""
    return statement("p plus and q minus signs keep the p largest positive and the q lowest negative eigenvalues")


@theorem.step(
    Exact(trained_fits.fits_of_positive_targets),
    uses=[fixed_signs],
    source="Ghorbani et al. (2019), test error of the fully trained network with quadratic activation",
)
def quadratic_networks() -> Statement:
    """The published formula for B of nonnegative eigenvalues and output weights +1, in the order of the eigenvalues."""
    return statement("the squared eigenvalues of B beyond the m-th remain, as Ghorbani et al. (2019) find")


@theorem.step(Exact(trained_fits.dual_values), uses=[best_fit])
def quantile_form() -> Statement:
    """int_0^p q(s) ds is the conjugate at p of theta -> E (theta - b^2)_+; at the ties of a law it is linear in p."""
    return statement("the lower mean of b^2 is its dual, the largest p theta - E (theta - b^2)_+")


@theorem.step(
    Exact(lambda: trained_fits.fits_of_the_model(theorem.model)), uses=[rescaled_spectrum, best_fit, quantile_form]
)
def finite_spectra() -> Statement:
    """The model itself where the spectrum has finitely many values, few neurons or many: the best of all networks."""
    return statement("both observables are those of the best fit of a target of four eigenvalues by m neurons")


@theorem.step(Sampled(), uses=[quantile_form])
def identity_target() -> Relation:
    """All eigenvalues are equal: any m of them are kept, (1 - rho)_+ is lost, as for the tangent model at tau = 1."""
    left = (1 - rho + abs(1 - rho)) / 2
    return equal(LowerMean(x**2, x, Tuple(Tuple(S.One, S.One)), 1 - rho), left)


angle = Symbol("angle", real=True)
phi = Symbol("phi", positive=True)


def _partial_moments() -> Iterator[Instance]:
    density = 2 * (2 * (1 - sin(angle) ** 2)) / (2 * pi)
    for k, moment in enumerate(partial_moments(angle)):
        yield f"slope, k = {k}", diff(moment, angle), (2 * sin(angle)) ** k * density
        yield f"ends, k = {k}", [moment.subs(angle, end) for end in (-pi / 2, pi / 2)], [0, (1, 0, 1)[k]]


@theorem.step(Cited("Wigner (1958); Bai & Silverstein (2010), Theorem 2.5"))
def semicircle_law() -> Statement:
    """The moments of a matrix with independent entries count planar pairings."""
    return statement("the eigenvalues of a GOE matrix follow the semicircle law; so do shifted and rescaled ones")


@theorem.step(Exact(_partial_moments), uses=[semicircle_law])
def semicircle_moments() -> Statement:
    """xi = 2 sin a: sqrt(4 - xi^2) dxi/(2 pi) = 2 cos(a)^2 da/pi, and xi^k times that is integrated."""
    return statement(
        "the partial moments of the semicircle law, by their slopes in the angle, 0 and E xi^k at the ends"
    )


@theorem.step(Symbolic(), uses=[semicircle_moments])
def goe_threshold() -> Relation:
    """The eigenvalues with |b| < 2 sin(phi) are dropped: their share 1 - rho fixes phi."""
    return equal(moments_between(-phi, phi)[0], (2 * phi + sin(2 * phi)) / pi)


@theorem.step(Symbolic(), uses=[goe_threshold, quantile_form])
def goe_error() -> Relation:
    """Their squares are the test error."""
    return equal(moments_between(-phi, phi)[2], (4 * phi - sin(4 * phi)) / (2 * pi))


m, total, constant, y = new_symbols("m total constant y", positive=True)


@theorem.step(Symbolic(), uses=[trained_flow.stationary_points])
def error_without_offset() -> Relation:
    """Without an offset M is B - y on the kept subspace, y = (tr M - c0)/2: the loss 2 ||M - B||^2 + (tr M - c0)^2.

    Beyond the dropped 2 b^2 that costs 2 (sum of the kept b - c0)^2/(m + 2).
    """
    loss = 2 * m * y**2 + (total - m * y - constant) ** 2
    return equal(loss.subs(y, solve(diff(loss, y), y)[0]), 2 * (total - constant) ** 2 / (m + 2))


@theorem.step(Symbolic(), uses=[error_without_offset])
def limit_without_offset() -> Limit:
    """m = rho d, the kept eigenvalues of sqrt(d) B sum to d kappa: kappa^2/rho is lost, rho times a squared mean."""
    kappa, d = new_symbols("kappa d", positive=True)
    return limit_of((kappa * d) ** 2 / (d * (rho * d + 2)), d, oo, kappa**2 / rho)


@theorem.step(Exact(trained_fits.kept_without_offset), uses=[limit_without_offset])
def kept_without_offset() -> Statement:
    """What is gained is the kept share's variance, max over K of min over c of E[(b - c)^2; K], with K = {|b - c| > u}.

    For a spectrum that is symmetric about its mean c is that mean, by convexity: the trace part is lost entirely.
    """
    return statement("symmetric about c: the kept eigenvalues are those farthest from c, and c is their mean")


@theorem.step(Symbolic())
def conserved_imbalance() -> Relation:
    """(w'x)^2 v is of degree 2 in w and of degree 1 in v: Euler's identity for one neuron gives w.dL/dw = 2 v dL/dv.

    Under gradient flow of both layers at equal rates |w_j|^2 - 2 v_j^2 is conserved.
    """
    rows = Matrix(2, 2, new_symbols("w1:5", real=True))
    weights, target = new_symbols("v1:3", real=True), Matrix(2, 2, new_symbols("b1 b2 b2 b3", real=True))
    gap = rows.T * Matrix.diag(*weights) * rows - target
    loss = trace(gap * gap) / 4
    return equal(2 * sum(w * diff(loss, w) for w in rows.row(0)), 4 * weights[0] * diff(loss, weights[0]))


Point: TypeAlias = "Mapping[Symbol | str, Number | str]"
BEST_FITS: tuple[Point, ...] = (
    {rho: Rational(1, 5)},
    {rho: Rational(2, 5), trace_alignment: -Rational(1, 2)},
    {rho: Rational(1, 5), trace_alignment: Rational(4, 5), "offset": "no"},
    {rho: Rational(2, 5), trace_alignment: Rational(4, 5)},
)
FLOWS: tuple[Point, ...] = (
    {rho: Rational(1, 2), time: 1},
    {rho: Rational(3, 2), time: Rational(1, 2), init_scale: Rational(1, 4), "spectrum": "1@0.5,-2@0.25,0.5@0.25"},
    {rho: Rational(1, 5), time: 3, trace_alignment: Rational(2, 5), "activation": "-t**2/2 + 1"},
)


def _claim_at(name: str, point: Point, experiment: str, level: Level, sizes: tuple[int, ...], uses: list[Step]) -> Step:
    """The step that claims both observables at a point, simulated at the sizes and with the tolerance of the level."""
    tolerance, scale = {
        Level.quick: (0.03, Rational(1, 3)),
        Level.standard: (0.01, Rational(3, 10)),
        Level.deep: (0.003, Rational(1, 3)),
    }[level]
    evidence = Simulation(
        f"learning_regimes_trained:{experiment}",
        at=point,
        bias="1/d",
        tolerance=tolerance,
        sizes=sizes,
        scale=dict.fromkeys(OBSERVABLES, scale),
        controls={} if experiment == "best_approximation" else {"initial_trace": 1},
        most=2000,
        level=level,
    )

    def law() -> Claim:
        return follows(theorem.model, *OBSERVABLES)

    law.__name__ = name
    law.__doc__ = f"Finite networks ({experiment.replace('_', ' ')}), extrapolated in 1/d."
    return theorem.step(evidence, uses=uses)(law)


SIZES = {Level.quick: (50, 100, 200), Level.standard: (100, 200, 400), Level.deep: (2048, 4096, 8192)}
_BEST_FIT = [rescaled_spectrum, goe_error, semicircle_moments, kept_without_offset]
_FLOW = [rescaled_spectrum, trained_limit.equivalent, trained_limit.trace_along_flow, trained_flow.closed_form]

for _level, _fits, _flows in ((Level.quick, 4, 3), (Level.standard, 4, 3), (Level.deep, 1, 1)):
    for _number, _point in enumerate(BEST_FITS[:_fits], 1):
        _claim_at(f"{_level.name}_best_fit_{_number}", _point, "best_approximation", _level, SIZES[_level], _BEST_FIT)
    for _number, _point in enumerate(FLOWS[:_flows], 1):
        _claim_at(f"{_level.name}_flow_{_number}", _point, "riccati_flow", _level, SIZES[_level], _FLOW)
_claim_at("quick_training", FLOWS[0], "network_training", Level.quick, (32, 64, 128), _FLOW)
_claim_at("standard_training", FLOWS[1], "network_training", Level.standard, (40, 80, 160), _FLOW)
