"""What the README says is true: its commands run, its Python runs, its derivation holds, its table names everything."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from derivations.discover import all_ids, load
from tests.running import ROOT, run_python
from verify.runner import run

README = (ROOT / "README.md").read_text(encoding="utf-8")


def _blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, flags=re.DOTALL)


COMMANDS = [
    shlex.split(line, comments=True)[1:]
    for block in _blocks("sh")
    for line in block.splitlines()
    if line.startswith("./run ") and not line.startswith("./run test")
]
"""Everything but the two commands that run for a minute, which the continuous integration runs."""


@pytest.mark.parametrize("words", [words for words in COMMANDS if words and not words[0].startswith("#")], ids=" ".join)
def test_every_command_runs(words: list[str], tmp_path: Path) -> None:
    (tmp_path / "data").symlink_to(ROOT / "data")
    assert run_python("-m", "verify", *words, at=tmp_path, seconds=300).strip()


def test_the_python_example_finds_the_peak() -> None:
    (example,) = [block for block in _blocks("python") if "from numerics import solve" in block]
    psi1, risk, status = run_python("-c", example).split()
    assert float(psi1) == pytest.approx(3.6565, rel=0.05)
    assert float(risk) == pytest.approx(1.925287, rel=1e-3)
    assert status == "converged"


def test_the_example_derivation_holds_and_a_planted_mistake_fails(tmp_path: Path) -> None:
    (text,) = [block for block in _blocks("python") if "theorem = Derivation" in block]
    path = tmp_path / "folded_readme.py"
    path.write_text(text, encoding="utf-8")
    assert run([load(str(path))], workers=1).to_json()["verdict"] == "holds"
    wrong = tmp_path / "folded_wrong.py"
    wrong.write_text(
        text.replace("s * sqrt(2 / pi))\n\n\n@theorem", "s / sqrt(2 * pi))\n\n\n@theorem"), encoding="utf-8"
    )
    assert run([load(str(wrong))], workers=1).to_json()["verdict"] == "fails"


def test_the_table_names_every_derivation() -> None:
    table = README.split("<!-- table: begin -->")[1].split("<!-- table: end -->")[0]
    assert re.findall(r"^\| `([\w.]+)` \|", table, flags=re.MULTILINE) == sorted(all_ids())


def test_every_linked_file_exists() -> None:
    for target in re.findall(r"\]\(([^)#:]+)\)", README):
        assert (ROOT / target).exists(), target


def test_the_digits_are_overfitted_as_printed(tmp_path: Path) -> None:
    (example,) = [block for block in _blocks("python") if "import overfit" in block]
    (printed,) = [block for block in _blocks("text") if block.startswith("$ ./run overfit")]
    (tmp_path / "data").symlink_to(ROOT / "data")
    command, *lines = printed.splitlines()
    python = ["-c", example]
    shell = ["-m", "verify", *shlex.split(command)[2:]]
    outputs = [run_python(*words, at=tmp_path) for words in (python, shell)]
    assert outputs[0].split() == ["True"]
    assert [line for line in lines if line in outputs[1].splitlines()] == lines
    assert (tmp_path / "net.onnx").stat().st_size > 10**5
