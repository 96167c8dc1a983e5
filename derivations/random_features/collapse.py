"""The collapse: above a critical attack radius the robust estimator is exactly zero.

theta = 0 minimises the robust training loss exactly when eps >= eps_c,

    eps_c^2 = [mu_1^2 b^2 T11 + (v/psi2)(mu_1^2 T11 + mu_2^2 T~01)] / ((2/pi) v),    v = b^2 + tau^2,

traces at kappa = mu_1^2, lam = nu^2. There SR = AR = TL = v. A decreases to 0 continuously at eps_c, which does not
depend on
the ridge. At finite size theta = 0 is optimal exactly when ||V'y|| <= eps ||y||_1, V the features whitened by the
mean Gram matrix of the gradient. Derived here; not in the paper.
"""

from __future__ import annotations

from sympy import Abs, Expr, Symbol, diff, expand, symbols

from derivations.core import Cited, Derivation, Model, Simulation, Symbolic
from derivations.lemmas import marchenko_pastur, proximal
from derivations.lemmas.proximal import mean_envelope_dc
from derivations.random_features import elimination, ladder, scalar_reduction
from derivations.random_features.elimination import N01, N02, T11, T12, T22, energy
from derivations.random_features.phases import (
    collapse_program,
    critical_epsilon,
    critical_radius,
    no_data,
    no_linear_part,
    null_risk,
)
from derivations.random_features.setting import problem
from derivations.random_features.symbols import (
    HASSANI_JAVANMARD,
    A,
    activation,
    derivative_energy,
    epsilon,
    linear_coefficient,
    noise,
    nonlinear_energy,
    p,
    psi1,
    psi2,
    q,
    signal,
)
from derivations.relations import Claim, equal, follows, limit_of, statement
from derivations.symbols import folded_normal_mean

theorem = Derivation(
    __name__,
    title="Collapse of the robust estimator above a critical attack radius",
    source=HASSANI_JAVANMARD,
    simulations={"L3": "random_features:critical_epsilon", "L1": "random_features:critical_epsilon_true_features"},
)

y = Symbol("y", real=True, nonzero=True)
f, norm = symbols("f g_norm", positive=True)


@theorem.solvable
def model() -> Model:
    """critical_epsilon in closed form; no unknown is left."""
    names = ("critical_epsilon",)
    return Model(
        parameters=(psi1, psi2, noise, signal, activation),
        unknowns=(),
        program=collapse_program(),
        equations=(),
        observables={"critical_epsilon": critical_epsilon},
        start={},
        phases=(no_data(names), no_linear_part(names)),
    )


@theorem.step(Symbolic(), uses=[ladder.data_model])
def directional_slope() -> Claim:
    """Along theta the loss (|y - t f| + eps t ||J theta||)^2/2 starts with slope -y f + eps |y| ||J theta||, y not 0.

    Summed over the samples and divided by ||L'theta||, it is nonnegative in every direction iff ||V'y|| <= eps ||y||_1.
    """
    t = Symbol("t", real=True)
    slope = diff((Abs(y - t * f) + epsilon * t * norm) ** 2 / 2, t).subs(t, 0)
    return equal(slope, -y * f + epsilon * Abs(y) * norm)


@theorem.step(Cited("Rockafellar (1970), Convex Analysis, Theorem 27.4"), uses=[directional_slope])
def optimality() -> Claim:
    """A convex function is least at 0 exactly if no direction decreases it; the ridge has no slope there."""
    return statement("theta = 0 is optimal iff ||V'y|| <= eps ||y||_1, V = features L^(-T), LL' = mu_1^2 W W' + nu^2 I")


def _limit_of_the_square() -> Expr:
    """E v^2 of the reduction at p = 1, beta_s^2 = v, with the traces at kappa = mu_1^2, lam = nu^2."""
    spread = null_risk * (linear_coefficient**2 * T11 + nonlinear_energy * N01) / psi2
    return linear_coefficient**2 * signal**2 * T11 + spread


@theorem.step(Symbolic(), uses=[optimality, elimination.mean_of_the_square, marchenko_pastur.law])
def threshold() -> Claim:
    """F'y/n is mu_1 W beta plus noise of covariance (mu_1^2 W W' + mu_2^2) v/n, and ||y||_1/n -> sqrt(2 v/pi).

    So ||V'y||^2/n^2 converges to the mean of the square of the reduction, and its ratio to 2 v/pi is eps_c^2.
    """
    shrinkage = linear_coefficient**2 * T11
    radius = critical_radius(shrinkage, shrinkage + nonlinear_energy * N01)
    noise_part = null_risk * elimination.named(problem.step_size)
    return equal(radius**2 * folded_normal_mean**2 * null_risk, expand(shrinkage * signal**2 + noise_part))


@theorem.step(Symbolic(), uses=[proximal.slope_in_strength])
def slope_at_no_attack() -> Claim:
    """As A -> 0 the step tends to 0 too, and the slope of M in the attack strength tends to s E|G|: q A -> eps s
    E|G|.
    """
    return limit_of(mean_envelope_dc(proximal.s, 0, proximal.step), proximal.step, 0, folded_normal_mean * proximal.s)


@theorem.step(Symbolic(), uses=[slope_at_no_attack, scalar_reduction.gradient_equation])
def edge_of_the_fixed_point() -> Claim:
    """Seen from below: as A -> 0, p -> 1, s^2 -> v, beta_s^2 -> v and q -> infinity, so traces with b resolvents
    shrink as
    q^-b. (q A)^2 tends to the same mean of the square, by the resolvent identities T11 = mu_1^2 T22 + nu^2 T12 and
    T~01 = mu_1^2 T12 + nu^2 T~02; with q A = eps s E|G| this is eps = eps_c.
    """
    right = elimination.named(2 * diff(problem.potential, q)) + A**2
    scaled = right.subs({T12: T12 / q**2, T22: T22 / q**2, N02: N02 / q**2, energy: null_risk, p: 1}) * q**2
    identities = {
        T22: (T11 - derivative_energy * T12) / linear_coefficient**2,
        N02: (N01 - linear_coefficient**2 * T12) / derivative_energy,
    }
    return equal(scaled.subs(identities), _limit_of_the_square())


@theorem.step(
    Simulation(
        "random_features:critical_epsilon",
        at={psi1: 2, psi2: 2},
        bias="1/d",
        tolerance=0.02,
        sizes=(50, 100, 200),
    ),
    uses=[threshold],
)
def finite_size_twin() -> Claim:
    """The exact finite-size threshold ||V'y||/||y||_1 on Gaussian-equivalent features."""
    return follows(theorem.model, "critical_epsilon")
