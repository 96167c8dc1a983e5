"""The ladder of equivalences: from the true attack on a true network to a Gaussian problem.

- L0: the true model, max over ||delta|| <= eps of the squared residual.
- L1: the attack on the tangent at each sample, max = (|r_i| + eps ||J_i theta||)^2.
- L2: one gradient norm for all samples, ||J_i theta|| -> A(theta), A^2 = mu_1^2 ||W'theta||^2 + nu^2 ||theta||^2.
- L3: sigma(W x) replaced by mu_1 W x + mu_2 u with independent normals u.

Every gap vanishes as d grows; each is seen on the same draw at growing sizes. What the constants mu_1, mu_2 and nu
are, and why nothing else of the activation survives, is in the Hermite expansion: kernels of correlated pairs are power
series in rho = <w_j, w_k>, of which the constant and linear terms and the diagonal remain.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TypeAlias

from sympy import Expr, Integer, Rational, Symbol, asin, diff, integrate, pi

from derivations.core import Assumed, Cited, Derivation, Exact, Level, Rate, Symbolic
from derivations.evidence import Instance, Number
from derivations.gaussian_integrals import gaussian_mean
from derivations.lemmas import gaussian
from derivations.random_features.setting import robust_model
from derivations.random_features.symbols import HASSANI_JAVANMARD, epsilon, psi1, psi2
from derivations.relations import Claim, equal, exponent, statement

theorem = Derivation(
    __name__,
    title="From the true attack to a Gaussian problem, rung by rung",
    source=HASSANI_JAVANMARD,
    simulations={"L0-L3": "random_features_ladder:ladder"},
)

rho, t = Symbol("rho", real=True), Symbol("t", real=True)
Setting: TypeAlias = "Mapping[Symbol | str, Number | str]"
POINT: Setting = {psi1: 1, psi2: 2, epsilon: Rational(1, 2)}
SMOOTH: Setting = {**POINT, "activation": "tanh"}


def rate(experiment: str, at: Setting, sizes: tuple[int, ...], draws: int, level: Level = Level.quick) -> Rate:
    """Evidence from an experiment of the ladder, with the defaults of the robust model."""
    name = f"random_features_ladder:{experiment}"
    return Rate(name, at=at, sizes=sizes, draws=draws, defaults_of=robust_model, level=level)


@theorem.step(Assumed())
def data_model() -> Claim:
    """The setting of the theorem: Gaussian inputs, a linear target, a first layer that is not trained."""
    return statement(
        "x ~ N(0, I_d), y = <beta, x> + tau z with z ~ N(0, 1), rows of W uniform on the unit sphere, all independent"
    )


@theorem.step(Assumed())
def proportional_limit() -> Claim:
    """All three sizes grow together, at fixed attack radius and ridge."""
    return statement("d, N, n -> infinity with N/d -> psi1 and n/d -> psi2")


@theorem.step(Assumed())
def regular_activation() -> Claim:
    """Else E[G sigma] = E sigma' fails and there is no first-order rung: the sign function is not covered."""
    return statement("sigma is absolutely continuous, sigma and sigma' are square integrable, E sigma(G) = 0")


@theorem.step(rate("attack_linearity", SMOOTH, (50, 100, 200), 24), uses=[data_model, regular_activation])
def smooth_attack_is_linear() -> Claim:
    """A preactivation moves by eps/sqrt(d): the second-order term of a smooth activation sums to order 1/d."""
    return exponent("spread", -1.15, -0.8)


@theorem.step(
    rate("attack_linearity", POINT, (25, 50, 100, 200), 24, Level.standard), uses=[data_model, regular_activation]
)
def kinked_attack_is_linear() -> Claim:
    """About sqrt(d) relu switch in the attack ball, each with an effect of order 1/d and a random sign: d^(-3/4)."""
    return exponent("spread", -0.9, -0.55)


@theorem.step(rate("gap_true_first_order", SMOOTH, (20, 40, 80), 16), uses=[smooth_attack_is_linear])
def true_to_first_order() -> Claim:
    """L0 to L1: trained against the true attack and against the tangent, on one draw, the weights approach each
    other.
    """
    return exponent("weights", -1.2, -0.75)


@theorem.step(rate("gap_true_first_order", POINT, (25, 50, 100), 16, Level.standard), uses=[kinked_attack_is_linear])
def true_to_first_order_relu() -> Claim:
    """The same for relu, whose true attack needs more ascents."""
    return exponent("weights", -1.1, -0.6)


@theorem.step(Symbolic({rho: (Rational(-9, 10), Rational(9, 10))}), uses=[gaussian.price, gaussian.relu_kernel_slope])
def slope_kernel() -> Claim:
    """relu: E[sigma'(g1) sigma'(g2)] = 1/4 + asin(rho)/(2 pi): mu_1^2 at rho = 0 and mu_1^2 + nu^2 = 1/2 at rho = 1.

    Price's theorem: it is the derivative of the feature kernel in the correlation.
    """
    return equal(diff(gaussian.relu_kernel.subs(gaussian.rho, rho), rho), Rational(1, 4) + asin(rho) / (2 * pi))


def _even_moment(power: int, d: int) -> Expr:
    """E <w, w'>^power for independent w, w' uniform on the sphere of R^d, d odd: a polynomial integral."""
    density = (1 - t**2) ** ((d - 3) // 2)
    mass = integrate(density.expand(), (t, -1, 1))
    return integrate((t**power * density).expand(), (t, -1, 1)) / mass


def _overlaps() -> Iterator[Instance]:
    for d in (3, 5, 7, 9, 21, 41):
        yield f"E rho^2, d = {d}", _even_moment(2, d), Rational(1, d)
        yield f"E rho^4, d = {d}", _even_moment(4, d), Rational(3, d * (d + 2))


@theorem.step(Exact(_overlaps), uses=[data_model])
def overlaps() -> Claim:
    """The overlap of two uniform directions has density (1 - t^2)^((d-3)/2).

    So the matrix of rho^2 off the diagonal is 1/d everywhere plus centred entries of variance 2 (d -
    1)/(d^2 (d + 2)), whose operator norm is of order sqrt(N)/d -> 0: a rank-one mean part and nothing else.
    """
    return statement("E rho^2 = 1/d and E rho^4 = 3/(d (d + 2)) for rho = <w, w'>")


@theorem.step(Exact(lambda: [("E[G h_2(G)]", _linear_part_of_second_hermite(), Integer(0))]), uses=[overlaps])
def mean_part_is_not_excited() -> Claim:
    """The rank-one part multiplies (1'theta)^2/d, the share of the second Hermite function, which a centred linear
    target does not contain."""
    return statement("E[G (G^2 - 1)] = 0")


def _linear_part_of_second_hermite() -> Expr:
    return gaussian_mean(t * (t**2 - 1), t)


@theorem.step(
    rate("gradient_concentration", POINT, (25, 50, 100, 200), 16),
    uses=[slope_kernel, overlaps, mean_part_is_not_excited, gaussian.mehler_on_generating_functions],
)
def gradient_concentrates() -> Claim:
    """||J(x)theta||^2 averages N weakly dependent slopes: its spread over x is of order d^(-1/2)."""
    return exponent("spread", -0.6, -0.4)


@theorem.step(
    rate("gradient_concentration", POINT, (25, 50, 100, 200), 32),
    uses=[slope_kernel, overlaps, mean_part_is_not_excited, gaussian.mehler_on_generating_functions],
)
def gradient_has_the_limiting_norm() -> Claim:
    """E ||J(x)theta||^2, exact through the slope kernel, tends to mu_1^2 ||W'theta||^2 + nu^2 ||theta||^2: what is
    left is the rank-one part, of order 1/d. With another nu^2 the gap would not vanish.
    """
    return exponent("mean_gap", -1.4, -0.6)


@theorem.step(
    rate("gap_first_order_mean_gradient", POINT, (25, 50, 100), 40),
    uses=[gradient_concentrates, gradient_has_the_limiting_norm],
)
def first_order_to_mean_gradient() -> Claim:
    """L1 to L2 on one draw: the weights move with the spread of the gradient, d^(-1/2)."""
    return exponent("weights", -0.75, -0.4)


@theorem.step(
    rate("gap_first_order_mean_gradient", POINT, (25, 50, 100, 200), 48, Level.standard), uses=[gradient_concentrates]
)
def first_order_to_mean_gradient_risk() -> Claim:
    """The risk moves to second order only, as 1/d."""
    return exponent("robust_risk", -1.4, -0.6)


@theorem.step(
    rate("risk_equivalence", POINT, (25, 50, 100, 200), 28), uses=[overlaps, mean_part_is_not_excited, gaussian.price]
)
def equivalent_risk() -> Claim:
    """At the same weights the standard risk with true and with Gaussian-equivalent features differs by order 1/d."""
    return exponent("standard_risk", -1.4, -0.6)


@theorem.step(rate("gap_mean_gradient_gaussian", POINT, (25, 50, 100, 200), 44), uses=[equivalent_risk])
def mean_gradient_to_gaussian() -> Claim:
    """L2 to L3 on one draw: u is new randomness, so the gap is that of two samples, of order d^(-1/2), not smaller."""
    return exponent("robust_risk", -0.85, -0.2)


@theorem.step(Cited("Hassani & Javanmard (2024), Theorem 6.9"), uses=[equivalent_risk, mean_gradient_to_gaussian])
def gaussian_training() -> Claim:
    """The printed proof exchanges the features for Gaussian ones in the training problem with small ridge terms on
    theta, on W'theta/2 - beta and on 1'theta, the last being the rank-one mean part.
    """
    return statement("for the centred relu, training losses on true and on Gaussian-equivalent features have one limit")


@theorem.step(
    Assumed(), uses=[gaussian_training, true_to_first_order, first_order_to_mean_gradient, mean_gradient_to_gaussian]
)
def gaussian_equivalence() -> Claim:
    """Beyond the printed theorem: the extra ridges may tend to 0, other activations and the risks behave alike (as the
    rates above show on finite networks), and every rung has the same limits.
    """
    return statement("the training problem and its risks have the same limits on every rung, for regular activations")
