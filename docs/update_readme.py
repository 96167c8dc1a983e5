"""Rewrite the generated parts of README.md: the excerpt of the ledger and the table of what is verified.

    .venv/bin/python docs/update_readme.py [report.json]

Without a report (`./run run --json > report.json`) the quick level is run first.
"""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console

from verify.report.ledger import draw_ledger, headline_words

README = Path(__file__).resolve().parent.parent / "README.md"
SHOWN = "random_features.collapse"
"""The derivation whose rows are excerpted: short, with every kind of row."""


def quick_report() -> dict[str, Any]:
    """The report of a quick run of everything, as JSON data."""
    from derivations.discover import load_all
    from verify.runner import run

    return dict(run(load_all()).to_json())


def excerpt(report: Mapping[str, Any], /) -> str:
    """The shown derivation's rows and the totals, cut from the ledger of the whole run, as a fenced block."""
    console = Console(file=io.StringIO(), width=118, no_color=True)
    draw_ledger(console, report, rerun="./run")
    lines = [line.rstrip() for line in console.file.getvalue().splitlines()]  # type: ignore[attr-defined]
    first = next(i for i, line in enumerate(lines) if f" {SHOWN}  " in line)
    last = lines.index("", first)
    rule = max(i for i, line in enumerate(lines) if line.startswith("───"))
    return "\n".join(["```text", "$ ./run", "...", *lines[first:last], "...", *lines[rule:], "```"])


def table(report: Mapping[str, Any], titles: Mapping[str, str], /) -> str:
    """One row for each derivation: id, title, its headline."""
    rows = ["| derivation | what it shows | verdict |", "| --- | --- | --- |"]
    for derivation in sorted(report["derivations"], key=lambda entry: str(entry["id"])):
        name = derivation["id"]
        rows.append(f"| `{name}` | {titles[name]} | {headline_words(derivation)} |")
    return "\n".join(rows)


def replace_between(text: str, name: str, content: str, /) -> str:
    """The text with what stands between the markers `name: begin` and `name: end` replaced."""
    begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    head, rest = text.split(begin)
    return f"{head}{begin}\n{content}\n{end}{rest.split(end)[1]}"


def main() -> None:
    """Rewrite README.md in place."""
    from derivations.discover import load_all

    report = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")) if len(sys.argv) > 1 else quick_report()
    titles = {derivation.id: derivation.title for derivation in load_all()}
    text = README.read_text(encoding="utf-8")
    text = replace_between(text, "ledger", excerpt(report))
    README.write_text(replace_between(text, "table", table(report, titles)), encoding="utf-8")


if __name__ == "__main__":
    main()
