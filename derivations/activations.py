"""The constants through which an activation enters: Gaussian means of it and of its slope, exact where a rule is known.

Polynomials times exponentials (sines included) between kinks at exact places are integrated exactly, erf(b t) has
closed forms by Price's theorem, all else is quadrature between the kinks. The exact rules and the closed forms are
steps of `derivations.lemmas.gaussian`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from itertools import pairwise
from typing import Any, TypeAlias

import mpmath
from sympy import Expr, N, S, Symbol, asin, erf, oo, pi, sqrt

from derivations.gaussian_integrals import NoClosedForm
from derivations.gaussian_moments import (
    ENERGY,
    GUARD_DIGITS,
    LINEAR,
    MEAN,
    SLOPE,
    SLOPE_ENERGY,
    Key,
    Pieces,
    exact_moments,
    leading_zeros,
    numeric_moments,
    rescale,
    to_mpf,
)
from derivations.smooth_pieces import numeric, smooth_pieces
from derivations.tangent_constants import CURVED, TANGENT_CONSTANTS, TANGENT_MOMENTS, slope_jumps, tangent_constants

ACTIVATION_CONSTANTS = ("mean", "linear_coefficient", "nonlinear_energy", "derivative_energy")
HIGHEST_HERMITE = 20
COMMON: tuple[Key, ...] = (MEAN, LINEAR, SLOPE, ENERGY, SLOPE_ENERGY)


class UnusableActivation(ValueError):
    """An activation to which no limit of this suite applies; `reason` says why, without the activation itself."""

    def __init__(self, expression: Expr, reason: str) -> None:
        super().__init__(f"activation {expression} cannot be used: {reason}")
        self.reason = reason


Constant: TypeAlias = Any
"""An exact SymPy number, or an mpmath number whose error is below 10^-digits times the largest of 1 and the moments
E f^2, E f'^2 (for tangent constants also those of G f' and f'') that it is made of."""


def activation_constants(
    expression: Expr, variable: Symbol, /, names: Iterable[str] = ACTIVATION_CONSTANTS, *, digits: int = 30
) -> dict[str, Constant]:
    """The named constants of f, with G ~ N(0, 1): exact SymPy numbers where a rule is known, else mpmath numbers.

    "mean" is mu_0 = E f(G), "linear_coefficient" mu_1 = E[G f(G)], "nonlinear_energy" E f(G)^2 - mu_0^2 - mu_1^2,
    "derivative_energy" E f'(G)^2 - mu_1^2, and "hermite(k)" E[f(G) He_k(G)]/sqrt(k!), k at most 20. They do not change
    when a constant is added to f, but for the mean. With mu_k = hermite(k), beta_k and eta_k the same of f'(t) and of
    t f'(t): "tangent_energy" is the sum of beta_k^2 over k >= 2, "tangent_derivative_energy" of (k + 1) beta_k^2; over
    k >= 3, "radial_tangent_energy" is the sum of eta_k^2, "radial_tangent_derivative_energy" of k eta_k^2,
    "radial_overlap" of mu_k eta_k, "radial_derivative_overlap" of k mu_k eta_k. Where f' jumps the features that
    tangent_derivative_energy measures have no finite Dirichlet energy, and it and the other two constants that need f''
    are given as oo. Raises ValueError as `check_activation` does.
    """
    wanted = tuple(names)
    for name in wanted:
        if name not in (*ACTIVATION_CONSTANTS, *TANGENT_CONSTANTS) and _hermite_degree(name) is None:
            known = ", ".join([*ACTIVATION_CONSTANTS, *TANGENT_CONSTANTS, f"hermite(0) to hermite({HIGHEST_HERMITE})"])
            raise ValueError(f"no activation constant is called '{name}'; known: {known}")
    return dict(zip(wanted, _constants(expression, variable, wanted, digits), strict=True))


def check_activation(expression: Expr, variable: Symbol, /) -> None:
    """Raise ValueError, in one line, unless the limits of this suite are known to apply to the activation.

    It must be real and finite, square integrable under N(0, 1) with a square integrable slope, and absolutely
    continuous: no jumps, so that E[G f(G)] = E f'(G) (Stein's identity, which sign and Heaviside do not satisfy).
    """
    _constants(expression, variable, ACTIVATION_CONSTANTS, 20)


@lru_cache(maxsize=256)
def _constants(expression: Expr, variable: Symbol, names: tuple[str, ...], digits: int) -> tuple[Constant, ...]:
    if not expression.free_symbols <= {variable}:
        extra = ", ".join(sorted(map(str, expression.free_symbols - {variable})))
        raise ValueError(f"activation {expression} may use {variable} only, not {extra}")
    known = _closed_forms(expression, variable)
    if all(name in known for name in names):
        return tuple(known[name] for name in names)
    try:
        pieces = tuple(smooth_pieces(expression, variable, digits=digits))
        _refuse_jumps(pieces, variable)
        means = _means(pieces, variable, names, digits)
    except ValueError as problem:
        raise UnusableActivation(expression, str(problem)) from None
    return tuple(means[name] for name in names)


def _means(pieces: Pieces, variable: Symbol, names: tuple[str, ...], digits: int) -> dict[str, Constant]:
    infinite = {name: oo for name in CURVED if name in names}
    if not (infinite and slope_jumps(pieces, variable)):
        infinite = {}
    words = tuple(name for name in names if name not in infinite)
    keys = moments_of(words)
    try:
        exact = assemble(exact_moments(pieces, variable, keys), words)
        return {name: value.expand() for name, value in exact.items()} | infinite
    except NoClosedForm:
        return _numeric_means(pieces, variable, keys, words, digits) | infinite


def moments_of(words: Iterable[str], /) -> tuple[Key, ...]:
    """The moments that the worded constants are made of."""
    words = tuple(words)
    degrees = [degree for name in words if (degree := _hermite_degree(name)) is not None]
    return tuple(dict.fromkeys([*COMMON, *(key for name in words for key in TANGENT_MOMENTS.get(name, ())), *degrees]))


def _hermite_degree(name: str) -> int | None:
    match = re.fullmatch(r"hermite\((\d{1,2})\)", name)
    return int(match[1]) if match and int(match[1]) <= HIGHEST_HERMITE else None


def _closed_forms(expression: Expr, variable: Symbol) -> dict[str, Expr]:
    """Those of erf(b t): the arcsine law; derived in `derivations.lemmas.gaussian`."""
    if not isinstance(expression, erf) or not (expression.args[0] / variable).is_number:
        return {}
    return erf_constants(expression.args[0] / variable)


def erf_constants(b: Expr, /) -> dict[str, Expr]:
    """The constants of erf(b t) in closed form; derived in `derivations.lemmas.gaussian`."""
    linear = 2 * b / sqrt(pi * (1 + 2 * b**2))
    return {
        "mean": S.Zero,
        "linear_coefficient": linear,
        "nonlinear_energy": 2 * asin(2 * b**2 / (1 + 2 * b**2)) / pi - linear**2,
        "derivative_energy": 4 * b**2 / (pi * sqrt(1 + 4 * b**2)) - linear**2,
    }


def _refuse_jumps(pieces: Pieces, variable: Symbol) -> None:
    with mpmath.workdps(60):
        for (_, kink, left), (_, _, right) in pairwise(pieces):
            place, beside = to_mpf(kink), mpmath.mpf(10) ** -25
            try:
                before, after = numeric(left, variable)(place - beside), numeric(right, variable)(place + beside)
                continuous = abs(before - after) <= 1e-6 * (1 + abs(before))
            except (ZeroDivisionError, ValueError, OverflowError):
                raise ValueError(f"it is not finite at {variable} = {N(kink, 6)}") from None
            if not continuous:
                raise ValueError(f"it jumps at {variable} = {N(kink, 6)}, so its slope is not square integrable")


def assemble(moments: dict[Key, Any], words: tuple[str, ...], /) -> dict[str, Any]:
    """The constants from moments: exact, multiprecision, or balls."""
    mean, linear = moments[MEAN], moments[LINEAR]
    return {
        "mean": mean,
        "linear_coefficient": linear,
        "nonlinear_energy": moments[ENERGY] - mean**2 - linear**2,
        "derivative_energy": moments[SLOPE_ENERGY] - moments[SLOPE] ** 2,
        **{f"hermite({key})": value for key, value in moments.items() if isinstance(key, int)},
        **tangent_constants(moments, words),
    }


def _numeric_means(
    pieces: Pieces, variable: Symbol, keys: tuple[Key, ...], words: tuple[str, ...], digits: int
) -> dict[str, Constant]:
    """Means by quadrature, whose error is absolute for a small f: so f is first brought to the order of one."""
    decimals = leading_zeros(pieces, variable)
    with mpmath.workdps(digits + GUARD_DIGITS):
        moments = numeric_moments(rescale(pieces, decimals), variable, keys, digits=digits)
        linear, slope = moments[LINEAR], moments[SLOPE]
        if abs(linear - slope) > mpmath.mpf(10) ** -digits * (1 + abs(linear)):
            left, right = (mpmath.nstr(value, 8) for value in (linear, slope))
            raise ValueError(f"E[G f(G)] = {left} differs from E f'(G) = {right}")
        means = assemble(moments, words)
        largest = max(1, moments[ENERGY], moments[SLOPE_ENERGY])
        size = max(largest, *(abs(value) for key, value in moments.items() if not isinstance(key, int)))
    with mpmath.workdps(digits):
        unit, found = mpmath.mpf(10) ** -decimals, {}
        for name, value in means.items():
            noise = mpmath.mpf(10) ** -digits * (size if name in TANGENT_CONSTANTS else largest)
            is_quadratic = name in TANGENT_CONSTANTS or name.endswith("energy")
            found[name] = mpmath.mpf(0) if abs(value) < noise else value * (unit**2 if is_quadratic else unit)
        return found
