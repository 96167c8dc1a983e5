"""`mutants`: the score of the checks on the command line, as JSON, and its exit code."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

SAMPLE = str(Path(__file__).parents[1] / "samples" / "white_wishart.py")

WEAK = '''"""A derivation whose only check looks at one point."""

from sympy import Symbol

from derivations.core import Derivation, Sampled, Source
from derivations.relations import below

theorem = Derivation(__name__, title="Weak", source=Source("nobody", ("Nobody, N.",), "Planted", 2000))
z = Symbol("z", real=True)


@theorem.step(Sampled(domain={z: (-9, 1000)}, points=1))
def positive():
    """Positive, on an interval where one point says little."""
    return below(0, 10 + z)
'''


def test_the_report_counts_every_mutant_once(call: Callable[..., Any]) -> None:
    result = call("mutants", SAMPLE, "--per-step", "3", "--json", "--workers", "1")
    report = json.loads(result.stdout)
    assert report["killed"] + len(report["survivors"]) == report["counted"] > 0
    assert report["counted"] == sum(row["counted"] for row in report["derivations"].values())
    assert report["killed"] == sum(row["killed"] for row in report["by_evidence"].values())
    assert (
        sum(report["fates"].values())
        == sum(len(report[key]) for key in ("not_counted", "unchecked")) + report["counted"]
    )
    assert result.exit_code == (0 if report["score"] >= 0.99 else 1)


def test_a_weak_check_is_listed_by_step_and_mutation_and_the_exit_code_is_1(
    call: Callable[..., Any], tmp_path: Path
) -> None:
    path = tmp_path / "planted_weak.py"
    path.write_text(WEAK, encoding="utf-8")
    result = call("mutants", str(path), "--workers", "1")
    assert result.exit_code == 1
    assert "survived  planted_weak:positive" in result.stdout
    report = json.loads(call("mutants", str(path), "--workers", "1", "--json").stdout)
    assert report["verdict"] == "fails"
    assert {row["step"] for row in report["survivors"]} == {"planted_weak:positive"}
    assert all(row["mutation"] and row["change"] for row in report["survivors"])


def test_the_fates_do_not_depend_on_the_schedule(call: Callable[..., Any]) -> None:
    def fates(workers: str) -> Any:
        report = json.loads(call("mutants", SAMPLE, "--per-step", "2", "--json", "--workers", workers).stdout)
        return report["fates"], report["by_mutation"], [row["change"] for row in report["not_counted"]]

    assert fates("1") == fates("2")


def test_draws_that_a_run_kept_are_used_and_a_line_says_whose_they_are(
    call: Callable[..., Any], tmp_path: Path
) -> None:
    name, folder = "overfitted_networks.blocks", str(tmp_path)
    assert call("run", name, "--out", folder, "--seed", "1", "--workers", "1").exit_code == 0
    options = ["mutants", name, "--per-step", "2", "--json", "--workers", "1"]
    result = call(*options, "--draws", folder)
    report = json.loads(result.stdout)
    assert report["draws"]["seed"] == 1
    assert "draws of seed 1" in result.stderr
    assert "the mutants are chosen with seed 0" in result.stderr
    assert result.stderr.count("\n") == 1
    assert report["counted"] == json.loads(call(*options).stdout)["counted"]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["mutants", "lemmas.proximal", "--draws", "no/such/folder"], "has no folder draws; allowed is a DIR of `run"),
        (["mutants", "lemmas.gausian"], "did you mean lemmas.gaussian"),
        (["mutants", "--per-step", "0"], "--per-step: 0 is not in the range"),
        (["mutants", "--per-step"], "--per-step has no value: allowed is a whole number from 1 to 1000"),
        (["mutants", "--seed", "-1"], "allowed is a whole number from 0 on"),
        (["mutants", "--per-stp", "3"], "did you mean --per-step?"),
    ],
)
def test_wrong_use_is_one_line(refused: Callable[..., Any], words: list[str], expected: str) -> None:
    assert expected in refused(*words)
