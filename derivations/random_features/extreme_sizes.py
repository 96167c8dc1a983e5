r"""Many features, few features, much data: the ends of the robust risk's parameter range.

At fixed epsilon > 0, v = b^2 + tau^2:
psi1 -> infinity   the estimator interpolates with a vanishing gradient: SR, AR -> v and psi1 A^2 -> v psi2 nu^2/mu_2^2; the
                   robust risk approaches v from above, like psi1^(-1/2), and no radius collapses it, as
                   critical_epsilon^2/psi1 -> (pi/2) mu_2^2/(nu^2 psi2);
psi1 -> 0          critical_epsilon -> 0 like psi1^(1/2): few features are always collapsed; at epsilon = 0 SR -> v;
psi2 -> infinity   the multipliers become the slopes of the population robust risk.
Derived here.
"""

from __future__ import annotations

from sympy import Expr, Rational, Symbol, diff, exp, oo, sqrt

from derivations.core import Derivation, Sampled, Symbolic
from derivations.ingredients import attacked_square
from derivations.random_features import collapse, limits, ridge_regression, scalar_reduction
from derivations.random_features.phases import collapse_program, critical_epsilon, null_risk
from derivations.random_features.ridge_regression import GAIN, REMAINDER, TRACES, H, h, mu, omega
from derivations.random_features.setting import problem
from derivations.random_features.symbols import (
    HASSANI_JAVANMARD,
    derivative_energy,
    epsilon,
    noise,
    nonlinear_energy,
    psi1,
    psi2,
    signal,
)
from derivations.reduction import C_A, C_S, ENERGY, K_A, K_S, S2, two_unknown_program
from derivations.relations import Claim, at_most, equal, limit_of
from derivations.scalar_problem import KAPPA, LAM, RATIO, STEP, A, P, Q, S
from derivations.symbols import folded_normal_mean

theorem = Derivation(__name__, title="Many features, few features, much data", source=HASSANI_JAVANMARD)

t, r, g = (Symbol(name, positive=True) for name in ("t", "r", "g"))
"""mu_2^2/mu_1^2, (nu^2 + k)/mu_1^2 with k = ridge/epsilon^2, and nu^2/mu_1^2."""
share, spread = h / H, 1 + omega * H**2
SECOND = {"m": share, "m12": h / spread, "m22": h * (1 + omega * h * H) / (H * spread), "h2": h * H**2 / spread}
"""The traces in the coordinates h and omega."""
rho = (share + t * h) / psi2 - 1
"""The corner's equation, solved for q/p: at fixed psi2 every psi1 > psi2 is a value of h, psi1 = omega h + h/(1 + h)."""
CURVE = {omega: (t + rho * r) / (1 + rho), STEP: rho}
features = (omega * h + share).xreplace(CURVE)
"""psi1 along the curve."""


def along_the_corner(name: Symbol, /) -> Expr:
    """A name of the corner's program along the curve of psi1 at fixed psi2, a rational function of h."""
    expression: Expr = name
    for symbol, definition in reversed(two_unknown_program(limits.problem)):
        expression = expression.xreplace({symbol: {**TRACES, **SECOND}.get(symbol.name, definition)})
    constants = {nonlinear_energy: t * mu**2, derivative_energy: g * mu**2, limits.share: (r - g) * mu**2}
    return expression.xreplace(constants).xreplace(CURVE)
