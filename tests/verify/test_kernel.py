"""The kernel and the runner: how findings combine, what a headline says, and that nothing crashes a run."""

from __future__ import annotations

import ast
import json
import math
import os
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sympy
from sympy import Rational, cos, sin

import verify
from derivations.core import (
    Assumed,
    Certified,
    Cited,
    Derivation,
    Exact,
    Level,
    Sampled,
    Simulation,
    Source,
    Step,
    Symbolic,
)
from derivations.discover import load
from derivations.relations import below, equal, statement, tends_to
from verify.kernel import Context, judge, report_loss
from verify.pool import Lost, run_jobs
from verify.report_data import replace_infinite
from verify.runner import run
from verify.verdict import Finding, Outcome, Strength, Verdict, combine, summarise

SOURCE = Source("nobody", ("Nobody, N.",), "Planted", 2000)
x = sympy.Symbol("x", positive=True)
TRUE = equal(sin(x) ** 2 + cos(x) ** 2, 1)
FALSE = equal(sin(x) ** 2 - cos(x) ** 2, 1)

FILE = '''"""A file outside the repository, with one mistake."""

import os
import time

from sympy import Rational, Symbol

from derivations.core import Assumed, Derivation, Exact, Sampled, Simulation, Source, Symbolic
from derivations.relations import equal, statement, tends_to

theorem = Derivation(__name__, title="Outside", source=Source("nobody", ("Nobody, N.",), "Planted", 2000))
x = Symbol("x", positive=True)


@theorem.step(Assumed())
def gaussian():
    """A choice."""
    return statement("x is positive")


@theorem.step(Symbolic(), uses=[gaussian])
def binomial():
    """Expand."""
    return equal((x + 1) ** 2, x**2 + 2 * x + 1)


def mean(lab, at, size):
    """The mean of a sample."""
    return {"mean": 1 + lab.mean(lab.normal(size))}


@theorem.step(Simulation(mean, at={}, bias="1/d", tolerance=0.1, sizes=(100, 200, 400)), uses=[binomial])
def law():
    """The law of large numbers."""
    return tends_to("mean", 1)


@theorem.step(Sampled(points=4), uses=[binomial])
def mistake():
    """A sign is lost."""
    return equal((x - 1) ** 2, x**2 + 1 + 2 * x)
'''


def step_of(
    claim: Any, *evidence: Any, uses: Any = (), name: str = "planted", theorem: Derivation | None = None
) -> Step:
    def build() -> Any:
        """Because it was planted."""
        return claim() if callable(claim) else claim

    build.__name__ = name
    return (theorem or Derivation("planted", title="Planted", source=SOURCE)).step(*evidence, uses=uses)(build)


def finding(outcome: str, evidence: str = "symbolic") -> Finding:
    return Finding(Outcome(outcome), evidence, "seen")


@pytest.mark.parametrize(
    ("outcomes", "expected"),
    [
        (["holds"], "holds"),
        (["holds", "not_attempted"], "holds"),
        (["holds", "open"], "open"),
        (["holds", "fails"], "fails"),
        (["open", "fails"], "fails"),
        (["not_attempted"], "not_attempted"),
        (["granted"], "granted"),
        ([], "open"),
    ],
)
def test_findings_combine_without_ever_adding_up_to_more_than_was_seen(outcomes: list[str], expected: str) -> None:
    assert combine(map(finding, outcomes)).value == expected


def test_two_witnesses_that_disagree_fail() -> None:
    wrong = Exact(lambda: [("at one", 1, 2)])
    verdict = judge(step_of(TRUE, Symbolic(), wrong), Context())
    assert verdict.outcome is Outcome.fails
    assert verdict.detail.startswith("the witnesses disagree; exact: at one: 1 is not 2; symbolic holds")
    assert verdict.strength is None


def test_the_strongest_evidence_that_held_counts_for_a_step_and_the_weakest_step_for_a_derivation() -> None:
    theorem = Derivation("planted", title="Planted", source=SOURCE)
    both = step_of(TRUE, Sampled(points=2), Symbolic(), theorem=theorem)
    step_of(TRUE, Sampled(points=2), uses=[both], name="weak", theorem=theorem)
    step_of(TRUE, Sampled(level=Level.deep), name="later", theorem=theorem)
    verdicts = {step.id: judge(step, Context()) for step in theorem.steps.values()}
    assert verdicts["planted:planted"].strength is Strength.symbolic
    assert str(summarise(theorem, verdicts)) == "holds (sampled), rests on nothing granted; 1 step not attempted"


def test_strengths_are_ordered_as_documented() -> None:
    ranks = {word.value: word.rank for word in Strength}
    assert (
        ranks["simulation"]
        == ranks["rate"]
        < ranks["sampled"]
        < ranks["symbolic"]
        < ranks["certified"]
        == ranks["exact"]
    )


def test_a_headline_counts_what_is_granted_in_all_ancestors_and_admits_what_was_not_run() -> None:
    lemma = Derivation("lemma", title="Lemma", source=SOURCE)
    words = statement("words")
    model = step_of(words, Assumed(), name="model", theorem=lemma)
    known = step_of(words, Cited("Book (1999), 3.1"), name="known", theorem=lemma)
    theorem = Derivation("theorem", title="Theorem", source=SOURCE)
    step_of(TRUE, Symbolic(), uses=[model, known], theorem=theorem)
    own = {step.id: judge(step, Context()) for step in theorem.steps.values()}
    every = {**own, **{step.id: judge(step, Context()) for step in lemma.steps.values()}}
    assert str(summarise(theorem, every)) == "holds (symbolic), rests on 1 assumed + 1 cited"
    assert str(summarise(theorem, own)) == "holds (symbolic), rests on 1 assumed + 1 cited; 2 steps not attempted"
    assert summarise(lemma, every).outcome is Outcome.granted


def test_a_headline_is_no_better_than_a_step_that_is_used() -> None:
    lemma = Derivation("lemma", title="Lemma", source=SOURCE)
    wrong = step_of(FALSE, Sampled(points=2), name="wrong", theorem=lemma)
    theorem = Derivation("theorem", title="Theorem", source=SOURCE)
    step_of(TRUE, Symbolic(), uses=[wrong], theorem=theorem)
    report = run([theorem], workers=1)
    assert report.verdict is Outcome.fails
    assert report.derivations[0].headline.text == "fails (lemma:wrong), rests on nothing granted"
    assert [(entry.id, entry.requested) for entry in report.derivations] == [("theorem", True), ("lemma", False)]


def test_only_the_kernel_makes_verdicts() -> None:
    package = Path(verify.__file__).parent
    makers = set()
    for path in package.rglob("*.py"):
        calls = [node for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.Call)]
        makers |= {path.name for call in calls if isinstance(call.func, ast.Name) and call.func.id == "Verdict"}
    assert makers == {"kernel.py"}


def raise_error() -> Any:
    raise KeyError("no such\nconstant")


@pytest.mark.parametrize(
    ("claim", "evidence"),
    [
        (raise_error, Symbolic()),
        (raise_error, Cited("Book (1999), 3.1")),
        (statement("s"), Exact(raise_error)),
        (equal(sympy.Function("f")(x), 1), Sampled()),
        (tends_to("mean", 0), Simulation(lambda *_: raise_error(), at={}, bias="none", tolerance=1.0, sizes=(1,))),
        (tends_to("mean", 1), Simulation(lambda *_: {"other": 1.0}, at={}, bias="none", tolerance=1.0, sizes=(1,))),
        (lambda: below(0, 1) and True, Symbolic()),
        (below(0, x), Certified({})),
    ],
    ids=repr,
)
def test_a_programming_error_in_a_derivation_is_open_in_one_line_that_names_the_step(claim: Any, evidence: Any) -> None:
    verdict = judge(step_of(claim, evidence), Context())
    assert verdict.outcome is Outcome.open
    assert "planted:planted raised" in verdict.detail
    assert "\n" not in verdict.detail


def spin() -> Any:
    while True:
        pass


def test_a_check_that_takes_too_long_is_open() -> None:
    started = time.perf_counter()
    verdict = judge(step_of(statement("s"), Exact(spin)), Context(time_limit=0.2))
    assert (verdict.outcome, verdict.detail) == (Outcome.open, "timed out after 0.2 s")
    assert time.perf_counter() - started < 10


def double_or_die(job: int) -> int:
    if job == 3:
        os._exit(7)
    return 2 * job


def test_a_worker_that_dies_loses_its_own_job_only() -> None:
    results = dict(run_jobs(double_or_die, range(6), workers=2))
    assert results == {0: 0, 1: 2, 2: 4, 3: Lost("the worker died (exit code 7)"), 4: 8, 5: 10}
    assert report_loss(step_of(TRUE, Symbolic()), "the worker died").outcome is Outcome.open


def double_or_hang(job: int) -> int:
    if job == 1:
        time.sleep(600)
    return 2 * job


def test_a_worker_that_never_answers_is_stopped() -> None:
    results = dict(run_jobs(double_or_hang, range(3), workers=2, patience=4))
    assert results == {0: 0, 1: Lost("stopped after 4 s"), 2: 4}


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    path = tmp_path / "planted_outside.py"
    path.write_text(FILE, encoding="utf-8")
    return path


def test_a_run_reports_the_same_whatever_the_schedule(outside: Path, tmp_path: Path) -> None:
    seen: list[tuple[str, str, float]] = []
    alone = run([outside], workers=1, seed=5, keep=tmp_path).to_json()
    spread = run([load(outside)], workers=2, seed=5, on_verdict=lambda *each: seen.append(each)).to_json()

    def without_seconds(report: dict[str, Any]) -> list[Any]:
        return [[{**row, "seconds": 0} for row in entry["steps"]] for entry in report["derivations"]]

    assert without_seconds(alone) == without_seconds(spread)
    assert {name: outcome for name, outcome, _ in seen} == {
        "planted_outside:gaussian": "granted",
        "planted_outside:binomial": "holds",
        "planted_outside:law": "holds",
        "planted_outside:mistake": "fails",
    }
    assert seen[0][0] != "planted_outside:gaussian"
    assert alone["verdict"] == "fails"
    assert alone["counts"] == {"holds": 2, "fails": 1, "open": 0, "granted": 1, "not_attempted": 0}
    assert alone["derivations"][0]["rests_on"] == {"assumed": 1, "cited": 0}
    assert alone["derivations"][0]["steps"][3]["counterexample"] == {"x": "1"}
    with np.load(tmp_path / "draws" / "planted_outside.law.npz") as kept:
        assert list(kept["names"]) == ["mean"]
        assert kept["draws_100"].shape[1] == 1
        assert json.loads(str(kept["provenance"]))["seed"] == 5


def test_the_report_is_plain_json_that_says_where_it_comes_from(outside: Path) -> None:
    report = run([outside], workers=1).to_json()
    again = json.loads(json.dumps(report, allow_nan=False))
    assert again == report
    assert set(report) >= {
        "schema_version",
        "verdict",
        "counts",
        "derivations",
        "provenance",
        "level",
        "seed",
        "seconds",
    }
    assert {"python", "numpy", "sympy", "commit", "dirty", "lock_hash", "device"} <= set(report["provenance"])
    assert str(outside.parent) not in json.dumps(report)
    assert replace_infinite({"a": [math.nan, (math.inf, 1.5)]}) == {"a": [None, [None, 1.5]]}


def test_wrong_use_raises_one_clear_line() -> None:
    with pytest.raises(ValueError, match=r"no derivation is called 'lemmas\.gausian'; did you mean lemmas\.gaussian"):
        run(["lemmas.gausian"])
    with pytest.raises(ValueError, match="seed was -1"):
        run([], seed=-1)
    assert run([], workers=1).verdict is Outcome.not_attempted


def test_a_step_is_judged_alike_at_any_seed() -> None:
    outcomes = {judge(step_of(FALSE, Sampled(points=2)), Context(seed=seed)).outcome for seed in range(5)}
    assert outcomes == {Outcome.fails}
    near = equal(x, x * (1 + Rational(1, 10**20)))
    assert {judge(step_of(near, Sampled(points=2)), Context(seed=seed)).outcome for seed in range(5)} == {Outcome.fails}
    assert isinstance(judge(step_of(near, Sampled()), Context()), Verdict)
