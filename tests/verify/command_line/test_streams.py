"""Standard output that is closed, full, in another encoding, or printed to by a derivation's own file."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from verify.commands.streams import prepare_streams

ROOT = Path(__file__).resolve().parents[3]
SAMPLE = Path(__file__).parents[1] / "samples" / "white_wishart.py"
CALL = f"'{sys.executable}' -m verify"


def shell(line: str, **environment: str) -> subprocess.CompletedProcess[str]:
    variables = {**os.environ, **environment}
    return subprocess.run(["bash", "-c", line], cwd=ROOT, env=variables, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("words", ["list", f"solve {SAMPLE} --set c=1 --csv", f"solve {SAMPLE} --set c=1"])
def test_a_closed_output_is_no_traceback(words: str) -> None:
    result = shell(f"{CALL} {words} >&-")
    assert result.returncode == 0
    assert result.stderr == ""


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_full_disk_is_one_line_and_exit_code_one() -> None:
    result = shell(f"{CALL} list >/dev/full")
    assert result.returncode == 1
    assert result.stderr == "robust-limits: error: No space left on device\n"


@pytest.mark.parametrize("words", ["graph lemmas.minmax", f"run {SAMPLE} --workers 1", f"solve {SAMPLE} --set c=1:2:3"])
def test_an_encoding_without_our_letters_is_no_traceback(words: str) -> None:
    result = shell(f"{CALL} {words}", PYTHONIOENCODING="ascii")
    assert result.returncode == 0, result.stderr


def test_json_stays_json_in_an_encoding_without_its_letters(monkeypatch: pytest.MonkeyPatch) -> None:
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding="ascii"))
    prepare_streams()
    data = {"é": "ψ ✓ 𝔼"}
    sys.stdout.write(json.dumps(data, ensure_ascii=False))
    sys.stdout.flush()
    assert json.loads(written.getvalue().decode("ascii")) == data


@pytest.mark.parametrize("words", ["solve {} --set c=1 --json", "show {} --format json", "run {} --json --workers 2"])
def test_what_a_derivation_prints_goes_to_standard_error(words: str, tmp_path: Path) -> None:
    noisy = tmp_path / "noisy_wishart.py"
    text = SAMPLE.read_text(encoding="utf-8").replace("theorem = ", "print('at import')\ntheorem = ", 1)
    noisy.write_text(text.replace("    return ", "    print('in a step')\n    return "), encoding="utf-8")
    result = shell(f"{CALL} {words.format(noisy)}")
    json.loads(result.stdout)
    assert "at import" in result.stderr
    assert "in a step" in result.stderr


def test_lines_in_a_pipe_end_where_their_text_does(call: Callable[..., Any]) -> None:
    for words in (["solve", str(SAMPLE), "--set", "c=1"], ["solve", str(SAMPLE), "--set", "c=1:2:3"]):
        text = call(*words).stdout
        assert "converged" in text
        assert all(line == line.rstrip() for line in text.splitlines())


def test_tests_pass_where_pytest_cannot_keep_its_cache(tmp_path: Path) -> None:
    (tmp_path / "test_nothing.py").write_text("def test_nothing():\n    pass\n")
    options = f"-c {ROOT / 'pyproject.toml'} --rootdir {tmp_path} -o cache_dir=/dev/null/cache -q"
    result = shell(f"'{sys.executable}' -m pytest {options} {tmp_path}")
    assert result.returncode == 0, result.stdout + result.stderr
