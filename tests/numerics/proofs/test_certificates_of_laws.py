"""Certificates under laws, integrals and activations without closed forms, against formulas of their own."""

from __future__ import annotations

import time
from typing import Any

import mpmath
import pytest
from flint import arb, ctx
from sympy import And, Integral, Not, Or, Piecewise, Rational, S, Symbol, cos, pi

from derivations.activations import activation_constants
from derivations.averages import LawMean
from derivations.discover import load
from derivations.expressions import parse_function
from numerics import many_digits
from numerics.enclosures import line_integrals
from numerics.enclosures.ball_programs import compile_balls
from numerics.enclosures.decimals import ends
from numerics.generated import load_source
from numerics.precise_root import find_root
from numerics.proofs.certificate import CertificateStatus, Certifier, certify
from numerics.proofs.exact_parameters import SEMICIRCLE, put_laws, read_exact
from numerics.solver import solve

ANGLE = Symbol("angle", real=True)
t = Symbol("t", real=True)


def holds(ball: arb | None, value: Any, digits: int = 35) -> bool:
    assert ball is not None
    found = ends(ball)
    assert found is not None
    low, high = (mpmath.mpf(end.numerator) / end.denominator for end in found)
    slack = mpmath.mpf(10) ** -digits * (1 + abs(value))
    return bool(low - slack <= value <= high + slack) and high - low < slack


@pytest.mark.parametrize("activation", ["tanh(t)", "log(1+exp(t))", "sigmoid"])
@pytest.mark.parametrize("name", ["robust_risk", "ridge_regression"])
def test_activations_without_closed_forms_hold_the_roots_at_forty_digits(name: str, activation: str) -> None:
    model = load(f"random_features.{name}").model
    given = {"psi1": "2", "psi2": "3", "ridge": "0.1", "activation": activation}
    given |= {"epsilon": "0.2"} if name == "robust_risk" else {}
    found = certify(model, given, digits=45)
    assert found.status is CertificateStatus.unique
    assert found.reached
    exact = read_exact(model, given)
    words = {p.name: w for p in model.parameters if p.name == "activation" for w in [p.constants]}["activation"]
    known = activation_constants(parse_function(activation, t), t, tuple(words), digits=60)
    symbols = {
        symbol: mpmath.mpmathify(known[word].evalf(80)) if hasattr(known[word], "evalf") else known[word]
        for word, symbol in words.items()
    }
    with mpmath.workdps(60):
        values = {s.name: symbols.get(s) or mpmath.mpmathify(v.evalf(70)) for s, v in exact.numbers.items()}
        roots = find_root(model, values, digits=45)
        code = load_source(model, target="mpmath")
        _, truth, _ = code.call("report", many_digits, many_digits, {**values, **roots})
        for key, ball in found.observables.items():
            assert holds(ball, truth[key], 40), key


def test_the_best_fit_of_a_semicircle_is_its_closed_form() -> None:
    found = certify(load("learning_regimes.trained").model, {"rho": "0.7"}, digits=45)
    with mpmath.workdps(60):
        rho = mpmath.mpf(7) / 10
        phi = mpmath.findroot(lambda a: (2 * a + mpmath.sin(2 * a)) / mpmath.pi - (1 - rho), 0.3)
        assert holds(found.observables["test_error"], (4 * phi - mpmath.sin(4 * phi)) / (2 * mpmath.pi), 42)


def test_a_multiple_of_the_identity_made_of_a_semicircle_loses_its_dropped_share() -> None:
    found = certify(load("learning_regimes.trained").model, {"rho": "0.3", "trace_alignment": "1"})
    assert found.status is CertificateStatus.unique
    with mpmath.workdps(50):
        assert holds(found.observables["test_error"], mpmath.mpf(7) / 10, 30)


def test_moments_of_the_semicircle_are_exact_and_its_other_means_are_integrals() -> None:
    law, x = Symbol("law"), Symbol("x", real=True)
    assert [put_laws(LawMean(x**k, x, law), {law: SEMICIRCLE}) for k in range(1, 9)] == [0, 1, 0, 2, 0, 5, 0, 14]
    with ctx.workprec(140), mpmath.workdps(45):
        ball = compile_balls([put_laws(LawMean(1 / (3 + x), x, law), {law: SEMICIRCLE})], [])([])[0]
        assert holds(ball, (3 - mpmath.sqrt(5)) / 2)


def flow_of_a_semicircle(rho: Any, time: Any, omega: Any) -> tuple[Any, Any]:
    """(test error, energy) of the flow for t^2 from the formulas of the text, b of the semicircle law of radius 2."""

    def mean(function: Any) -> Any:
        def integrand(angle: Any) -> Any:
            return 2 * mpmath.sin(angle) ** 2 * function(2 * mpmath.cos(angle)) / mpmath.pi

        return mpmath.quad(integrand, [0, mpmath.pi / 4, mpmath.pi / 2, 3 * mpmath.pi / 4, mpmath.pi])

    def gain(b: Any) -> Any:
        return b / mpmath.expm1(2 * b * time) if abs(b) > mpmath.mpf(10) ** -60 else 1 / (2 * time)

    def kept(b: Any, theta: Any) -> Any:
        return theta / (gain(b) + theta)

    theta = mpmath.findroot(
        lambda v: v / omega + mean(lambda b: kept(b, v)) - rho, (0.2 * rho * omega, 0.6 * rho * omega)
    )
    overlap = mean(lambda b: b * (b + gain(b)) * kept(b, theta))
    square = mean(lambda b: ((b + gain(b)) * kept(b, theta)) ** 2)
    crossed = mean(lambda b: (b + gain(b)) * kept(b, theta) * (1 - kept(b, theta)))
    waver = mean(lambda b: kept(b, theta) * (1 - kept(b, theta)))
    energy = square + crossed**2 / (theta / omega + waver)
    return 1 - 2 * overlap + energy, energy


@pytest.mark.parametrize("rho", ["0.7", "1"])
def test_the_flow_under_a_semicircle_holds_its_formulas_at_forty_digits(rho: str) -> None:
    found = certify(load("learning_regimes.trained").model, {"rho": rho, "time": "0.5"}, digits=42, seconds=120)
    assert (found.status, found.phase) == (CertificateStatus.unique, "semicircle_flow")
    with mpmath.workdps(45):
        error, energy = flow_of_a_semicircle(mpmath.mpf(rho), mpmath.mpf(1) / 2, mpmath.mpf(1))
        assert holds(found.observables["test_error"], error, 38)
        assert holds(found.observables["dirichlet_energy"], energy, 38)


def test_a_late_flow_at_the_hard_edge_holds_its_bessel_functions() -> None:
    """At rho = 1 the Laplace transforms are e^(-2u)(I_0(2u) + I_1(2u)) and, size-biased, e^(-2u) I_1(2u)/u."""
    model = load("learning_regimes.lazy").model
    certifier = Certifier(model)
    for u in (mpmath.mpf(1) / 2, mpmath.mpf(1000)):
        given = {"rho": "1", "variant": "flow", "time": str(Rational(str(u))), "activation": "t**2"}
        found = certifier(given, digits=40)
        assert found.reached
        with mpmath.workdps(60):
            laplace = lambda v: mpmath.exp(-2 * v) * (mpmath.besseli(0, 2 * v) + mpmath.besseli(1, 2 * v))  # noqa: E731
            start = mpmath.exp(-4 * u) * mpmath.besseli(1, 4 * u) / (2 * u)
            tau = mpmath.mpf(1) / 4
            error = (1 - tau) * laplace(2 * u) ** 2 + tau * laplace(4 * u) + start**2
            assert holds(found.observables["test_error"], error, 38)


def test_random_features_in_time_agree_with_doubles_at_the_hard_edge() -> None:
    certifier = Certifier(load("learning_regimes.random_features").model)
    for given in ({"rho": 1, "time": 1}, {"rho": 0.5, "time": 30, "ridge": 0.125, "init_scale": 0.5}):
        found = certifier(given)
        assert found.reached
        rounded = solve("learning_regimes.random_features", **given)
        for name, ball in found.observables.items():
            assert ball is not None
            assert float(ball.mid()) == pytest.approx(float(rounded.observables[name].reshape(-1)[0]), rel=1e-11)


def test_conditions_with_connectives_are_decided_under_an_integral() -> None:
    inside = And(ANGLE > 1, Not(ANGLE >= 2))
    cases = {
        Piecewise((S(1), inside), (S(0), True)): 1,
        Piecewise((cos(ANGLE), Or(inside, ANGLE > 3)), (S(0), True)): None,
    }
    with ctx.workprec(120), mpmath.workdps(40):
        for integrand, truth in cases.items():
            ball = compile_balls([Integral(integrand, (ANGLE, 0, pi))], [])([])[0]
            expected = mpmath.sin(2) - mpmath.sin(1) - mpmath.sin(3) if truth is None else truth
            assert holds(ball, mpmath.mpf(expected), 25)


def test_the_time_of_integrals_is_bounded_and_what_is_known_by_then_is_returned() -> None:
    certifier = Certifier(load("learning_regimes.trained").model)
    begun = time.perf_counter()
    found = certifier({"rho": "0.3", "time": "20"}, digits=1000, seconds=1)
    assert time.perf_counter() - begun < 15
    assert found.status is CertificateStatus.undecided
    assert "more than 1 s" in found.reason
    with pytest.raises(ValueError, match="seconds is 0"):
        certifier({"rho": "0.3"}, seconds=0)


def test_an_exception_inside_an_integral_is_not_lost() -> None:
    class Stop(Exception):
        """Raised by the integrand."""

    def stop(_ball: Any, _analytic: bool) -> Any:
        raise Stop

    with pytest.raises(Stop):
        line_integrals._integrate_part(stop, arb(0), arb(1), arb("1e-10"), arb("1e-10"))


def test_an_infinite_parameter_decides_exactly() -> None:
    """`trace_alignment` not given is infinite: tau^2 < 1 is false, not undecided."""
    found = certify(load("learning_regimes.trained").model, {"rho": "0.3", "spectrum": "identity"})
    assert found.status is CertificateStatus.unique
