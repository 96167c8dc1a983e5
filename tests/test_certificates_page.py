"""What docs/certificates.md says is true: its commands run, and its Python prints what stands beside it."""

from __future__ import annotations

import json
import re
import shlex

import pytest

from tests.running import ROOT, run_python

PAGE = (ROOT / "docs" / "certificates.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL)
COMMANDS = [line for line in PAGE.splitlines() if line.startswith("./run solve")]


def _title(example: str) -> str:
    return re.findall(r"\b(?:certify|certify_stretch|find_all_roots|count_roots|enclose_constants)\b", example)[0]


@pytest.mark.parametrize("example", EXAMPLES, ids=_title)
def test_an_example_prints_what_stands_beside_it(example: str) -> None:
    beside = re.findall(r"print\(.*\)  # (.*)", example)
    assert beside
    assert run_python("-c", example).splitlines() == beside


def test_every_kind_of_certificate_has_an_example() -> None:
    assert [_title(example) for example in EXAMPLES] == [
        "certify",
        "certify_stretch",
        "find_all_roots",
        "count_roots",
        "enclose_constants",
    ]


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_proves_a_root(command: str) -> None:
    words = [word for word in shlex.split(command)[1:] if word != "--json"]
    point = json.loads(run_python("-m", "verify", *words, "--json"))
    assert point["certificate"]["status"] == "unique"
