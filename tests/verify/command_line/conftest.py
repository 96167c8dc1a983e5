"""The command line as the tests call it: in this process, in one of its own, and where it has to refuse."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from verify.commands.program import program

ROOT = Path(__file__).resolve().parents[3]


def _call(*words: str) -> Result:
    return CliRunner().invoke(program, list(words), env={"COLUMNS": "100"})


def _spawn(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "verify", *words],
        cwd=ROOT,
        env={**os.environ, "COLUMNS": "100", **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def _refused(*words: str) -> str:
    result = _call(*words)
    assert result.exit_code == 2, result.output
    assert result.stdout == ""
    line = result.stderr.rstrip("\n")
    assert "\n" not in line
    assert line.startswith("robust-limits: error: ")
    return line


def _loaded_modules(*words: str) -> set[str]:
    script = (
        "import sys\nfrom verify.commands.program import program\n"
        f"try:\n    program.main({list(words)!r})\n"
        "except SystemExit:\n    print('|' + ' '.join({m.partition('.')[0] for m in sys.modules}), file=sys.stderr)\n"
    )
    result = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    return set(result.stderr.rpartition("|")[2].split())


@pytest.fixture(scope="session")
def call() -> Callable[..., Result]:
    """Run the command line in this process."""
    return _call


@pytest.fixture(scope="session")
def spawn() -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run the command line in a process of its own."""
    return _spawn


@pytest.fixture(scope="session")
def refused() -> Callable[..., str]:
    """The one line on standard error with which words are refused: exit code 2, nothing on standard output."""
    return _refused


@pytest.fixture(scope="session")
def loaded_modules() -> Callable[..., set[str]]:
    """The top-level modules that a command has loaded when it ends."""
    return _loaded_modules


@pytest.fixture(scope="session")
def bare_derivation() -> str:
    """The text of a file that defines a derivation without a model and without steps."""
    return """'Words.'
from derivations.core import Assumed, Derivation, Source
theorem = Derivation(__name__, title="t", source=Source("k", ("A, B",), "t", 2000))
"""
