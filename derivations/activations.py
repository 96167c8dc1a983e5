"""The constants through which an activation enters: Gaussian means of it and of its slope, exact where a rule is known.

Polynomials times exponentials (sines included) between kinks at exact places are integrated exactly, erf(b t) has
closed forms by Price's theorem, all else is quadrature between the kinks. The exact rules and the closed forms are
steps of `derivations.lemmas.gaussian`.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterable
from functools import lru_cache
from itertools import pairwise
from typing import Any, TypeAlias

import mpmath
from sympy import Expr, Float, Integer, N, S, Symbol, asin, erf, factorial, hermite_prob, oo, pi, sqrt

from derivations.gaussian_integrals import NoClosedForm, gaussian_mean
from derivations.quadrature import NotIntegrable, integrate_between, integrate_smooth
from derivations.smooth_pieces import numeric, smooth_pieces

ACTIVATION_CONSTANTS = ("mean", "linear_coefficient", "nonlinear_energy", "derivative_energy")
HIGHEST_HERMITE, GUARD_DIGITS = 20, 12
LADDER = (8, 10, 12, 14, 16, 20, 24, 32, 40, 48, 56, 64)


class UnusableActivation(ValueError):
    """An activation to which no limit of this suite applies; `reason` says why, without the activation itself."""

    def __init__(self, expression: Expr, reason: str) -> None:
        super().__init__(f"activation {expression} cannot be used: {reason}")
        self.reason = reason


Constant: TypeAlias = Any
"""An exact SymPy number, or an mpmath number whose error is below 10^-digits times max(1, E f^2, E f'^2)."""
Pieces: TypeAlias = "tuple[tuple[Expr, Expr, Expr], ...]"


def activation_constants(
    expression: Expr, variable: Symbol, /, names: Iterable[str] = ACTIVATION_CONSTANTS, *, digits: int = 30
) -> dict[str, Constant]:
    """The named constants of f, with G ~ N(0, 1): exact SymPy numbers where a rule is known, else mpmath numbers.

    "mean" is mu_0 = E f(G), "linear_coefficient" mu_1 = E[G f(G)], "nonlinear_energy" E f(G)^2 - mu_0^2 - mu_1^2,
    "derivative_energy" E f'(G)^2 - mu_1^2, and "hermite(k)" E[f(G) He_k(G)]/sqrt(k!), k at most 20. They do not change
    when a constant is added to f, but for the mean. Raises ValueError as `check_activation` does.
    """
    wanted = tuple(names)
    for name in wanted:
        if name not in ACTIVATION_CONSTANTS and _hermite_degree(name) is None:
            known = ", ".join([*ACTIVATION_CONSTANTS, f"hermite(0) to hermite({HIGHEST_HERMITE})"])
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
        degrees = tuple(degree for name in names if (degree := _hermite_degree(name)) is not None)
        try:
            means = _exact_means(pieces, variable, degrees)
        except NoClosedForm:
            means = _rescaled_means(pieces, variable, degrees, digits)
    except ValueError as problem:
        raise UnusableActivation(expression, str(problem)) from None
    return tuple(means[name] for name in names)


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
            place, beside = _to_mpf(kink), mpmath.mpf(10) ** -25
            try:
                before, after = numeric(left, variable)(place - beside), numeric(right, variable)(place + beside)
                continuous = abs(before - after) <= 1e-6 * (1 + abs(before))
            except (ZeroDivisionError, ValueError, OverflowError):
                raise ValueError(f"it is not finite at {variable} = {N(kink, 6)}") from None
            if not continuous:
                raise ValueError(f"it jumps at {variable} = {N(kink, 6)}, so E[G f(G)] differs from E f'(G)")


def _assemble(mean: Any, linear: Any, slope: Any, energy: Any, slope_energy: Any) -> dict[str, Any]:
    return {
        "mean": mean,
        "linear_coefficient": linear,
        "nonlinear_energy": energy - mean**2 - linear**2,
        "derivative_energy": slope_energy - slope**2,
    }


def _exact_means(pieces: Pieces, variable: Symbol, degrees: tuple[int, ...]) -> dict[str, Constant]:
    if any(bound.has(Float) for lower, upper, _ in pieces for bound in (lower, upper)):
        raise NoClosedForm("a kink has no exact place")

    def mean(weigh: Callable[[Expr], Expr]) -> Expr:
        return sum((gaussian_mean(weigh(f), variable, low, high) for low, high, f in pieces), S.Zero)

    moments = [
        mean(lambda f: f),
        mean(lambda f: variable * f),
        mean(lambda f: f.diff(variable)),
        mean(lambda f: f**2),
        mean(lambda f: f.diff(variable) ** 2),
    ]
    means = {name: value.expand() for name, value in _assemble(*moments).items()}
    for k in degrees:
        means[f"hermite({k})"] = (mean(lambda f, k=k: f * hermite_prob(k, variable)) / sqrt(factorial(k))).expand()  # type: ignore[misc]
    return means


def _rescaled_means(pieces: Pieces, variable: Symbol, degrees: tuple[int, ...], digits: int) -> dict[str, Constant]:
    """Means by quadrature, whose error is absolute for a small f: so f is first brought to the order of one."""
    decimals = _leading_zeros(pieces, variable)
    scaled = tuple((low, high, f * Integer(10) ** decimals) for low, high, f in pieces)
    with mpmath.workdps(digits):
        unit = mpmath.mpf(10) ** -decimals
        return {
            name: value * (unit**2 if name.endswith("energy") else unit)
            for name, value in _numeric_means(scaled, variable, degrees, digits).items()
        }


def _leading_zeros(pieces: Pieces, variable: Symbol) -> int:
    """How many decimals of f are zero where N(0, 1) has its mass; 0 for an f of the order of one or above."""
    largest = mpmath.mpf(0)
    for low, high, f in pieces:
        function = numeric(f, variable)
        for x in map(mpmath.mpf, (-2, -0.75, 0.25, 1, 3)):
            if _to_mpf(low) < x < _to_mpf(high):
                with contextlib.suppress(ZeroDivisionError, ValueError, OverflowError, TypeError):
                    largest = max(largest, abs(function(x)))
    return max(0, -int(mpmath.floor(mpmath.log10(largest))) - 1) if 0 < largest < 1 else 0


def _numeric_means(pieces: Pieces, variable: Symbol, degrees: tuple[int, ...], digits: int) -> dict[str, Constant]:
    with mpmath.workdps(digits + GUARD_DIGITS):
        branches = [(low, high, numeric(f, variable), numeric(f.diff(variable), variable)) for low, high, f in pieces]
        reach = _reach(branches, digits + GUARD_DIGITS, max(degrees, default=0))
        polynomials = [numeric(hermite_prob(k, variable) / sqrt(factorial(k)), variable) for k in degrees]
        totals = [mpmath.mpf(0)] * (5 + len(degrees))
        for low, high, function, slope in branches:
            if high < -reach or low > reach:
                continue
            integrand = _integrand(function, slope, polynomials)
            ends = [mpmath.mpf(b) if abs(b) < reach else mpmath.sign(b) * reach for b in map(_to_mpf, (low, high))]
            rule = integrate_smooth if len(pieces) == 1 else integrate_between
            try:
                totals = [a + b for a, b in zip(totals, rule(integrand, *ends, digits=digits + 5), strict=True)]
            except NotIntegrable as problem:
                raise ValueError(f"it or its slope is not square integrable, or too wild ({problem})") from None
        if abs(totals[1] - totals[2]) > mpmath.mpf(10) ** -digits * (1 + abs(totals[1])):
            left, right = (mpmath.nstr(value, 8) for value in totals[1:3])
            raise ValueError(f"E[G f(G)] = {left} differs from E f'(G) = {right}")
        means = _assemble(*totals[:5])
        for k, total in zip(degrees, totals[5:], strict=True):
            means[f"hermite({k})"] = total
    with mpmath.workdps(digits):
        noise = mpmath.mpf(10) ** -digits * max(1, abs(totals[3]), abs(totals[4]))
        return {name: mpmath.mpf(0) if abs(value) < noise else +value for name, value in means.items()}


def _to_mpf(bound: Expr) -> Any:
    if bound in {-oo, oo}:
        return mpmath.inf if bound == oo else -mpmath.inf
    return mpmath.mpmathify(N(bound, mpmath.mp.dps))


def _integrand(function: Any, slope: Any, polynomials: list[Any]) -> Callable[[Any], list[Any]]:
    factor = 1 / mpmath.sqrt(2 * mpmath.pi)

    def values(x: Any) -> list[Any]:
        weight = factor * mpmath.exp(-x * x / 2)
        f, df = function(x), slope(x)
        weighted = weight * f
        expansion = [weighted * polynomial(x) for polynomial in polynomials]
        return [weighted, x * weighted, weight * df, weighted * f, weight * df * df, *expansion]

    return values


def _reach(branches: list[Any], digits: int, degree: int) -> int:
    """The least rung of the ladder at and beyond which f^2, f'^2 and f He_degree are negligible under N(0, 1)."""
    reach = LADDER[0]
    for words, part in (("it", 2), ("its slope", 3)):
        for direction in (-1, 1):
            small = [_negligible(branches, part, direction * rung, digits, degree) for rung in LADDER]
            large = [i for i, negligible in enumerate(small) if not negligible]
            if large and large[-1] == len(LADDER) - 1:
                raise ValueError(f"{words} is not square integrable under N(0, 1)")
            reach = max(reach, LADDER[large[-1] + 1]) if large else reach
    return reach


def _negligible(branches: list[Any], part: int, point: int, digits: int, degree: int) -> bool:
    function = next(branch[part] for branch in branches if branch[0] <= point <= branch[1])
    try:
        value = abs(function(mpmath.mpf(point)))
        polynomial = 1 + mpmath.mpf(abs(point)) ** degree / mpmath.sqrt(mpmath.factorial(degree))
        weighted = polynomial * (1 + value**2) * mpmath.exp(-(mpmath.mpf(point) ** 2) / 2)
    except (ZeroDivisionError, ValueError, OverflowError, TypeError):
        return False
    return bool(mpmath.isfinite(weighted) and weighted < mpmath.mpf(10) ** -digits)
