r"""Test error and Dirichlet energy of the neural tangent model on a quadratic target, in the proportional limit.

Inputs N(0, I_d), target x'Bx - tr B with ||B||_F = 1 and tr B = tau sqrt(d), rows w_j uniform on the sphere, m/d ->
rho; f(x) = sum_j (a_j'x) sigma'(w_j'x) + offset, A = (a_j) optimal in L2, or with the penalty lambda sum |a_j|^2. With
beta_k = E[sigma' h_k], eta_k = E[G sigma'(G) h_k(G)], h_k = He_k/sqrt(k!), and the energies c_b = sum_(k>=2) beta_k^2,
c_a = sum_(k>=3) eta_k^2 of the degrees from 3 on, for mu_2 != 0 and mu_1 != 0 or mu_1 = mu_3 = 0,

    eps_test -> (1 - tau^2) E_b + tau^2 E_t,   eps_rob -> (1 - tau^2) R_b + tau^2 R_t,

where E_b = int int c/(c + s + t) over the Marchenko-Pastur law twice, c = c_b/beta_1^2, and E_t, R_b, R_t are in the
steps missed_part and energy_part of tangent_trace and tangent_traceless. Without a ridge: a quadratic activation has
c_b = c_a = 0, E_b = (1 - rho)_+^2, E_t = (1 - rho)_+, and eps_rob = 1 - eps_test; else eps_rob > 1 - eps_test. Without
an offset the trace part is lost: E_t = 1, R_t = 0. Where sigma' jumps (ReLU) eps_rob is infinite.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from sympy import Expr, Max, Rational, S, Symbol, oo, pi, symbols

from derivations.activations import activation_constants
from derivations.core import Assumed, Derivation, Level, Model, Simulation, Symbolic
from derivations.evidence import Number
from derivations.learning_regimes import (
    tangent_degrees,
    tangent_quadratic,
    tangent_trace,
    tangent_traceless,
)
from derivations.learning_regimes import (
    tangent_errors as errors,
)
from derivations.learning_regimes.symbols import (
    DOHMATOB_BIETTI,
    OBSERVABLES,
    SYMBOL_OF,
    radial_tangent_energy,
    rho,
    ridge,
    trace_alignment,
)
from derivations.learning_regimes.tangent_setting import tangent_model
from derivations.lemmas import marchenko_pastur
from derivations.relations import Claim, below, equal, follows, limit_of, statement

theorem = Derivation(
    __name__,
    title="Test error and Dirichlet energy of the neural tangent model",
    source=DOHMATOB_BIETTI,
    simulations={
        "tangent": "learning_regimes_tangent:tangent",
        "quadratic": "learning_regimes_tangent:tangent_quadratic",
        "dense": "learning_regimes_tangent:tangent_dense",
        "sampled_inputs": "learning_regimes_tangent:tangent_monte_carlo",
    },
)


@theorem.solvable
def model() -> Model:
    """Closed forms, one integral over an angle each for the traceless part; no unknowns."""
    return tangent_model()


@theorem.step(Assumed(), uses=[tangent_degrees.degree_two, tangent_degrees.higher_degrees])
def high_degrees_decouple() -> Claim:
    """Degrees from 3 on of different neurons overlap as (w_i'w_j)^2 or less: a ridge, up to vanishing cross terms.

    The degree-1 part is d constraints on m d weights, met by a change of the b_j of vanishing cost where mu_1 != 0.
    """
    return statement("min 2 ||M - B||^2 + c_b sum |b_j|^2 + c_a sum alpha_j^2, M the degree-2 part")


@theorem.step(Assumed(), uses=[high_degrees_decouple])
def traceless_target_in_general_position() -> Claim:
    """The cross terms of B = (tau/sqrt(d)) I + B_0 vanish, and alpha_j is of smaller order for B_0."""
    return statement("B_0 is free from S = W'W: its entries in the eigenbasis of S spread as mu times mu")


LIMIT_BOX = {rho: (Rational(1, 4), 4)}


@theorem.step(Symbolic(domain=LIMIT_BOX), uses=[tangent_degrees.constant_part, tangent_trace.collapse])
def trace_part_without_offset() -> Claim:
    """The mean beta_1 sum alpha_j = beta_1 rho a sqrt(d) of the fit adds beta_1^2 rho d to c_a: nothing is learnt."""
    size, omega = symbols("d omega", positive=True)
    kappa = (radial_tangent_energy + errors.slope_square * rho * size) / errors.radial_square
    return limit_of((omega + kappa) / (rho + omega + kappa), size, oo, 1)


@cache
def relu() -> dict[Symbol, Expr]:
    """The exact constants of max(t, 0) that its test error needs."""
    t = Symbol("t", real=True)
    found = activation_constants(Max(t, 0), t, errors.TEST_ERROR_WORDS)
    return {SYMBOL_OF[word]: value for word, value in found.items()}


@theorem.step(Symbolic(domain=LIMIT_BOX), uses=[tangent_trace.missed_part])
def relu_trace_part() -> Claim:
    """c = pi/2 - 1 and c_a/eta_2^2 = pi - 3: E_t = 1 - rho/(rho/J_1 + (3 pi - 10)/4), J_1 at z = (pi - 2)/4."""
    z = (pi - 2) / 4
    printed = 1 - rho / (rho / errors.seen(z) + (3 * pi - 10) / 4)
    closed = errors.radial_square.subs(relu()), errors.stiffness().subs(relu()) / 2
    kappa = radial_tangent_energy.subs(relu()) / closed[0]
    return equal(1 - rho / (rho / errors.seen(closed[1]) - closed[1] + kappa), printed)


left, place = symbols("left s", positive=True)
"""1 - rho > 0, the mass of the atom at 0 of the law of S; and a spectrum's other place."""


@theorem.step(Symbolic(), uses=[tangent_traceless.missed_entry, tangent_quadratic.proportional_limit])
def traceless_part_without_high_degrees() -> Claim:
    """c_b -> 0 leaves the entries between directions that no row sees: (1 - rho)^2, as of a quadratic activation."""
    c = Symbol("c", positive=True)
    spectrum = ((S.Zero, left), (place, 1 - left))
    missed = sum((w * q * c / (c + s + t) for s, w in spectrum for t, q in spectrum), S.Zero)
    return limit_of(missed, c, 0, left**2)


@theorem.step(Symbolic(), uses=[tangent_trace.missed_part, tangent_quadratic.proportional_limit])
def trace_part_without_high_degrees() -> Claim:
    """c_a = 0 and c_b -> 0: omega -> (1 - rho)_+, the error of a quadratic activation."""
    z = Symbol("z", positive=True)
    omega = z * marchenko_pastur.resolvent(z).subs(marchenko_pastur.psi1, 1 - left)
    return limit_of(omega / (1 - left + omega), z, 0, left, given=[below(left, 1)])


@theorem.step(Symbolic(), uses=[tangent_trace.missed_part])
def wide_trace_part() -> Claim:
    """rho -> infinity: rho E_t -> c_a/eta_2^2, as omega vanishes."""
    z, kappa = symbols("z kappa", positive=True)
    omega = z * marchenko_pastur.resolvent(z).subs(marchenko_pastur.psi1, rho)
    return limit_of(rho * (omega + kappa) / (rho + omega + kappa), rho, oo, kappa)


QUICK, STANDARD, DEEP = (20, 40, 80), (60, 120, 240), (2048, 4096, 8192)
HALF_WIDTH = {Level.quick: 0.03, Level.standard: 0.01, Level.deep: 0.003}
"""Of the theory, or a third of it in units of the target's energy."""


def _law(level: Level, sizes: tuple[int, ...], at: Mapping[Symbol | str, Number | str], most: int = 300) -> Simulation:
    return Simulation(
        "learning_regimes_tangent:tangent",
        at={rho: Rational(1, 2), trace_alignment: Rational(1, 2), **at},
        bias="1/d",
        tolerance=HALF_WIDTH[level],
        scale=dict.fromkeys(OBSERVABLES, Rational(1, 3)),
        sizes=sizes,
        controls={"square_overlap": 0, "target_overlap": 0},
        most=most,
        level=level,
    )


def _laws(at: Mapping[Symbol | str, Number | str], *, deep: bool = False) -> tuple[Simulation, ...]:
    found = (_law(Level.quick, QUICK, at), _law(Level.standard, STANDARD, at))
    return (*found, _law(Level.deep, DEEP, at, most=8)) if deep else found


PARTS = (
    traceless_target_in_general_position,
    tangent_traceless.missed_part,
    tangent_traceless.energy_part,
    tangent_trace.missed_part,
    tangent_trace.energy_part,
)


@theorem.step(*_laws({"activation": "tanh(t+1)"}, deep=True), uses=PARTS)
def law_of_a_smooth_activation() -> Claim:
    """Finite networks, inputs averaged out exactly."""
    return follows(model(), *OBSERVABLES)


@theorem.step(*_laws({"activation": "relu", rho: Rational(3, 4)}), uses=PARTS)
def law_of_relu() -> Claim:
    """The Dirichlet energy of a ReLU fit is infinite; its test error is not."""
    return follows(model(), "test_error")


@theorem.step(*_laws({"activation": "tanh(t+1)", ridge: Rational(1, 5)}), uses=PARTS)
def law_with_ridge() -> Claim:
    """The penalised optimum: its error without the penalty."""
    return follows(model(), *OBSERVABLES)


@theorem.step(
    *_laws({"activation": "sin(t+1)", "offset": "no", trace_alignment: Rational(4, 5)}),
    uses=[*PARTS, trace_part_without_offset],
)
def law_without_offset() -> Claim:
    """No additive constant: what the trace would gain is lost."""
    return follows(model(), *OBSERVABLES)
