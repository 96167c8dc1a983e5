"""Gaussian moments of a piecewise smooth function and its derivatives: exact by a rule, or by quadrature.

A moment is a key: the exponents (i, j, k, l) stand for E[G^i f^j f'^k f''^l], an integer k for E[f He_k]/sqrt(k!).
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection
from typing import Any, TypeAlias

import mpmath
from sympy import Expr, Float, Integer, N, S, Symbol, factorial, hermite_prob, oo, sqrt

from derivations.gaussian_integrals import NoClosedForm, gaussian_mean
from derivations.quadrature import NotIntegrable, integrate_between, integrate_smooth
from derivations.smooth_pieces import numeric

Key: TypeAlias = "tuple[int, int, int, int] | int"
Pieces: TypeAlias = "tuple[tuple[Expr, Expr, Expr], ...]"

MEAN, LINEAR, ENERGY = (0, 1, 0, 0), (1, 1, 0, 0), (0, 2, 0, 0)
SLOPE, SLOPE_ENERGY = (0, 0, 1, 0), (0, 0, 2, 0)
GUARD_DIGITS = 12
LADDER = (8, 10, 12, 14, 16, 20, 24, 32, 40, 48, 56, 64)


def exact_moments(pieces: Pieces, variable: Symbol, keys: Collection[Key], /) -> dict[Key, Expr]:
    """The moments as exact numbers. Raises NoClosedForm where no rule is known, ValueError for an infinite one."""
    if any(bound.has(Float) for lower, upper, _ in pieces for bound in (lower, upper)):
        raise NoClosedForm("a kink has no exact place")
    order = _order(keys)
    derivatives = [(low, high, (variable, f, *_slopes(f, variable, order))) for low, high, f in pieces]

    def moment(key: Key) -> Expr:
        total = S.Zero
        for low, high, factors in derivatives:
            if isinstance(key, int):
                integrand = factors[1] * hermite_prob(key, variable)
            else:
                integrand = S.One
                for factor, power in zip(factors, key, strict=False):
                    integrand *= factor**power
            total += gaussian_mean(integrand, variable, low, high)
        return (total / sqrt(factorial(key))).expand() if isinstance(key, int) else total

    return {key: moment(key) for key in keys}


def numeric_moments(pieces: Pieces, variable: Symbol, keys: Collection[Key], /, *, digits: int) -> dict[Key, Any]:
    """The moments by quadrature between the kinks, to 10^-digits of the largest of them, for an f of the order of one.

    Call it with `digits + GUARD_DIGITS` digits of working precision. Raises ValueError, in one line, where f or a
    derivative that a key asks for is not square integrable.
    """
    order = _order(keys)
    branches = [
        (low, high, [numeric(g, variable) for g in (f, *_slopes(f, variable, order))]) for low, high, f in pieces
    ]
    degree = max((key if isinstance(key, int) else key[0] for key in keys), default=0)
    reach = _reach(branches, order, digits + GUARD_DIGITS, degree)
    totals = [mpmath.mpf(0)] * len(keys)
    for low, high, functions in branches:
        if high < -reach or low > reach:
            continue
        ends = [mpmath.mpf(b) if abs(b) < reach else mpmath.sign(b) * reach for b in map(to_mpf, (low, high))]
        rule = integrate_smooth if len(pieces) == 1 else integrate_between
        try:
            values = rule(_integrand(functions, keys, variable), *ends, digits=digits + 5)
        except NotIntegrable as problem:
            slopes = "its slope" if order == 1 else "one of its first two derivatives"
            raise ValueError(f"it or {slopes} is not square integrable, or too wild ({problem})") from None
        totals = [a + b for a, b in zip(totals, values, strict=True)]
    return dict(zip(keys, totals, strict=True))


def _order(keys: Collection[Key]) -> int:
    """How many derivatives of f the moments need; the first one always, for the reach of the quadrature."""
    return 2 if any(not isinstance(key, int) and key[3] for key in keys) else 1


def _slopes(f: Expr, variable: Symbol, order: int) -> list[Expr]:
    return [f.diff(variable, k) for k in range(1, order + 1)]


def leading_zeros(pieces: Pieces, variable: Symbol, /) -> int:
    """How many decimals of f are zero where N(0, 1) has its mass; 0 for an f of the order of one or above."""
    largest = mpmath.mpf(0)
    for low, high, f in pieces:
        function = numeric(f, variable)
        for x in map(mpmath.mpf, (-2, -0.75, 0.25, 1, 3)):
            if to_mpf(low) < x < to_mpf(high):
                with contextlib.suppress(ZeroDivisionError, ValueError, OverflowError, TypeError):
                    largest = max(largest, abs(function(x)))
    return max(0, -int(mpmath.floor(mpmath.log10(largest))) - 1) if 0 < largest < 1 else 0


def rescale(pieces: Pieces, decimals: int, /) -> Pieces:
    """The pieces of 10^decimals f."""
    return tuple((low, high, f * Integer(10) ** decimals) for low, high, f in pieces)


def to_mpf(bound: Expr, /) -> Any:
    """An end of a piece, -oo and oo included, at the working precision."""
    if bound in {-oo, oo}:
        return mpmath.inf if bound == oo else -mpmath.inf
    return mpmath.mpmathify(N(bound, mpmath.mp.dps))


def _integrand(functions: list[Any], keys: Collection[Key], variable: Symbol) -> Callable[[Any], list[Any]]:
    """The integrands of all moments at x, each one product beyond another."""
    factor = 1 / mpmath.sqrt(2 * mpmath.pi)
    plan: dict[tuple[int, ...], int] = {(0, 0, 0, 0): 0}
    steps: list[tuple[int, int]] = []
    degrees = sorted({key for key in keys if isinstance(key, int)})
    polynomials = [numeric(hermite_prob(k, variable) / sqrt(factorial(k)), variable) for k in degrees]
    wanted = [_node(MEAN, plan, steps) if isinstance(key, int) else _node(key, plan, steps) for key in keys]
    expansion = [degrees.index(key) if isinstance(key, int) else None for key in keys]

    def values(x: Any) -> list[Any]:
        at = [x, *[function(x) for function in functions]]
        nodes = [factor * mpmath.exp(-x * x / 2)]
        for parent, place in steps:
            nodes.append(nodes[parent] * at[place])
        return [
            nodes[node] if place is None else nodes[node] * polynomials[place](x)
            for node, place in zip(wanted, expansion, strict=True)
        ]

    return values


def _node(key: tuple[int, ...], plan: dict[tuple[int, ...], int], steps: list[tuple[int, int]]) -> int:
    """The place of a product in the plan; it is built on one that is there already, if there is one."""
    if key not in plan:
        smaller = {place: (*key[:place], key[place] - 1, *key[place + 1 :]) for place in range(4) if key[place]}
        place = next((place for place, rest in smaller.items() if rest in plan), max(smaller))
        steps.append((_node(smaller[place], plan, steps), place))
        plan[key] = len(plan)
    return plan[key]


def _reach(branches: list[Any], order: int, digits: int, degree: int) -> int:
    """The least rung of the ladder from which the squares of f and its derivatives, and f He_degree, are negligible."""
    reach = LADDER[0]
    for k, words in enumerate(("it", "its slope", "its second derivative")[: order + 1]):
        for direction in (-1, 1):
            small = [_negligible(branches, k, direction * rung, digits, degree) for rung in LADDER]
            large = [i for i, negligible in enumerate(small) if not negligible]
            if large and large[-1] == len(LADDER) - 1:
                raise ValueError(f"{words} is not square integrable under N(0, 1)")
            reach = max(reach, LADDER[large[-1] + 1]) if large else reach
    return reach


def _negligible(branches: list[Any], k: int, point: int, digits: int, degree: int) -> bool:
    function = next(functions[k] for low, high, functions in branches if low <= point <= high)
    try:
        value = abs(function(mpmath.mpf(point)))
        polynomial = 1 + mpmath.mpf(abs(point)) ** degree / mpmath.sqrt(mpmath.factorial(degree))
        weighted = polynomial * (1 + value**2) * mpmath.exp(-(mpmath.mpf(point) ** 2) / 2)
    except (ZeroDivisionError, ValueError, OverflowError, TypeError):
        return False
    return bool(mpmath.isfinite(weighted) and weighted < mpmath.mpf(10) ** -digits)
