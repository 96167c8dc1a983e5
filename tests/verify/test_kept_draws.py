"""Draws that a run kept serve a score and the test of a true theory; others are refused in one line."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import sympy
from sympy import Rational

from derivations.core import Derivation, Lab, Rate, Simulation, Source, Step
from derivations.evidence import Evidence, Level
from derivations.relations import Claim, exponent, tends_to
from verify.context import Context
from verify.false_alarms import count_alarms, make_true
from verify.kernel import judge
from verify.mutation_draws import DrawsError, open_run, read_draws
from verify.mutation_score import attack, score
from verify.runner import keep_draws
from verify.verdict import Outcome

SOURCE = Source("nobody", ("Nobody, N.",), "Planted", 2000)
CONTEXT = Context(device="cpu", keep_draws=True)
x = sympy.Symbol("x", positive=True)
DRAWN: list[int] = []


def noisy_mean(lab: Lab, at: SimpleNamespace, size: int) -> dict[str, float]:
    DRAWN.append(size)
    return {
        "mean": at.x + 2 / size + 0.4 * float(lab.normal(1)[0]) / size**0.5,
        "slope": float(size) ** -0.5 * (1 + 0.1 * lab.mean(lab.normal(size))),
    }


def step_of(claim: Claim, evidence: Evidence) -> Step:
    theorem = Derivation("tests.planted", title="Planted", source=SOURCE)

    def planted() -> Claim:
        """Planted."""
        return claim

    return theorem.step(evidence)(planted)


LIMIT = Simulation(noisy_mean, at={x: Rational(2)}, bias="1/d", tolerance=0.03, sizes=(50, 100, 200))
POWER = Rate(noisy_mean, at={x: Rational(2)}, sizes=(50, 100, 200, 400))
STEPS = [step_of(tends_to("mean", x), LIMIT), step_of(exponent("slope", -0.6, -0.4), POWER)]


@pytest.fixture(params=STEPS, ids=["simulation", "rate"])
def kept(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Step, Path]:
    step: Step = request.param
    verdict = judge(step, CONTEXT)
    assert verdict.outcome is Outcome.holds
    keep_draws(step, verdict, tmp_path, {"level": "quick", "seed": 0, "commit": "abc", "dirty": False})
    return step, tmp_path


def test_nothing_is_drawn_where_draws_were_kept(kept: tuple[Step, Path]) -> None:
    step, folder = kept
    run = open_run(str(folder), [step], Level.quick)
    assert (run.seed, run.commits) == (0, ("abc",))
    before = len(DRAWN)
    found = attack(step, CONTEXT, per_step=4, seed=0, kept=read_draws(str(folder), step, Level.quick))
    assert len(DRAWN) == before
    assert score(found).passes
    assert [fate.fate for fate in found] == [fate.fate for fate in attack(step, CONTEXT, per_step=4, seed=0)]


def test_kept_draws_of_a_false_theory_are_not_attacked(kept: tuple[Step, Path]) -> None:
    step, folder = kept
    draws = read_draws(str(folder), step, Level.quick)
    wrong = step_of(tends_to("mean", 2 * x), LIMIT) if step is STEPS[0] else step_of(exponent("slope", 0, 1), POWER)
    assert attack(wrong, CONTEXT, per_step=4, seed=0, kept=draws) == []


def rewrite(folder: Path, **changed: Any) -> None:
    (path,) = (folder / "draws").iterdir()
    with np.load(path) as stored:
        arrays = {name: stored[name] for name in stored.files}
    origin = json.loads(str(arrays["provenance"]))
    arrays |= {key: np.asarray(value) for key, value in changed.items() if key == "names"}
    origin |= {key: value for key, value in changed.items() if key != "names"}
    np.savez(path, **{**arrays, "provenance": np.array(json.dumps(origin))})


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"level": "standard"}, "level standard"),
        ({"names": ["other"]}, "draws of other"),
        ({"step": "a:b"}, "declares"),
    ],
)
def test_draws_of_something_else_are_refused(kept: tuple[Step, Path], changed: dict[str, Any], told: str) -> None:
    step, folder = kept
    rewrite(folder, **changed)
    with pytest.raises(DrawsError, match=told) as caught:
        open_run(str(folder), [step], Level.quick)
    assert "\n" not in str(caught.value)


def test_missing_and_damaged_draws_are_refused(kept: tuple[Step, Path], tmp_path: Path) -> None:
    step, folder = kept
    with pytest.raises(DrawsError, match="has no folder draws"):
        open_run(str(tmp_path / "elsewhere"), [step], Level.quick)
    (path,) = (folder / "draws").iterdir()
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(DrawsError, match="can be read"):
        open_run(str(folder), [step], Level.quick)
    path.unlink()
    with pytest.raises(DrawsError, match=r"has no draws of tests\.planted:planted"):
        open_run(str(folder), [step], Level.quick)


def test_draws_made_true_have_the_means_of_the_theory_and_their_own_scatter() -> None:
    source = np.random.default_rng(0)
    blocks = {size: 5 + 3 / size + source.standard_normal((40, 2)) / size**0.5 for size in (50, 100, 200)}
    true = make_true(blocks, ["mean", "control"], {"mean": 2.0}, {"control": 1.0}, LIMIT)
    slopes = [size * (block[:, 0].mean() - 2.0) for size, block in true.items()]
    assert slopes == pytest.approx([slopes[0]] * 3, rel=1e-9)
    for size, block in true.items():
        assert block[:, 1].mean() == pytest.approx(1.0)
        np.testing.assert_allclose(np.cov(block.T, bias=True), np.cov(blocks[size].T), rtol=1e-12)


@pytest.mark.parametrize("step", STEPS, ids=["simulation", "rate"])
def test_a_true_theory_is_not_refuted_and_a_false_one_would_be(step: Step) -> None:
    evidence = step.evidence[0]
    assert isinstance(evidence, (Simulation, Rate))
    (finding,) = judge(step, CONTEXT).findings
    true = count_alarms(step, evidence, finding.draws, seeds=100)
    assert (true.seeds, true.fails) == (100, 0)
    assert true.opens <= 10
    assert true.bound == pytest.approx(2e-4)
