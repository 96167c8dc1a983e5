r"""Ridge regression on random features: the attack-free member of the family, and the published formula for its risk.

Inputs N(0, I_d), labels y = <beta, x> + noise, f(x; theta) = <theta, sigma(W x)> with N random features and n samples,
N/d -> psi1, n/d -> psi2; theta minimises (1/2n) sum_i (y_i - f(x_i))^2 + (ridge/2) ||theta||^2. Assembled from the plain
square loss, the scalar problem of this folder becomes the theorem of Mei & Montanari (2022): with t = mu_2^2/mu_1^2 and
h = p mu_1^2 T~01 their order parameter is chi = nu_1 nu_2 = -t h, and their bias and variance give our excess risk,
identically in rational coordinates. As ridge -> 0 with psi1 > psi2 the estimator is the interpolator of least norm.
"""

from __future__ import annotations

from sympy import Abs, Expr, Integer, Rational, Symbol, oo, sqrt

from derivations.core import Cited, Derivation, Model, Sampled, Simulation, Source, Symbolic, parameter
from derivations.ingredients import Activation, Attack, Target, plain_square, white_layer
from derivations.lemmas import marchenko_pastur
from derivations.random_features import robust_risk, scalar_reduction
from derivations.random_features.phases import degenerate_phases, ridgeless_program
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
from derivations.relations import Claim, at_most, equal, follows, limit_of, statement
from derivations.scalar_problem import KAPPA, LAM, RATIO, STEP, ScalarProblem

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


def published_risks(chi: Expr, zeta2: Expr, psi1: Expr, psi2: Expr, /) -> tuple[Expr, Expr]:
    """Bias and variance of Mei & Montanari (2022), Definition 1, at chi = nu_1 nu_2 and zeta^2 = mu_1^2/mu_*^2."""
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
    return e_1 / e_0, e_2 / e_0


h, omega, root, omega_g = (Symbol(name, positive=True) for name in ("h", "omega", "root", "omega_g"))
t = nonlinear_energy / linear_coefficient**2
zeta2 = 1 / t
chi = -t * h
"""The order parameter of the published theorem, in the names of the model's program."""

share = h / (1 + h)
"""kappa T11 = m: the companion form of the Marchenko-Pastur law."""
RATIONAL = {
    psi1: omega * h + share,
    psi2: (share + t * h) * (1 + STEP) / STEP,
    ridge: linear_coefficient**2 * (omega - t) / (1 + STEP),
}
"""The parameters in the coordinates (h, omega, step), in which the whole theorem is rational."""
TRACES = {omega_g: 1 / (1 + h), root: omega * (1 + h) + 1 / (1 + h), omega: omega, h: h}


def excess(constant: Expr, gain: Expr, /) -> Expr:
    """The standard risk C/(1 - K) of s^2 = C + K s^2, less the noise."""
    return constant / (1 - gain) - noise**2


def in_coordinates(expression: Expr, /) -> Expr:
    """The expression with the model's program expanded down to (h, omega, step), its only roots replaced."""
    for name, definition in reversed(two_unknown_program(problem)):
        expression = expression.xreplace({name: TRACES.get(name, definition)})
    return expression.xreplace(RATIONAL)


def in_ridgeless_coordinates(expression: Expr, /) -> Expr:
    """The ridgeless program at psi1 and psi2 = m + t h, its roots replaced."""
    replaced = {"omega": omega, "root": TRACES[root], "m": share}
    for name, definition in reversed(ridgeless_program()):
        value = replaced.get(name.name.removesuffix("_ridgeless"), definition)
        expression = expression.xreplace({name: value})
    return expression.xreplace({psi1: RATIONAL[psi1], psi2: share + t * h})


@theorem.step(Cited("Mei & Montanari (2022), Definition 1 and Theorem 2"))
def published_theorem() -> Claim:
    """The published limit of the excess risk, for spherical inputs; proved there by random matrix theory."""
    return statement(
        "with nu_1, nu_2 the solution of their equations at xi = i sqrt(psi1 psi2 lambda/mu_*^2) and chi = nu_1 nu_2, "
        "the excess risk tends to F_1^2 E_1/E_0 + (tau^2 + F_*^2) E_2/E_0 + F_*^2"
    )


@theorem.step(Symbolic(), uses=[published_theorem])
def conversion_of_objectives() -> Claim:
    """Their (1/n) sum (y - f)^2 + (N lambda/d) ||a||^2 is twice our objective at ridge = psi1 lambda.

    Their features sigma(<theta_a, x>/sqrt d) have ||theta_a|| = sqrt d, which is our unit row times x.
    """
    squares, norm, penalty = (Symbol(name, positive=True) for name in ("squares", "norm_squared", "lambda"))
    ours = (squares / 2 + ridge * norm / 2).subs(ridge, psi1 * penalty)
    return equal(2 * ours, squares + psi1 * penalty * norm)


@theorem.step(Symbolic(), uses=[marchenko_pastur.fixed_point])
def companion_law() -> Claim:
    """With h = kappa T~01 the resolvent is g = 1/(omega (1 + h)), and the law reads psi1 = omega h + h/(1 + h)."""
    law = marchenko_pastur.fixed_point.claim
    at = {marchenko_pastur.omega: omega, marchenko_pastur.g: 1 / (omega * (1 + h)), psi1: RATIONAL[psi1]}
    return equal(law.lhs.xreplace(at), law.rhs.xreplace(at))  # type: ignore[union-attr]


@theorem.step(Symbolic(), uses=[companion_law, marchenko_pastur.discriminant])
def coordinates_of_omega() -> Claim:
    """omega = lam/kappa fixes the ridge."""
    return equal(in_coordinates(LAM / KAPPA), omega)


@theorem.step(Symbolic(), uses=[companion_law, scalar_reduction.elimination_of_scales])
def coordinates_of_step() -> Claim:
    """The model's equation for the step fixes psi2: step/(1 + step) = (m + t h)/psi2."""
    return equal(in_coordinates(STEP_FROM_TRACES), STEP)


@theorem.step(Symbolic(), uses=[scalar_reduction.two_unknowns])
def scale() -> Claim:
    """Without an attack the ratio x drops out: the second equation turns the model's s^2 into C_s/(1 - K_s)."""
    x2 = (K_A * C_S + C_A - K_S * C_A) / C_S
    return equal((C_S + C_A) / (1 + x2 - K_S - K_A), C_S / (1 - K_S))


@theorem.step(
    Symbolic(), uses=[conversion_of_objectives, coordinates_of_omega, coordinates_of_step], source="Definition 1"
)
def published_equation_for_nu_1() -> Claim:
    """At nu_1 = i u ridge (1 + step) h/(mu_1^2 u^2) and nu_1 nu_2 = -t h the first published equation holds.

    u = sqrt(psi1 psi2 lambda)/mu_*, xi = i u; divided by i it reads nu_1 (-xi - nu_2 - zeta^2 nu_2/(1 - zeta^2 chi)) = psi1.
    """
    product = in_coordinates(ridge * (1 + STEP) * h / linear_coefficient**2)
    return equal(product - chi - zeta2 * chi / (1 - zeta2 * chi), RATIONAL[psi1])


@theorem.step(Symbolic(), uses=[published_equation_for_nu_1], source="Definition 1")
def published_equation_for_nu_2() -> Claim:
    """The second: u |nu_2| = psi2/(1 + step) is what the fit leaves of the samples."""
    product = in_coordinates(psi2 / (1 + STEP))
    return equal(product - chi - zeta2 * chi / (1 - zeta2 * chi), RATIONAL[psi2])


@theorem.step(Symbolic(), uses=[published_equation_for_nu_1, published_equation_for_nu_2])
def product_of_the_order_parameters() -> Claim:
    """Both products come from one u: (u |nu_1|)(u |nu_2|) = u^2 |chi| at u^2 = psi2 ridge/mu_2^2."""
    left = (ridge * (1 + STEP) * h / linear_coefficient**2) * psi2 / (1 + STEP)
    return equal(left, psi2 * ridge / nonlinear_energy * (-chi))


@theorem.step(Symbolic(), uses=[product_of_the_order_parameters, scale], source="Definition 1")
def published_risk() -> Claim:
    """Our excess risk is their F_1^2 bias + tau^2 variance, an identity of rational functions of the coordinates."""
    bias, variance = published_risks(chi, zeta2, RATIONAL[psi1], RATIONAL[psi2])
    return equal(in_coordinates(excess(C_S, K_S)), signal**2 * bias + noise**2 * variance)


BOX = {
    psi1: (Rational(1, 4), 8),
    psi2: (Rational(1, 4), 8),
    ridge: (Rational(1, 100), 1),
    linear_coefficient: (Rational(1, 4), 1),
    nonlinear_energy: (Rational(1, 20), 1),
    derivative_energy: (Rational(1, 10), 2),
}


@theorem.step(Sampled(BOX, digits=40, points=6, roots_of=model), uses=[published_risk])
def published_risk_at_roots() -> Claim:
    """The same at the model's own roots, with no coordinates in between."""
    bias, variance = published_risks(chi, zeta2, psi1, psi2)
    return equal(S2 - noise**2, signal**2 * bias + noise**2 * variance)


@theorem.step(
    Sampled({**BOX, epsilon: (0, 0)}, digits=40, points=6, roots_of=robust_risk.model), uses=[published_risk]
)
def attack_of_radius_zero() -> Claim:
    """The robust risk's own model, through the attacked loss, gives the published risk at epsilon = 0."""
    bias, variance = published_risks(chi, zeta2, psi1, psi2)
    return equal(S2 - noise**2, signal**2 * bias + noise**2 * variance)


@theorem.step(Symbolic(), uses=[coordinates_of_step])
def ridgeless_root() -> Claim:
    """ridge -> 0 with psi1 > psi2 sends the step to infinity and psi2 to m + t h, so that m solves a quadratic.

    Its smaller root is the one with m = h/(1 + h) < 1: the other is 1 + t (1 + h).
    """
    m = dict(ridgeless_program())[Symbol("m_ridgeless", positive=True)]
    return equal(in_ridgeless_coordinates(m), share)


@theorem.step(Symbolic(), uses=[ridgeless_root, scale])
def ridgeless_limit() -> Claim:
    """The risk in the limit step -> infinity, in coordinates that are continuous in the parameters."""
    s2 = Symbol("s2_ridgeless", positive=True)
    return limit_of(in_coordinates(C_S / (1 - K_S)), STEP, oo, in_ridgeless_coordinates(s2))


@theorem.step(Symbolic(), uses=[ridgeless_root], source="Definition 1 at lambda -> 0")
def published_ridgeless_order_parameter() -> Claim:
    """Their closed form of chi at psi = min(psi1, psi2) = psi2, in terms of zeta."""
    z, psi = zeta2, share + t * h
    linear = psi * z - z - 1
    return equal(-(sqrt(linear**2 + 4 * z * psi) + linear) / (2 * z), chi)


@theorem.step(Symbolic(), uses=[ridgeless_limit, published_ridgeless_order_parameter])
def published_ridgeless_risk() -> Claim:
    """The closed form of the ridgeless phase is theirs."""
    bias, variance = published_risks(chi, zeta2, RATIONAL[psi1], share + t * h)
    s2 = Symbol("s2_ridgeless", positive=True)
    return equal(in_ridgeless_coordinates(s2) - noise**2, signal**2 * bias + noise**2 * variance)


NARROW = {**BOX, psi1: (3, 8), psi2: (Rational(1, 2), 2), ridge: (Rational(1, 10**12), Rational(1, 10**6))}


@theorem.step(Sampled(NARROW, points=6, roots_of=model), uses=[ridgeless_limit])
def ridgeless_rate() -> Claim:
    """The model at a small ridge is within a constant times the ridge of the closed form."""
    s2 = Symbol("s2_ridgeless", positive=True)
    for name, definition in reversed(ridgeless_program()):
        s2 = s2.xreplace({name: definition})
    return at_most(Abs(S2 / s2 - 1), 1000 * ridge)


@theorem.step(
    Simulation(
        "random_features:ridge_regression",
        at={psi1: 2, psi2: 3, ridge: Rational(1, 10), epsilon_test: Rational(1, 2), activation.name: "relu"},
        bias="1/d",
        tolerance=0.03,
        sizes=(40, 80, 160),
    ),
    uses=[published_risk_at_roots, scalar_reduction.auxiliary_problem, scalar_reduction.weight_norm],
)
def ridge_law() -> Claim:
    """The theorem on finite samples of true features, solved by the normal equations."""
    return follows(
        model(), "standard_risk", "robust_risk", "robust_training_loss", "gradient_norm", "weight_norm_squared"
    )
