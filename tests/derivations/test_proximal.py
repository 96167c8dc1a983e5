"""Laws of the proximal operator, the Moreau envelope and its Gaussian average, at many points and at the edges."""

from __future__ import annotations

import math

import mpmath
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sympy import Expr, N, Rational, Symbol, lambdify

from derivations.lemmas import proximal
from derivations.lemmas.proximal import c, r, s, step, x
from derivations.symbols import expand_definitions

positive = st.floats(0.02, 20)
laws = settings(max_examples=80, deadline=None, derandomize=True)


def compiled(expression: Expr, *arguments: Symbol):
    return lambdify(arguments, expand_definitions(expression), modules="mpmath")


loss = compiled(proximal.loss(r, c), r, c)
prox = compiled(proximal.proximal_operator(x, c, step), x, c, step)
envelope = compiled(proximal.moreau_envelope(x, c, step), x, c, step)
mean = compiled(proximal.mean_envelope(s, c, step), s, c, step)
slopes = {
    name: compiled(getattr(proximal, f"mean_envelope_d{name}")(s, c, step), s, c, step) for name in ("s", "c", "step")
}


def averaged(function, scale: float, kink: float) -> mpmath.mpf:
    """E function(scale G) for an even function with a kink at `kink`, by mpmath's quadrature."""
    split = [0, *sorted({min(kink / scale, 14), *range(1, 15)})]
    return 2 * mpmath.quad(lambda g: function(scale * g) * mpmath.npdf(g), split)


@laws
@given(st.floats(-30, 30), positive, positive, st.floats(-40, 40))
def test_the_proximal_operator_minimises_its_objective(point, strength, length, candidate):
    best = prox(point, strength, length)
    objective = [loss(q, strength) + (point - q) ** 2 / (2 * length) for q in (best, candidate)]
    assert objective[0] <= objective[1] * (1 + 1e-12)
    assert float(objective[0]) == pytest.approx(float(envelope(point, strength, length)), rel=1e-12)


@laws
@given(st.floats(-30, 30), st.floats(-30, 30), positive, positive)
def test_the_proximal_operator_is_odd_and_contracts(first, second, strength, length):
    gap = abs(prox(first, strength, length) - prox(second, strength, length))
    assert gap <= abs(first - second) / (1 + length) * (1 + 1e-12) + 1e-13
    assert prox(-first, strength, length) == -prox(first, strength, length)


@laws
@given(st.floats(-30, 30), positive, positive)
def test_the_envelope_lies_between_its_bounds(point, strength, length):
    value = envelope(point, strength, length)
    assert strength**2 / 2 <= value * (1 + 1e-14)
    assert value <= loss(point, strength) * (1 + 1e-14)


@laws
@given(positive, positive, positive, st.floats(1.01, 3))
def test_the_average_increases_in_scale_and_strength_and_decreases_in_the_step(scale, strength, length, factor):
    with mpmath.workdps(40):
        value = mean(scale, strength, length)
        assert mean(scale * factor, strength, length) > value
        assert mean(scale, strength * factor, length) > value
        assert mean(scale, strength, length * factor) < value


@pytest.mark.parametrize("point", [(1.0, 0.5, 2.0), (0.1, 2.0, 1.5), (3.0, 0.01, 0.2), (0.5, 5.0, 10.0)])
def test_the_closed_form_is_the_average_of_the_envelope(point):
    scale, strength, length = map(mpmath.mpf, point)
    with mpmath.workdps(20):
        by_quadrature = averaged(lambda q: envelope(q, strength, length), scale, length * strength)
        assert abs(mean(scale, strength, length) / by_quadrature - 1) < 1e-15


@pytest.mark.parametrize("point", [(1.0, 0.5, 2.0), (0.1, 2.0, 1.5), (3.0, 0.01, 0.2)])
def test_the_simple_slopes_are_the_derivatives(point):
    arguments = list(map(mpmath.mpf, point))
    with mpmath.workdps(30):
        for place, name in enumerate(("s", "c", "step")):

            def along(value, place=place):
                return mean(*[value if k == place else a for k, a in enumerate(arguments)])

            assert abs(slopes[name](*arguments) - mpmath.diff(along, arguments[place])) < 1e-10


@pytest.mark.parametrize("point", [(1.0, 0.5, 2.0), (0.1, 2.0, 1.5), (3.0, 0.01, 0.2)])
def test_the_training_loss_is_the_attacked_loss_of_the_fitted_residual(point):
    scale, strength, length = map(mpmath.mpf, point)
    with mpmath.workdps(20):
        fitted = averaged(lambda q: 2 * loss(prox(q, strength, length), strength), scale, length * strength)
        found = 2 * mean(scale, strength, length) + 2 * length * slopes["step"](scale, strength, length)
        assert abs(found / fitted - 1) < 1e-15


def test_without_an_attack_all_is_the_square_loss():
    at = {s: Rational(3, 2), step: Rational(2, 3)}
    square = proximal.square_mean_envelope(s, step)
    assert proximal.mean_envelope(s, 0, step).subs(at) == square.subs(at)
    assert proximal.mean_envelope_ds(s, 0, step).subs(at) == square.diff(s).subs(at)
    assert proximal.mean_envelope_dstep(s, 0, step).subs(at) == square.diff(step).subs(at)
    assert proximal.proximal_operator(Rational(5, 2), 0, step).subs(at) == Rational(3, 2)


@pytest.mark.parametrize("name", ["", "_ds", "_dc", "_dstep"])
@pytest.mark.parametrize("length", ["1e-8", "1e-3", "1", "1e3", "1e8"])
@pytest.mark.parametrize("strength", ["1e-8", "1", "1e4"])
def test_double_precision_loses_no_digits_where_the_kink_is_far_or_near(name, length, strength):
    """No overflow and no cancellation; the chi-square function stays a name, so it is taken at its exact value."""
    expression = getattr(proximal, f"mean_envelope{name}")(s, c, step)
    at = {s: Rational(1), c: Rational(strength), step: Rational(length)}
    z = float(at[step] * at[c])
    chi = float(N(expand_definitions(proximal.ChiSquareCdf(at[step] * at[c])), 60))
    modules = [{"ChiSquareCdf": lambda argument: chi, "erf": math.erf}, "math"]
    double = lambdify((s, c, step), expression, modules=modules)(1.0, float(at[c]), float(at[step]))
    exact = N(expand_definitions(expression).subs(at), 60, maxn=4000)
    assert double == pytest.approx(float(exact), rel=1e-13), z
