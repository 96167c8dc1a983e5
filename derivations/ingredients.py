"""What a scalar theorem is made of: loss, activation, first layer, attack, target. Each is data with its own checks.

A changed ingredient re-derives the fixed-point system (see derivations.scalar_problem); nothing is typed in twice.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sympy import Expr, Function, Integer, Symbol, diff, erf, erfc, exp, sqrt

from derivations.lemmas import marchenko_pastur, proximal
from derivations.lemmas.trace_functionals import FeatureTrace, InputTrace
from derivations.symbols import ChiSquareCdf, folded_normal_mean

Program = tuple[tuple[Symbol, Expr], ...]


class MeanEnvelope(Function):
    """M(s, c, step): the mean Moreau envelope E e_c(s G; step) of a loss that is not chosen yet."""

    nargs = (3,)

    def fdiff(self, argindex: int = 1) -> Any:
        """Its partial derivatives, as names."""
        return MeanEnvelopeSlope(Integer(argindex), *self.args)


class MeanEnvelopeSlope(Function):
    """The partial derivative of M in its first, second or third argument."""

    nargs = (4,)


@dataclass(frozen=True)
class Loss:
    """A convex loss of (residual, attack strength c), through its mean envelope M(s, c, step), homogeneous of degree 2.

    `program(rho, step)` gives named definitions; the other fields name, at s = 1 and c = rho, in forms without
    cancellation: residual_slope = M_s, attack_slope = M_c, energy = -2 M_step (beta_s^2), training = E 2 loss(prox).
    """

    name: str
    mean_envelope: Callable[[Expr, Expr, Expr], Expr]
    program: Callable[[Expr, Expr], Program]
    residual_slope: Callable[[Expr, Expr], Expr]
    attack_slope: Callable[[Expr, Expr], Expr]
    energy: Callable[[Expr, Expr], Expr]
    training: Callable[[Expr, Expr], Expr]

    def slopes(self, s: Expr, c: Expr, step: Expr, /) -> Mapping[int, Expr]:
        """The three partial derivatives of M by argument number, from M itself."""
        a, b, t = (Symbol(name, positive=True) for name in ("_s", "_c", "_t"))
        envelope = self.mean_envelope(a, b, t)
        at = {a: s, b: c, t: step}
        return {i: diff(envelope, v).xreplace(at) for i, v in ((1, a), (2, b), (3, t))}


@dataclass(frozen=True)
class FirstLayer:
    """The limiting spectrum of W'W: its resolvent, features per input N/d, and stable forms of the traces."""

    name: str
    features: Expr
    resolvent: Callable[[Expr], Expr]
    program: Callable[[Symbol, Symbol], Program]
    traces: Callable[[Expr, Expr], Mapping[Expr, Expr]]


@dataclass(frozen=True)
class Activation:
    """The constants of the centred activation: mu_1, mu_2^2 and nu^2."""

    linear: Expr
    nonlinear: Expr
    derivative: Expr


@dataclass(frozen=True)
class Target:
    """y = <beta, x> + noise: signal = ||beta||, noise its standard deviation (a nonlinear part acts as more noise)."""

    signal: Expr
    noise: Expr


@dataclass(frozen=True)
class Attack:
    """An l2 ball of the given radius: the strength is c = radius * A, A the limit of the gradient norm."""

    radius: Expr


def attacked_square() -> Loss:
    """(|r| + c)^2 / 2: the square loss under an attack that moves every residual by c. Derived in lemmas.proximal."""
    z, e, tail, bump = (Symbol(name, nonnegative=True) for name in ("z", "erf_z", "tail", "bump"))
    upper = Symbol("upper", positive=True)

    def program(rho: Expr, step: Expr) -> Program:
        return (
            (z, step * rho),
            (e, erf(z / sqrt(2))),
            (tail, erfc(z / sqrt(2))),
            (bump, folded_normal_mean * exp(-(z**2) / 2)),
            (upper, (1 + rho**2) * tail + (z + 2 * rho) * bump),
        )

    return Loss(
        name="(|r| + c)^2 / 2",
        mean_envelope=proximal.mean_envelope,
        program=program,
        residual_slope=lambda rho, step: (step + e) / (step * (1 + step)),
        attack_slope=lambda rho, step: (rho * (1 + step * e) + bump) / (1 + step),
        energy=lambda rho, step: ChiSquareCdf(z) / step**2 + upper / (1 + step) ** 2,
        training=lambda rho, step: rho**2 * e + upper / (1 + step) ** 2,
    )


def plain_square() -> Loss:
    """r^2 / 2: no attack."""
    return Loss(
        name="r^2 / 2",
        mean_envelope=lambda s, c, step: proximal.square_mean_envelope(s, step),
        program=lambda rho, step: (),
        residual_slope=lambda rho, step: 1 / (1 + step),
        attack_slope=lambda rho, step: Integer(0),
        energy=lambda rho, step: 1 / (1 + step) ** 2,
        training=lambda rho, step: 1 / (1 + step) ** 2,
    )


def white_layer(psi1: Expr, /) -> FirstLayer:
    """N rows uniform on the sphere of R^d, N/d -> psi1: the Marchenko-Pastur law (lemmas.marchenko_pastur)."""
    return FirstLayer(
        name="rows uniform on the sphere",
        features=psi1,
        resolvent=lambda omega: marchenko_pastur.resolvent(omega).subs(marchenko_pastur.psi1, psi1),
        program=lambda kappa, lam: marchenko_pastur.stable_program(psi1, kappa, lam),
        traces=marchenko_pastur.stable_traces,
    )


def identity_layer() -> FirstLayer:
    """W = I, N = d: a linear model. Every trace is a power of kappa + lam."""

    def traces(kappa: Expr, lam: Expr) -> Mapping[Expr, Expr]:
        return {
            InputTrace(1, 1, kappa, lam): 1 / (kappa + lam),
            InputTrace(1, 2, kappa, lam): 1 / (kappa + lam) ** 2,
            InputTrace(2, 2, kappa, lam): 1 / (kappa + lam) ** 2,
            FeatureTrace(1, kappa, lam): 1 / (kappa + lam),
            FeatureTrace(2, kappa, lam): 1 / (kappa + lam) ** 2,
        }

    return FirstLayer("the identity", Integer(1), lambda omega: 1 / (1 + omega), lambda kappa, lam: (), traces)
