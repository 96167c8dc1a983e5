"""Certificates are sound: the true values, found independently to many digits, lie in every ball that is returned."""

from __future__ import annotations

import itertools
from fractions import Fraction
from types import SimpleNamespace
from typing import Any

import mpmath
import numpy as np
import pytest
from flint import arb, ctx
from sympy import Integral, Piecewise, Rational, S, Symbol, Tuple, atan, cos, log, oo, pi, sin, sqrt

from derivations.discover import load
from derivations.model import ChoiceParameter, Model, Parameter, parameter, unknown
from derivations.relations import below, equal
from numerics import many_digits
from numerics.enclosures.ball_programs import compile_balls, compile_jacobian
from numerics.enclosures.decimals import ends
from numerics.enclosures.known_digits import has_digits
from numerics.enclosures.weighted_balls import SmallestSum
from numerics.generated import load_source
from numerics.parameters import ParameterError
from numerics.points import draw_candidates, find_interval
from numerics.precise_root import find_root
from numerics.proofs.certificate import CertificateStatus, Certifier, certify
from numerics.proofs.exact_parameters import SEMICIRCLE, read_exact

SOLVABLE = (
    "learning_regimes.initialisation",
    "learning_regimes.lazy",
    "learning_regimes.random_features",
    "learning_regimes.tangent",
    "learning_regimes.trained",
    "overfitted_networks.classification",
    "overfitted_networks.margin",
    "overfitted_networks.regression",
    "random_features.collapse",
    "random_features.limits",
    "random_features.linear_regression",
    "random_features.printed_theorem",
    "random_features.ridge_regression",
    "random_features.robust_risk",
    "robust_overfitting.degeneration",
    "robust_overfitting.kernels",
)
LAWS = {"spectrum": "0.4@0.5,1.6@0.5", "covariance": "1@1"}
WHOLE = {
    "single_neuron_alignment",
    "samples",
    "bad_samples",
    "dimension",
    "depth",
    "nodes",
    "ridge",
    "time",
    "init_scale",
    "density",
}


def draw(model: Model, seed: int) -> Any:
    """Admissible exact parameters; those in WHOLE keep their default or are small whole numbers."""
    free = [p for p in model.parameters if isinstance(p, Parameter) and p.name not in WHOLE]
    box = {p: (Rational(1, 20), 3) for p in free if p.domain.lower == 0 and p.domain.upper == oo}
    box |= {p: (Rational(1, 1000), Rational(1, 100)) for p in free if p.name in ("radius", "ramp")}
    points = draw_candidates({p: find_interval(p, box) for p in free}, seed=seed)
    words = {p.name: itertools.cycle(p.options) for p in model.parameters if isinstance(p, ChoiceParameter)}
    whole = {"samples": 50, "bad_samples": 3, "dimension": 3, "nodes": 4}
    fixed: dict[str, Any] = {p.name: whole[p.name] for p in model.parameters if p.name in whole and p.default is None}
    fixed |= {p.name: LAWS[p.name] for p in model.parameters if p.name in LAWS}
    for point in points:
        chosen = {name: next(options) for name, options in words.items()}
        yield {**fixed, **chosen, **{str(symbol): value for symbol, value in point.items()}}


def reference(model: Model, values: dict[str, Any]) -> dict[str, Any] | None:
    """The observables by the generated mpmath code, regions chosen by it, too; None where they are infinite."""
    code = load_source(model, target="mpmath")

    def inside(region: Any) -> bool:
        return bool(code.call(f"in_{region.name}", many_digits, many_digits, values))

    for phase in model.phases:
        if inside(phase):
            found = code.call(f"observables_{phase.name}", many_digits, many_digits, values)
            return None if phase.status == "outside_domain" else dict(found)
    for branch in model.branches:
        if inside(branch):
            return reference(branch.model, values)
    roots = find_root(model, values, digits=70) if model.unknowns else {}
    _, found, _ = code.call("report", many_digits, many_digits, {**values, **roots})
    return {**found, **roots}


def many_digit_values(model: Model, given: dict[str, Any]) -> dict[str, Any]:
    exact = read_exact(model, given)
    values = {s.name: mpmath.inf if v == oo else mpmath.mpmathify(v.evalf(100)) for s, v in exact.numbers.items()}
    for symbol, law in exact.laws.items():
        assert law != SEMICIRCLE
        columns = [np.array([mpmath.mpf(a[k].p) / a[k].q for a in law], dtype=object) for k in (0, 1)]
        values[symbol.name] = SimpleNamespace(values=columns[0], weights=columns[1])
    return values


def contains(ball: arb, value: Any, slack: Any) -> bool:
    found = ends(ball)
    assert found is not None
    low, high = (mpmath.mpf(end.numerator) / end.denominator for end in found)
    size = slack * (1 + abs(value))
    return bool(low - size <= value <= high + size)


@pytest.mark.parametrize("name", SOLVABLE)
def test_true_values_at_sixty_digits_lie_in_the_balls(name: str) -> None:
    model = load(name).model
    certifier, judged, tried = Certifier(model), 0, 0
    for given in itertools.islice(draw(model, seed=11), 12):
        try:
            found = certifier(given, digits=30)
        except ParameterError:
            continue
        tried += 1
        if found.status is not CertificateStatus.unique:
            continue
        has_integral = any(e.has(Integral) for e in expressions(model))
        with mpmath.workdps(22 if has_integral else 90):
            slack = mpmath.mpf(10) ** (-12 if has_integral else -60)
            try:
                truth = reference(model, many_digit_values(model, given))
            except (ArithmeticError, TypeError, ValueError):
                continue
            assert truth is not None
            known = {**found.observables, **found.unknowns}
            for key, ball in known.items():
                if ball is not None and key in truth:
                    assert contains(ball, mpmath.re(truth[key]), slack), (given, key)
                    judged += 1
        if judged > (5 if has_integral else 20):
            break
    assert judged, f"{tried} points tried"


def expressions(model: Model) -> list[Any]:
    found = [e for _, e in model.program] + list(model.observables.values())
    found += [e for p in model.phases for e in [*(v for v in p.observables.values() if v is not None)]]
    found += [e for p in model.phases for _, e in p.program]
    return found + [e for b in model.branches for e in expressions(b.model)]


def test_a_decimal_is_the_number_that_was_typed_not_its_double() -> None:
    certifier = Certifier(load("random_features.robust_risk").model)
    same = certifier({"psi1": "0.1", "psi2": "0.1", "epsilon": "0"})
    assert same.phase == "interpolation_threshold"
    assert same.status is CertificateStatus.none
    above = certifier({"psi1": "0.1000000000000000000000001", "psi2": "0.1", "epsilon": "0"})
    assert above.phase == "ridgeless"
    assert above.status is CertificateStatus.unique
    assert float("0.1000000000000000000000001") == 0.1


def test_the_phase_is_decided_on_either_side_of_the_collapse() -> None:
    edge = certify(load("random_features.collapse").model, {"psi1": "2", "psi2": "2"}, digits=40)
    radius = edge.observables["critical_epsilon"]
    assert radius is not None
    found = ends(radius)
    assert found is not None
    certifier = Certifier(load("random_features.robust_risk").model)
    for epsilon, collapsed in ((found[0] - Fraction(1, 10**30), False), (found[1] + Fraction(1, 10**30), True)):
        result = certifier({"psi1": "2", "psi2": "2", "epsilon": epsilon})
        assert (result.phase == "collapsed") == collapsed


def test_an_activation_that_is_not_shown_to_be_continuous_is_undecided_and_named() -> None:
    given = {"psi1": "2", "psi2": "2", "epsilon": "0.1", "activation": "tanh(t)*Heaviside(t)"}
    found = certify(load("random_features.robust_risk").model, given)
    assert found.status is CertificateStatus.undecided
    assert "tanh(t)*Heaviside(t)" in found.reason
    assert not found.unknowns


def square_model(shift: Any) -> Model:
    x = unknown("x", "an unknown", positive=True)
    a = parameter("a", "a parameter", positive=True)
    return Model((a,), (x,), (), (equal(x**2 + a**2, 2 * a * x + shift),), {"x": x}, {x: a})


def test_a_simple_root_is_unique_and_a_double_root_is_not_certified() -> None:
    assert certify(square_model(S(0)), {"a": "1"}).status is CertificateStatus.undecided
    simple = certify(square_model(Rational(1, 4)), {"a": "1"})
    assert simple.status is CertificateStatus.unique
    assert simple.box["x"].contains(simple.unknowns["x"])
    assert certify(square_model(Rational(-1, 4)), {"a": "1"}).status is CertificateStatus.undecided


def test_a_jump_between_constants_is_not_lost_in_the_derivative() -> None:
    x = Symbol("x", real=True)
    jump = x + Piecewise((S(0), x < 0), (S(1), True))
    slopes = compile_jacobian([jump], [x], [x], piecewise=True)
    assert slopes is not None
    assert not slopes([arb(0, 1)])[0].is_finite()
    assert slopes([arb(2, 1)])[0] == 1


ANGLE = Symbol("angle", real=True)
INTEGRALS = [
    (sqrt(1 - sin(ANGLE) ** 2), 2),
    (atan(2 * cos(ANGLE)), 0),
    (log(2 + cos(ANGLE)), mpmath.pi * mpmath.log((2 + mpmath.sqrt(3)) / 2)),
    (1 / (2 + cos(ANGLE)), mpmath.pi / mpmath.sqrt(3)),
    (Piecewise((cos(ANGLE), cos(ANGLE) > 0), (S(0), True)), 1),
    (Piecewise((S(1), ANGLE < 1), (S(3), True)), 3 * mpmath.pi - 2),
    (cos(ANGLE) ** 7 + 1, mpmath.pi),
]


@pytest.mark.parametrize(("integrand", "truth"), INTEGRALS)
def test_integrals_with_cuts_and_kinks_hold_the_truth_or_are_not_finite(integrand: Any, truth: Any) -> None:
    with ctx.workprec(60):
        ball = compile_balls([Integral(integrand, (ANGLE, 0, pi))], [])([])[0]
    with mpmath.workdps(30):
        assert not ball.is_finite() or contains(ball, mpmath.mpf(truth), mpmath.mpf(10) ** -14)
        if not integrand.has(sin):
            assert ball.is_finite()


def test_a_singular_integral_is_not_finite() -> None:
    ball = compile_balls([Integral(1 / cos(ANGLE), (ANGLE, 0, pi))], [])([])[0]
    assert not ball.is_finite()


def test_the_sum_over_the_smallest_values_holds_for_every_order_within_the_balls() -> None:
    a, b, p = (Symbol(name, real=True) for name in "abp")
    program = compile_balls([SmallestSum(p, a, Rational(1, 3), b, Rational(2, 3))], [a, b, p])
    ball = program([arb(1, 0.5), arb("1.1", 0.5), arb("0.5")])[0]
    for u, v in itertools.product((0.51, 1.0, 1.49), (0.61, 1.1, 1.59)):
        pairs = sorted([(u, 1 / 3), (v, 2 / 3)])
        truth = pairs[0][0] * min(0.5, pairs[0][1]) + pairs[1][0] * max(0.0, 0.5 - pairs[0][1])
        assert ball.contains(arb(truth))


def test_a_law_is_averaged_with_its_exact_weights() -> None:
    model = load("learning_regimes.trained").model
    exact = read_exact(model, {"rho": "0.7", "spectrum": "0.4@0.5,1.6@0.5"})
    (law,) = exact.laws.values()
    half = Rational(1, 2)
    assert law == Tuple(Tuple(Rational(2, 5), half), Tuple(Rational(8, 5), half))


def test_digits_outside_what_is_offered_are_refused() -> None:
    certifier = Certifier(load("random_features.collapse").model)
    for digits in (0, -1, 1001, 10**9):
        with pytest.raises(ValueError, match="allowed are 1 to 1000"):
            certifier({"psi1": 1, "psi2": 1}, digits=digits)
    with pytest.raises(ParameterError, match="psi1"):
        certifier({"psi1": "-1", "psi2": 1})


def test_below_a_condition_that_holds_nowhere_nothing_is_certified() -> None:
    x = unknown("x", "an unknown", positive=True)
    a = parameter("a", "a parameter", real=True)
    negative = Model((a,), (x,), (), (equal(x, a),), {"x": x}, {x: S(1)})
    assert certify(negative, {"a": "-1"}).status is CertificateStatus.undecided
    assert below(S(0), x).kind == "<"


def test_a_thousand_digits_are_reached() -> None:
    found = certify(load("random_features.robust_risk").model, {"psi1": 2, "psi2": 1, "epsilon": "0.3"}, digits=1000)
    assert found.reached
    assert all(ball is not None and has_digits(ball, 1000) for ball in found.observables.values())
