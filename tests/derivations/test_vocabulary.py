"""Claims stay as they were written, and a step, claim or model that says nothing is refused when it is declared."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from sympy import Eq, Integer, Symbol

from derivations.core import Assumed, Derivation, Model, Source, Symbolic, parameter, unknown
from derivations.relations import Claim, below, decreasing, equal, exponent, follows, increasing, solves, statement

x = Symbol("x", positive=True)
p = parameter("p", "a number", positive=True)
u = unknown("u", "a root", positive=True)
SOURCE = Source("nobody", ("Nobody, N.",), "Planted", 2000)


def planted() -> Derivation:
    return Derivation("planted", title="Planted", source=SOURCE)


def claim() -> Claim:
    """A reason."""
    return equal(x + x, 2 * x)


def test_what_sympy_would_evaluate_away_is_kept() -> None:
    kept = equal((x + 1) ** 2, x**2 + 2 * x + 1)
    assert kept.lhs != kept.rhs
    assert below(0, x).kind == "<"
    for evaluated in (Eq(2 * x, x + x), x > 0, x > 1):
        with pytest.raises(TypeError, match="left side of a claim is an expression"):
            equal(evaluated, 1)
    with pytest.raises(TypeError, match="right side of a claim is an expression"):
        below(x, x < 1)


def test_two_symbols_of_one_name_are_refused_in_sides_and_conditions() -> None:
    other = Symbol("x", real=True)
    for build in (lambda: equal(x, other), lambda: equal(x, 1, given=[below(0, other)])):
        with pytest.raises(ValueError, match="two different symbols named x: share one symbol"):
            build()


def test_monotone_claims_are_about_the_sign_of_the_derivative() -> None:
    assert increasing(x**2, x) == below(0, 2 * x)
    assert decreasing(x**2, x) == below(2 * x, 0)


def test_a_solution_is_put_into_its_equation() -> None:
    assert solves(equal(x**2, p), {x: p**2}) == equal(p**4, p)
    with pytest.raises(TypeError, match="takes an equation"):
        solves(below(x, p), {x: p})


def test_an_exponent_needs_an_increasing_interval() -> None:
    with pytest.raises(ValueError, match="must be increasing"):
        exponent("gap", -1.0, -1.0)


@pytest.mark.parametrize(
    ("declare", "complaint"),
    [
        (lambda theorem: theorem.step()(claim), "a step needs evidence"),
        (lambda theorem: theorem.step(Assumed(), Symbolic())(claim), "either granted (Assumed, Cited) or checked"),
        (lambda theorem: theorem.step(Symbolic(), uses=["claim"])(claim), "uses takes steps"),
        (lambda theorem: theorem.step(Symbolic())(lambda: None), "has no docstring: state the reason"),
        (lambda theorem: [theorem.step(Symbolic())(claim) for _ in range(2)], "two steps named claim"),
        (lambda theorem: [theorem.solvable(lambda: None) for _ in range(2)], "already has a model"),
        (lambda theorem: theorem.model, "has no model to solve"),
    ],
)
def test_a_declaration_that_says_nothing_is_refused(declare: Callable[[Derivation], object], complaint: str) -> None:
    with pytest.raises((TypeError, ValueError)) as caught:
        declare(planted())
    assert complaint in str(caught.value)


def test_a_claim_is_built_when_somebody_asks_and_must_be_one() -> None:
    asked = []

    def lazy() -> Claim:
        """A reason."""
        asked.append(True)
        return statement("in words")

    step = planted().step(Symbolic())(lazy)
    assert not asked
    with pytest.raises(TypeError, match="words can be assumed, cited or computed exactly"):
        _ = step.claim
    with pytest.raises(TypeError, match="must return a claim"):
        _ = planted().step(Assumed())(_not_a_claim).claim


def _not_a_claim() -> Claim:
    """A reason."""
    return True  # type: ignore[return-value]


def test_ancestors_come_parents_first_and_once() -> None:
    theorem = planted()
    steps = []
    for name, parents in (("a", ()), ("b", (0,)), ("c", (0,)), ("d", (1, 2))):

        def build() -> Claim:
            """A reason."""
            return claim()

        build.__name__ = name
        steps.append(theorem.step(Symbolic(), uses=[steps[k] for k in parents])(build))
    assert [step.name for step in steps[3].ancestors()] == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"unknowns": ()}, "0 unknowns need as many equations, got 1"),
        ({"start": {}}, "exactly one guess for each unknown"),
        ({"program": ((x, Symbol("later") + 1),)}, "definition of x uses undefined later"),
        ({"observables": {"o": Symbol("nowhere")}}, "uses undefined nowhere"),
        ({"equations": (equal(u, Symbol("nowhere")),)}, "an equation uses undefined nowhere"),
    ],
)
def test_a_model_uses_only_what_it_defines(changes: dict[str, object], complaint: str) -> None:
    given: dict[str, object] = {
        "parameters": (p,),
        "unknowns": (u,),
        "program": (),
        "equations": (equal(u, p),),
        "observables": {"o": u},
        "start": {u: Integer(1)},
    }
    model = Model(**given)  # type: ignore[arg-type]
    assert model.symbols == (p,)
    with pytest.raises(ValueError, match="takes names among o"):
        follows(model, "other")
    with pytest.raises(ValueError, match=complaint):
        Model(**{**given, **changes})  # type: ignore[arg-type]
