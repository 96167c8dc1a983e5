"""Two sides that are one expression say nothing: evidence that would only repeat them is open."""

from __future__ import annotations

from typing import Any

import pytest
import sympy
from sympy import Integral, exp, oo

from derivations.core import Derivation, Evidence, Exact, Sampled, Source
from derivations.relations import Claim, at_most, equal, limit_of, refuted, statement
from verify.context import Context
from verify.kernel import judge
from verify.verdict import Verdict

x, y = sympy.symbols("x y", positive=True)
UNEVALUATED = Integral(exp(-(x**2)), (x, 0, y))


def verdict_on(claim: Claim, evidence: Evidence) -> Verdict:
    theorem = Derivation("planted", title="Planted", source=Source("nobody", ("Nobody, N.",), "Planted", 2000))

    @theorem.step(evidence)
    def step() -> Claim:
        """Because it was planted."""
        return claim

    return judge(step, Context())


@pytest.mark.parametrize(
    "claim",
    [equal(x + 1, x + 1), equal(UNEVALUATED, UNEVALUATED), at_most(x * y, y * x), limit_of(x, y, oo, x)],
    ids=str,
)
def test_sampling_one_expression_against_itself_is_open(claim: Any) -> None:
    verdict = verdict_on(claim, Sampled())
    assert verdict.outcome == "open"
    assert "nothing was checked" in verdict.detail


@pytest.mark.parametrize(
    ("instances", "outcome", "detail"),
    [
        ([("same", x + 1, x + 1)], "open", "the two sides of every instance are the same expression"),
        ([("unevaluated", UNEVALUATED, UNEVALUATED)], "open", "nothing was checked"),
        ([("pair", (x, y), (x, y))], "open", "nothing was checked"),
        ([("same", x + 1, x + 1), ("numbers", 2, 2)], "holds", "1 instance agrees exactly"),
        ([("half of a pair", (x, 2), (x, 2))], "holds", "1 instance agrees exactly"),
        ([("same", x, x), ("wrong", 2, 3)], "fails", "wrong: 2 is not 3"),
    ],
    ids=str,
)
def test_only_instances_that_could_disagree_count(instances: list[Any], outcome: str, detail: str) -> None:
    verdict = verdict_on(statement("finitely many"), Exact(lambda: instances))
    assert verdict.outcome == outcome
    assert detail in verdict.detail


def test_a_witness_does_not_excuse_instances_that_say_nothing() -> None:
    claim = refuted(at_most(x, y), {x: 2, y: 1})
    assert verdict_on(claim, Exact(list)).outcome == "holds"
    assert verdict_on(claim, Exact(lambda: [("same", x, x)])).outcome == "open"
