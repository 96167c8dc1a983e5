"""Names for the resolvent traces of a first layer W (N x d), with their derivative rules, and their general closed
forms.

With S = W'W,  InputTrace(a, b, kappa, lam) = lim (1/d) tr [S^a (kappa S + lam)^(-b)], and FeatureTrace(b, kappa, lam) =
lim (1/d) tr (kappa W W' + lam)^(-b) on the N-dimensional side. They know how to differentiate, so that a potential can
be differentiated before a spectrum is chosen.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from sympy import Expr, Function, Symbol, diff


class InputTrace(Function):
    """lim (1/d) tr [S^a (kappa S + lam)^(-b)]."""

    nargs = (4,)

    def fdiff(self, argindex: int = 1) -> Any:
        """Derivatives in kappa and lam: one more power of the resolvent."""
        a, b, kappa, lam = self.args
        return -b * InputTrace(a + 1 if argindex == 3 else a, b + 1, kappa, lam)

    def _eval_is_positive(self) -> bool:
        return True


class FeatureTrace(Function):
    """lim (1/d) tr (kappa W W' + lam)^(-b), on the N-dimensional side."""

    nargs = (3,)

    def fdiff(self, argindex: int = 1) -> Any:
        """Derivatives in kappa and lam; W W' and W'W share their nonzero spectrum."""
        b, kappa, lam = self.args
        return -b * (InputTrace(1, b + 1, kappa, lam) if argindex == 2 else FeatureTrace(b + 1, kappa, lam))

    def _eval_is_positive(self) -> bool:
        return True


def traces_from_resolvent(
    resolvent: Callable[[Expr], Expr], features: Expr, kappa: Expr, lam: Expr, /
) -> Mapping[Expr, Expr]:
    """Every trace that a scalar problem needs, from g(omega) = lim (1/d) tr (S + omega)^(-1) and N/d -> features.

    T01 = g/kappa, T02 = -g'/kappa^2, and the rest from S = (kappa S + lam - lam)/kappa; the N-dimensional side has
    features - 1 further zero eigenvalues (fewer, if negative). Derived here.
    """
    omega = Symbol("omega", positive=True)
    g = resolvent(omega)
    at = {omega: lam / kappa}
    t01, t02 = (g / kappa).subs(at), (-diff(g, omega) / kappa**2).subs(at)
    t11, t12 = (1 - lam * t01) / kappa, (t01 - lam * t02) / kappa
    return {
        InputTrace(1, 1, kappa, lam): t11,
        InputTrace(1, 2, kappa, lam): t12,
        InputTrace(2, 2, kappa, lam): (t11 - lam * t12) / kappa,
        FeatureTrace(1, kappa, lam): t01 + (features - 1) / lam,
        FeatureTrace(2, kappa, lam): t02 + (features - 1) / lam**2,
    }
