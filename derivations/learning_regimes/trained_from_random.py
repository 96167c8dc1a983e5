r"""The flow from independent Gaussian rows in the limit: a deterministic equivalent with one unknown.

M(t) = e^{Bt} W_0' (1 + W_0 Q_t W_0')^(-1) W_0 e^{Bt} is a resolvent of W_0'W_0. With r = 1/Q_t = b/(e^{2bt} - 1), which
is positive and bounded for every b, e^{2bt}/Q_t = b + r, and k = vartheta/(r + vartheta) the part kept of a direction:

    vartheta/omega + E k = rho,      tr M/d -> E (b + r) k,      <B, M>/d -> E b (b + r) k,
    ||M||_F^2/d -> E ((b + r) k)^2 + (E (b + r) k (1 - k))^2/(vartheta/omega + E k (1 - k)),

averages over the eigenvalues b of B, ||B||_F^2 = d. The unknown is c with vartheta = rho omega e^{-2ct}: it tends to
omega as t -> 0, and to the smallest eigenvalue kept as t -> oo. Nothing below overflows or cancels at any t.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from sympy import Abs, Eq, Expr, Integer, Max, Min, Piecewise, Rational, Symbol, exp, log, tanh

from derivations.averages import LawMean, semicircle_mean
from derivations.core import Branch, Model, unknown
from derivations.learning_regimes.lower_mean import LowerMean
from derivations.learning_regimes.symbols import rho
from derivations.learning_regimes.trained_setting import (
    PARAMETERS,
    PROGRAM,
    flow_eigenvalue,
    flow_scale,
    flow_time,
    is_semicircle,
    scale,
    spectrum,
    time,
    x,
)
from derivations.relations import Relation, below, equal

Mean: TypeAlias = Callable[[Callable[[Expr], Expr]], Expr]
"""E f(b) from f."""

cut = unknown("cut", "c in vartheta = rho omega e^{-2ct}: in the end the smallest eigenvalue kept", positive=True)

_NEGLIGIBLE = Rational(1, 10**300)


def lost_share(z: Expr, /) -> Expr:
    """1 - e^{-2z} for z > 0, without subtraction."""
    return tanh(z) * (1 + exp(-2 * z))


def rate(b: Expr, t: Expr, /) -> Expr:
    """|b|/(1 - e^{-2|b|t}), which is r for b < 0 and b + r for b > 0; 1/(2t) at b = 0.

    Exact, as a certificate of many digits needs it, for b = 0 and down to 1e-300; arrays compute both branches.
    """
    size = Max(Abs(b), _NEGLIGIBLE)
    return Piecewise((1 / (2 * t), Eq(b, 0)), (size / lost_share(size * t), True))


def inverse_gain(b: Expr, t: Expr, /) -> Expr:
    """r = b/(e^{2bt} - 1)."""
    return rate(b, t) * exp(-2 * t * Max(b, 0))


def fitted(b: Expr, t: Expr, /) -> Expr:
    """b + r = b/(1 - e^{-2bt}), to which M tends in a direction that is kept."""
    return rate(b, t) * exp(2 * t * Min(b, 0))


def logarithm(b: Expr, t: Expr, omega: Expr, /) -> Expr:
    """y = log(r/vartheta), so that k = 1/(1 + e^y)."""
    return log(rate(b, t) / (rho * omega)) + 2 * t * (cut - Max(b, 0))


def kept(y: Expr, /) -> Expr:
    """k = 1/(1 + e^y)."""
    return 1 / (1 + exp(y))


def kept_at_any_time(y: Expr, /) -> Expr:
    """k as a tanh, which cancels where k is tiny, but whose derivative overflows nowhere."""
    return (1 - tanh(y / 2)) / 2


def wavering(y: Expr, /) -> Expr:
    """k (1 - k)."""
    return exp(-Abs(y)) / (1 + exp(-Abs(y))) ** 2


def energy(kept_square: Expr, crossed: Expr, variance: Expr, start: Expr, /) -> Expr:
    """lim ||M||_F^2/d from E ((b + r) k)^2, E (b + r) k (1 - k), E k (1 - k) and vartheta/omega."""
    return kept_square + crossed**2 / (start + variance)


def _flow_model(mean: Mean, equation: Callable[[Mean, Callable[[Expr], Expr]], Relation], /) -> Model:
    """The model on the averages `mean`; `equation` is for the cut, from the averages and y."""
    t, omega = flow_time, flow_scale

    def fit(b: Expr) -> Expr:
        return fitted(b, t)

    def y(b: Expr) -> Expr:
        return logarithm(b, t, omega)

    overlap, square = Symbol("overlap", real=True), Symbol("square", positive=True)
    kept_square, crossed, waver = (Symbol(name, nonnegative=True) for name in ("kept_square", "crossed", "waver"))
    start = rho * exp(-2 * cut * t)
    return Model(
        parameters=PARAMETERS,
        unknowns=(cut,),
        program=(
            *PROGRAM,
            (quantile, (_lower(1 - rho + WIDTH) - _lower(1 - rho)) / WIDTH),
            (overlap, mean(lambda b: b * fit(b) * kept(y(b)))),
            (kept_square, mean(lambda b: (fit(b) * kept(y(b))) ** 2)),
            (crossed, mean(lambda b: fit(b) * wavering(y(b)))),
            (waver, mean(lambda b: wavering(y(b)))),
            (square, energy(kept_square, crossed, waver, start)),
        ),
        equations=(equation(mean, y),),
        observables={"test_error": 1 - 2 * overlap + square, "dirichlet_energy": square},
        start={cut: _guess()},
        reported={"vartheta": omega * start},
    )


quantile = Symbol("quantile", real=True)
"""The eigenvalue above which there is the share rho of them."""
WIDTH = Rational(1, 10**7)


def _lower(share: Expr) -> Expr:
    return LowerMean(flow_eigenvalue, x, spectrum.symbol, share)


def _guess() -> Expr:
    """The cut at t -> 0, or the step of E k at which it reaches the share rho: late, k is 0 or 1 elsewhere."""
    early = flow_scale / (1 + flow_time * flow_scale)
    step = quantile + log(rho * flow_scale / rate(quantile, flow_time)) / (2 * flow_time)
    return Piecewise((Max(early, step), (quantile > 0) & (rho < 1)), (early, True))


def _over_semicircle() -> Model:
    def mean(function: Callable[[Expr], Expr]) -> Expr:
        return semicircle_mean(lambda xi: function(flow_eigenvalue.xreplace({x: xi})), Integer(0), Integer(2))

    def equation(mean: Mean, y: Callable[[Expr], Expr]) -> Relation:
        return equal(mean(lambda b: kept(y(b))) / rho, lost_share(cut * flow_time))

    return _flow_model(mean, equation)


def _over_values() -> Model:
    def mean(function: Callable[[Expr], Expr]) -> Expr:
        return LawMean(function(flow_eigenvalue), x, spectrum.symbol)

    def equation(mean: Mean, y: Callable[[Expr], Expr]) -> Relation:
        # 1 + ... is of order one where both sides are tiny: their relative precision is lost there, not the root's
        return equal(1 + mean(lambda b: kept_at_any_time(y(b))) / rho, 1 + lost_share(cut * flow_time))

    return _flow_model(mean, equation)


def flow_branches() -> tuple[Branch, ...]:
    """A flow of finite time: for a semicircle of positive width integrals over an angle, else sums over the values."""
    running = below(time, time.default)
    return (
        Branch("semicircle_flow", (running, equal(is_semicircle, 1), below(0, scale)), _over_semicircle()),
        Branch("flow", (running,), _over_values()),
    )
