"""Gaussian means as balls: they hold the values that quadrature finds, exact zeros stay exact, the rest is refused."""

from __future__ import annotations

from typing import Any

import mpmath
import pytest
from flint import arb, ctx
from sympy import (
    Abs,
    Heaviside,
    Integral,
    N,
    Piecewise,
    Rational,
    S,
    Symbol,
    cos,
    exp,
    lambdify,
    log,
    oo,
    pi,
    sin,
    tanh,
)

from derivations.activations import activation_constants
from derivations.expressions import parse_function
from derivations.tangent_constants import TANGENT_CONSTANTS
from numerics.enclosures.ball_programs import compile_balls
from numerics.enclosures.complex_programs import ComplexProgram
from numerics.enclosures.gaussian_means import EnclosedConstant, NotEnclosed, enclose_constants
from numerics.enclosures.growth_bounds import bound_growth
from numerics.enclosures.line_integrals import integrate
from numerics.enclosures.parity import split_parity
from numerics.enclosures.removable import find_removable, rewrite_hyperbolic
from numerics.enclosures.tape import Tape, UnsupportedNode

t = Symbol("t", real=True)
ANGLE = Symbol("angle", real=True)
WORDS = (
    "mean",
    "linear_coefficient",
    "nonlinear_energy",
    "derivative_energy",
    "hermite(2)",
    "hermite(3)",
    "hermite(4)",
)
SMOOTH = ("tanh(t)", "softplus", "gelu", "silu", "sigmoid", "erf(t)", "asinh(3*t-2)", "exp(sin(t))", "sqrt(1+t**2)/10")
KINKED = ("abs(tanh(t))", "max(tanh(t), t/2)", "tanh(t) + relu(t)", "min(exp(t/3), 2) + atan(t)")

DIGITS = {KINKED[3]: 30}
"""Where quadrature does not settle at 40 digits."""


def parse(text: str) -> Any:
    return parse_function(text, t)


def as_ball(value: Any) -> arb:
    return value.ball() if isinstance(value, EnclosedConstant) else compile_balls([S(value)], [])([])[0]


@pytest.mark.parametrize("text", [*SMOOTH, *KINKED])
def test_constants_hold_what_quadrature_finds_to_forty_digits(text: str) -> None:
    words = WORDS + (TANGENT_CONSTANTS if text in SMOOTH else ("tangent_energy", "radial_overlap"))
    found = enclose_constants(parse(text), t, words)
    known = activation_constants(parse(text), t, words, digits=DIGITS.get(text, 40))
    with ctx.workprec(180), mpmath.workdps(60):
        for word in words:
            ball = as_ball(found[word])
            gap = abs(ball - arb(mpmath.nstr(mpmath.mpmathify(N(known[word], 50)), 50)))
            assert gap.lower() < arb(10) ** (3 - DIGITS.get(text, 40)), word
            assert ball.rad() < arb(10) ** -40, word


def test_a_jump_of_the_slope_makes_energies_infinite_and_a_doubtful_one_is_refused() -> None:
    for text in KINKED[:3]:
        assert enclose_constants(parse(text), t, ("tangent_derivative_energy",))["tangent_derivative_energy"] == oo
    with pytest.raises(NotEnclosed, match="not decided"):
        enclose_constants(parse("elu(t) + tanh(t)"), t, ("tangent_derivative_energy",))


def test_what_symmetry_makes_zero_is_an_exact_zero() -> None:
    zeros = {"tanh(t)": ("mean", "hermite(2)"), "softplus": ("hermite(3)",), "sigmoid": ("hermite(2)", "hermite(4)")}
    zeros |= {"log(1 + t**2)": ("linear_coefficient", "hermite(3)"), "gelu": ("hermite(3)",)}
    for text, words in zeros.items():
        assert set(enclose_constants(parse(text), t, words).values()) == {S.Zero}, text
    assert enclose_constants(parse("softplus"), t, ("linear_coefficient",))["linear_coefficient"] == Rational(1, 2)
    nearly = enclose_constants(parse("tanh(t) + tanh(t**2)/10**12"), t, ("mean",))["mean"]
    with ctx.workprec(100):
        assert nearly.ball() > 0


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("tanh(t)*Heaviside(t)", "Heaviside"),
        ("sign(t) + tanh(t)", "sign"),
        ("tan(t)", "tan"),
        ("sqrt(t)", "root"),
        ("exp(t**2/3)", "infinite"),
        ("exp(exp(t))", "exponential of an exponential"),
        ("1/(1 + t)", "not enclosed"),
        ("atan(1/t)", "not enclosed"),
    ],
)
def test_functions_without_a_proof_are_refused_with_a_reason(text: str, reason: str) -> None:
    with pytest.raises(NotEnclosed, match=reason):
        enclose_constants(parse(text), t, WORDS)


def test_a_root_of_negative_numbers_is_never_taken_for_its_real_part() -> None:
    for text in ("sqrt(t**2 - 1)", "(t**2 - 1)**(5/2)", "t*(t**2 - 1)**(7/2)"):
        with pytest.raises(NotEnclosed, match="not real"):
            enclose_constants(parse(text), t, WORDS)


GROWING = ("t*exp(-t)", "log(2 + exp(3*t))", "t**3 - 5*t", "exp(t/2 - t**2/8)", "sqrt(2 + t**4)", "1/(1 + exp(-t))")
GROWING += ("max(t, -2)*cosh(t/3)", "abs(t - 1)/(2 + t**2)", "asinh(t**3)", "exp(t**2/9)*sin(t)", "erfc(t)*t**2")


@pytest.mark.parametrize("text", GROWING)
@pytest.mark.parametrize("side", [1, -1])
def test_growth_bounds_hold_along_the_tail(text: str, side: int) -> None:
    function, start = parse(text), 3
    growth = bound_growth(function, t, start, side)
    value = lambdify(t, function, "mpmath")
    for step in range(60):
        size = start * mpmath.mpf("1.05") ** step
        ball = arb(mpmath.nstr(value(side * size), 30))
        reach = arb(mpmath.nstr(size, 30))
        assert abs(ball) <= growth.amplitude * (growth.rate * reach + growth.curvature * reach**2).exp() * (1 + 1e-9)
        assert growth.low - abs(ball) * 1e-9 - 1e-9 <= ball <= growth.high + abs(ball) * 1e-9 + 1e-9
        if growth.quadratic is not None:
            a, b, c = growth.quadratic
            assert abs(ball) <= (a + b * reach + c * reach**2) * (1 + 1e-9)


def test_growth_of_what_may_be_unbounded_is_refused() -> None:
    for text in ("1/(t - 5)", "log(t - 4)", "exp(t**3)", "sqrt(t - 4)"):
        with pytest.raises(UnsupportedNode, match="no growth bound"):
            bound_growth(parse(text), t, 3, 1)


def test_parity_parts_add_up_and_have_their_symmetry() -> None:
    for text in ("softplus", "silu", "gelu", "tanh(t) + t**2 + 1", "1/(2 + exp(t) + exp(-t))"):
        function, parts = parse(text), split_parity(parse(text), t)
        assert parts is not None
        even, odd = parts
        for point in (Rational(1, 3), Rational(-7, 4)):
            at = {t: point}
            assert abs(N((even + odd - function).subs(at), 30)) < 1e-25
            assert abs(N(even.subs(at) - even.subs({t: -point}), 30)) < 1e-25
            assert abs(N(odd.subs(at) + odd.subs({t: -point}), 30)) < 1e-25
    assert split_parity(parse("tanh(t - 1)"), t) is None


def test_hyperbolic_forms_are_rewritten_to_the_same_function() -> None:
    for function in (
        tanh(t) / (1 + tanh(t)),
        t / (tanh(t) * (1 + exp(-2 * t))),
        (tanh(3 * t) / (1 + tanh(3 * t))) ** 2,
    ):
        written = rewrite_hyperbolic(function)
        assert not written.has(tanh)
        assert abs(N((written - function).subs(t, Rational(2, 7)), 30)) < 1e-25


def test_removable_singularities_are_integrated_and_others_are_not() -> None:
    s = 4 * sin(ANGLE / 2) ** 6
    with ctx.workprec(120), mpmath.workdps(40):
        known = {sin(ANGLE) / ANGLE: mpmath.si(mpmath.pi), ANGLE / sin(ANGLE / 2): 8 * mpmath.catalan}
        smooth = (1 - exp(-s)) / s
        with mpmath.workdps(400):
            known[smooth] = mpmath.quad(lambdify(ANGLE, smooth, "mpmath"), [0, 0.5, 1, 2, mpmath.pi], maxdegree=7)
        for integrand, truth in known.items():
            ball = compile_balls([Integral(integrand, (ANGLE, 0, pi))], [])([])[0]
            assert abs(ball - arb(mpmath.nstr(truth, 35))).lower() < arb(10) ** -25
            assert ball.rad() < arb(10) ** -20
        for integrand in (cos(ANGLE) / ANGLE, Abs(ANGLE) / ANGLE**2):
            assert not compile_balls([Integral(integrand, (ANGLE, 0, pi))], [])([])[0].is_finite()


def test_a_quotient_is_found_removable_only_where_the_top_vanishes_with_the_bottom() -> None:
    s, speed = 1 + t**2, Symbol("speed", positive=True)
    assert find_removable((1 - exp(-speed * s)) / s, t) == (1 - exp(-speed * s), s, 1)
    assert find_removable(s**2 / (1 - exp(-speed * s)) ** 3, t) == (1 - exp(-speed * s), s, -2)
    assert find_removable((2 - exp(-speed * s)) / s, t) is None
    assert find_removable((1 - exp(-speed * s)) * s, t) is None


def test_a_quotient_whose_top_jumps_is_not_the_mean_of_a_slope() -> None:
    for top in (Piecewise((t, t <= Rational(1, 9)), (t + 5, True)), Heaviside(t - 1)):
        assert find_removable(top / t, t) is None
    low, place = Rational(1, 2**54), Rational(1, 1000)
    tape = Tape([])
    program = ComplexProgram(tape, t, Piecewise((t, t <= place), (t + 5, True)) / t, UnsupportedNode)
    with ctx.workprec(64):
        values = tape.run([])
        found = integrate(program, [values[k] for k in program.operands], arb(1) / 2**54, arb(1))
        assert found.is_finite()
        assert found.overlaps(compile_balls([1 - low - 5 * log(place)], [])([])[0])
