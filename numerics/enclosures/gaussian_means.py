"""Gaussian means of a function and its derivatives as balls, at any precision: quadrature and a proven tail.

E[G^i f^j f'^k f''^l] is an integral over [-T, T], cut at the kinks, plus a tail of which the growth of f is a bound.
What symmetry makes exact (E tanh(G) = 0) stays exact: a ball around 0 does not say that a number is 0.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from flint import arb, ctx
from sympy import Abs, DiracDelta, Expr, Heaviside, Max, Min, S, Symbol, diff, factorial, hermite_prob, oo, sign, sqrt

from derivations.activations import COMMON, assemble, moments_of
from derivations.gaussian_integrals import NoClosedForm, gaussian_mean
from derivations.gaussian_moments import Key
from derivations.smooth_pieces import smooth_pieces
from derivations.symbols import gaussian_density
from derivations.tangent_constants import CURVED
from numerics.enclosures.ball_programs import compile_balls
from numerics.enclosures.complex_programs import ComplexProgram
from numerics.enclosures.growth_bounds import Growth, bound_growth
from numerics.enclosures.line_integrals import integrate
from numerics.enclosures.parity import split_parity
from numerics.enclosures.tape import Tape, UnsupportedNode

MOST_SEARCHED, GUARD_BITS, CHECKED_BITS = 40, 32, 64
_KINKED = (Abs, Max, Min, sign, Heaviside)
_NEAR = 40
"""A slope that jumps is looked for within 2^-40 of a kink."""


class NotEnclosed(ValueError):
    """A Gaussian mean for which there is no proven ball here; the message says why."""


class EnclosedConstant:
    """A real number that is a ball at every precision."""

    def __init__(self, compute: Callable[[], arb], /) -> None:
        self._compute = compute
        self._known: dict[int, arb] = {}

    def ball(self) -> arb:
        """A ball that contains the number, under flint's current precision."""
        bits = ctx.prec
        if bits not in self._known:
            with ctx.workprec(bits + GUARD_BITS):
                self._known[bits] = self._compute()
        return self._known[bits]


def enclose_constants(expression: Expr, variable: Symbol, words: Iterable[str], /) -> dict[str, Any]:
    """The constants of `derivations.activations.activation_constants` by word: exact numbers, oo, or EnclosedConstant.

    Raises NotEnclosed where the function may jump, where a slope can neither be shown to jump nor to be continuous, or
    where a node has no growth bound or no operation on balls.
    """
    wanted = tuple(words)
    _require_continuous(expression, variable)
    found: dict[str, Any] = {word: oo for word in CURVED if word in wanted and _slope_jumps(expression, variable)}
    moments = GaussianMoments(expression, variable)
    with ctx.workprec(CHECKED_BITS):
        for key in COMMON:
            _require_finite(moments.ball(key), "a mean", expression)
        for word in wanted:
            if word not in found:
                found[word] = _constant(moments, word, expression)
    return found


def _constant(moments: GaussianMoments, word: str, expression: Expr) -> Expr | EnclosedConstant:
    single = _single_moment(word)
    exact = None if single is None else moments.exact(single)
    if exact is not None:
        return exact
    constant = EnclosedConstant(partial(_assemble, moments, moments_of([word]), word))
    _require_finite(constant.ball(), word, expression)
    return constant


def _require_finite(ball: arb, what: str, expression: Expr) -> None:
    if not ball.is_finite():
        raise NotEnclosed(f"{what} of {expression} is not enclosed: it may be infinite, or the function not real")


def _assemble(moments: GaussianMoments, keys: tuple[Key, ...], word: str) -> arb:
    found: arb = assemble({key: moments.ball(key) for key in keys}, (word,))[word]
    return found


def _single_moment(word: str) -> Key | None:
    """The moment that a constant is, None for one that is made of several."""
    named: dict[str, Key] = {"mean": (0, 1, 0, 0), "linear_coefficient": (1, 1, 0, 0)}
    if word in named:
        return named[word]
    keys = [key for key in moments_of([word]) if isinstance(key, int)]
    return keys[0] if keys else None


class GaussianMoments:
    """Moments of f by key (derivations.gaussian_moments): exact where parity and a rule give them, else balls."""

    def __init__(self, expression: Expr, variable: Symbol, /) -> None:
        self.variable = variable
        self.derivatives = [expression, diff(expression, variable), _regular(diff(expression, variable, 2))]
        self._parity = split_parity(expression, variable)
        self._known: dict[tuple[Key, int], arb] = {}
        self._programs: dict[Key, tuple[ComplexProgram, Tape]] = {}

    def exact(self, key: Key, /) -> Expr | None:
        """A moment that is linear in f, as an exact number, where one is known."""
        if self._parity is None:
            return None
        if isinstance(key, int):
            weight, order, degree = hermite_prob(key, self.variable) / sqrt(factorial(key)), 0, key
        elif key[1:] in ((1, 0, 0), (0, 1, 0)):
            weight, order, degree = self.variable ** key[0], key[2], key[0] + key[2]
        else:
            return None
        part = diff(self._parity[degree % 2], self.variable, order)
        try:
            return S(gaussian_mean(weight * part, self.variable)).expand()
        except NoClosedForm:
            return None

    def ball(self, key: Key, /) -> arb:
        """The moment under flint's current precision."""
        known = (key, ctx.prec)
        if known not in self._known:
            exact = self.exact(key)
            self._known[known] = self._integrate(key) if exact is None else compile_balls([exact], [])([])[0]
        return self._known[known]

    def _integrand(self, key: Key) -> Expr:
        if isinstance(key, int):
            return self.derivatives[0] * hermite_prob(key, self.variable) / sqrt(factorial(key))
        factors = (self.variable, *self.derivatives)
        product = S.One
        for factor, power in zip(factors, key, strict=True):
            product *= factor**power
        return product

    def _integrate(self, key: Key) -> arb:
        try:
            if key not in self._programs:
                tape = Tape([])
                weighted = self._integrand(key) * gaussian_density(self.variable)
                program = ComplexProgram(tape, self.variable, weighted, UnsupportedNode, real=True)
                self._programs[key] = program, tape
            program, tape = self._programs[key]
            reach, tail = self._tail(self._integrand(key))
        except UnsupportedNode as error:
            raise NotEnclosed(str(error)) from None
        values = tape.run([])
        inside = integrate(program, [values[k] for k in program.operands], arb(-reach), arb(reach))
        return inside + arb(0, tail)

    def _tail(self, integrand: Expr) -> tuple[int, arb]:
        """T, and a bound of what lies beyond [-T, T], small against the precision."""
        small = arb(2) ** -(ctx.prec + 8)
        reach = 2 + int((2 * 0.6932 * ctx.prec) ** 0.5)
        for _ in range(MOST_SEARCHED):
            tails = [_tail_mean(bound_growth(integrand, self.variable, reach, side), reach) for side in (1, -1)]
            if None in tails:
                raise NotEnclosed(f"the mean of the square of a function like {self.derivatives[0]} may be infinite")
            tail = sum((each for each in tails if each is not None), arb(0)).abs_upper()
            if tail < small:
                return reach, tail
            reach += 1 + reach // 8
        raise NotEnclosed(f"no bound of the tail of {self.derivatives[0]} is small")


def _tail_mean(growth: Growth, reach: int) -> arb | None:
    """E[amplitude exp(rate G + curvature G^2); G > reach], by completing the square; None where it is infinite."""
    precision = 1 - 2 * growth.curvature
    if not precision > 0 or not growth.amplitude.is_finite():
        return None
    width = precision.sqrt()
    beyond = (width * (reach - growth.rate / precision) / arb(2).sqrt()).erfc() / 2
    return growth.amplitude * (growth.rate**2 / (2 * precision)).exp() / width * beyond


def _regular(derivative: Expr) -> Expr:
    """What a second derivative is beside the kinks."""
    return derivative.replace(DiracDelta, lambda *_: S.Zero)


def _require_continuous(expression: Expr, variable: Symbol) -> None:
    """Absolute continuity, from the nodes: all but sign and Heaviside are continuous where balls of them are finite."""
    for jump in expression.atoms(sign, Heaviside):
        if variable in jump.free_symbols:
            raise NotEnclosed(f"{type(jump).__name__} may jump: write the function with Abs, Max and Min")


def _slope_jumps(expression: Expr, variable: Symbol) -> bool:
    """Whether f' jumps: it changes more, near a kink, than its derivative beside the kinks allows.

    Raises NotEnclosed where that is not so, which does not show that f' is continuous.
    """
    if not expression.has(*_KINKED):
        return False
    tape = Tape([variable], slopes=True)
    try:
        slope, curvature = (tape.visit(_regular(diff(expression, variable, order))) for order in (1, 2))
    except UnsupportedNode as error:
        raise NotEnclosed(str(error)) from None
    with ctx.workprec(4 * _NEAR):
        for _, kink, _ in smooth_pieces(expression, variable, digits=2 * _NEAR)[:-1]:
            place, beside = arb(str(kink.n(_NEAR))).mid(), arb(2) ** -_NEAR
            low, high = (place - beside).mid(), (place + beside).mid()
            change = tape.run([high])[slope] - tape.run([low])[slope]
            if abs(change) > abs(tape.run([low.union(high)])[curvature]) * (high - low):
                return True
    raise NotEnclosed(f"whether the slope of {expression} jumps at its kinks is not decided")


__all__ = ["EnclosedConstant", "GaussianMoments", "NotEnclosed", "enclose_constants"]
