r"""Ridge regression on random features: the attack-free member of the family, and the published formula for its risk.

Inputs N(0, I_d), labels y = <beta, x> + noise, f(x; theta) = <theta, sigma(W x)> with N random features and n samples,
N/d -> psi1, n/d -> psi2; theta minimises (1/2n) sum_i (y_i - f(x_i))^2 + (ridge/2) ||theta||^2. With the plain square
loss the scalar problem of this folder becomes the theorem of Mei & Montanari (2022): with t = mu_2^2/mu_1^2 and
h = kappa T~01 their order parameter is chi = nu_1 nu_2 = -t h, and their bias and variance give our excess risk, as
rational functions of h, omega = lam/kappa, t and the step. The limit ridge -> 0 is random_features.ridgeless.
"""

from __future__ import annotations

from sympy import Expr, Integer, Rational, Symbol, sqrt

from derivations.core import Cited, Derivation, Model, Sampled, Simulation, Source, Symbolic, parameter, unknown
from derivations.ingredients import Activation, Attack, Target, plain_square, white_layer
from derivations.lemmas import marchenko_pastur
from derivations.random_features import elimination, robust_risk, scalar_reduction
from derivations.random_features.phases import NAMES, degenerate_phases
from derivations.random_features.symbols import (
    activation,
    derivative_energy,
    epsilon,
    linear_coefficient,
    noise,
    nonlinear_energy,
    psi1,
    psi2,
    ridge,
    signal,
)
from derivations.reduction import C_A, C_S, K_A, K_S, S2, STEP_FROM_TRACES, reduce, two_unknown_program
from derivations.relations import Claim, equal, follows, solves, statement
from derivations.scalar_problem import KAPPA, LAM, RATIO, STEP, ScalarProblem
from derivations.side_by_side import side_by_side

MEI_MONTANARI = Source(
    key="mei2022generalization",
    authors=("Mei, Song", "Montanari, Andrea"),
    title="The generalization error of random features regression: Precise asymptotics and the double descent curve",
    year=2022,
    venue="Communications on Pure and Applied Mathematics 75(4), 667-766",
    arxiv="1908.05355",
    doi="10.1002/cpa.22008",
)

theorem = Derivation(
    __name__,
    title="Ridge regression on random features",
    source=MEI_MONTANARI,
    simulations={
        "true features": "random_features:ridge_regression",
        "Gaussian features": "random_features:ridge_regression_gaussian",
    },
)

epsilon_test = parameter(
    "epsilon_test",
    "l2 radius of the attack at test time; training sees none",
    nonnegative=True,
    default=0,
    convention="in the units of an input coordinate; inputs have norm about sqrt(d)",
)

problem = ScalarProblem(
    loss=plain_square(),
    activation=Activation(linear_coefficient, nonlinear_energy, derivative_energy),
    first_layer=white_layer(psi1),
    attack=Attack(Integer(0)),
    target=Target(signal, noise),
    samples=psi2,
    ridge=ridge,
)


@theorem.solvable
def model() -> Model:
    """The same assembly as the robust risk, without an attack."""
    return reduce(
        problem,
        parameters=(psi1, psi2, epsilon_test, noise, signal, ridge, activation),
        test_radius=epsilon_test,
        start={STEP: (1 + psi1 / psi2) / (1 + ridge), RATIO: sqrt(psi1 / (1 + psi1)) / 2},
        phases=degenerate_phases(),
    )


def published_polynomials(chi: Expr, zeta2: Expr, psi1: Expr, psi2: Expr, /) -> tuple[Expr, Expr, Expr]:
    """E_0, E_1, E_2 of Mei & Montanari (2022), Definition 1, at chi = nu_1 nu_2 and zeta^2 = mu_1^2/mu_*^2."""
    z, both = zeta2, psi1 * psi2
    e_0 = (
        -(chi**5) * z**3
        + 3 * chi**4 * z**2
        + (both - psi2 - psi1 + 1) * chi**3 * z**3
        - 2 * chi**3 * z**2
        - 3 * chi**3 * z
        + (psi1 + psi2 - 3 * both + 1) * chi**2 * z**2
        + 2 * chi**2 * z
        + chi**2
        + 3 * both * chi * z
        - both
    )
    e_1 = psi2 * chi**3 * z**2 - psi2 * chi**2 * z + both * chi * z - both
    e_2 = (
        chi**5 * z**3
        - 3 * chi**4 * z**2
        + (psi1 - 1) * chi**3 * z**3
        + 2 * chi**3 * z**2
        + 3 * chi**3 * z
        - (psi1 + 1) * chi**2 * z**2
        - 2 * chi**2 * z
        - chi**2
    )
    return e_0, e_1, e_2


h, omega, t = (Symbol(name, positive=True) for name in ("h", "omega", "t"))
mu = linear_coefficient
H, share = 1 + h, h / (1 + h)
RATIONAL = {
    psi1: omega * h + share,
    psi2: (share + t * h) * (1 + STEP) / STEP,
    ridge: mu**2 * (omega - t) / (1 + STEP),
    nonlinear_energy: t * mu**2,
}
"""The parameters in the coordinates h, omega, t and step, in which the whole theorem is rational."""
TRACES = {"omega_g": 1 / H, "root": omega * H + 1 / H, "omega": omega, "h": h}
REMAINDER = (t * h * H + omega * H + 1) / (H * (1 + omega * H**2))
GAIN = (t**2 * H**3 + 2 * t * H + omega * h * H + 1) / ((1 + t * H) * (1 + omega * H**2))
"""s^2 = tau^2 + b^2 REMAINDER + s^2 GAIN step/(1 + step)."""


def in_coordinates(expression: Expr, /) -> Expr:
    """The expression with the model's program expanded down to the coordinates, its only roots replaced."""
    for name, definition in reversed(two_unknown_program(problem)):
        expression = expression.xreplace({name: TRACES.get(name.name, definition)})
    return expression.xreplace(RATIONAL)


@theorem.step(Cited("Mei & Montanari (2022), Definition 1 and Theorem 2"))
def published_theorem() -> Claim:
    """The published limit of the excess risk, proved there by random matrix theory, for inputs on a sphere.

    Their features sigma(<theta_a, x>/sqrt d), ||theta_a|| = sqrt d, are ours; their (1/n) sum (y - f)^2 + (N lambda/d)
    ||a||^2 is twice our objective at ridge = psi1 lambda. A linear target has F_1 = b and F_* = 0.
    """
    return statement(
        "with nu_1, nu_2 the solution of their equations at xi = i u, u^2 = psi1 psi2 lambda/mu_*^2, and "
        "chi = nu_1 nu_2, the excess risk tends to F_1^2 E_1/E_0 + (tau^2 + F_*^2) E_2/E_0 + F_*^2"
    )


@theorem.step(Symbolic(), uses=[marchenko_pastur.fixed_point])
def companion_law() -> Claim:
    """With h = kappa T~01 the resolvent is g = 1/(omega (1 + h)), and the law reads psi1 = omega h + h/(1 + h)."""
    at = {marchenko_pastur.omega: omega, marchenko_pastur.g: 1 / (omega * H), marchenko_pastur.psi1: RATIONAL[psi1]}
    return solves(marchenko_pastur.fixed_point, at)


@theorem.step(Symbolic(), uses=[companion_law, marchenko_pastur.discriminant])
def coordinate_omega() -> Claim:
    """omega = lam/kappa fixes the ridge."""
    return equal(in_coordinates(LAM / KAPPA), omega)


@theorem.step(Symbolic(), uses=[companion_law, elimination.elimination_of_scales])
def coordinate_step() -> Claim:
    """The model's equation for the step fixes psi2: step/(1 + step) = (m + t h)/psi2 with m = h/(1 + h)."""
    return equal(in_coordinates(STEP_FROM_TRACES), STEP)


@theorem.step(Symbolic(), uses=[coordinate_omega, coordinate_step, marchenko_pastur.third_trace])
def gain() -> Claim:
    """The share of s^2 that overfitting feeds back."""
    return equal(in_coordinates(K_S), GAIN * STEP / (1 + STEP))


@theorem.step(Symbolic(), uses=[coordinate_omega, marchenko_pastur.third_trace])
def remainder() -> Claim:
    """Noise, and the part of the signal that is not learnt."""
    return equal(in_coordinates(C_S), noise**2 + signal**2 * REMAINDER)


@theorem.step(Symbolic(), uses=[scalar_reduction.two_unknowns])
def scale() -> Claim:
    """Without an attack the ratio x drops out: the second equation turns the model's s^2 into C_s/(1 - K_s)."""
    x2 = (K_A * C_S + C_A - K_S * C_A) / C_S
    return equal((C_S + C_A) / (1 + x2 - K_S - K_A), C_S / (1 - K_S))


u_nu_1 = ridge * (1 + STEP) * h / mu**2
"""u |nu_1|; both nu are imaginary, and chi = nu_1 nu_2 = -t h."""


@theorem.step(Symbolic(), uses=[published_theorem, coordinate_omega, coordinate_step], source="Definition 1")
def equation_of_nu_1() -> Claim:
    """nu_1 (-xi - nu_2 - zeta^2 nu_2/(1 - zeta^2 chi)) = psi1 holds at chi = -t h and this nu_1; zeta^2 = 1/t."""
    return equal(in_coordinates(u_nu_1) + t * h + t * h / (t + t * h), RATIONAL[psi1])


@theorem.step(Symbolic(), uses=[equation_of_nu_1], source="Definition 1")
def equation_of_nu_2() -> Claim:
    """nu_2 (-xi - nu_1 - zeta^2 nu_1/(1 - zeta^2 chi)) = psi2 at nu_2 = chi/nu_1, u^2 = psi2 ridge/mu_2^2."""
    u_nu_2 = psi2 * ridge / nonlinear_energy * t * h / u_nu_1
    return equal(in_coordinates(u_nu_2) + t * h + t * h / (t + t * h), RATIONAL[psi2])


@theorem.step(Symbolic(), uses=[equation_of_nu_1, equation_of_nu_2, gain, scale], source="Definition 1")
def published_variance() -> Claim:
    """K/(1 - K), our excess risk for a unit of noise, is their variance E_2/E_0, an identity of rational functions."""
    e_0, _, e_2 = published_polynomials(-t * h, 1 / t, RATIONAL[psi1], RATIONAL[psi2])
    k = GAIN * STEP / (1 + STEP)
    return equal(k * e_0, (1 - k) * e_2)


@theorem.step(Symbolic(), uses=[equation_of_nu_1, equation_of_nu_2, gain, remainder, scale], source="Definition 1")
def published_bias() -> Claim:
    """Likewise our excess risk for a unit of signal is their bias E_1/E_0."""
    e_0, e_1, _ = published_polynomials(-t * h, 1 / t, RATIONAL[psi1], RATIONAL[psi2])
    return equal(REMAINDER / (1 - GAIN * STEP / (1 + STEP)), e_1 / e_0)


BOX = {
    psi1: (Rational(1, 4), 8),
    psi2: (Rational(1, 4), 8),
    ridge: (Rational(1, 100), 1),
    linear_coefficient: (Rational(1, 4), 1),
    nonlinear_energy: (Rational(1, 20), 1),
    derivative_energy: (Rational(1, 10), 2),
}


def published_excess() -> Claim:
    """The published excess risk in the names of the model's program."""
    ratio = nonlinear_energy / mu**2
    e_0, e_1, e_2 = published_polynomials(-ratio * h, 1 / ratio, psi1, psi2)
    return equal(S2 - noise**2, (signal**2 * e_1 + noise**2 * e_2) / e_0)


@theorem.step(Sampled(BOX, digits=40, points=3, roots_of=model), uses=[published_bias, published_variance])
def published_risk() -> Claim:
    """Bias and variance at the model's own roots, with no coordinates in between."""
    return published_excess()


def published_model() -> Model:
    """Their own equations: with both nu = i n, n > 0, and f = x + zeta^2 x/(1 + zeta^2 x), u n_i + f(n_1 n_2) = psi_i.

    The root is unique: u^2 x = (psi1 - f)(psi2 - f) has sides that grow and fall in x = n_1 n_2.
    """
    n_1, n_2 = (unknown(f"n_{i}", f"|nu_{i}| on the imaginary axis", positive=True) for i in (1, 2))
    u, x, f = (Symbol(name, positive=True) for name in ("u", "x", "f"))
    zeta2 = mu**2 / nonlinear_energy
    e_0, e_1, e_2 = published_polynomials(-x, zeta2, psi1, psi2)
    return Model(
        parameters=(psi1, psi2, noise, signal, ridge, activation),
        unknowns=(n_1, n_2),
        program=((u, sqrt(psi2 * ridge / nonlinear_energy)), (x, n_1 * n_2), (f, x + zeta2 * x / (1 + zeta2 * x))),
        equations=(equal(u * n_1 + f, psi1), equal(u * n_2 + f, psi2)),
        observables={"excess_risk": (signal**2 * e_1 + noise**2 * e_2) / e_0},
        start={n_1: psi1 / (1 + u + psi1), n_2: psi2 / (1 + u + psi2)},
    )


def both_models() -> Model:
    """Our model, and theirs in names of its own."""
    return side_by_side(model(), published_model(), "published")


@theorem.step(Sampled(BOX, digits=40, points=4, roots_of=both_models), uses=[published_theorem, published_risk])
def published_equations() -> Claim:
    """Their equations, solved without ours, give our excess risk at u^2 = psi1 psi2 lambda/mu_*^2."""
    theirs = published_model().observables["excess_risk"]
    return equal(S2 - noise**2, theirs.xreplace({Symbol("x", positive=True): Symbol("x_published", positive=True)}))


@theorem.step(Sampled({**BOX, epsilon: (0, 0)}, digits=40, points=3, roots_of=robust_risk.model), uses=[published_risk])
def attack_of_radius_zero() -> Claim:
    """The robust risk's own model, through the attacked loss, gives the published risk at epsilon = 0."""
    return published_excess()


@theorem.step(
    Simulation(
        "random_features:ridge_regression",
        at={psi1: 2, psi2: 3, ridge: Rational(1, 10)},
        bias="1/d",
        tolerance={name: 0.08 if name == "robust_training_loss" else 0.04 for name in NAMES},
        sizes=(40, 80, 160),
    ),
    uses=[published_risk, elimination.auxiliary_problem, scalar_reduction.weight_norm],
)
def ridge_law() -> Claim:
    """The theorem on finite samples of true features, solved by the normal equations."""
    return follows(model(), "standard_risk", "robust_training_loss", "gradient_norm", "weight_norm_squared")
