"""Wrong use: one line on standard error that names the argument, what it was and what is allowed; exit code 2."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

SAMPLE = str(Path(__file__).parents[1] / "samples" / "white_wishart.py")
REPOSITORY_ID = "lemmas.marchenko_pastur"


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["lst"], "'lst' is unknown; did you mean 'list'?"),
        (["frobnicate"], "allowed are run, list, show"),
        (["--level", "quick"], "run --level"),
        (["list", "--jsn"], "did you mean --json?"),
        (["show"], "Missing argument 'ID[:STEP]'"),
        (["show", "lemmas.marchenko_pastr"], f"did you mean {REPOSITORY_ID}"),
        (["graph", "robust_rsk"], "no derivation is called 'robust_rsk'"),
        (["show", f"{SAMPLE}:solutoin"], "did you mean solution?"),
        (["show", SAMPLE, "--format", "html"], "'html' is not one of 'pretty', 'latex', 'python', 'json'"),
        (["show", f"{SAMPLE}:law", "--format", "python"], "is a step"),
        (["show", "no/such/file.py"], "there is no file"),
        (["solve", SAMPLE, "c=1"], "parameters follow --set"),
        (["list", "surplus"], "unexpected extra argument (surplus)"),
        (["solve", SAMPLE, "--json", "--csv", "--set", "c=1"], "cannot be combined"),
        (["simulate", SAMPLE, "--set", "c=1", "--trials", "1"], "--dimension"),
        (["simulate", SAMPLE, "--set", "c=1", "--dimension", "0", "--trials", "1"], "0 is not in the range"),
        (["simulate", SAMPLE, "--set", "c=1:2:3", "--dimension", "5", "--trials", "1"], "c is a range"),
        (["simulate", SAMPLE, "--set", "c=1", "--dimension", "5", "--trials", "1", "--rung", "L7"], "allowed are L1"),
        (["simulate", SAMPLE, "--set", "c=1", "--dimension", "5", "--trials", "1", "--device", "tpu"], "'tpu' is not"),
        (["run", "--level", "quik"], "'quik' is not one of 'quick', 'standard', 'deep'"),
        (["run", "--seed", "-1"], "-1 is not in the range"),
        (["run", "--workers", "0"], "0 is not in the range"),
        (["run", "--seed", "x"], "allowed is a whole number from 0 on"),
        (["run", "--seed"], "--seed has no value: allowed is a whole number from 0 on"),
        (["run", "--level"], "allowed are quick, standard, deep"),
        (["run", SAMPLE, "--out", ""], "--out: '' names no folder"),
        (["simulate", SAMPLE, "--set", "c=1", "--dimension", "5"], "--trials is missing: allowed is a whole number"),
        (["audit", SAMPLE, "--allow", "gausian_rows"], "did you mean gaussian_rows?"),
        (["audit", SAMPLE, "--allow", "nope"], "granted are fixed_point, gaussian_rows"),
        (["solve", SAMPLE, "--set", "c", "lam=2"], "'c' has no =; allowed is name=value"),
        (["run", "--device", "tpu"], "'tpu' is not one of"),
        (["run", "no.such.thing"], "no derivation is called 'no.such.thing'"),
    ],
)
def test_wrong_use_is_one_line_that_says_what_is_allowed(
    refused: Callable[..., Any], words: list[str], expected: str
) -> None:
    assert expected in refused(*words)


@pytest.mark.parametrize(
    ("pairs", "expected"),
    [
        ([], "c is missing: aspect ratio p/n (c > 0)"),
        (["d=1"], "unknown parameter 'd'"),
        (["lan=1", "c=1"], "did you mean lam?"),
        (["d=1:2"], "unknown parameter 'd'"),
        (["c=0"], "c is 0; allowed is c > 0"),
        (["c=-1"], "c is -1; allowed is c > 0"),
        (["c=1", "lam=-0.1"], "lam is -0.1; allowed is lam >= 0"),
        (["c=-1:1:3"], "c is -1; allowed is c > 0"),
        (["c=nan"], "c is 'nan', which is not finite"),
        (["c=-inf"], "c is '-inf', which is not finite"),
        (["c=1e400"], "too large for a double"),
        (["c=one"], "c is 'one', which is not a number"),
        (["c=1_000"], "which is not a number"),
        (["c=１"], "which is not a number"),
        (["c=__import__('os').getcwd()"], "which is not a number"),
        (["c=9**9**9"], "which is not a number"),
        (["c=1:2"], "which is not a range; a range is a:b:n or log:a:b:n"),
        (["c=1:2:3:4"], "which is not a range"),
        (["c=1:2:0"], "'0' is not a count"),
        (["c=1:2:2.5"], "'2.5' is not a count"),
        (["c=1:2:1"], "n at least 2"),
        (["c=1:nan:2"], "not finite"),
        (["c=log:0:1:5"], "needs a > 0 and b > 0"),
        (["c=1:2:100000001"], "the grid has 100000001 points"),
        (["c=1:2:100000", "lam=1:2:100000"], "(100000 x 100000); allowed are at most 100000000"),
        (["c=1", "c=2"], "c is given twice"),
        (["c="], "'c=' is not understood"),
        (["c=1", "activation="], "activation is empty; allowed is a function of t"),
        (["c=1:2:-1"], "n a whole number >= 1"),
        (["=1"], "'=1' is not understood"),
        (["c=1", "activation=exp(t**2)"], "activation is 'exp(t**2)'"),
        (["c=1", "activation=__import__('os')"], "is not allowed in"),
    ],
)
def test_a_value_that_is_not_admissible_is_one_line(
    refused: Callable[..., Any], pairs: list[str], expected: str
) -> None:
    assert expected in refused("solve", SAMPLE, *(word for pair in pairs for word in ("--set", pair)))


def test_a_file_that_defines_no_derivation_is_one_line(refused: Callable[..., Any], tmp_path: Path) -> None:
    for name, text, expected in [
        ("empty_file", "x = 1\n", "must define exactly one derivation"),
        ("broken_file", "def f(:\n", "SyntaxError"),
        ("exiting_file", "raise SystemExit\n", "it ends the program"),
        ("failing_file", "x = 1\n\nx / 0\n", "ZeroDivisionError: division by zero (failing_file.py, line 3)"),
    ]:
        path = tmp_path / f"{name}.py"
        path.write_text(text)
        line = refused("show", str(path))
        assert expected in line
        assert line.count(", line ") <= 1


def test_a_folder_and_a_file_of_another_kind_are_named(refused: Callable[..., Any], tmp_path: Path) -> None:
    (tmp_path / "folder.py").mkdir()
    (tmp_path / "note.txt").write_text("")
    assert "is a folder; allowed is an id or a .py file" in refused("show", str(tmp_path / "folder.py"))
    assert "does not end in .py" in refused("show", str(tmp_path / "note.txt"))


def test_a_derivation_without_model_cannot_be_solved(
    bare_derivation: str, refused: Callable[..., Any], tmp_path: Path
) -> None:
    path = tmp_path / "only_words.py"
    path.write_text(bare_derivation)
    assert "has no model to solve" in refused("solve", str(path), "--set", "c=1")
    assert "has no model to solve" in refused("show", str(path), "--format", "python")


def test_a_claim_that_cannot_be_built_is_one_line(
    bare_derivation: str, refused: Callable[..., Any], tmp_path: Path
) -> None:
    step = '@theorem.step(Assumed())\ndef broken():\n    """A reason."""\n    return 3\n'
    path = tmp_path / "broken_claim.py"
    path.write_text(bare_derivation + step)
    assert "broken_claim:broken must return a claim" in refused("show", str(path))


def test_a_draw_that_cannot_be_made_is_one_line(refused: Callable[..., Any]) -> None:
    point = [word for pair in ("psi1=1", "psi2=1", "epsilon=9") for word in ("--set", pair)]
    words = ["random_features.robust_risk", *point, "--dimension", "8", "--trials", "1", "--rung", "L0"]
    assert "has collapsed to 0 on this draw" in refused("simulate", *words)


@pytest.mark.parametrize(
    ("name", "pairs", "expected"),
    [
        (
            "random_features",
            ["single_neuron_alignment=0.5"],
            "--set: single_neuron_alignment is 0.5, but rho d neurons",
        ),
        ("tangent", ["activation=t**2", "dimension=20"], "--set: dimension is 20, but draws of size 8"),
    ],
)
def test_draws_of_another_size_than_the_theory_are_refused(
    refused: Callable[..., Any], name: str, pairs: list[str], expected: str
) -> None:
    words = ("--set", "rho=1", *pairs, "--dimension", "8", "--trials", "1")
    assert expected in refused("simulate", f"learning_regimes.{name}", *words)


def test_an_infinite_value_is_what_leaving_the_parameter_out_means(refused: Callable[..., Any]) -> None:
    assert "leave it out" in refused("solve", "learning_regimes.trained", "--set", "rho=1", "time=inf")


def test_the_gpu_that_is_not_there_is_one_line(refused: Callable[..., Any]) -> None:
    from numerics.lab import gpu_available

    if gpu_available():
        pytest.skip("this machine has a GPU")
    words = ["simulate", SAMPLE, "--set", "c=1", "--dimension", "5", "--trials", "1", "--device", "gpu"]
    assert "--device: 'gpu' was asked for, but" in refused(*words)
