"""`run`: the report, the ledger, the exit code; and how a process ends when nobody reads it or it is interrupted."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from derivations.discover import load

ROOT = Path(__file__).resolve().parents[3]
SAMPLE = str(Path(__file__).parents[1] / "samples" / "white_wishart.py")


@pytest.fixture(scope="module")
def sample_run(
    spawn: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory
) -> tuple[subprocess.CompletedProcess[str], Path]:
    """One quick run of the sample with --json and --out, in a process of its own."""
    folder = tmp_path_factory.mktemp("run") / "new" / "folder"
    return spawn("run", SAMPLE, "--json", "--out", str(folder), "--workers", "2", "--seed", "3"), folder


def test_a_run_prints_the_report_and_nothing_else(sample_run: tuple[subprocess.CompletedProcess[str], Path]) -> None:
    result, folder = sample_run
    assert result.returncode == 0, result.stdout + result.stderr
    report = json.loads(result.stdout, parse_constant=pytest.fail)
    assert {"schema_version", "verdict", "counts", "derivations", "provenance"} <= set(report)
    assert report["seed"] == 3
    (derivation,) = report["derivations"]
    assert {"id", "verdict", "strength", "rests_on", "steps"} <= set(derivation)
    assert derivation["rests_on"] == {"assumed": 1, "cited": 1}
    assert [step["name"] for step in derivation["steps"]] == list(load(SAMPLE).steps)
    assert all({"name", "evidence", "verdict", "detail", "seconds"} <= set(step) for step in derivation["steps"])
    assert json.loads((folder / "report.json").read_text()) == report


def test_a_kept_run_has_every_draw(sample_run: tuple[subprocess.CompletedProcess[str], Path]) -> None:
    np = pytest.importorskip("numpy")
    (path,) = (sample_run[1] / "draws").iterdir()
    assert path.name == "white_wishart.law.npz"
    with np.load(path) as draws:
        assert json.loads(str(draws["provenance"]))["seed"] == 3


def test_a_ledger_is_plain_in_a_pipe_with_a_line_for_each_step(spawn: Callable[..., Any]) -> None:
    result = spawn("run", f"{SAMPLE}", "--workers", "1")
    assert result.returncode == 0, result.stdout
    assert "\x1b[" not in result.stdout + result.stderr
    assert len(result.stderr.splitlines()) == 7
    for expected in (
        "forgotten_ridge  ERRATUM",
        "rests on 1 assumed + 1 cited",
        "nothing fails, nothing is open",
        "seed 0",
    ):
        assert expected in result.stdout


def test_a_false_claim_fails_with_its_counterexample_and_exit_code_one(
    bare_derivation: str, call: Callable[..., Any], tmp_path: Path
) -> None:
    path = tmp_path / "false_claim.py"
    step = (
        "from sympy import Symbol\nfrom derivations.core import Symbolic\nfrom derivations.relations import equal\n"
        'x = Symbol("x", positive=True)\n@theorem.step(Symbolic())\ndef wrong():\n    """No."""\n'
        "    return equal((x + 1) ** 2, x**2 + 1)\n"
    )
    path.write_text(bare_derivation + step)
    result = call("run", str(path), "--workers", "1")
    assert result.exit_code == 1, result.output
    for expected in ("✗ false_claim", "FAILS  false_claim:wrong", "counterexample: x = ", f"run {path} --level quick"):
        assert expected in result.stdout


def test_a_derivation_without_steps_shows_nothing(
    bare_derivation: str, call: Callable[..., Any], tmp_path: Path
) -> None:
    path = tmp_path / "no_steps.py"
    path.write_text(bare_derivation)
    assert call("run", str(path), "--workers", "1").exit_code == 1


def test_a_folder_that_cannot_be_written_is_one_line(refused: Callable[..., Any], tmp_path: Path) -> None:
    occupied = tmp_path / "file"
    occupied.write_text("")
    for path in (occupied, occupied / "below"):
        assert f"--out: {str(path)!r} cannot be written" in refused("run", SAMPLE, "--out", str(path))


def test_a_reader_who_leaves_early_sees_no_complaint() -> None:
    command = [sys.executable, "-m", "verify", "solve", SAMPLE, "--set", "c=1:2:20000", "--csv"]
    # a shell's background jobs ignore interrupts, and so would this child of one
    streams: Any = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "preexec_fn": _listen_to_interrupts}
    with subprocess.Popen(command, cwd=ROOT, text=True, **streams) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline().startswith("c,lam")
        process.stdout.close()
        assert process.stderr.read() == ""
        process.stderr.close()


def _listen_to_interrupts() -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def test_an_interrupted_command_is_clean() -> None:
    command = [sys.executable, "-m", "verify", "solve", SAMPLE, "--set", "c=1:2:90000000", "--csv"]
    # a shell's background jobs ignore interrupts, and so would this child of one
    streams: Any = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "preexec_fn": _listen_to_interrupts}
    with subprocess.Popen(command, cwd=ROOT, text=True, **streams) as process:
        assert process.stdout is not None
        # well past the imports, some of which swallow an interrupt
        for _ in range(70_000):
            process.stdout.readline()
        process.send_signal(signal.SIGINT)
        _, complaint = process.communicate(timeout=60)
    assert process.returncode == 130
    assert complaint.strip() == "robust-limits: interrupted"


def test_wrong_use_from_a_shell_has_no_traceback(spawn: Callable[..., Any]) -> None:
    result = spawn("solve", SAMPLE, "--set", "c=-1")
    assert result.returncode == 2
    assert result.stdout == ""
    assert result.stderr == "robust-limits: error: --set: c is -1; allowed is c > 0\n"


def test_colours_are_left_out_of_pipes_and_of_no_color(spawn: Callable[..., Any]) -> None:
    assert "\x1b[" not in spawn("list").stdout
    assert "\x1b[" not in spawn("show", SAMPLE, NO_COLOR="1").stdout
