"""One function assembles the scalar problem from its ingredients; SymPy differentiates it.

Everything comes from one potential

    Phi(s, A, p, q) = M(s, eps A; a) - p (s^2 - b^2 - tau^2)/2 - q A^2/2 - p^2 mu_1^2 b^2 T11/2,

a = (mu_1^2 T11 + mu_2^2 T~01)/psi2, traces at kappa = (p + q) mu_1^2 and lam = p mu_2^2 + q nu^2 + ridge, whose
stationary points are the fixed points of the theorem (random_features.elimination derives it).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

from sympy import Expr, Symbol, diff, expand, sqrt

from derivations.ingredients import Activation, Attack, FirstLayer, Loss, MeanEnvelope, MeanEnvelopeSlope, Target
from derivations.lemmas.trace_functionals import FeatureTrace, InputTrace
from derivations.model import unknown
from derivations.relations import Relation, equal
from derivations.symbols import folded_normal_mean

S = unknown("s", "residual scale: s^2 is the standard risk", positive=True)
A = unknown("A", "limit of the gradient norm ||grad_x f||", positive=True)
P = unknown("p", "multiplier of s^2/2", positive=True)
Q = unknown("q", "multiplier of A^2/2", positive=True)
STEP = unknown("step", "Moreau step alpha = t/beta_s", positive=True)
RATIO = unknown("ratio", "x = A/s", positive=True)
KAPPA, LAM = (Symbol(name, positive=True) for name in ("kappa", "lam"))


def robust_risk(risk: Expr, gradient_norm: Expr, radius: Expr, /) -> Expr:
    """E(|r| + radius A)^2 for r ~ N(0, risk) and a gradient norm A (lemmas.gaussian:risk_identity)."""
    return risk + 2 * folded_normal_mean * radius * sqrt(risk) * gradient_norm + radius**2 * gradient_norm**2


@dataclass(frozen=True)
class ScalarProblem:
    """A loss, an activation, a first layer, an attack and a target, with samples per input n/d and a ridge."""

    loss: Loss
    activation: Activation
    first_layer: FirstLayer
    attack: Attack
    target: Target
    samples: Expr
    ridge: Expr

    @property
    def kappa(self) -> Expr:
        """The weight of W W' in the quadratic form of theta."""
        return (P + Q) * self.activation.linear**2

    @property
    def lam(self) -> Expr:
        """The weight of the identity in the quadratic form of theta."""
        return P * self.activation.nonlinear + Q * self.activation.derivative + self.ridge

    @cached_property
    def step_size(self) -> Expr:
        """a(p, q): the Moreau step that remains when theta, t and beta_s are eliminated."""
        mu = self.activation
        trace = InputTrace(1, 1, self.kappa, self.lam)
        return (mu.linear**2 * trace + mu.nonlinear * FeatureTrace(1, self.kappa, self.lam)) / self.samples

    @cached_property
    def potential(self) -> Expr:
        """Phi(s, A, p, q), for any loss and any first layer."""
        b, tau = self.target.signal, self.target.noise
        shrinkage = P**2 * self.activation.linear**2 * b**2 * InputTrace(1, 1, self.kappa, self.lam)
        envelope = MeanEnvelope(S, self.attack.radius * A, self.step_size)
        return envelope - P * (S**2 - b**2 - tau**2) / 2 - Q * A**2 / 2 - shrinkage / 2

    @cached_property
    def stationarity(self) -> Mapping[str, Relation]:
        """The fixed-point system, keyed "p", "q", "s", "A": each is a derivative of Phi, solved for its own square."""
        phi = self.potential
        return {
            "p": equal(P, expand(P + diff(phi, S) / S)),
            "q": equal(Q, expand(Q + diff(phi, A) / A)),
            "s": equal(S**2, expand(S**2 + 2 * diff(phi, P))),
            "A": equal(A**2, expand(A**2 + 2 * diff(phi, Q))),
        }

    def risks(self, radius: Expr, /) -> Mapping[str, Expr]:
        """Standard and robust risk at a test radius: E(|r| + radius A)^2 for r ~ N(0, s^2)."""
        return {
            "standard_risk": S**2,
            "robust_risk": robust_risk(S**2, A, radius),
        }

    def weight_norm(self) -> Expr:
        """||theta||^2 = 2 dPhi/d ridge, by the envelope theorem: Phi is the value of the regularised objective."""
        slot = Symbol("_ridge", positive=True)
        return expand(2 * diff(replace(self, ridge=slot).potential, slot).xreplace({slot: self.ridge}))

    def split(self, expression: Expr, energy: Symbol, /) -> tuple[Expr, Expr]:
        """(constant, coefficient) with `expression` = constant + coefficient * s^2, for a loss homogeneous of degree 2.

        Its slope in the step is -energy s^2/2; the traces are named as in the first layer's stable program.
        """
        named = self.name_traces(expression.replace(MeanEnvelopeSlope, lambda *_: -energy * S**2 / 2))
        expanded = expand(named)
        constant = expanded.subs(S, 0)
        return constant, expand((expanded - constant) / S**2)

    def name_traces(self, expression: Expr, /) -> Expr:
        """The expression with every trace (all are taken at kappa and lam) in the stable names of the first layer."""
        known = self.first_layer.traces(KAPPA, LAM)
        return expression.replace(InputTrace, lambda a, b, *_: known[InputTrace(a, b, KAPPA, LAM)]).replace(
            FeatureTrace, lambda b, *_: known[FeatureTrace(b, KAPPA, LAM)]
        )
